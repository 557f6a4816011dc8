package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// soak is a run.
type soak struct {
	*cast
	random    *rand.Rand
	began     time.Time
	counts    map[string]int
	leftOut   map[string]int
	longest   map[string]time.Duration // until all was well again
	takeovers []time.Duration
	samples   map[string]map[string]series // of processes, by resource
	files     series
	sampled   time.Time
	progress  time.Time
	ownMounts func(*exec.Cmd) // nil: processes cannot have their own
	queue     []fault         // that have not been yet, in the order in which they come
}

func TestSoak(t *testing.T) {
	if testkit.Emulated() {
		t.Skip("an emulator is too slow to be soaked")
	}
	runtime.LockOSThread() // the one that traces
	defer runtime.UnlockOSThread()
	duration := wanted(t)
	s := &soak{random: newRandom(t), counts: map[string]int{}, leftOut: map[string]int{}, longest: map[string]time.Duration{}, samples: map[string]map[string]series{}}
	t.Run("own mounts", func(t *testing.T) { s.ownMounts = testkit.OwnMounts(t) })
	s.queue = slices.Clone(faults)
	s.random.Shuffle(len(s.queue), func(i, j int) { s.queue[i], s.queue[j] = s.queue[j], s.queue[i] })
	s.cast = newCast(t)
	s.crowd(2)
	s.writer()
	for _, way := range ways {
		s.readers = append(s.readers, s.start("reader", way))
	}
	s.victims = append(s.victims, s.start("reader", "poll"), s.start("reader", next))

	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	defer signal.Stop(interrupt)
	s.began = time.Now()
	interrupted := false
	for end := time.After(duration); ; {
		pause := time.After(time.Duration(s.random.IntN(60)) * time.Millisecond)
		select {
		case <-interrupt:
			interrupted = true
		case <-end:
		case <-pause:
			s.strike()
			s.look(duration)
			continue
		}
		break
	}
	s.end(interrupted)
}

// strike brings about the fault whose turn it is: each once, and then by its weight. Each has numbers of its own, so that what
// comes behind it does not depend on how it went.
func (s *soak) strike() {
	s.t.Helper()
	f, random := s.pick(), rand.New(rand.NewPCG(s.random.Uint64(), 0))
	began := time.Now()
	struck := f.strike(s, random)
	s.longest[f.name] = max(s.longest[f.name], time.Since(began))
	if struck {
		s.counts[f.name]++
	} else {
		s.leftOut[f.name]++
	}
}

func (s *soak) pick() (f fault) {
	if len(s.queue) > 0 {
		f, s.queue = s.queue[0], s.queue[1:]
		return f
	}
	left := s.random.IntN(totalWeight)
	for _, f = range faults {
		if left -= f.weight; left < 0 {
			break
		}
	}
	return f
}

// look checks that all is well, samples what is used, and says now and then how it goes.
func (s *soak) look(duration time.Duration) {
	s.t.Helper()
	s.getOn()
	now := time.Now()
	if now.Sub(s.sampled) >= min(time.Second, duration/100) {
		s.sampled = now
		s.sample()
	}
	if now.Sub(s.progress) >= 5*time.Second {
		s.progress = now
		total := s.totals()
		struck := 0
		for _, n := range s.counts {
			struck += n
		}
		s.t.Logf("%4.0f s: %d published, %d received, %d missed; %d faults, %d takeovers timed", now.Sub(s.began).Seconds(),
			total.published, total.received, total.missed, struck, len(s.takeovers))
	}
}

func (s *soak) sample() {
	s.t.Helper()
	add := func(title string, pid int, goroutines uint64) {
		if s.samples[title] == nil {
			s.samples[title] = map[string]series{}
		}
		all, err := sample(pid)
		require.NoError(s.t, err)
		all["goroutines"] = float64(goroutines)
		for name, n := range all {
			s.samples[title][name] = append(s.samples[title][name], n)
		}
	}
	for _, a := range s.readers {
		add(a.title, a.Process.Pid, a.place.goroutines.Load())
	}
	debug.FreeOSMemory() // or its memory would be what the garbage collector has not come to yet
	add("the test itself", os.Getpid(), uint64(runtime.NumGoroutine()))
	s.files = append(s.files, float64(len(s.objects())))
}

// objects are those of the soak in /dev/shm.
func (s *soak) objects() []string {
	s.t.Helper()
	entries, err := os.ReadDir(segment.Dir)
	require.NoError(s.t, err)
	var found []string
	for _, e := range entries {
		if strings.HasPrefix("/"+e.Name(), s.name) {
			found = append(found, e.Name())
		}
	}
	return found
}

// end lets the ring come to its end in peace: the last writer closes it, and all read all of it.
func (s *soak) end(interrupted bool) {
	s.t.Helper()
	last := s.writer()
	for _, a := range s.writers {
		if a != last {
			s.retire(a)
		}
	}
	s.retire(last)
	seg, err := segment.Attach(s.name)
	require.NoError(s.t, err)
	st, err := seg.Status()
	require.NoError(s.t, err)
	require.Equal(s.t, "closed", st.State)
	require.Equal(s.t, last.place.returned.Load(), st.Head, "what Publish has returned is what the head says")
	view, err := ring.NewBareReader(seg)
	require.NoError(s.t, err)
	require.Equal(s.t, st.Head-1, view.Read().Timestamp&(1<<40-1), "an old program reads the last record")
	require.NoError(s.t, seg.Close())
	for _, a := range append(s.readers, s.victims...) {
		s.retire(a)
		require.Positive(s.t, a.place.received.Load()+a.place.missed.Load(), a.title)
	}
	require.NoError(s.t, segment.Unlink(s.name))
	require.Empty(s.t, s.objects())
	s.t.Log(s.summary())
	for title, all := range s.samples {
		for _, r := range resources {
			assert.NoError(s.t, all[r.name].flat(r), title)
		}
	}
	assert.NoError(s.t, s.files.flat(files))
	if !interrupted && !testkit.Race {
		assert.Empty(s.t, s.queue, "the soak was too short for every fault")
	}
}

func (s *soak) summary() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	total := s.totals()
	fmt.Fprintf(w, "\nseconds\t%.1f\n", time.Since(s.began).Seconds())
	fmt.Fprintf(w, "records\t%d published, %d received, %d missed by all readers\n", total.published, total.received, total.missed)
	fmt.Fprintf(w, "\t%d restarts told, %d segments attached, %d truncated under somebody, %d views torn\n",
		total.restarts, total.attached, total.truncated, total.torn)
	for _, f := range faults {
		fmt.Fprintf(w, "%s\t%d, %v at most", f.name, s.counts[f.name], s.longest[f.name].Round(time.Millisecond))
		if n := s.leftOut[f.name]; n > 0 {
			fmt.Fprintf(w, ", and %d left out", n)
		}
		fmt.Fprintln(w)
	}
	slices.Sort(s.takeovers)
	if n := len(s.takeovers); n > 0 {
		at := func(share float64) time.Duration {
			return s.takeovers[int(share*float64(n-1))].Round(10 * time.Microsecond)
		}
		fmt.Fprintf(w, "takeovers\t%d timed, kill to first record: 50%% %v, 99%% %v, max %v\n", n, at(.5), at(.99), at(1))
	}
	fmt.Fprint(w, "first/last quarter")
	for _, r := range resources {
		fmt.Fprintf(w, "\t%s", r.name)
	}
	fmt.Fprintln(w)
	for _, title := range slices.Sorted(func(yield func(string) bool) {
		for title := range s.samples {
			if !yield(title) {
				return
			}
		}
	}) {
		fmt.Fprint(w, title)
		for _, r := range resources {
			first, last := s.samples[title][r.name].quarters()
			fmt.Fprintf(w, "\t%.0f/%.0f", first, last)
		}
		fmt.Fprintln(w)
	}
	first, last := s.files.quarters()
	fmt.Fprintf(w, "%s\t%.0f/%.0f\n", files.name, first, last)
	_ = w.Flush()
	return b.String()
}

// signalTo sends a signal to a process that is there.
func (s *soak) signalTo(a *actor, sig syscall.Signal) {
	s.t.Helper()
	require.NoError(s.t, a.Process.Signal(sig), a.title)
}
