package main

import (
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/ring"
)

// parsed is a flag whose text a function turns into a T, so that a mistake in it is a usage error
// before anything happens.
type parsed[T any] struct {
	value T
	text  string
	kind  string // what the help calls the value
	parse func(string) (T, error)
}

// newParsed returns a flag with its default, which must parse.
func newParsed[T any](kind, text string, parse func(string) (T, error)) *parsed[T] {
	p := &parsed[T]{kind: kind, parse: parse}
	if err := p.Set(text); err != nil {
		panic(err)
	}
	return p
}

// String implements pflag.Value.
func (p *parsed[T]) String() string { return p.text }

// Type implements pflag.Value.
func (p *parsed[T]) Type() string { return p.kind }

// Set implements pflag.Value.
func (p *parsed[T]) Set(text string) (err error) {
	value, err := p.parse(text)
	if err == nil {
		p.value, p.text = value, text
	}
	return err
}

func parseMode(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n&^0o666 != 0 || n&0o600 != 0o600 {
		return 0, fmt.Errorf("not an octal mode of read and write bits that includes its owner's, such as 0600, 0640 or 0644")
	}
	return fs.FileMode(n), nil
}

// maxSpeed is the speed of a replay that does not wait.
const maxSpeed = 0

func parseSpeed(text string) (float64, error) {
	if text == "max" {
		return maxSpeed, nil
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor > 0) || math.IsInf(factor, 1) {
		return 0, fmt.Errorf("not max or a factor above 0, such as 1 (real time), 10 or 0.5")
	}
	return factor, nil
}

// parsePosition takes oldest, newest, newest-N and N.
func parsePosition(text string) (ring.Position, error) {
	if back, ok := strings.CutPrefix(text, "newest-"); ok {
		n, err := strconv.ParseUint(back, 10, 64)
		if err == nil {
			return ring.NewestMinus(n), nil
		}
	}
	switch n, err := strconv.ParseUint(text, 10, 64); {
	case err == nil:
		return ring.At(n), nil
	case text == "oldest":
		return ring.Oldest(), nil
	case text == "newest":
		return ring.Newest(), nil
	}
	return ring.Position{}, fmt.Errorf("not oldest, newest, newest-N or a record's number")
}

// parseResume is parsePosition for a reader that was just lapped: there the very oldest record is the
// next to go, and a number means nothing.
func parseResume(text string) (ring.Position, error) {
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		return ring.Position{}, fmt.Errorf("not oldest, newest or newest-N")
	}
	if text == "oldest" {
		return ring.OldestSafe(), nil
	}
	return parsePosition(text)
}

// wait is how tail waits for a record.
type wait struct {
	ring.Wait
	blocks bool
	period time.Duration // between two looks at a bare segment
}

const (
	barePeriod = time.Millisecond // the programs from before the ring poll as often
	minPeriod  = time.Microsecond
	maxPeriod  = time.Second // the ring's reader does not hear of a signal before its sleep ends
)

func parseWait(text string) (wait, error) {
	switch text {
	case "spin":
		return wait{Wait: ring.Spin()}, nil
	case "backoff":
		return wait{period: barePeriod}, nil
	case "block":
		return wait{Wait: ring.Block(), blocks: true}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < minPeriod || d > maxPeriod {
		return wait{}, fmt.Errorf("not spin, backoff, block, or a time from %v to %v such as 500us", minPeriod, maxPeriod)
	}
	return wait{Wait: ring.Every(d), period: d}, nil
}

func oneOf(names ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		for _, name := range names {
			if text == name {
				return name, nil
			}
		}
		return "", fmt.Errorf("not one of %s", strings.Join(names, ", "))
	}
}
