package clock

import (
	"encoding/json"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func calibrated(t *testing.T) Clock {
	t.Helper()
	c, err := Calibrate(20 * time.Millisecond)
	require.NoError(t, err)
	t.Logf("%+v", c)
	return c
}

func TestCalibrateChoosesWhatCanBeTrusted(t *testing.T) {
	c := calibrated(t)
	if err := Trusted(); err == nil {
		assert.Equal(t, counter, c.Source)
		assert.Empty(t, c.Fallback)
	} else {
		assert.Equal(t, ClockGettime, c.Source)
		assert.Equal(t, err.Error(), c.Fallback)
	}
	assert.NoError(t, c.Validate())
	assert.Positive(t, c.ResolutionNs)
}

func TestCalibrateNeedsTime(t *testing.T) {
	_, err := Calibrate(0)
	assert.Error(t, err)
}

// A calibration claims a bound on its error. Two of them must agree within theirs, to which some is
// added because CLOCK_MONOTONIC itself is slewed, by 500 ppm at most.
func TestCalibrationsAgree(t *testing.T) {
	a, b := calibrated(t), calibrated(t)
	require.Equal(t, a.Source, b.Source)
	ppm := math.Abs(a.TicksPerNs-b.TicksPerNs) / a.TicksPerNs * 1e6
	assert.LessOrEqual(t, ppm, a.ErrorPPM+b.ErrorPPM+1000)
}

// The measured span lies within an outer and around an inner span of time.Now, however late the
// scheduler is.
func TestAgreesWithTime(t *testing.T) {
	c := calibrated(t)
	outer := time.Now()
	start := c.Now()
	inner := time.Now()
	for time.Since(inner) < 20*time.Millisecond { // the span that is measured
	}
	least := time.Since(inner)
	end := c.Now()
	most := time.Since(outer)

	got := float64(c.Nanoseconds(int64(end - start)))
	slack := 1 + (c.ErrorPPM+1000)/1e6
	assert.GreaterOrEqual(t, got*slack, float64(least))
	assert.LessOrEqual(t, got/slack, float64(most))
}

func TestNanoseconds(t *testing.T) {
	c := Clock{Source: TSC, TicksPerNs: 2.5}
	assert.EqualValues(t, 0, c.Nanoseconds(0))
	assert.EqualValues(t, 400, c.Nanoseconds(1000))
	assert.EqualValues(t, -400, c.Nanoseconds(-1000))
	assert.EqualValues(t, 1, c.Nanoseconds(2))
	earlier, later := uint64(7), uint64(1007)
	assert.EqualValues(t, -400, c.Nanoseconds(int64(earlier-later)))
}

func TestNowDoesNotAllocate(t *testing.T) {
	c := calibrated(t)
	var stamp uint64
	assert.Zero(t, testing.AllocsPerRun(100, func() { stamp = Now() + c.Now() }))
	runtime.KeepAlive(stamp)
}

// Stamp and Until read what they are told to.
func TestStampAndUntil(t *testing.T) {
	for _, wall := range []bool{false, true} {
		read := Now
		if wall {
			read = func() uint64 { return uint64(time.Now().UnixNano()) }
		}
		before := read()
		stamp := Stamp(wall)
		after := read()
		assert.LessOrEqual(t, before, stamp, "wall: %v", wall)
		assert.LessOrEqual(t, stamp, after, "wall: %v", wall)

		moment := after + 1_000_000 // a fraction of a millisecond, or one
		until := Until(wall, moment)
		assert.GreaterOrEqual(t, until, moment)
		assert.LessOrEqual(t, until, read())
		assert.Less(t, Until(wall, moment-1)-until, uint64(1)<<40, "a moment that is over")
		assert.Zero(t, testing.AllocsPerRun(10, func() { stamp = Stamp(wall) + Until(wall, 1) }))
	}
}

func TestWallUntil(t *testing.T) {
	moment := wall() + 1000
	assert.GreaterOrEqual(t, wallUntil(moment), moment)
}

// On a stack that has to grow for it.
func TestStampOnASmallStack(t *testing.T) {
	for _, wall := range []bool{false, true} {
		done := make(chan uint64)
		for range 100 {
			go func() { done <- Until(wall, Stamp(wall)) }()
			assert.Positive(t, <-done)
		}
	}
}

func TestAdoptAnothersCalibration(t *testing.T) {
	c := calibrated(t)
	data, err := json.Marshal(c)
	require.NoError(t, err)
	var got Clock
	require.NoError(t, json.Unmarshal(data, &got))
	assert.Equal(t, c, got)
	assert.NoError(t, got.Validate())
}

func TestValidateRefuses(t *testing.T) {
	assert.ErrorIs(t, Clock{Source: "sundial", TicksPerNs: 1}.Validate(), ErrSource)
	assert.ErrorIs(t, Clock{}.Validate(), ErrSource)
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		assert.Error(t, Clock{Source: ClockGettime, TicksPerNs: rate}.Validate(), rate)
	}
	if counter == ClockGettime {
		assert.ErrorIs(t, Clock{Source: TSC, TicksPerNs: 1}.Validate(), ErrSource)
	}
}

func TestJudge(t *testing.T) {
	const good = "processor\t: 0\nflags\t\t: fpu constant_tsc rep_good nonstop_tsc\nprocessor\t: 1\nflags\t\t: fpu\n"
	assert.NoError(t, judge(TSC, good, "tsc"))
	assert.ErrorContains(t, judge(TSC, good, "kvm-clock"), "kvm-clock")
	assert.ErrorContains(t, judge(TSC, strings.Replace(good, "constant_tsc", "", 1), "tsc"), "constant_tsc")
	assert.ErrorContains(t, judge(TSC, strings.Replace(good, "nonstop_tsc", "", 1), "tsc"), "nonstop_tsc")
	assert.Error(t, judge(TSC, "", "tsc"))
	assert.NoError(t, judge(CNTVCT, "", "arch_sys_counter"))
	assert.ErrorContains(t, judge(CNTVCT, "", "tsc"), "tsc")
}

func BenchmarkNow(b *testing.B) {
	c, err := Calibrate(10 * time.Millisecond)
	require.NoError(b, err)
	var stamp uint64
	for b.Loop() {
		stamp = c.Now()
	}
	runtime.KeepAlive(stamp)
}
