package page

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// lane is a row of a chart: a name on the left, figures in words on the right, and below them marks along the axis.
type lane struct {
	name, figures string
	marks         []mark
}

// mark is a value with its spread.
type mark struct {
	low, at, high float64 // low and high may be 0: none
	ink           ink
	shape         shape
	row           int // below others of its lane that would hide it
}

type shape int

const (
	filled shape = iota
	hollow
	bar // from the beginning of the axis
)

const (
	laneHeight  = 40
	axisHeight  = 46
	nameAbove   = 3 // the middle of a lane; its marks are below
	markBelow   = 6
	markApart   = 9 // the marks of a lane from one another, so that each can be seen
	barHeight   = 9
	serifHeight = 3.5
)

// laneChart draws lanes, the first on top. one is where each has a line to be compared with, unless it is 0.
func laneChart(lanes []lane, axis func(*plot.Axis), name string, one float64) chart {
	return func(s size) (*plot.Plot, vg.Length) {
		p := newPlot()
		p.HideY()
		p.Y.Min, p.Y.Max = 0, float64(len(lanes))
		axis(&p.X)
		p.X.Label.Text = name
		p.Add(grid(false, true), laneMarks{lanes, one})
		return p, vg.Length(len(lanes)*laneHeight + axisHeight)
	}
}

type laneMarks struct {
	lanes []lane
	one   float64
}

// Plot implements plot.Plotter.
func (l laneMarks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	inside := func(v float64) vg.Length { return x(min(p.X.Max, max(p.X.Min, v))) }
	for i, lane := range l.lanes {
		middle := y(float64(len(l.lanes)-i) - 0.5)
		name, figures := style(inkText, draw.XLeft, draw.YBottom), style(inkMuted, draw.XRight, draw.YBottom)
		room := c.Max.X - c.Min.X - figures.Width(lane.figures) - letters
		c.FillText(name, vg.Point{X: c.Min.X, Y: middle + nameAbove}, shortened(name, lane.name, room))
		c.FillText(figures, vg.Point{X: c.Max.X, Y: middle + nameAbove}, lane.figures)
		if l.one > 0 {
			c.StrokeLine2(draw.LineStyle{Color: inkMuted, Width: 1.4}, x(l.one), middle, x(l.one), middle-laneHeight/2+nameAbove)
		}
		for _, m := range lane.marks {
			m.draw(c, inside, middle-markBelow-vg.Length(m.row)*markApart)
		}
	}
}

// shortened is as much of a text as there is room for.
func shortened(s text.Style, t string, room vg.Length) string {
	if s.Width(t) <= room {
		return t
	}
	letters := []rune(t)
	for len(letters) > 0 && s.Width(string(letters)+"…") > room {
		letters = letters[:len(letters)-1]
	}
	return string(letters) + "…"
}

func (m mark) draw(c draw.Canvas, x func(float64) vg.Length, y vg.Length) {
	if !(m.at > 0) || math.IsInf(m.at, 0) {
		return
	}
	spread := draw.LineStyle{Color: m.ink, Width: 1.6}
	if m.shape == bar {
		c.SetColor(m.ink)
		c.Fill(vg.Rectangle{Min: vg.Point{X: x(0), Y: y - barHeight/2}, Max: vg.Point{X: x(m.at), Y: y + barHeight/2}}.Path())
		spread.Color = inkText
	}
	if m.low > 0 && m.high >= m.low {
		c.StrokeLine2(spread, x(m.low), y, x(m.high), y)
		for _, end := range []float64{m.low, m.high} {
			c.StrokeLine2(spread, x(end), y-serifHeight, x(end), y+serifHeight)
		}
	}
	at := vg.Point{X: x(m.at), Y: y}
	switch m.shape {
	case filled:
		dot(c, m.ink, at, 4)
	case hollow:
		dot(c, inkCard, at, 3.6)
		ring(c, m.ink, at, 3.6)
	case bar:
	}
}
