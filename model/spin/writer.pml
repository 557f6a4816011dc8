/* What a writer stores in each word of record n. */
#define CONTENT(n) (16 * me + (n) + 1)

/* STORE_CELL of seqlock/publish_amd64.s and seqlock/publish_arm64.s, for the slot of record n. */
inline store_slot(n) {
#ifdef EVEN_FIRST
	finish_slot(n);
#else
#ifndef NO_ODD
	version[SLOT(n)] = ODD(n);
#endif
#endif
	word[SLOT(n) * WORDS] = CONTENT(n);
	word[SLOT(n) * WORDS + 1] = CONTENT(n);
#ifndef EVEN_FIRST
	finish_slot(n)
#endif
}

inline finish_slot(n) {
	d_step {
		version[SLOT(n)] = FINISHED(n);
		assert(content[n] == 0); /* no number is given twice */
		content[n] = CONTENT(n);
		done = (n) + 1
	}
}

/* The same for the view. */
inline store_view(n, a, b) {
	view_version = ODD(n);
	view_word[0] = a;
	view_word[1] = b;
	view_version = FINISHED(n)
}

/* publish of the same files: so many records from next on. */
inline publish(many) {
#ifdef HEAD_FIRST
	head = next + many;
#endif
	i = 0;
	do
	:: i < many ->
		store_slot(next);
		d_step { next++; i++ }
	:: else -> break
	od;
	i = 0;
	store_view(next - 1, CONTENT(next - 1), CONTENT(next - 1));
#ifndef HEAD_FIRST
	head = next
#endif
}

/* Writer.Close of ring/writer_unsafe.go. */
inline close_ring(end) {
	d_step {
		state = CLOSED;
		end_of[epoch] = (end) + 1
	}
}

/* Writer.Publish and Writer.PublishBatch of ring/writer_unsafe.go, up to record last. */
inline publish_all() {
	do
	:: next < last ->
#ifdef CLOSED_FIRST
		if
		:: next == last - 1 -> close_ring(last)
		:: true
		fi;
#endif
#ifdef WHOLE_BATCH
		d_step { all = last - next }
		publish(all)
#else
		if
#ifndef WHOLE_RUNS
		:: publish(1)
#else
		:: last - next == 1 -> publish(1)
#endif
		:: RUN > 1 && last - next > 1 -> publish(2)
		fi
#endif
	:: else -> break
	od
}
