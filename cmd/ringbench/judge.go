package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/cmd/ringbench/rounds"
	"github.com/tickring/tickring/cmd/ringbench/transport"
	"github.com/tickring/tickring/hugepages"
)

// report sums up all rounds.
func (b *conductor) report(r *report) error {
	labels := rounds.Labels(b.limits)
	r.Rounds.Rounds, r.Rounds.Planned = len(labels), b.planned
	for _, l := range labels {
		switch {
		case l.LeftOut:
			r.Rounds.LeftOut++
		case l.Distance == rounds.Near:
			r.Rounds.Near++
		case l.Distance == rounds.Far:
			r.Rounds.Far++
		}
	}
	for _, l := range b.limits {
		if l.Disturbed() {
			r.Rounds.Disturbed++
		}
	}
	for _, h := range b.hiccups {
		r.Hiccups = append(r.Hiccups, h.report())
	}
	b.describeRing(r)
	if b.cpp.err == nil {
		r.Compiler = b.cpp.compiler
	}
	cost := b.clockCost()
	distances := distancesOf(labels)
	place := map[string]int{} // of each case: where it comes first
	for i, t := range b.everything() {
		if _, known := place[t.name]; !known {
			place[t.name] = i
		}
		found := false
		distances := distances
		if t.alone { // nothing goes from one CPU to the other
			distances = []string{rounds.One}
		}
		for k, d := range distances {
			res, ok, err := b.resultOf(t, d, labels)
			if err != nil {
				return err
			}
			if !ok && !found && k == len(distances)-1 { // it was in no round that counts
				res.Distance, res.Note, ok = rounds.One, noRound, true
			}
			if !ok {
				continue
			}
			found = true
			if res.place = place[t.name]; res.CostNs != nil {
				res.CostNs.ClockNs = cost
			}
			r.Results = append(r.Results, res)
		}
	}
	r.Goals = b.goals(labels)
	slices.SortStableFunc(r.Results, func(x, y result) int { return cmp.Or(x.place-y.place, int(x.kind()-y.kind())) })
	return nil
}

const noRound = "no round counts: the CPUs' distance changed within each, or another program had one of them; measure more rounds (--duration)"

// labelOf is what a round is worth to a trial. Nothing that is alone goes from one CPU to the other, however far they are.
func (b *conductor) labelOf(t *trial, round int, labels []rounds.Label) rounds.Label {
	if t.alone {
		return rounds.Label{LeftOut: labels[round].LeftOut && b.limits[round].Disturbed()}
	}
	return labels[round]
}

// everything is what there are results of: the limit's slices at the ends of the rounds are a case of their own.
func (b *conductor) everything() []*trial { return append([]*trial{b.limit}, b.trials...) }

// distancesOf lists the distances of rounds that are not left out; "" where all were.
func distancesOf(labels []rounds.Label) (distances []string) {
	for _, l := range labels {
		if !l.LeftOut && !slices.Contains(distances, l.Distance) {
			distances = append(distances, l.Distance)
		}
	}
	slices.Sort(distances) // far, near
	slices.Reverse(distances)
	if distances == nil {
		distances = []string{rounds.One}
	}
	return distances
}

// resultOf sums up the rounds of one distance. ok is false if the trial was in none of them.
func (b *conductor) resultOf(t *trial, distance string, labels []rounds.Label) (res result, ok bool, err error) {
	res = result{
		Case: t.name, Transport: t.transport, Process: "separate", RecordBytes: 24, Batch: t.batch, Readers: t.readers, Wait: t.wait,
		Distance: distance, PerReader: []readerResult{}, PerRound: []roundResult{}, Note: b.note(t),
	}
	if t.inProcess() {
		res.Process = "in-process"
	}
	if t.rate > 0 {
		rate := float64(t.rate)
		res.RateHz = &rate
	}
	if t.missing != nil {
		res.Note, res.Distance = t.missing.Error(), rounds.One
		return res, t.alone || distance == distancesOf(labels)[0], nil
	}
	s := newSum(t)
	cpp := b.twin(t, transportCpp)
	var toLimit, toCpp []float64
	for i := range t.outcomes {
		o := &t.outcomes[i]
		label := b.labelOf(t, o.round, labels)
		ratio, ratioToCpp := math.NaN(), math.NaN()
		if t.paced() && t != b.limit {
			ratio = o.mean / b.limitOf(t, o.round)
		}
		if cpp != nil && cpp != t && t.transport != transportLimit {
			ratioToCpp = o.mean / cpp.meanIn(o.round)
		}
		res.PerRound = append(res.PerRound, o.perRound(t, ratio, ratioToCpp, label))
		if label.LeftOut {
			res.RoundsLeftOut++
			continue
		}
		if label.Distance != distance {
			continue
		}
		if err := s.add(t, o); err != nil {
			return res, false, err
		}
		toLimit = append(toLimit, ratio)
		toCpp = append(toCpp, ratioToCpp)
	}
	res.RatioToLimit, res.RatioLow, res.RatioHigh = spreadOf(toLimit)
	res.RatioToCpp, res.RatioToCppLow, res.RatioToCppHigh = spreadOf(toCpp)
	if s.slices == 0 {
		return res, false, nil
	}
	return res, true, s.finish(t, &res)
}

func spreadOf(values []float64) (median, low, high *float64) {
	s, ok := rounds.SpreadOf(values)
	if !ok {
		return nil, nil, nil
	}
	return &s.Median, &s.Low, &s.High
}

// twin is the trial that differs only in its transport; nil if there is none.
func (b *conductor) twin(t *trial, via string) *trial {
	for _, other := range b.trials {
		if other.transport == via && other.key() == t.key() && len(other.outcomes) > 0 {
			return other
		}
	}
	return nil
}

// meanIn is the mean of a round: NaN if the trial was not in it.
func (t *trial) meanIn(round int) float64 {
	if o := t.in(round); o != nil {
		return o.mean
	}
	return math.NaN()
}

// limitOf is what the limit took in a round: on the same schedule, if that was measured, else at the round's ends.
func (b *conductor) limitOf(t *trial, round int) float64 {
	if twin := b.twin(t, transportLimit); twin != nil && twin != t {
		return twin.meanIn(round)
	}
	return b.limits[round].Mean()
}

func (o *outcome) perRound(t *trial, toLimit, toCpp float64, label rounds.Label) roundResult {
	r := roundResult{
		Ratio: finite(toLimit), RatioToCpp: finite(toCpp), P50Ns: o.p50, MrecPerS: perSecond(o.published, o.elapsedNs),
		Distance: label.Distance, LeftOut: label.LeftOut,
	}
	if t.cost {
		r.CostNs = finite(o.mean)
	}
	if t.alone {
		r.MrecPerS = 1e3 / o.mean
	}
	return r
}

// finite is nil of what JSON has no number for.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// perSecond is in millions.
func perSecond(n uint64, ns int64) float64 {
	if ns <= 0 {
		return 0
	}
	return 1e3 * float64(n) / float64(ns)
}

// clockCost is what one reading of the clock takes, in ns: the median of groups.
func (b *conductor) clockCost() float64 {
	const groups, readings = 201, 64
	stamp := transport.StamperOf(b.clock)
	times := make([]int64, groups)
	for i := range times {
		start := stamp.Now()
		for range readings - 1 {
			_ = stamp.Now()
		}
		times[i] = int64(stamp.Now() - start)
	}
	return rounds.TrimmedMean(times) / readings / b.clock.TicksPerNs
}

// describeRing tells of the first ring's memory.
func (b *conductor) describeRing(r *report) {
	r.Pages.Readers = []hugepages.Report{}
	for _, ch := range b.channels {
		if ch.transport == transportRing && len(ch.pages) > 0 {
			g := ch.geometry
			r.Ring = ringReport{
				Slots: g.Slots, SlotBytes: g.SlotStride, RecordBytes: g.Record.Size, SegmentBytes: g.SegmentSize, Wait: b.config.wait,
			}
			r.Pages.Writer, r.Pages.Readers = ch.pages[0], append(r.Pages.Readers, ch.pages[1:]...)
			return
		}
	}
}

// sum is the rounds of one distance together.
type sum struct {
	slices     int
	latencies  *hist.Times
	sender     *hist.Times
	readers    []readerSum
	published  uint64
	elapsedNs  int64
	totalMean  float64
	writer     stay
	incomplete int // slices
}

type readerSum struct {
	readerOutcome
	times *hist.Times
}

func newSum(t *trial) *sum {
	s := &sum{latencies: hist.New(), sender: hist.New(), readers: make([]readerSum, len(t.receivers))}
	for i := range s.readers {
		s.readers[i].times = hist.New()
	}
	return s
}

func (s *sum) add(t *trial, o *outcome) error {
	s.slices++
	s.published += o.published
	s.elapsedNs += o.elapsedNs
	s.totalMean += o.mean
	if o.incomplete {
		s.incomplete++
	}
	s.writer.add(o.writer)
	if err := merge(s.sender, o.packed[0]); err != nil {
		return err
	}
	if err := merge(s.latencies, o.packed[1]); err != nil {
		return err
	}
	for i, one := range o.readers {
		to := &s.readers[i]
		to.received += one.received
		to.missed += one.missed
		to.torn += one.torn
		to.elapsedNs += one.elapsedNs
		to.stay.add(one.stay)
		if err := merge(to.times, one.packed); err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) finish(t *trial, res *result) (err error) {
	res.Rounds, res.Published, res.Writer = s.slices, s.published, s.writer
	res.Incomplete = 2*s.incomplete > s.slices
	res.MrecPerS = perSecond(s.published, s.elapsedNs)
	for i := range s.readers {
		one := &s.readers[i]
		r := readerResult{Received: one.received, Missed: one.missed, stay: one.stay, MrecPerS: perSecond(one.received, one.elapsedNs)}
		if t.paced() {
			r.Quantiles = one.times.Quantiles(one.times.Count())
		}
		res.Count, res.Missed, res.Torn = res.Count+one.received, res.Missed+one.missed, res.Torn+one.torn
		res.PerReader = append(res.PerReader, r)
	}
	if t.cost {
		res.CostNs = costsOf(s, t)
	}
	if t.alone {
		res.MrecPerS = 1e3 / res.CostNs.Mean
	}
	if !t.paced() || s.latencies.Count() == 0 {
		return nil
	}
	res.times = s.latencies
	// A record that was late was late for all readers: it is one event, however many saw it.
	res.Quantiles = s.latencies.Quantiles(s.latencies.Count() / int64(max(1, len(s.readers))))
	res.Negative, res.Clamped = s.latencies.Negative(), s.latencies.Clamped()
	late := s.sender.Quantiles(s.sender.Count())
	res.SentLate = &late
	res.Histogram, err = s.latencies.Encode()
	return err
}

func costsOf(s *sum, t *trial) *costs {
	c := &costs{Mean: s.totalMean / float64(max(1, s.slices)), Records: t.group}
	q := s.sender.Quantiles(s.sender.Count())
	for _, one := range []struct {
		from *int64
		to   **float64
	}{{q.P50Ns, &c.P50}, {q.P90Ns, &c.P90}, {q.P99Ns, &c.P99}, {q.MaxNs, &c.Max}} {
		if one.from != nil {
			v := float64(*one.from) / costUnit
			*one.to = &v
		}
	}
	return c
}

// add adds what befell a loop in a later round.
func (s *stay) add(later stay) {
	if s.Preempted < 0 || later.Preempted < 0 {
		s.Preempted = -1
	} else {
		s.Preempted += later.Preempted
	}
	s.Moved = s.Moved || later.Moved
}

// note is what one must know to read a trial's row.
func (b *conductor) note(t *trial) string {
	switch {
	case t.transport == transportAtomics:
		return "loses records that the reader does not look at in time, and cannot tell a torn one"
	case t.alone:
		return fmt.Sprintf("a ring of %s slots; the ends take turns", count(t.slots))
	case b.placement.shares(t.readers):
		return fmt.Sprintf("%s share CPUs with other processes", plural(t.readers, "reader"))
	}
	return ""
}
