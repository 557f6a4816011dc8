package show

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Duration writes ns with three digits and a unit.
func Duration(ns float64) string {
	switch v := math.Abs(ns); {
	case v < 999.5:
		return trim(ns) + " ns"
	case v < 999.5e3:
		return digits(ns/1e3) + " µs"
	case v < 999.5e6:
		return digits(ns/1e6) + " ms"
	default:
		return digits(ns/1e9) + " s"
	}
}

// trim writes a time in ns, which has a fraction only if it is a mean.
func trim(ns float64) string {
	if ns == math.Trunc(ns) || math.Abs(ns) >= 99.95 {
		return strconv.FormatFloat(ns, 'f', 0, 64)
	}
	return digits(ns)
}

// digits writes v with three digits, all those before the point included.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a < 9.995:
		return fmt.Sprintf("%.2f", v)
	case a < 99.95:
		return fmt.Sprintf("%.1f", v)
	case a < 1e6:
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}

// Digits writes a ratio or a speed with three digits.
func Digits(v float64) string { return digits(v) }

// SI writes a number of things with k or M.
func SI(v float64) string {
	for _, unit := range []struct {
		factor float64
		letter string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.factor*0.9995 {
			return strconv.FormatFloat(v/unit.factor, 'g', 3, 64) + " " + unit.letter
		}
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Size writes a number of bytes.
func Size(n uint64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// Count writes n with commas.
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes a number of things.
func Plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strings.Join([]string{strconv.Itoa(n), " ", word, "s"}, "")
}
