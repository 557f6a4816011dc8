package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/records"
)

// newRandom says its seed, and takes that of TICKRING_TORTURE_SEED if there is one.
func newRandom(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("TICKRING_TORTURE_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("TICKRING_TORTURE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Writers that publish as fast as they can are killed at moments of chance, one after another; readers in other processes
// follow all of them.
func TestKilledUnderLoad(t *testing.T) {
	random, amount, sum := newRandom(t), wanted(t), &load{began: time.Now()}
	for generation := 0; amount.goesOn(sum); generation++ {
		c := config{records.Kinds[generation%3], options{slots: 64 << (3 * (generation % 4)), bell: generation%2 == 0}, 0}
		rounds := perGeneration
		if amount.rounds > 0 {
			rounds = min(rounds, amount.rounds-sum.rounds)
		}
		t.Run(fmt.Sprintf("%d-%v", generation, c), func(t *testing.T) {
			killUnderLoad(t, c, rounds, random, sum)
		})
		require.False(t, t.Failed())
	}
	t.Log(sum)
}

// perGeneration is the number of rounds in one ring, with the same readers.
const perGeneration = 100

func (a amount) goesOn(sum *load) bool {
	if a.rounds > 0 {
		return sum.rounds < a.rounds
	}
	return time.Since(sum.began) < a.time
}

// load is what was done.
type load struct {
	began           time.Time
	rounds, stopped int
	published       uint64
	received        uint64
	missed          uint64
	with, without   recovery // a doorbell
}

// promised is what a takeover should take at most.
const promised = 10 * time.Millisecond

func (s *load) String() string {
	return fmt.Sprintf("%d rounds, %d of them with a stop before; %d records published, %d read and %d missed by all readers; %.1f s\n"+
		"without a doorbell: %v\nwith one: %v", s.rounds, s.stopped, s.published, s.received, s.missed,
		time.Since(s.began).Seconds(), &s.without, &s.with)
}

// recovery is how long it took.
type recovery struct {
	deaths    times // from a kill to the moment when the kernel has released the lock
	takeovers times // from then to the first record of the next writer
	both      times
}

// add is told the times, in ns of CLOCK_BOOTTIME.
func (r *recovery) add(killed, free, first uint64) {
	r.deaths = append(r.deaths, time.Duration(free-killed))
	r.takeovers = append(r.takeovers, time.Duration(first-free))
	r.both = append(r.both, time.Duration(first-killed))
}

func (r *recovery) String() string {
	above := 0
	for _, d := range r.both {
		if d > promised {
			above++
		}
	}
	return fmt.Sprintf("from the kill until the lock is free %v; then until the next record %v; together %v; %d of %d above %v",
		r.deaths, r.takeovers, r.both, above, len(r.both), promised)
}

type times []time.Duration

func (t times) String() string {
	if len(t) == 0 {
		return "never"
	}
	slices.Sort(t)
	at := func(share float64) time.Duration { return t[int(share*float64(len(t)-1))].Round(time.Microsecond) }
	return fmt.Sprintf("50%% %v, 90%% %v, 99%% %v, max %v", at(.5), at(.9), at(.99), at(1))
}

func killUnderLoad(t *testing.T, c config, rounds int, random *rand.Rand, sum *load) {
	t.Helper()
	st := newStage(t, c.kind)
	a := st.start()
	sc := &scene{t: t, st: st, name: testkit.Name(t), config: c}
	a.do("%s", sc.command("create"))
	var err error
	sc.s, err = segment.Attach(sc.name)
	require.NoError(t, err)
	sc.w, err = newWitness(c.kind, sc.s, false)
	require.NoError(t, err)
	readers := map[string]*testkit.Process{}
	for _, way := range []string{"next", "batch", "latest"} {
		readers[way] = testkit.Start(t, "reader", c.kind, sc.name, way)
		require.Equal(t, "reading", readers[way].Line())
	}
	a.Say("flood")
	require.Equal(t, "flooding", a.Line())
	for round := range rounds {
		sc.at("round %d", round)
		b := st.start()
		waits := random.IntN(2) == 0 // the next writer, for its turn; else it is told, when there has been a look at what is left
		if waits {
			b.Say("succeed " + sc.name)
			sc.untilItWaits()
		}
		chance(random, 3*time.Millisecond)
		if random.IntN(8) == 0 {
			sc.stopAndGo(a, random)
			sum.stopped++
		}
		killed := segment.Heartbeat()
		if waits {
			require.NoError(t, a.Cmd.Process.Kill())
			r := b.reply()
			times := map[bool]*recovery{false: &sum.without, true: &sum.with}[c.bell]
			times.add(killed, atomic.LoadUint64(st.receipts.tried()), atomic.LoadUint64(st.receipts.first()))
			require.Less(t, slices.Max(times.both), hang, sc.what)
			require.EqualValues(t, round+2, r.epoch, sc.what)
			a.kill()
		} else {
			a.kill()
			sc.dead()
			sc.took(b.do("takeover %s", sc.name), sc.w.next(), uint64(round+2))
		}
		b.Say("flood")
		require.Equal(t, "flooding", b.Line())
		a = b
		sum.rounds++
	}
	a.kill()
	sc.dead()
	end := sc.w.next()
	sum.published += end
	for way, r := range readers {
		r.Say(strconv.FormatUint(end, 10))
		var received, missed uint64
		_, err := fmt.Sscan(r.Line(), &received, &missed)
		require.NoError(t, err)
		require.NoError(t, r.Wait())
		if way != "latest" {
			require.Equal(t, end, received+missed, way)
		}
		sum.received, sum.missed = sum.received+received, sum.missed+missed
	}
	b := st.start()
	sc.takeOver(b)
	sc.end(b, &tally{})
}

// untilItWaits waits until the next writer has tried to take over, and tries again.
func (sc *scene) untilItWaits() {
	sc.t.Helper()
	tried, limit := sc.st.receipts.tried(), time.Now().Add(hang)
	last := atomic.LoadUint64(tried)
	for range 2 {
		for atomic.LoadUint64(tried) == last {
			require.Less(sc.t, time.Now(), limit, sc.what)
			sys.Sleep(records.PollInterval)
		}
		last = atomic.LoadUint64(tried)
	}
}

// stopAndGo stops a writer with SIGSTOP, and lets it go on.
func (sc *scene) stopAndGo(a *actor, random *rand.Rand) {
	sc.t.Helper()
	require.NoError(sc.t, syscall.Kill(a.pid, syscall.SIGSTOP))
	a.untilStopped()
	sc.look()
	_, err := segment.OpenWriter(sc.name)
	require.ErrorIs(sc.t, err, segment.ErrWriterExists)
	if random.IntN(2) == 0 {
		require.NoError(sc.t, syscall.Kill(a.pid, syscall.SIGCONT))
		chance(random, time.Millisecond)
	}
}

// reader follows a ring from its first record on until it has come to the number that it is told. Arguments: the kind of
// record, the segment's name, the way to read.
func reader(args []string) error {
	switch args[0] {
	case records.Trade:
		return follow(records.Trades, args[1], args[2])
	case records.Level:
		return follow(records.Levels, args[1], args[2])
	case records.Legs:
		return follow(records.Legged, args[1], args[2])
	}
	return records.Unknown(args[0])
}

func follow[T comparable](form records.Form[T], name, way string) error {
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	wait := ring.Every(records.PollInterval)
	if way == "next" && s.Waiting() != nil {
		wait = ring.Block()
	}
	f, err := records.NewFollower(s, records.NewLedger(form), 0, wait)
	if err != nil {
		return err
	}
	fmt.Println("reading")
	var end atomic.Uint64
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		in := bufio.NewScanner(os.Stdin)
		if !in.Scan() {
			os.Exit(1) // nobody is left to tell
		}
		n, _ := strconv.ParseUint(in.Text(), 10, 64)
		end.Store(n)
		cancel()
	}()
	read := map[string]func() error{
		"next": func() error {
			if err := f.Await(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		},
		"batch": func() error {
			s, err := f.Read("batch")
			if s == ring.Empty {
				sys.Sleep(records.PollInterval)
			}
			return err
		},
		"latest": func() error {
			sys.Sleep(records.PollInterval)
			return f.Latest()
		},
	}[way]
	for end.Load() == 0 || f.Next() < end.Load() {
		if err := read(); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	if f.Next() != end.Load() {
		return fmt.Errorf("%s: came to record %d, and %d is the end", way, f.Next(), end.Load())
	}
	_, err = fmt.Println(f.Received(), f.Missed())
	return errors.Join(err, s.Close())
}
