package main

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/ring"
)

// config is what the flags say.
type config struct {
	readers  int
	rate     rate
	duration time.Duration
	warmup   time.Duration
	pin      string
	slots    uint64
	pages    hugepages.Policy
	wait     string
	batch    int
	source   source
	json     bool
	verbose  bool
}

func defaultConfig() *config {
	return &config{
		readers: 1,
		// Slow enough that a stall of the machine does not become a queue, fast enough that 5 s give
		// five times the samples that p99.99 needs.
		rate:     100_000,
		duration: 5 * time.Second,
		warmup:   500 * time.Millisecond,
		pin:      pinAuto,
		slots:    1 << 16,
		wait:     waitSpin,
		batch:    64,
		source:   source{Seed: 1},
	}
}

func (c *config) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.IntVar(&c.readers, "readers", c.readers, "reader processes")
	f.Var(&c.rate, "rate", "records per second while latency is measured, such as 250000, 100k or 1M; max: throughput only")
	f.DurationVar(&c.duration, "duration", c.duration, "how long latency is measured; throughput takes as long for each way, but 1s at most unless --rate max")
	f.DurationVar(&c.warmup, "warmup", c.warmup, "how long records flow before latency counts")
	f.StringVar(&c.pin, "pin", c.pin, "auto: each process on a CPU of its own if there are enough; none; or `CPUs`, the writer's first: 2,3")
	f.Uint64Var(&c.slots, "slots", c.slots, "records that the ring holds, a power of two")
	f.TextVar(&c.pages, "pages", c.pages, "huge pages, a `policy`: off, prefer or require")
	f.StringVar(&c.wait, "wait", c.wait, "`what` readers do while nothing is new: "+waitHelp)
	f.IntVar(&c.batch, "batch", c.batch, "records per batch when throughput is measured")
	f.Uint64Var(&c.source.Seed, "seed", c.source.Seed, "of the made-up trades")
	f.StringVar(&c.source.Feed, "feed", "", "publish the trades of this recording (`file`) over and over (IEX TOPS 1.6 capture or Binance lines)")
	f.Int64Var(&c.source.VolumeScale, "volume-scale", 0, "with --feed: multiply quantities, to make whole numbers of fractions")
	f.BoolVar(&c.json, "json", false, "print one JSON object")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "tell on standard error what it does, also when that is no terminal")
}

const (
	maxReaders = 256
	maxSlots   = 1 << 30
	maxBatch   = 1 << 16
)

func (c *config) check() error {
	switch {
	case c.readers < 1 || c.readers > maxReaders:
		return fmt.Errorf("--readers %d: it takes 1 to %d", c.readers, maxReaders)
	case c.duration <= 0:
		return fmt.Errorf("--duration %v: it must be positive, like 5s", c.duration)
	case c.warmup < 0:
		return fmt.Errorf("--warmup %v: it must not be negative", c.warmup)
	case bits.OnesCount64(c.slots) != 1 || c.slots < 2 || c.slots > maxSlots:
		return fmt.Errorf("--slots %d: it must be a power of two from 2 to %d, like 65536", c.slots, maxSlots)
	case c.batch < 1 || c.batch > maxBatch:
		return fmt.Errorf("--batch %d: it takes 1 to %d", c.batch, maxBatch)
	case c.source.VolumeScale != 0 && c.source.Feed == "":
		return errors.New("--volume-scale is for the quantities of a --feed")
	case c.source.VolumeScale < 0:
		return fmt.Errorf("--volume-scale %d: it must be positive", c.source.VolumeScale)
	}
	_, err := parseWait(c.wait)
	return err
}

// throughputTime is how long each way to publish is measured.
func (c *config) throughputTime() time.Duration {
	if c.rate == rateMax {
		return c.duration
	}
	return min(c.duration, time.Second)
}

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

const waitHelp = "spin, backoff[:limit], every:interval or block"

// parseWait reads a --wait: a name, and for some a duration.
func parseWait(s string) (ring.Wait, error) {
	name, text, given := strings.Cut(s, ":")
	var d time.Duration
	if given {
		var err error
		if d, err = time.ParseDuration(text); err != nil || d < time.Microsecond {
			return ring.Wait{}, fmt.Errorf("--wait %s: %q is not a duration from 1us up, like 50us", s, text)
		}
	}
	switch {
	case name == waitSpin && !given:
		return ring.Spin(), nil
	case name == "backoff":
		return ring.Backoff(d), nil // 0 is its default
	case name == "every" && given:
		return ring.Every(d), nil
	case name == waitBlock && !given:
		return ring.Block(), nil
	}
	return ring.Wait{}, fmt.Errorf("--wait %s: it takes %s, like backoff:200us or every:1ms", s, waitHelp)
}

const (
	waitSpin  = "spin"  // never sleeps
	waitBlock = "block" // needs a segment with a doorbell
)
