// Package layout is the normative description of a segment's bytes, version 1.
//
// Everything that Go, C++ and Python must agree on is here and nowhere else: offsets, limits, the
// encoding of the identity and of the record schema, and what makes them valid. The package does no
// I/O and holds no pointer into shared memory: it encodes into, and decodes from, private byte
// slices, so that a hostile header is copied once, checked, and only then used.
//
//	     0   24  one-record view (records of up to 24 bytes)
//	    24    8  view version
//	    64  128  identity: written once, before the segment has a name
//	   256    8  head: records published                        (written by every publish)
//	   384   40  life: epoch, first record of it, pid, start time, state
//	   512    8  heartbeat
//	   640    …  record schema; path of the ring's file, if it has one; view of a larger record
//	page edge    slots: version u64 @0, payload words @8
//
// All numbers are little-endian. Words that the writer changes lie [SharingDistance] bytes apart,
// on every architecture: it is part of the layout, not a property of the CPU.
package layout
