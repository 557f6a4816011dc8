package rounds

import (
	"math"
	"slices"
)

// The host of a virtual machine moves its CPUs: at times they share a cache, and at times they do not, and a cache
// line then takes two or three times as long from one to the other. What the limit took at the beginning and at the end of a
// round tells which it was.
const (
	Near = "near" // the limit is in the lower cluster
	Far  = "far"  // in the upper one
	One  = ""     // there is only one
)

// Limit is what the limit took, in ns, at the beginning and at the end of a round.
type Limit struct{ Before, After float64 }

// Mean is what the limit took in the round.
func (l Limit) Mean() float64 { return (l.Before + l.After) / 2 }

// Label is what a round is worth.
type Label struct {
	Distance string
	LeftOut  bool // nothing in it can be compared: the distance changed within it, or it was disturbed
}

const (
	leastStep  = 1.4  // between two clusters: less is noise
	leastShare = 10   // a cluster has a tenth of the values, and
	leastSize  = 3    // so many, or they are outliers
	slowest    = 5000 // ns that a line takes between two CPUs, wherever they are: else somebody else had one of them
)

// Disturbed tells whether the round's limit is none.
func (l Limit) Disturbed() bool {
	return !(l.Before > 0 && l.Before < slowest && l.After > 0 && l.After < slowest)
}

// Labels tells near rounds from far ones, and those that do not count. The threshold is in the middle of the largest gap of
// the values' logarithms, if that is wide enough and has enough values on both sides; if not, all rounds have the same
// distance. Disturbed rounds are left out, unless they are the rule: then there is nothing better.
func Labels(limits []Limit) []Label {
	labels := make([]Label, len(limits))
	var sound []Limit
	for _, l := range limits {
		if !l.Disturbed() {
			sound = append(sound, l)
		}
	}
	if 2*len(sound) < len(limits) {
		return labels
	}
	threshold, ok := threshold(sound)
	for i, l := range limits {
		switch {
		case l.Disturbed():
			labels[i].LeftOut = true
		case ok:
			before, after := side(l.Before, threshold), side(l.After, threshold)
			labels[i] = Label{Distance: before, LeftOut: before != after}
		}
	}
	return labels
}

func side(v, threshold float64) string {
	if v < threshold {
		return Near
	}
	return Far
}

func threshold(limits []Limit) (at float64, ok bool) {
	var logs []float64
	for _, l := range limits {
		logs = append(logs, math.Log(l.Before), math.Log(l.After))
	}
	slices.Sort(logs)
	least := max(leastSize, (len(logs)+leastShare-1)/leastShare)
	widest := math.Log(leastStep)
	for i := least; i+least <= len(logs); i++ {
		if gap := logs[i] - logs[i-1]; gap >= widest {
			widest, at, ok = gap, math.Exp((logs[i]+logs[i-1])/2), true
		}
	}
	return at, ok
}
