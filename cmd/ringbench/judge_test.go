package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/hist"
	"github.com/tickring/tickring/cmd/ringbench/rounds"
	"github.com/tickring/tickring/internal/clock"
)

// played is a trial whose latencies were, in each round, n samples of one time.
func played(t *testing.T, via string, n int, ns ...int64) *trial {
	t.Helper()
	tr := &trial{name: caseLatency, transport: via, rate: limitRate, batch: 1, readers: 1, wait: waitSpin, receivers: []*member{{}}}
	tr.schedule = newEven(limitRate, 1e6, gigahertz)
	for round, v := range ns {
		h := hist.New()
		for range n {
			h.Record(v)
		}
		o := outcome{round: round, published: uint64(n), elapsedNs: 1e6, mean: float64(v), p50: &v, sender: hist.New()}
		one := readerOutcome{received: uint64(n), times: h}
		require.NoError(t, one.pack())
		o.readers = append(o.readers, one)
		require.NoError(t, o.pack(h))
		tr.outcomes = append(tr.outcomes, o)
	}
	return tr
}

// Ratios are of the same round, rows of the same distance; a round in which the distance changed is in none.
func TestResultsByDistance(t *testing.T) {
	ring := played(t, transportRing, 100, 120, 600, 130, 9999, 660, 110)
	cpp := played(t, transportCpp, 100, 100, 600, 100, 5, 600, 100)
	b := &conductor{
		config: defaultConfig(), clock: clock.Clock{Source: clock.ClockGettime, TicksPerNs: 1},
		trials: []*trial{ring, cpp}, limit: played(t, transportLimit, 10, 100, 300, 100, 200, 300, 100),
		limits: []rounds.Limit{{Before: 100, After: 100}, {Before: 300, After: 300}, {Before: 100, After: 100}, {Before: 100, After: 300}, {Before: 300, After: 300}, {Before: 100, After: 100}},
	}
	r := &report{}
	require.NoError(t, b.report(r))
	assert.Equal(t, roundsReport{Rounds: 6, Near: 3, Far: 2, LeftOut: 1}, r.Rounds)
	require.Len(t, r.Results, 6, "three transports, two distances")

	near, far := r.Results[2], r.Results[3]
	assert.Equal(t, []string{transportRing, rounds.Near, transportRing, rounds.Far}, []string{near.Transport, near.Distance, far.Transport, far.Distance})
	assert.Equal(t, 3, near.Rounds)
	assert.Equal(t, 2, far.Rounds)
	assert.Equal(t, 1, near.RoundsLeftOut)
	assert.EqualValues(t, 300, near.Published)
	assert.EqualValues(t, 300, near.Count)
	assert.EqualValues(t, 110, *near.MinNs)
	assert.EqualValues(t, 130, *near.MaxNs)
	assert.EqualValues(t, 660, *far.MaxNs, "not the round that was left out")
	assert.InDelta(t, 1.2, *near.RatioToLimit, 1e-9)
	assert.InDelta(t, 2.1, *far.RatioToLimit, 1e-9)
	assert.InDelta(t, 1.2, *near.RatioToCpp, 1e-9)
	assert.InDelta(t, 1.05, *far.RatioToCpp, 1e-9)
	require.Len(t, near.PerRound, 6)
	assert.True(t, near.PerRound[3].LeftOut)
	assert.Equal(t, rounds.Far, near.PerRound[1].Distance)
	assert.EqualValues(t, 600, *near.PerRound[1].P50Ns)
	assert.Nil(t, r.Results[0].RatioToLimit, "the limit's own")
}

// A transport that cannot be had has a row that says why.
// Goals are ratios within rounds, at each distance; what is alone has no distance.
func TestGoals(t *testing.T) {
	alone, other := played(t, transportRing, 100, 8, 80, 8), played(t, transportCpp, 100, 4, 40, 4)
	for _, tr := range []*trial{alone, other} {
		tr.name, tr.alone, tr.schedule = casePublish, true, nil
	}
	costs := func(readers int, ns ...int64) *trial {
		tr := played(t, transportRing, 100, ns...)
		tr.name, tr.cost, tr.readers, tr.schedule = caseWriterCost, true, readers, nil
		return tr
	}
	b := &conductor{trials: []*trial{
		played(t, transportRing, 100, 120, 600, 9999), played(t, transportCpp, 100, 100, 300, 1), alone, other, costs(1, 10, 30, 10), costs(4, 11, 36, 10),
	}}
	b.limits = []rounds.Limit{{Before: 100, After: 100}, {Before: 300, After: 300}, {Before: 100, After: 300}}
	labels := []rounds.Label{{Distance: rounds.Near}, {Distance: rounds.Far}, {Distance: rounds.Near, LeftOut: true}}
	var got []string
	for _, g := range b.goals(labels) {
		got = append(got, fmt.Sprintf("%s ÷ %s %s %.2f of %d", g.What, g.Against, g.Distance, g.Ratio, g.Rounds))
	}
	assert.Equal(t, []string{
		"one-way, p50 (trimmed mean) ÷ c++ near 1.20 of 1",
		"one-way, p50 (trimmed mean) ÷ c++ far 2.00 of 1",
		"publish alone, one by one ÷ c++  2.00 of 3",
		"writer's cost, 4 readers, one by one ÷ 1 reader near 1.10 of 1",
		"writer's cost, 4 readers, one by one ÷ 1 reader far 1.20 of 1",
	}, got, "and no p99, of which no round has enough")
}

func TestAMissingTransportHasARow(t *testing.T) {
	missing := played(t, transportCpp, 0)
	missing.missing, missing.receivers = assert.AnError, nil
	b := &conductor{config: defaultConfig(), clock: clock.Clock{TicksPerNs: 1}, trials: []*trial{missing}, limit: played(t, transportLimit, 1, 100)}
	b.limits = []rounds.Limit{{Before: 100, After: 100}}
	r := &report{}
	require.NoError(t, b.report(r))
	require.Len(t, r.Results, 2)
	require.Equal(t, transportLimit, r.Results[0].Transport)
	assert.Equal(t, assert.AnError.Error(), r.Results[1].Note)
	assert.Nil(t, r.Results[1].RatioToLimit)
	assert.Nil(t, r.Results[1].P50Ns)
}

// So does one that was measured in no round that counts.
func TestRoundsThatAreAllLeftOut(t *testing.T) {
	b := &conductor{
		config: defaultConfig(), clock: clock.Clock{TicksPerNs: 1},
		trials: []*trial{played(t, transportRing, 100, 1, 1, 1, 1)}, limit: played(t, transportLimit, 1, 1, 1, 1, 1),
	}
	b.limits = []rounds.Limit{{Before: 100, After: 300}, {Before: 300, After: 100}, {Before: 100, After: 300}, {Before: 300, After: 100}}
	r := &report{}
	require.NoError(t, b.report(r))
	require.Len(t, r.Results, 2)
	for _, res := range r.Results {
		assert.Equal(t, 4, res.RoundsLeftOut)
		assert.Zero(t, res.Rounds)
		assert.Equal(t, noRound, res.Note)
		assert.Empty(t, res.Distance)
	}
}
