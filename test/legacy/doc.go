// Package legacy shows that the programs from before the ring work with it unchanged. They are in
// testdata/, written as they were: a C++ producer and consumer of one TradingData behind std::atomic
// fields, and a Python consumer that polls it.
package legacy
