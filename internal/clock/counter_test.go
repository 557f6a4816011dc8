//go:build linux && (amd64 || arm64) && !purego

package clock

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNowGoesForward(t *testing.T) {
	last := Now()
	for range 100_000 {
		now := Now()
		if now < last {
			t.Fatalf("%d, then %d", last, now)
		}
		last = now
	}
	require.Eventually(t, func() bool { return Now() > last }, time.Minute, time.Millisecond)
}

// Two goroutines hand a ball to and fro. Whichever cores they run on, each must stamp no earlier
// than the other did before it handed over.
func TestStampsFollowCauseAndEffect(t *testing.T) {
	if err := Trusted(); err != nil {
		t.Logf("not promised here: %v", err)
		return
	}
	const rounds = 1_000
	var ball atomic.Uint64 // round<<1 | whose turn
	var stamps [2]atomic.Uint64
	var wrong atomic.Int64
	play := func(me uint64) {
		for round := range uint64(rounds) {
			for spins := 1; ball.Load() != round<<1|me; spins++ {
				if spins%128 == 0 {
					runtime.Gosched()
				}
			}
			if Now() < stamps[1-me].Load() {
				wrong.Add(1)
			}
			stamps[me].Store(Now())
			ball.Store((round+me)<<1 | (1 - me))
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		play(1)
	}()
	play(0)
	<-done
	require.Zero(t, wrong.Load(), "stamps before their cause")
}
