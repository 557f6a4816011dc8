// Package mutant has the switches that the generated mutants of a package are under. One process has at most one
// mutant, the one whose number TICKRING_MUTANT has; its children inherit it.
//
// With TICKRING_MUTANT_REACHED it appends to that file, once a process, the number of each mutant that would have
// changed a value there.
package mutant

import (
	"cmp"
	"os"
	"strconv"
	"sync/atomic"
)

var chosen = func() int {
	if n, err := strconv.Atoi(os.Getenv("TICKRING_MUTANT")); err == nil {
		return n
	}
	return -1
}()

// Opened here, since a test may turn to another user, or use up the descriptors.
var reached = func() *os.File {
	path := os.Getenv("TICKRING_MUTANT_REACHED")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		panic(err)
	}
	return f
}()

var noted [1 << 14]atomic.Bool

// is reports whether this process has the mutant; differs, whether it changes a value here.
func is(id int, differs bool) bool {
	if differs && reached != nil && !noted[id].Swap(true) {
		_, _ = reached.WriteString(strconv.Itoa(id) + "\n")
	}
	return id == chosen
}

// False is a condition that the mutant takes for false.
func False(id int, condition bool) bool { return !is(id, condition) && condition }

// True is a condition that the mutant takes for true.
func True(id int, condition bool) bool { return is(id, !condition) || condition }

// Do reports whether a call is made, which the mutant leaves out.
func Do(id int) bool { return !is(id, true) }

// Less is a < b, and with the mutant a <= b.
func Less[T cmp.Ordered](id int, a, b T) bool { return a < b || is(id, a == b) && a == b }

// Greater is a > b, and with the mutant a >= b.
func Greater[T cmp.Ordered](id int, a, b T) bool { return Less(id, b, a) }

// LessEqual is a <= b, and with the mutant a < b.
func LessEqual[T cmp.Ordered](id int, a, b T) bool { return a < b || a == b && !is(id, true) }

// GreaterEqual is a >= b, and with the mutant a > b.
func GreaterEqual[T cmp.Ordered](id int, a, b T) bool { return LessEqual(id, b, a) }

// Min is min(a, b), with one mutant a, with the other b.
func Min[T cmp.Ordered](first, second int, a, b T) T { return clamp(first, second, a, b, min(a, b)) }

// Max is max(a, b), with one mutant a, with the other b.
func Max[T cmp.Ordered](first, second int, a, b T) T { return clamp(first, second, a, b, max(a, b)) }

func clamp[T cmp.Ordered](first, second int, a, b, v T) T {
	if is(first, v != a) {
		return a
	}
	if is(second, v != b) {
		return b
	}
	return v
}

// And is a & b, and with the mutant a.
func And[T ~int | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~int64](id int, a, b T) T {
	if is(id, a&b != a) {
		return a
	}
	return a & b
}
