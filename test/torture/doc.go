// Package torture kills writers: at each of their stores and system calls, at random moments under load, and
// several times in a row. Others take the ring over, and readers follow throughout; what they see is checked by its
// content.
//
//   - Each field of record n is a function of n and of the epoch that wrote it: a record that is torn, or another's,
//     shows.
//   - No number has two contents, for whoever reads it, however.
//   - A record whose slot was finished when the writer died, or whose number Publish had returned, is not lost.
//   - Received and missed records are together those from a reader's start to its position.
//   - Nothing of it blocks a reader, and nothing is left behind.
//
// The short form is part of go test. TICKRING_TORTURE=1000 (rounds under load) or =1h (time under load) is the long form,
// which also kills at every store of every configuration; TICKRING_TORTURE_SEED repeats what is random, as far as timing allows.
package torture
