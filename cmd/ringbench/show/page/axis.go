package page

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// span is the range of what is drawn along an axis.
type span struct{ low, high float64 }

var nothing = span{math.Inf(1), math.Inf(-1)}

// smallest is what a logarithmic axis may begin with: below, powers of ten soon become 0.
const smallest = 1e-18

// add widens the span to v; what a logarithm cannot show is left out.
func (s *span) add(v float64) {
	if v >= smallest {
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
}

// steps of a decade at which an axis may begin and end.
var steps = []float64{1, 2, 5, 10}

// round widens the span to round numbers, and to some room where it is a point.
func (s span) round() span {
	if s.low > s.high {
		return span{1, 10}
	}
	if s.high < s.low*1.5 {
		s.low, s.high = s.low/1.3, s.high*1.3
	}
	down, up := decade(s.low), decade(s.high)
	low, high := down, up*10
	for _, step := range steps {
		if down*step <= s.low*1.0001 {
			low = down * step
		}
	}
	for i := range steps {
		if step := steps[len(steps)-1-i]; up*step >= s.high*0.9999 {
			high = up * step
		}
	}
	return span{low, high}
}

func decade(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v))) }

// logarithmic makes an axis logarithmic, from and to round numbers.
func logarithmic(a *plot.Axis, s span, label func(float64) string) {
	s = s.round()
	a.Min, a.Max = s.low, s.high
	a.Scale = plot.LogScale{}
	a.Tick.Marker = logTicks{label}
}

// logTicks are at powers of ten, and between them where there is room.
type logTicks struct{ label func(float64) string }

// Ticks implements plot.Ticker.
func (t logTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	if high < 8*low { // where hardly a power of ten is in sight, what is evenly apart reads better
		step := even(high - low)
		for v := math.Ceil(low/step*0.9999) * step; v <= high*1.0001; v += step {
			ticks = append(ticks, plot.Tick{Value: v, Label: t.label(rounded(v))})
		}
		return ticks
	}
	decades := math.Log10(high) - math.Log10(low) // their quotient may be too large
	stride := int(math.Ceil(decades / 8))         // decades with a label
	for n, d := 0, decade(low); d <= high*1.0001; n, d = n+1, d*10 {
		for _, step := range []float64{1, 2, 3, 4, 5, 6, 7, 8, 9} {
			v := rounded(d * step)
			if v < low*0.9999 || v > high*1.0001 {
				continue
			}
			tick := plot.Tick{Value: v}
			if step == 1 && n%stride == 0 || (step == 2 || step == 5) && decades <= 2.1 {
				tick.Label = t.label(v)
			} else if stride > 1 {
				continue
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// linear makes an axis begin at 0, with about four ticks.
func linear(a *plot.Axis, high float64) {
	a.Min, a.Max = 0, high
	a.Tick.Marker = every(even(high))
}

// even is the round number that fits about four times into a length.
func even(length float64) (step float64) {
	down := decade(length / 4)
	for _, s := range steps {
		if 4*down*s <= length*1.3 {
			step = down * s
		}
	}
	return step
}

// every puts a tick at every multiple of it.
type every float64

// Ticks implements plot.Ticker.
func (e every) Ticks(_, high float64) (ticks []plot.Tick) {
	for i := 0.0; i*float64(e) <= high; i++ {
		v := rounded(i * float64(e))
		ticks = append(ticks, plot.Tick{Value: v, Label: plain(v)})
	}
	return ticks
}

// rounded takes away what repeated multiplication by ten has added.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// percentiles are the ticks of an axis of 1/(1-p), on which each decade is another nine.
type percentiles struct{}

// Ticks implements plot.Ticker.
func (percentiles) Ticks(_, high float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 1, Label: "0"}, {Value: 2, Label: "50"}}
	for nines, v := 1, 10.0; v <= high*1.0001; nines, v = nines+1, v*10 {
		label := "90"
		if nines > 1 {
			label = strings.TrimSuffix("99."+strings.Repeat("9", nines-2), ".")
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
}

// only puts ticks at given values and nowhere else.
type only []float64

// Ticks implements plot.Ticker.
func (o only) Ticks(float64, float64) (ticks []plot.Tick) {
	for _, v := range o {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	return ticks
}

// Labels of ticks, which are at round numbers.

func atTime(ns float64) string {
	for _, unit := range []struct {
		ns   float64
		name string
	}{{1e9, " s"}, {1e6, " ms"}, {1e3, " µs"}} {
		if ns >= unit.ns*0.9999 {
			return plain(ns/unit.ns) + unit.name
		}
	}
	return plain(ns) + " ns"
}

func atRate(v float64) string { return strings.ReplaceAll(show.SI(v), " ", "") }

func atRatio(v float64) string { return "×" + plain(v) }

func plain(v float64) string {
	if v >= 1e7 || v > 0 && v < 1e-4 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// grid draws lines at the ticks with labels, along the given axes.
func grid(horizontal, vertical bool) *plotter.Grid {
	g := &plotter.Grid{}
	line := draw.LineStyle{Color: inkGrid, Width: 0.7}
	if horizontal {
		g.Horizontal = line
	}
	if vertical {
		g.Vertical = line
	}
	return g
}
