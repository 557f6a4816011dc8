// Package made makes up reports of ringbench for tests: no figure in them was measured.
package made

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/host/doctor"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/clock"
)

// rivals are the transports that a made-up report has, with their latency in ns where the CPUs are near each other,
// and what they move in million records per second.
var rivals = []struct {
	name    string
	process string
	ns      float64
	speed   float64
}{
	{show.Limit, "separate", 62, 0},
	{show.Tickring, "separate", 78, 41},
	{"c++", "separate", 74, 46},
	{"atomic-stores", "separate", 71, 0},
	{"unix-datagram", "separate", 4100, 0.61},
	{"unix-stream", "separate", 4600, 0.74},
	{"pipe", "separate", 3900, 0.82},
	{"tcp", "separate", 9800, 0.39},
	{"shm-mutex", "separate", 1150, 6.4},
	{"go-channel", "in-process", 310, 12.8},
}

// maker makes up rows; the same seed makes the same ones.
type maker struct {
	random *rand.Rand
	rounds int
	times  bool // latencies have histograms
}

// Report makes up a report that has every case, near and far CPUs, a rival that is missing and figures that are.
func Report(seed uint64) *show.Report { return report(seed, true) }

// Rounds is [Report] in less time: without histograms and what follows from them.
func Rounds(seed uint64) *show.Report { return report(seed, false) }

func report(seed uint64, times bool) *show.Report {
	m := &maker{rand.New(rand.NewPCG(seed, 1)), 11, times}
	writer := 1
	r := &show.Report{
		Host: &show.Host{
			CPU: "Made-up 9000 Processor @ 3.20GHz", CPUs: 8, Cores: 4, SMT: true, Virtualised: "no", Governor: "powersave",
			Isolated: "none", Load: "0.31", Kernel: "6.12.48-made-up", Arch: "amd64", Go: "go1.26.8",
			Doctor: doctor.Counts{OK: 9, Warn: 1, Bad: 1, Unknown: 2},
			Findings: []doctor.Finding{
				{ID: "governor", Status: doctor.Bad, Found: "powersave", Why: "a core that slows down answers late", Fix: "cpupower frequency-set -g performance"},
				{ID: "swap", Status: doctor.Warn, Found: "2 GiB of swap are on", Why: "a page that was swapped out costs milliseconds"},
			},
		},
		Clock:       clock.Clock{Source: clock.TSC, TicksPerNs: 3.2, ErrorPPM: 0.4, ResolutionNs: 6},
		Pages:       show.Pages{Writer: hugepages.Report{Backing: "hugetlbfs", PageBytes: 2 << 20, HugeBytes: 4 << 20}},
		Placement:   show.Placement{Pinned: true, Writer: &writer, Readers: []int{2, 3, 4, 5}},
		Ring:        show.Ring{Slots: 65536, SlotBytes: 32, RecordBytes: 24, SegmentBytes: 4 << 20, Wait: "spin"},
		Compiler:    "c++ 99.1 -O2",
		Records:     "made-up trades, seed 1",
		Hiccups:     []show.Hiccup{{P999Ns: 41, MaxNs: 18_400, Stalls: 12, LostPercent: 0.02}, {P999Ns: 43, MaxNs: 22_100, Stalls: 15, LostPercent: 0.031}},
		Rounds:      show.Rounds{Rounds: 40, Near: 24, Far: 13, LeftOut: 3},
		TookSeconds: 148.2,
	}
	r.Goals = []show.Goal{
		{What: "one-way, p50 (trimmed mean)", Against: "c++", Distance: "near", Ratio: 1.06, Low: 1.01, High: 1.11, Rounds: 24},
		{What: "one-way, p50 (trimmed mean)", Against: "c++", Distance: "far", Ratio: 1.02, Low: 0.99, High: 1.04, Rounds: 13},
		{What: "publish alone, one by one", Against: "c++", Ratio: 1.31, Low: 1.28, High: 1.4, Rounds: 37},
		{What: "writer's cost, stopped reader, one by one", Against: "1 reader", Distance: "near", Ratio: 0.97, Low: 0.9, High: 1.03, Rounds: 24},
	}
	for range 4 {
		r.Pages.Readers = append(r.Pages.Readers, r.Pages.Writer)
	}
	for _, distance := range []string{"near", "far"} {
		r.Results = append(r.Results, m.at(distance)...)
	}
	for _, name := range []string{show.CasePublish, show.CasePoll} {
		for _, transport := range []string{show.Tickring, show.CPP} {
			r.Results = append(r.Results, m.cost(name, transport, "", 4.5))
		}
	}
	r.Results = append(r.Results, show.Result{
		Case: show.CaseLatency, Transport: "mqueue", Process: "separate", RecordBytes: 24, Readers: 1,
		Note: "mq_open: function not implemented: the kernel was built without POSIX message queues",
	})
	return r
}

// at makes up all rows of a distance.
func (m *maker) at(distance string) (rows []show.Result) {
	scale := 1.0
	if distance == "far" {
		scale = 2.6
	}
	for _, rival := range rivals {
		paced := func(name, wait string, rate float64, readers int, ns float64) show.Result {
			r := m.paced(rate, readers, scale*ns, 62*scale)
			r.Case, r.Transport, r.Process, r.Wait, r.Distance = name, rival.name, rival.process, wait, distance
			return r
		}
		latency := paced(show.CaseLatency, "spin", 100_000, 1, rival.ns)
		if rival.name == "atomic-stores" {
			latency.Torn = 3
		}
		rows = append(rows, latency)
		for _, rate := range []float64{10e3, 100e3, 1e6, 3e6, 10e6} {
			if rival.speed == 0 {
				continue
			}
			use := rate / (1e6 * rival.speed)
			r := paced(show.CaseLoad, "spin", rate, 1, rival.ns*(1+3*use*use/(1.02-min(use, 1))))
			r.Incomplete = use > 1
			rows = append(rows, r)
		}
		if rival.speed > 0 {
			for _, batch := range []int{1, 64} {
				rows = append(rows, m.throughput(rival.name, rival.process, distance, rival.speed*(1+math.Log2(float64(batch))/4)/math.Sqrt(scale), batch))
			}
		}
		if rival.name != show.Tickring && rival.name != "c++" {
			continue
		}
		for _, readers := range []int{1, 2, 4} {
			rows = append(rows, paced(show.CaseFanout, "spin", 100_000, readers, rival.ns*math.Pow(float64(readers), 0.35)))
		}
		rows = append(rows, m.cost(show.CaseWriterCost, rival.name, distance, 9.5*scale))
	}
	for _, wait := range []struct {
		name string
		ns   float64
	}{{"spin", 78}, {"backoff:200µs", 9_000}, {"every:1ms", 480_000}, {"block", 6_300}} {
		r := m.paced(100_000, 1, scale*wait.ns, 62*scale)
		r.Case, r.Transport, r.Process, r.Wait, r.Distance = show.CaseWait, show.Tickring, "separate", wait.name, distance
		rows = append(rows, r)
	}
	for _, name := range []string{"feed", "burst", "low-rate", "wakeup", "slow-reader", "stopped-reader"} {
		r := m.paced(1000, 1, scale*95, 62*scale)
		r.Case, r.Transport, r.Process, r.Wait, r.Distance = name, show.Tickring, "separate", "spin", distance
		switch name {
		case "slow-reader":
			r.Missed = 1234
		case "feed", "burst":
			r.RateHz = nil
		}
		rows = append(rows, r)
	}
	return rows
}

// paced makes up times about ns, with a tail, and rounds whose ratios to a limit spread by a few percent.
func (m *maker) paced(rate float64, readers int, ns, limit float64) show.Result {
	r := show.Result{
		RecordBytes: 24, RateHz: &rate, Batch: 1, Readers: readers, Published: 30_000, Count: 30_000 * uint64(readers),
		MrecPerS: rate / 1e6, Rounds: m.rounds, RoundsLeftOut: 1,
	}
	r.P50Ns = &ns
	if m.times {
		m.distribution(&r, ns)
	}
	var ratios []float64
	for i := range m.rounds {
		ratio := ns / limit * math.Exp(0.04*m.random.NormFloat64())
		p50 := ratio * limit
		r.PerRound = append(r.PerRound, show.Round{Ratio: &ratio, P50Ns: &p50, LeftOut: i == 0})
		ratios = append(ratios, ratio)
	}
	slices.Sort(ratios)
	r.RatioLow, r.RatioToLimit, r.RatioHigh = &ratios[len(ratios)/10], &ratios[len(ratios)/2], &ratios[len(ratios)*9/10]
	return r
}

func (m *maker) distribution(r *show.Result, ns float64) {
	h := hdrhistogram.New(1, 100e9, 3)
	const alike = 10 // records have the same time: drawing each would take tests the most of theirs
	for range r.Published / alike {
		v := ns * math.Exp(0.12*m.random.NormFloat64())
		if m.random.Float64() < 0.004 {
			v += 900 / m.random.Float64()
		}
		_ = h.RecordValues(int64(v), alike) // it fails on values out of range only
	}
	encoded, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // it fails on broken histograms only
	}
	at := func(p float64) *float64 { v := float64(h.ValueAtPercentile(p)); return &v }
	low, high := float64(h.Min()), float64(h.Max())
	r.Histogram = string(encoded)
	r.Quantiles = show.Quantiles{MinNs: &low, P50Ns: at(50), P90Ns: at(90), P99Ns: at(99), P999Ns: at(99.9), MaxNs: &high}
}

func (m *maker) throughput(transport, process, distance string, speed float64, batch int) show.Result {
	r := show.Result{
		Case: show.CaseThroughput, Transport: transport, Process: process, RecordBytes: 24, Batch: batch, Readers: 1, Wait: "spin",
		MrecPerS: speed, Published: uint64(speed * 1e6), Count: uint64(speed * 1e6), Distance: distance, Rounds: m.rounds,
	}
	for range m.rounds {
		one := speed * math.Exp(0.08*m.random.NormFloat64())
		r.PerRound = append(r.PerRound, show.Round{MrecPerS: &one})
	}
	return r
}

func (m *maker) cost(name, transport, distance string, ns float64) show.Result {
	p50, p90, p99, most, mean := ns, ns*1.2, ns*2.3, ns*900, ns*1.1
	var rounds []show.Round
	for range m.rounds {
		one := mean * math.Exp(0.03*m.random.NormFloat64())
		ratio := one / mean
		rounds = append(rounds, show.Round{CostNs: &one})
		if transport == show.Tickring {
			rounds[len(rounds)-1].RatioToCPP = &ratio
		}
	}
	return show.Result{
		Case: name, Transport: transport, Process: "separate", RecordBytes: 24, Batch: 1, Readers: 1, Wait: "spin",
		Published: 30_000, Count: 30_000, Distance: distance, Rounds: m.rounds,
		Cost: &show.Cost{P50: &p50, P90: &p90, P99: &p99, Max: &most, Mean: &mean}, PerRound: rounds,
	}
}
