// Package segment gives a ring its memory: named objects in /dev/shm that are created whole, attached
// read-only, owned by one writer at a time, and taken over when a writer is gone.
//
// A segment appears under its name complete, or not at all. Its storage is reserved when it is made,
// so that a full /dev/shm is an error from [Create] and not a signal later. The writer holds a lock
// that the kernel releases when the process ends, however it ends; nothing else tells whether a
// writer lives. Readers map the object read-only and leave no trace in it.
//
// The functions of this package may be called concurrently. A [Segment] may be used by several
// goroutines, but Close ends its memory for all of them.
package segment
