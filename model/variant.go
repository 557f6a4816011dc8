package model

// defects are what is wrong with a variant of the protocol. Without any it is what is shipped.
type defects uint64

const (
	// In the writer: seqlock/publish_amd64.s, seqlock/publish_arm64.s.

	noOddMark     defects = 1 << iota // W1 is missing
	evenFirst                         // W3 before W2
	noSlotBarrier                     // no DMB ISHST between W1 and W2 of a slot
	noViewBarrier                     // the same of the view
	releaseOdd                        // W1 is STLR, and no DMB follows
	plainEven                         // W3 is STR
	headFirst                         // the head is stored before the slot
	plainHead                         // the head is stored by STR
	wholeBatch                        // one head for a batch that is larger than the ring

	otherHalf // no defect: the words of a payload the other way round, as those of a wide store may become visible

	// In the reader: seqlock/load_arm64.s, seqlock/load_go_unsafe.go, seqlock/loadrun_amd64.s, ring/reader_unsafe.go, ring/follower.go.

	plainVersion   // R1 is LDR
	noLoadBarrier  // no DMB ISHLD between R2 and R3
	acquireRecheck // R3 is LDAR, and no DMB precedes it
	noRecheck      // R3 is missing
	anyEven        // any even version will do
	noOwn          // latest does not start from what the reader itself has read
	noProbe        // latest does not look beyond the head
	plainHeadLoad  // the head is loaded by LDR
	earlyHead      // lapped compares the version with a head that was loaded before it
	noLeaseFence   // no DMB ISHLD between what a callback reads in place and R3
	noLapFence     // no DMB ISHLD between R3 and the head that lapped compares it with
	otherHalfFirst // no defect: the words of a payload the other way round, as those of a wide load may be loaded
	noLastLook     // the writer is reported dead without a last look at the slot
	emptyAtZero    // latest takes a head of 0 for an empty ring, although slot 0 has come further

	// In the writer's close and the reader's miss: ring/writer_unsafe.go, ring/follower.go.

	closedFirst     // the state before the last record
	closedBeforeEnd // the state after the last slot and before the head
	plainClosed     // the state is stored by STR
	noRepoll        // closed is believed without a second look at the slot
	plainState      // the state is loaded by LDR
	noEpochCheck    // closed is believed without a second look at the epoch

	// In takeover: ring/recover_unsafe.go, NewWriter in ring/writer_unsafe.go.

	noRollForward // starts at the head
	noMend        // leaves the view as it is
	noHead        // does not store the head that it found
	noOpen        // leaves the state closed
	openLate      // the state after the epoch
	firstLate     // the epoch's first record after the epoch
	plainEpoch    // the epoch is counted up by LDADD, not LDADDAL
	ownFirst      // no defect of the protocol: a restart may not name the first record of a later one
	lostStores    // no defect of the protocol: stores of a killed writer that never become visible

	// In the doorbell: segment/doorbell.go, Publish in ring/writer_unsafe.go, Next in ring/next.go.

	noBarrier     // no membarrier
	plainLook     // the writer looks at the mark by LDR
	clearLate     // the mark is cleared after the ticket is counted up
	ticketLate    // the ticket is taken after the last poll
	noLastPoll    // no poll between the mark and the sleep
	noTicketCheck // the sleep begins whatever the ticket is
	noNewMark     // after a ring the next sleep has a new ticket and no new mark
	noRingAtStart // no ring after a takeover
	noRingAtEnd   // no ring after the state
)
