// Package cpp carries the C++ client's headers and the program with which ringbench measures it, to be compiled where
// ringbench runs.
package cpp

import "embed"

// Sources are the headers, below include, and bench/peer.cpp.
//
//go:embed include/tickring bench/peer.cpp
var Sources embed.FS
