//go:build race

package testkit

// Race reports whether the race detector is on. It sees the Go heap alone, and slows everything
// down, so tests across processes gain nothing under it.
const Race = true
