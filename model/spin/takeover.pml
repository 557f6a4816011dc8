/* recoverRing of ring/recover_unsafe.go. */
inline recover_ring() {
	next = head;
	if
	:: next > 0 -> assert(version[SLOT(next - 1)] == FINISHED(next - 1)) /* else ErrCorrupt */
	:: else
	fi;
#ifndef NO_ROLL_FORWARD
	i = 0;
	do
	:: i < SLOTS ->
		v = version[SLOT(next)];
		if
		:: v == FINISHED(next) -> d_step { next++; i++ }
		:: else -> break
		fi
	:: else -> break
	od;
	atomic { i = 0; v = 0 };
	assert(version[SLOT(next)] <= FINISHED(next)); /* else ErrCorrupt */
#endif
	assert(next >= done); /* no finished record is lost */
#ifndef NO_MEND
	mend_view();
#endif
	head = next
}

/* mendView of ring/recover_unsafe.go. */
inline mend_view() {
	v = view_version;
	if
	:: next == 0 && v != 0 ->
		view_word[0] = 0;
		view_word[1] = 0;
		view_version = 0
	:: next > 0 && v != FINISHED(next - 1) ->
		a = word[SLOT(next - 1) * WORDS];
		b = word[SLOT(next - 1) * WORDS + 1];
		store_view(next - 1, a, b);
		d_step { a = 0; b = 0 }
	:: else
	fi;
	v = 0
}

/* NewWriter of ring/writer_unsafe.go. */
inline take_over() {
	recover_ring();
	assert(view_version == 2 * next && (next == 0 ||
		view_word[0] == content[next - 1] && view_word[1] == content[next - 1])); /* the view is mended */
	first_of[epoch + 1] = next + 1;
#ifndef EPOCH_BEFORE_FIRST
	epoch_first = next;
#endif
#ifndef EPOCH_BEFORE_STATE
	state = OPEN;
#endif
	epoch++
#ifdef EPOCH_BEFORE_FIRST
	; epoch_first = next
#endif
#ifdef EPOCH_BEFORE_STATE
	; state = OPEN
#endif
}
