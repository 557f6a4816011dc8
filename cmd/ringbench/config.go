package main

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tickring/tickring/cmd/ringbench/transport"
	"github.com/tickring/tickring/hugepages"
)

// config is what the flags say.
type config struct {
	mode     mode
	readers  int
	rate     rate
	duration time.Duration
	slice    time.Duration
	warmup   time.Duration
	pin      string
	slots    uint64
	pages    hugepages.Policy
	wait     string
	batch    int
	burst    int
	interval time.Duration
	source   source
	speed    float64
	json     bool
	verbose  bool
}

func defaultConfig() *config {
	return &config{
		readers: 1,
		// Slow enough that a stall of the machine does not become a queue, fast enough that 1.5 s give
		// what p99.99 needs.
		rate:     100_000,
		slice:    100 * time.Millisecond,
		warmup:   10 * time.Millisecond,
		pin:      pinAuto,
		slots:    1 << 16,
		wait:     waitSpin,
		batch:    64,
		burst:    64,
		interval: time.Millisecond,
		source:   source{Seed: 1},
	}
}

// minBatch is the longest batch of any transport's own.
const minBatch = 64

func (c *config) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.Var(&c.rate, "rate", "records per second where latency is measured, such as 250000, 100k or 1M; max: throughput only")
	f.IntVar(&c.readers, "readers", c.readers, "reader processes; of fanout: up to so many")
	f.StringVar(&c.wait, "wait", c.wait, "`what` the ring's readers do while nothing is new: "+transport.WaitHelp)
	f.DurationVar(&c.duration, "duration", c.duration, "how long each latency is measured, in all rounds together (0: as the mode needs)")
	f.DurationVar(&c.slice, "slice", c.slice, "how long each latency is measured in one round; throughput takes a third of that")
	f.DurationVar(&c.warmup, "warmup", c.warmup, "how long records flow in each slice before latency counts")
	f.StringVar(&c.pin, "pin", c.pin, "auto: each process on a CPU of its own if there are enough; none; or `CPUs`, the writer's first: 2,3")
	f.Uint64Var(&c.slots, "slots", c.slots, "records that the ring holds, a power of two")
	f.TextVar(&c.pages, "pages", c.pages, "huge pages, a `policy`: off, prefer or require")
	f.IntVar(&c.batch, "batch", c.batch, "records per batch where batches are measured")
	f.IntVar(&c.burst, "burst", c.burst, "records of a burst")
	f.DurationVar(&c.interval, "interval", c.interval, "from one burst to the next")
	f.Uint64Var(&c.source.Seed, "seed", c.source.Seed, "of the made-up trades")
	f.StringVar(&c.source.Feed, "feed", "", "send the trades of this recording (`file`) over and over (IEX TOPS 1.6 capture or Binance lines)")
	f.Float64Var(&c.speed, "speed", 0, "with --feed: send each trade when it was traded, so many `times` as fast as then (1: as then)")
	f.Int64Var(&c.source.VolumeScale, "volume-scale", 0, "with --feed: multiply quantities, to make whole numbers of fractions")
	f.BoolVar(&c.json, "json", false, "print one JSON object")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "tell on standard error what it does, also when that is no terminal")
}

const (
	maxReaders = 256
	maxSlots   = 1 << 30
	maxBatch   = 1 << 16
	leastPlays = 3 // rounds
)

// check checks what the flags say, and fits the slices into the duration.
func (c *config) check() error {
	switch {
	case c.readers < 1 || c.readers > maxReaders:
		return fmt.Errorf("--readers %d: it takes 1 to %d", c.readers, maxReaders)
	case c.duration != 0 && c.duration < time.Millisecond:
		return fmt.Errorf("--duration %v: it must be a millisecond or more, like 5s", c.duration)
	case c.slice < time.Millisecond || c.slice > 10*time.Second:
		return fmt.Errorf("--slice %v: it takes 1ms to 10s, like 100ms", c.slice)
	case c.warmup < 0:
		return fmt.Errorf("--warmup %v: it must not be negative", c.warmup)
	case bits.OnesCount64(c.slots) != 1 || c.slots < 2 || c.slots > maxSlots:
		return fmt.Errorf("--slots %d: it must be a power of two from 2 to %d, like 65536", c.slots, maxSlots)
	case c.batch < 1 || c.batch > maxBatch:
		return fmt.Errorf("--batch %d: it takes 1 to %d", c.batch, maxBatch)
	case c.burst < 1 || c.burst > maxBatch:
		return fmt.Errorf("--burst %d: it takes 1 to %d", c.burst, maxBatch)
	case c.interval < time.Microsecond:
		return fmt.Errorf("--interval %v: it must be a microsecond or more, like 1ms", c.interval)
	case c.source.VolumeScale != 0 && c.source.Feed == "":
		return errors.New("--volume-scale is for the quantities of a --feed")
	case c.source.VolumeScale < 0:
		return fmt.Errorf("--volume-scale %d: it must be positive", c.source.VolumeScale)
	case c.speed != 0 && c.source.Feed == "":
		return errors.New("--speed is for the times of a --feed")
	case c.speed < 0 || math.IsNaN(c.speed) || math.IsInf(c.speed, 0):
		return fmt.Errorf("--speed %v: it must be positive, like 1 or 100", c.speed)
	}
	if c.duration > 0 {
		c.slice = min(c.slice, c.duration/leastPlays)
	}
	_, err := transport.ParseWait(c.wait)
	return err
}

// roundsOf is how often everything of a mode is measured.
func (c *config) roundsOf(m mode) int {
	d := c.duration
	if d == 0 {
		d = m.duration
	}
	return max(leastPlays, int(math.Ceil(float64(d)/float64(c.slice))))
}

// fullSlice is how long something is done as fast as possible in one round.
func (c *config) fullSlice() time.Duration { return c.slice * 3 / 10 }

// rate is records per second.
type rate float64

const rateMax rate = 0

func (r *rate) String() string {
	if *r == rateMax {
		return "max"
	}
	return strconv.FormatFloat(float64(*r), 'f', -1, 64)
}

// Type names the value in the help text.
func (r *rate) Type() string { return "rate" }

// Set implements pflag.Value.
func (r *rate) Set(s string) error {
	if s == "max" {
		*r = rateMax
		return nil
	}
	digits, factor := s, 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "M": 1e6} {
		if d, ok := strings.CutSuffix(s, suffix); ok {
			digits, factor = d, f
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if n *= factor; err != nil || !(n >= 1 && n <= 1e9) {
		return errors.New("it takes 1 to 1000M records per second, such as 250000, 100k or 1M, or max")
	}
	*r = rate(n)
	return nil
}
