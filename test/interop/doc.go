// Package interop holds the clients of all languages to the same behaviour. README.md has the protocol
// that a client's driver speaks. The Go driver is this test binary, in a role of its own; the others are
// found in clients/.
//
//	go test ./test/interop -update    writes testdata/conformance anew: look at the difference
//	TICKRING_SEED=n                   has the relay kill at the same records again
//	TICKRING_PYTHON=path              the interpreter of the Python driver
//	TICKRING_RATES=1                  has TestRates measure
package interop
