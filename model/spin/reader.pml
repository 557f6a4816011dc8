/* Position.resolve of ring/position.go. */
#define OLDEST_SAFE 0
#define OLDEST      1
#define NEWEST      2

inline resolve(policy, h, to) {
	d_step {
		to = (h) - MIN(h, SLOTS);
		if
		:: policy == NEWEST -> to = MAX(to, MAX(h, 1) - 1)
		:: policy == OLDEST_SAFE && (h) > SLOTS -> to = MIN((h) - 1, to + MAX(1, SLOTS / 4))
		:: else
		fi
	}
}

/* Whether version x is taken for that of record n. */
#ifdef EVEN_STABLE
#define WANTED(x, n) ((x) > 0 && (x) % 2 == 0)
#else
#define WANTED(x, n) ((x) == FINISHED(n))
#endif

/* seqlock.Load, and load3 of ring: record n to a, b if got; v is the version. */
inline load_slot(n) {
	got = false;
	v = version[SLOT(n)];
#ifdef WAIT_EVEN
	do
	:: v % 2 == 1 -> v = version[SLOT(n)]
	:: else -> break
	od;
#endif
	if
	:: WANTED(v, n) ->
		a = word[SLOT(n) * WORDS];
		b = word[SLOT(n) * WORDS + 1];
#ifdef NO_RECHECK
		got = true
#else
#ifdef EVEN_STABLE
		got = (version[SLOT(n)] == v)
#else
		d_step { v = version[SLOT(n)]; got = WANTED(v, n) }
#endif
#endif
	:: else
	fi
}

/* The words a, b are what a writer finished as record n. */
inline check_record(n) {
	assert(a == b);            /* not torn */
	assert(a % 16 == (n) + 1); /* the one that was asked for */
	assert(a == content[n])    /* and the same for everybody */
}

/* follower.lapped of ring/follower.go. */
inline lapped() {
#ifndef EARLY_HEAD
	h = head;
#endif
	d_step {
		h0 = (v - 1) / 2; /* taken */
		assert(SLOT(h0) == SLOT(next) && h0 <= h + SLOTS); /* else Corrupt */
		h = MAX(h, h0)
	}
	resolve(resume, h, f);
	d_step {
		f = MAX(next + 1, f);
		assert(f <= done + 1);  /* lost are records that there were, from next to before f */
		assert(next < done && version[SLOT(next)] > FINISHED(next)); /* and the first of them is gone */
		next = f;
		own = true
	}
}

/* The first record is that of the epoch, or of a later one, which is found next: see loadEpoch in ring/follower.go. */
inline check_first() {
	assert(first_of[e] == f + 1
#ifndef OWN_FIRST
		|| (e <= WRITERS && first_of[e + 1] == f + 1) || (e < WRITERS && first_of[e + 2] == f + 1)
#endif
	)
}

inline check_closed() { assert(end_of[known] == next + 1) } /* this epoch, and after all its records */

/* follower.checkWriter of ring/wait.go, which a reader does now and then when it has found nothing. */
inline look_dead() {
	if
	:: true
	:: d_step { !locked; e = done }
#ifndef NO_DEAD_RECHECK
		v = version[SLOT(next)];
		if
		:: v < FINISHED(next) ->
#endif
			if
			:: state == OPEN -> assert(next >= e) /* all that the dead writer finished was read */
			:: else
			fi
#ifndef NO_DEAD_RECHECK
		:: else
		fi
#endif
	fi
}

inline look_closed() {
	s = state;
	if
	:: s == CLOSED ->
#ifndef NO_SLOT_RECHECK
		v = version[SLOT(next)];
		if
		:: v < FINISHED(next) ->
#endif
#ifdef NO_EPOCH_RECHECK
			check_closed()
#else
			d_step {
				e = epoch;
				if
				:: e == known -> check_closed()
				:: else
				fi
			}
#endif
#ifndef NO_SLOT_RECHECK
		:: else
		fi
#endif
	:: s == OPEN -> look_dead()
	:: else
	fi
}

/* follower.miss of ring/follower.go. */
inline miss() {
	if
	:: v > FINISHED(next) -> lapped()
	:: else ->
		e = epoch;
		f = epoch_first;
		assert(e >= known); /* or the ring is taken for damaged */
		if
		:: e != known && known > 0 && next < f -> skip /* records of the old epoch are still to be read */
		:: e != known && known > 0 && next >= f ->
			d_step { check_first(); known = e } /* Restarted */
		:: else ->
			known = e;
			look_closed()
		fi
	fi
}

/* Reader.Poll of ring/reader_unsafe.go. */
inline poll() {
#ifdef EARLY_HEAD
	h = head;
#endif
	load_slot(next);
	if
	:: got -> d_step { check_record(next); next++; own = true }
	:: else -> miss()
	fi
}

/* Reader.PollBatch of the same file, for two records. */
inline poll_batch() {
	poll();
	if
	:: got ->
		load_slot(next);
		if
		:: got -> d_step { check_record(next); next++ }
		:: else
		fi
	:: else
	fi
}

/* follower.finishedHead of ring/follower.go, to h. */
inline finished_head() {
	h = head;
	if
#ifndef NO_OWN
	:: own -> h = MAX(h, next)
#endif
	:: else
	fi;
#ifndef NO_PROBE
	i = 0;
	do
	:: i < SLOTS ->
		v = version[SLOT(h)];
		if
		:: v == FINISHED(h) -> d_step { h++; i++ }
		:: else -> break
		fi
	:: else -> break
	od;
	i = 0
#endif
}

/* Reader.Latest of ring/reader_unsafe.go. It tries until it is not overtaken. */
inline latest() {
	do
	:: true ->
		finished_head();
		if
		:: h == 0 ->
#ifndef EMPTY_AT_ZERO
			v = version[0];
			if
			:: v > FINISHED(0) -> skip /* a whole lap was published meanwhile */
			:: else ->
#endif
				assert(next == 0 && newest == 0);
				break
#ifndef EMPTY_AT_ZERO
			fi
#endif
		:: else ->
			load_slot(h - 1);
			if
			:: got ->
				d_step {
					check_record(h - 1);
					assert(h >= newest && (h >= next || !own)); /* it never goes back */
					newest = h
				}
				break
			:: else
			fi
		fi
	od
}

/* follower.Seek of ring/follower.go. */
inline seek(policy) {
	finished_head();
	resolve(policy, h, f);
	if
	:: policy == OLDEST && f > 0 ->
		v = version[SLOT(f)];
		if
		:: v != FINISHED(f) -> f++
		:: else
		fi
	:: else
	fi;
	d_step {
		assert(f <= done); /* it is none that the ring has not come to */
		next = f;
		own = false
	}
}

/* Cell.Load of seqlock/cell_unsafe.go, once, for the view. */
inline load_view() {
	v = view_version;
	if
	:: v > 0 && v % 2 == 0 ->
		got = (view_version == v);
		if
		:: got ->
			a = view_word[0];
			b = view_word[1];
			d_step {
				got = (view_version == v);
				if
				:: got ->
					check_record(v / 2 - 1);
					assert(v / 2 >= viewed);
					viewed = v / 2
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi
}

/* BareReader.Read of ring/bare_unsafe.go, on the view: until two copies agree. It promises whole words, and no more. */
inline read_bare() {
	a = view_word[0];
	b = view_word[1];
	do
	:: v = view_word[0];
		s = view_word[1];
		if
		:: v == a && s == b -> break
		:: else -> d_step { a = v; b = s }
		fi
	od;
	assert(a == b)
}

proctype Reader() {
	byte next, known, resume, newest, viewed; /* the follower's, and what it was told before */
	bool own;                                 /* it has read a record since it began at next */
	byte v, a, b, e, f, h, h0, s, i;
	bool got;

#ifdef EVERY_POLICY
	if
	:: resume = OLDEST_SAFE
	:: resume = OLDEST
	:: resume = NEWEST
	fi;
#endif
	/* newFollower of ring/follower.go. */
	known = epoch;
	seek(resume);
	do
	:: true ->
progress:	d_step { v = 0; a = 0; b = 0; e = 0; f = 0; h = 0; h0 = 0; s = 0; got = false }
		if
		:: poll()
#ifndef NO_BATCH
		:: poll_batch()
#endif
#ifndef NO_LATEST
		:: latest()
#endif
#ifndef NO_VIEW
		:: load_view()
#endif
#ifdef BARE_IS_WHOLE
		:: read_bare()
#endif
		fi
	od
}
