package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/tickring/tickring/cmd/ringbench/rounds"
)

// goal is something that the project wants of itself, as a ratio of times that were measured in the same rounds: 1 is as
// good, 2 takes twice as long.
type goal struct {
	What     string  `json:"what"`
	Against  string  `json:"against"`
	Distance string  `json:"distance"`
	Ratio    float64 `json:"ratio"` // the median …
	Low      float64 `json:"ratio_low"`
	High     float64 `json:"ratio_high"` // … with the 10th and the 90th percentile over the rounds
	Rounds   int     `json:"rounds"`
}

// goals of all that was measured: the client in Go against the one in C++, and the writer's cost against itself with one
// reader that keeps up.
func (b *conductor) goals(labels []rounds.Label) []goal {
	all := []goal{}
	add := func(what, against string, t, other *trial, of func(*outcome) float64) {
		if other == nil {
			return
		}
		distances := distancesOf(labels)
		if t.alone {
			distances = []string{rounds.One}
		}
		for _, d := range distances {
			var ratios []float64
			for i := range t.outcomes {
				label := b.labelOf(t, t.outcomes[i].round, labels)
				if same := other.in(t.outcomes[i].round); same != nil && !label.LeftOut && label.Distance == d {
					ratios = append(ratios, of(&t.outcomes[i])/of(same))
				}
			}
			ratios = slices.DeleteFunc(ratios, func(r float64) bool { return math.IsNaN(r) || math.IsInf(r, 0) })
			if s, ok := rounds.SpreadOf(ratios); ok {
				all = append(all, goal{what, against, d, s.Median, s.Low, s.High, len(ratios)})
			}
		}
	}
	mean := func(o *outcome) float64 { return o.mean }
	for _, t := range b.trials {
		if t.transport != transportRing {
			continue
		}
		cpp, one := b.twin(t, transportCpp), b.oneReader(t.batch)
		sized := fmt.Sprintf("batches of %d", t.batch)
		if t.batch == 1 {
			sized = "one by one"
		}
		switch {
		case t.name == caseLatency:
			add("one-way, p50 (trimmed mean)", transportCpp, t, cpp, mean)
			add("one-way, p99", transportCpp, t, cpp, (*outcome).tail)
		case t.name == casePublish:
			add("publish alone, "+sized, transportCpp, t, cpp, mean)
		case t.name == casePoll:
			add("poll, record there, "+sized, transportCpp, t, cpp, mean)
		case t.name == caseLossless:
			add("lossless, "+sized, transportCpp, t, cpp, mean)
		case t.name == caseWriterCost && t.readers > 1:
			add(fmt.Sprintf("writer's cost, %d readers, %s", t.readers, sized), "1 reader", t, one, mean)
		case t.name == caseStoppedReader:
			add("writer's cost, stopped reader, "+sized, "1 reader", t, one, mean)
		}
	}
	return all
}

// oneReader is the trial of the writer's cost with one reader; nil if there is none.
func (b *conductor) oneReader(batch int) *trial {
	for _, t := range b.trials {
		if t.name == caseWriterCost && t.transport == transportRing && t.readers == 1 && t.batch == batch {
			return t
		}
	}
	return nil
}

// in is what came of a round; nil if the trial was not in it.
func (t *trial) in(round int) *outcome {
	for i := range t.outcomes {
		if t.outcomes[i].round == round {
			return &t.outcomes[i]
		}
	}
	return nil
}

// tail is the p99; NaN if there are too few samples.
func (o *outcome) tail() float64 {
	if o.p99 == nil {
		return math.NaN()
	}
	return float64(*o.p99)
}

// goals is what the project is judged by, for who looks at nothing else.
func (t *text) goals(goals []goal) {
	if len(goals) == 0 {
		return
	}
	t.section("JUDGED BY  ratios of times within each round: median, 10th and 90th percentile of the rounds; below 1 is faster")
	for _, g := range goals {
		fmt.Fprintf(t, "%-50s%-12s%-6s%8.2f  %.2f–%.2f  %s\n", g.What, "÷ "+g.Against, g.Distance, g.Ratio, g.Low, g.High, plural(g.Rounds, "round"))
	}
}
