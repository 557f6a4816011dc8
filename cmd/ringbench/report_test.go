package main

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestNumbersForPeople(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0 ns", 7: "7 ns", 999: "999 ns", 1000: "1.00 µs", 9_994: "9.99 µs", 9_996: "10.0 µs", 99_960: "100 µs",
		123_456: "123 µs", 1_500_000: "1.50 ms", 100e9: "100 s", -250: "-250 ns", -1500: "-1.50 µs",
	} {
		assert.Equal(t, want, duration(ns))
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", math.MaxUint64: "18,446,744,073,709,551,615"} {
		assert.Equal(t, want, count(n))
	}
	assert.Equal(t, "2,500", number(2500))
	assert.Equal(t, "1.50", number(1.5))
	for n, want := range map[uint64]string{0: "0 bytes", 4096: "4 KiB", 2 << 20: "2.0 MiB", 2101248: "2.0 MiB"} {
		assert.Equal(t, want, size(n))
	}
}

func TestShape(t *testing.T) {
	assert.Equal(t, "no samples", shape(newTimes()))
	h := newTimes()
	h.record(100)
	assert.Contains(t, shape(h), "100 ns |█")
	for range 1000 {
		h.record(10_000)
	}
	line := shape(h)
	picture := strings.Split(line, "|")[1]
	assert.Equal(t, shapeWidth, utf8.RuneCountInString(picture))
	assert.True(t, strings.HasPrefix(picture, "▂"), line)
	assert.True(t, strings.HasSuffix(picture, "█"), line)
	h.record(-5) // below the axis, not off the picture
	h.record(2 * highest)
	assert.NotPanics(t, func() { shape(h) })
}

// What takes from the worth of the figures stands above them.
func TestWarnings(t *testing.T) {
	minus := int64(-12)
	res := result{Missed: 1234, Incomplete: true, MrecPerS: 7.5, Negative: 3, Clamped: 2, PerReader: []readerResult{{stay: stay{Moved: true}}}}
	res.MinNs = &minus
	var loud text
	loud.warnings(res)
	for _, part := range []string{"1,234 RECORDS MISSED", "COULD NOT KEEP THE RATE", "3 LATENCIES BELOW ZERO", "12 ns at least", "2 latencies of more than 100 s", "moved by the Go runtime"} {
		assert.Contains(t, loud.String(), part)
	}
	var quiet text
	quiet.warnings(result{PerReader: []readerResult{{}}})
	assert.Empty(t, quiet.String())
}
