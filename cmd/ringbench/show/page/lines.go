package page

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// line is one of a chart of lines.
type line struct {
	points plotter.XYs
	ink    ink
	dash   int // of dashes
	thick  bool
	dots   bool       // the points are what was measured
	hollow plotter.XY // unless zero, a point that is to be looked at with care
}

// dashes tell apart lines of one colour; the style sheet has the same for legends.
var dashes = [][]vg.Length{nil, {6, 3}, {2, 3}, {8, 3, 2, 3}}

// Plot implements plot.Plotter.
func (l line) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	points := make([]vg.Point, len(l.points))
	for i, at := range l.points {
		points[i] = vg.Point{X: x(at.X), Y: y(at.Y)}
	}
	width := vg.Length(1.6)
	if l.thick {
		width = 2.6
	}
	style := draw.LineStyle{Color: l.ink, Width: width, Dashes: dashes[l.dash]}
	c.StrokeLines(style, c.ClipLinesXY(points)...)
	if l.dots {
		for _, at := range points {
			dot(c, l.ink, at, 2.4)
		}
	}
	if l.hollow != (plotter.XY{}) {
		ring(c, l.ink, vg.Point{X: x(l.hollow.X), Y: y(l.hollow.Y)}, 5)
	}
}

func dot(c draw.Canvas, i ink, at vg.Point, radius vg.Length) {
	c.DrawGlyph(draw.GlyphStyle{Color: i, Radius: radius, Shape: draw.CircleGlyph{}}, at)
}

func ring(c draw.Canvas, i ink, at vg.Point, radius vg.Length) {
	var path vg.Path
	path.Move(vg.Point{X: at.X + radius, Y: at.Y})
	path.Arc(at, radius, 0, 2*math.Pi)
	path.Close()
	c.SetLineStyle(draw.LineStyle{Color: i, Width: 1.4})
	c.Stroke(path)
}

const perDecade = 24 // points of a curve

// beyond is how many events must lie beyond a percentile that is drawn: what fewer tell is the tale of an accident.
const beyond = 10

// curve is the row's latency against 1/(1-p); none if there are too few samples for the median.
func curve(r *show.Result) (plotter.XYs, error) {
	h, err := r.Times()
	if h == nil || err != nil {
		return nil, err
	}
	// A record that was late was late for all readers: it is one event, however many saw it.
	last := float64(h.TotalCount()) / float64(max(1, r.Readers)) / beyond
	if last < 2 {
		return nil, nil
	}
	var at, wanted []float64
	for i := 0; ; i++ {
		x := min(last, math.Pow(10, float64(i)/perDecade))
		at, wanted = append(at, x), append(wanted, 100*(1-1/x))
		if x == last {
			break
		}
	}
	var points plotter.XYs
	for i, ns := range h.ValueAtPercentilesSlice(wanted) {
		points = append(points, plotter.XY{X: at[i], Y: max(1, float64(ns))})
	}
	return points, nil
}

// curves draws latencies against percentiles.
func curves(lines []line) chart {
	x, y := nothing, nothing
	for _, l := range lines {
		for _, at := range l.points {
			x.add(at.X)
			y.add(at.Y)
		}
	}
	return func(s size) (*plot.Plot, vg.Length) {
		p := newPlot()
		logarithmic(&p.Y, y, atTime)
		p.X.Scale, p.X.Min, p.X.Max = plot.LogScale{}, 1, max(2, x.high)
		p.X.Tick.Marker = percentiles{}
		p.X.Label.Text = "percentile, %"
		p.Add(grid(true, true))
		for _, l := range lines {
			p.Add(l)
		}
		return p, s.height
	}
}

// varied tells whether lines go along more than one value.
func varied(lines []line) bool {
	for _, l := range lines {
		for _, at := range l.points {
			if at.X != lines[0].points[0].X {
				return true
			}
		}
	}
	return false
}

// against draws latencies against something that was varied.
func against(lines []line, name string, label func(float64) string) chart {
	x, y := nothing, nothing
	var values []float64
	for _, l := range lines {
		for _, at := range l.points {
			x.add(at.X)
			y.add(at.Y)
			values = append(values, at.X)
		}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	return func(s size) (*plot.Plot, vg.Length) {
		p := newPlot()
		logarithmic(&p.Y, y, atTime)
		if label != nil {
			logarithmic(&p.X, x, label)
		} else {
			p.X.Scale, p.X.Min, p.X.Max = plot.LogScale{}, x.low/1.1, x.high*1.1
			p.X.Tick.Marker = only(values)
		}
		p.X.Label.Text = name
		p.Add(grid(true, true))
		for _, l := range lines {
			p.Add(l)
		}
		return p, s.height
	}
}

// series makes of the rows of one distance a line for each quantile and each kind of row, along what x tells.
func series(rows []*show.Result, x func(*show.Result) float64) (lines []line, keys []key) {
	for _, same := range apart(rows, x) {
		i := inkOf(same[0].Transport)
		dash := 0
		for _, k := range keys {
			if k.Ink == i {
				dash++ // another setting of the same transport
			}
		}
		drawn := false
		for q, of := range []func(*show.Result) *float64{
			func(r *show.Result) *float64 { return r.P50Ns }, func(r *show.Result) *float64 { return r.P99Ns },
		} {
			l := line{ink: i, dash: (2*dash + q) % len(dashes), thick: same[0].Transport == show.Tickring, dots: true}
			for _, r := range same {
				if v := of(r); v != nil {
					at := plotter.XY{X: x(r), Y: max(1, *v)}
					l.points = append(l.points, at)
					if r.Incomplete {
						l.hollow = at
					}
				}
			}
			if len(l.points) > 0 {
				lines, drawn = append(lines, l), true
			}
		}
		if drawn {
			keys = append(keys, key{Ink: i, Dash: (2 * dash) % len(dashes), Label: withoutX(same[0], rows)})
		}
	}
	return lines, keys
}

// apart divides rows into those that differ in x alone, each in its order.
func apart(rows []*show.Result, x func(*show.Result) float64) (groups [][]*show.Result) {
	index := map[show.Key]int{}
	for _, r := range rows {
		k := r.Key()
		if x(r) <= 0 {
			continue
		}
		k.RateHz, k.Readers = 0, 0
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b *show.Result) int { return cmp.Compare(x(a), x(b)) })
	}
	return groups
}

// withoutX names a line by what differs between it and others, other than what it is drawn along.
func withoutX(of *show.Result, rows []*show.Result) string {
	same := make([]*show.Result, 0, len(rows)+1)
	for _, r := range append([]*show.Result{of}, rows...) {
		c := *r
		c.RateHz, c.Readers = nil, 0
		same = append(same, &c)
	}
	return show.Labels(same)[0]
}
