/*
 * The protocol of a ring, every access to shared memory a step of its own, in every interleaving: what is sequentially
 * consistent. (The programs of package model have the orders that x86 and Armv8 allow beyond that.) Each inline
 * names the function that it models.
 *
 * Parameters:  SLOTS; RUN, the records counted at once, at most half of the slots, by choice, or, with WHOLE_RUNS,
 *              whenever there are as many; RECORDS, of the first writer;
 *              WRITERS, one after the other, all but the last of which may be killed before any step;
 *              EVERY_POLICY, the reader starts and resumes in every way, instead of the default one;
 *              NO_BATCH, NO_LATEST, NO_VIEW, the reader does without.
 * Mutations:   stand in upper case where they act; package model's spin_test.go lists them.
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef RUN
#define RUN 1
#endif
#ifndef RECORDS
#define RECORDS 5
#endif
#ifndef WRITERS
#define WRITERS 1
#endif

#define WORDS 2
#define LIMIT (RECORDS + WRITERS) /* no record has that number */

#define CREATED 0
#define OPEN    1
#define CLOSED  2

#define SLOT(n)     ((n) % SLOTS)
#define ODD(n)      (2 * (n) + 1)
#define FINISHED(n) (2 * (n) + 2)
#define MAX(a, b)   ((a) > (b) -> (a) : (b))
#define MIN(a, b)   ((a) < (b) -> (a) : (b))

/* The shared memory. */
byte version[SLOTS];
byte word[SLOTS * WORDS];
byte view_version, view_word[WORDS];
byte head, epoch, epoch_first, state;

/* The kernel's. */
bool locked; /* the object has a writer */
byte killed; /* writers up to this one are dead, or die before their next step */

/* What the properties remember. No process decides by it. */
byte content[LIMIT + 1];    /* of each record that was ever finished */
byte done;                  /* records that were */
byte first_of[WRITERS + 2]; /* 1 + the first record of each epoch */
byte end_of[WRITERS + 2];   /* 1 + the record behind the last, of each epoch that closes */
byte came, at_work;         /* writers */

#include "writer.pml"
#include "takeover.pml"
#include "reader.pml"

/* A process that opens the ring (segment.Create, OpenWriter), publishes, and closes it or not. */
proctype Writer(byte me) {
	byte next, last, i, a, b, v;
#ifdef WHOLE_BATCH
	byte all;
#endif

end_refused: /* while there is another; then it tries again */
	atomic {
#ifndef NO_LOCK
		!locked &&
#endif
		came == me - 1;
		came++;
		locked = true;
		at_work++;
		assert(at_work == 1) /* one writer at a time */
	}
	{
		take_over();
		if
		:: me == 1 -> last = RECORDS
		:: me > 1 -> last = next + 1
		:: me > 1 -> last = next
		fi;
		publish_all();
		if
		:: close_ring(next)
		:: me < WRITERS ->
end_idle:		killed >= me
		fi
	} unless { killed >= me };
	atomic { /* whatever became of the process, the kernel drops its lock */
		next = 0; last = 0; i = 0; a = 0; b = 0; v = 0;
		at_work--;
		locked = false
	}
}

proctype Killer() {
end:
	do
	:: killed < WRITERS - 1 -> killed++
	od
}

init {
	atomic {
		run Reader();
		run Killer();
		run Writer(1);
		if
		:: WRITERS > 1 -> run Writer(2)
		:: else
		fi;
		if
		:: WRITERS > 2 -> run Writer(3)
		:: else
		fi
	}
}
