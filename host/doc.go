// Package host places a program on its machine: which CPUs there are and how near they are to each other, a
// thread on one of them, a mapping in memory and on a NUMA node, real-time priority.
//
//	topology, err := host.ReadTopology()
//	pinning := topology.Suggest(2)       // one writer, two readers
//	pinned, err := host.Pin(pinning.Writer)
//	defer pinned.Undo()
//	locked, err := host.Lock(mapping)    // or go on without: the error says what to do
//
// Nothing here fails silently and nothing is done twice as much as was asked: every error says what was
// refused, by which limit, and how it is raised. What is done can be undone. Nothing needs another package
// of this module. docs/TUNING.md says what is worth doing, in which order.
//
// Outside Linux everything fails with errors.ErrUnsupported.
package host
