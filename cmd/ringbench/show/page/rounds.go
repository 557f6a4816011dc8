package page

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/tickring/tickring/cmd/ringbench/show"
)

// roundSection is how the machine and the figures went along with the rounds: what moved together, the machine moved.
func roundSection(r *show.Report) (section, error) {
	s := section{ID: "rounds", Title: "Round by round", Text: "What moves together, the machine moved. " + roundsText(r.Rounds)}
	for _, part := range []struct {
		title, axis string
		want        func(*show.Result) bool
		of          func(show.Round) *float64
	}{
		{"The limit at both ends of each round", "reading", func(r *show.Result) bool { return r.Transport == show.Limit && r.Case == show.CaseLatency }, medianOf},
		{"Median latency at a fixed rate", "round", func(r *show.Result) bool { return r.Case == show.CaseLatency && ringOrCPP(r) }, medianOf},
		{"Writer's cost, one by one", "round", func(r *show.Result) bool { return r.Case == show.CaseWriterCost && r.Batch <= 1 }, costOf},
		{"Publish and poll, alone", "round", (*show.Result).Alone, costOf},
	} {
		f, err := roundFigure(part.title, part.axis, pick(r, part.want), part.of)
		if err != nil {
			return s, err
		}
		if f.Drawing != "" {
			s.Figures = append(s.Figures, f)
		}
	}
	return s, nil
}

func medianOf(r show.Round) *float64 { return r.P50Ns }

func costOf(r show.Round) *float64 { return r.CostNs }

func ringOrCPP(r *show.Result) bool { return r.Transport == show.Tickring || r.Transport == show.CPP }

// roundFigure draws a line for each of the rows, near and far ones as one. Rounds that were left out are in it: they are what
// one looks for here.
func roundFigure(title, axis string, rows []*show.Result, of func(show.Round) *float64) (f figure, err error) {
	f.Title = title
	lanes, names := anyDistance(rows)
	used := map[string]int{}
	var lines []line
	for i, same := range lanes {
		row := same[0] // each has all rounds of both distances
		l := line{ink: inkOf(row.Transport), dash: used[row.Transport] % len(dashes), dots: len(row.PerRound) <= fewRounds}
		for n, one := range row.PerRound {
			if v := of(one); v != nil && *v > 0 {
				l.points = append(l.points, plotter.XY{X: float64(n + 1), Y: *v})
			}
		}
		if len(l.points) < 2 || len(lines) == maxLines {
			continue
		}
		used[row.Transport]++
		lines = append(lines, l)
		f.Keys = append(f.Keys, key{l.ink, l.dash, names[i]})
	}
	if len(lines) == 0 {
		return f, nil
	}
	return f, f.draw(alongRounds(lines, axis))
}

// fewRounds still have room for a dot each.
const fewRounds = 60

func alongRounds(lines []line, name string) chart {
	y, last := nothing, 0.0
	for _, l := range lines {
		for _, at := range l.points {
			y.add(at.Y)
			last = max(last, at.X)
		}
	}
	return func(s size) (*plot.Plot, vg.Length) {
		p := newPlot()
		logarithmic(&p.Y, y, atTime)
		linear(&p.X, last*1.02)
		p.X.Label.Text = name
		p.Add(grid(true, true))
		for _, l := range lines {
			p.Add(l)
		}
		return p, s.height
	}
}
