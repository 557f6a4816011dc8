// Package soak has one ring live for as long as one likes: a writer at full speed, readers of every kind, and each
// fault that we know, one after another, by a schedule that one seed makes again.
//
//   - Each field of record n is a function of n, of the epoch that wrote it and of the segment that holds it: what is
//     torn, another's or given twice shows.
//   - Received and missed records are together those from a reader's start to its position.
//   - A writer that takes over begins behind every number that Publish has returned.
//   - Every reader gets on, whatever befell the others: none stands still for longer than a generous bound.
//   - Memory, mappings, descriptors, threads, goroutines and the files in /dev/shm stay as many as they were.
//
// The short form is part of go test. make soak DURATION=1h SEED=7, or TICKRING_SOAK and TICKRING_SOAK_SEED, is the long
// one; an interrupt ends it early, with its summary.
package soak
