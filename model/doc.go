// Package model searches every order in which the loads and stores of Tickring's protocol can be
// performed, on x86-TSO and on Armv8, and checks in each that what readers are told is true. Take a
// barrier away, and the search comes back with the events that break it. An x86 machine can run the
// tests of the other packages for years without showing that Armv8 needs one.
//
// It models; it does not run the shipped code. Each function that writes a program (writer.go, reader.go,
// seek.go, latest.go, view.go, takeover.go, doorbell.go) names the shipped function that it follows
// instruction by instruction: a change there is a change here, first. TestMachineCode holds them to that: it
// takes the machine code of the shipped functions apart, for both architectures, and compares what it does to
// shared words with what the programs do.
//
// TestSpin searches the protocol once more, in Promela (spin/ring.pml), in larger rings, with every access
// sequentially consistent.
//
// # The machine
//
// A thread is a program of loads, stores, barriers, calculations, branches and system calls, and a
// window of instructions that it has fetched, in program order, and not finished. A step performs one
// of them: a load gets its value from the one memory that all threads share, a store puts its value
// there, at once for all. What cannot be performed yet is decided by rules (rules.go), for both
// architectures by the same machine (machine.go, window.go):
//
//   - x86-TSO (Sewell, Sarkar, Owens, Zappa Nardelli, Myreen: "x86-TSO: a rigorous and usable
//     programmer's model", 2010): each thread has a first-in-first-out store buffer, from which its own
//     loads are served first; loads are performed in program order. In terms of the window: all
//     accesses are performed in order, except that a load need not wait for earlier stores.
//   - Armv8 (Arm Architecture Reference Manual, B2.3; Pulte, Flur, Deacon, French, Sarkar, Sewell:
//     "Simplifying ARM concurrency", 2018): a store becomes visible to all other threads at the same
//     moment ("other-multicopy-atomic"), so that one memory is enough. Two accesses of a thread are
//     performed in order only if a rule says so: LDAR before what follows it; what precedes it before
//     STLR; STLR before a later LDAR; DMB ISHST between stores, DMB ISHLD from loads to everything, DMB
//     ISH from everything to everything; an access after the loads that its address and value come
//     from; a store after the branches before it, and after the addresses before it are known; to one
//     word, what keeps it from going back. Nothing orders a load behind a branch: it is performed on the
//     way that was predicted, which here means on every way, and those that turn out wrong are dropped.
//
// The machine is exact for the programs that it accepts: it allows what the two papers' axioms allow,
// no more and no less. TestAxioms compares it with them, written down independently, on random programs;
// TestLitmus asks the questions that the literature has answers to. What it does not have, it does
// not need: all accesses are 8 aligned bytes; no exclusives; it refuses a load behind a store whose
// address is not known yet.
//
// # The search
//
// States are followed breadth first and never twice, so the search ends, and the first violation has one of the
// shortest traces. Three things keep it small, none of which leaves out a behaviour: a thread fetches only
// what could be performed before that which it has (worthFetching); what has been performed and
// matters to nobody any more leaves the window (squeeze); what only the thread itself can notice is done
// at once (settle). Besides the properties that are checked on the way (properties.go), every state must be
// able to come to the end of all threads: nobody sleeps, or retries, for ever.
//
// # What is modelled
//
// The seqlock in slots and view; poll, in batches and in place, with laps and every policy to resume by; seek;
// latest; the head; batches; close; the first writer; takeover after the death of a writer, and after that of its
// successor; what a reader is told of all these; the doorbell, with sleeps that end by themselves, at the end and at
// a takeover. sync/atomic is what the compiler makes of it: MOV and XCHG, LDAR
// and STLR; an Add is its load and its store, which for a word with one writer allows more. A write
// with the portable build is sequentially consistent and needs no proof of this kind.
//
// A killed writer has executed its program up to some instruction: all stores before that become
// visible, none behind it. (An interrupt is precise; what has retired leaves the store buffer. A
// machine that loses power does lose stores, and the shared memory with them: see lostStores.) The
// lock that its successor gets from the kernel orders the two. membarrier(2) is a full barrier of
// the caller, and one between two instructions of the writer. futex(2) compares and falls asleep
// atomically with respect to a wake, behind a full barrier.
//
// Bounds: 2 or 4 slots, payloads of 2 words, up to 7 records, up to 4 threads, one of them writing at a
// time. A slot is used up to three times, so a reader meets the next lap and the one after it; for
// the protocol a later lap is no different, because versions are only compared.
package model
