package page

import (
	"slices"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// ink is a colour by its name in the style sheet, which has a light and a dark value for each. As a colour for the
// plotting library it is a placeholder, which the drawing's text then has replaced.
type ink uint8

// inks are the names, in the order of the constants, transports and scale below.
var inks = []string{
	"text", "muted", "grid", "card",
	"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9", "t10", "t11", "t12", "t13", "t14",
	"q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7",
}

const (
	inkText ink = iota
	inkMuted
	inkGrid
	inkCard
	inkTransport
)

// transports have colours of their own, the same in every chart.
var transports = []string{
	show.Tickring, show.Limit, "c++", "atomic-stores", "unix-datagram", "unix-stream", "pipe", "tcp", "mqueue", "shm-mutex", "go-channel",
	"go-to-c++", "c++-to-go",
}

const (
	others    = 2 // colours for transports that are not in the list
	scaleInks = 8 // colours for values of one thing, from low to high
)

func inkOf(transport string) ink {
	if i := slices.Index(transports, transport); i >= 0 {
		return inkTransport + ink(i)
	}
	sum := 0
	for _, b := range []byte(transport) {
		sum += int(b)
	}
	return inkTransport + ink(len(transports)+sum%others)
}

// scale is the colour of the i-th of n values.
func scale(i, n int) ink {
	first := inkTransport + ink(len(transports)+others)
	if n < 2 {
		return first
	}
	return first + ink(i*(scaleInks-1)/(n-1))
}

// The red and green of a placeholder; its blue is the ink.
const placeholderRed, placeholderGreen = 0xF0, 0x0D

// RGBA implements color.Color. The half makes up for the library's rounding down to 8 bits.
func (i ink) RGBA() (r, g, b, a uint32) {
	const step, half = 0x101, 0x80
	return placeholderRed*step + half, placeholderGreen*step + half, uint32(i)*step + half, 0xFFFF
}

// Class names the colour for elements of the page.
func (i ink) Class() string { return inks[i] }
