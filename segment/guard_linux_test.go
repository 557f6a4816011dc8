package segment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// survivals are loops that touch a segment's memory all the time. Each returns only by a fault.
var survivals = map[string]func(s *Segment) (loop func() error, err error){
	"poll": func(s *Segment) (func() error, error) {
		return reading(s, func(r *ring.Reader[stamp], rec *stamp) { r.Poll(rec) })
	},
	"poll batch": func(s *Segment) (func() error, error) {
		batch := make([]stamp, 8)
		return reading(s, func(r *ring.Reader[stamp], _ *stamp) { r.PollBatch(batch) })
	},
	"peek": func(s *Segment) (func() error, error) {
		var sum uint64
		return reading(s, func(r *ring.Reader[stamp], _ *stamp) {
			r.Peek(func(_ uint64, rec *stamp) { sum += rec.Check })
		})
	},
	"latest": func(s *Segment) (func() error, error) {
		return reading(s, func(r *ring.Reader[stamp], rec *stamp) { r.Latest(rec) })
	},
	"next": func(s *Segment) (func() error, error) {
		return reading(s, func(r *ring.Reader[stamp], rec *stamp) { _, _ = r.Next(context.Background(), rec) })
	},
	"publish": func(s *Segment) (func() error, error) {
		return writing(s, func(w *ring.Writer[stamp], rec *stamp) { w.Publish(rec) })
	},
	"publish batch": func(s *Segment) (func() error, error) {
		batch := make([]stamp, 16)
		return writing(s, func(w *ring.Writer[stamp], _ *stamp) { w.PublishBatch(batch) })
	},
}

func reading(s *Segment, read func(*ring.Reader[stamp], *stamp)) (func() error, error) {
	r, err := ring.NewReader[stamp](s, ring.ReaderOptions{})
	return func() error {
		var rec stamp
		for i := uint64(0); ; i++ {
			r.Seek(ring.At(i % 16))
			read(r, &rec)
			if i == 1000 {
				say("running")
			}
		}
	}, err
}

func writing(s *Segment, write func(*ring.Writer[stamp], *stamp)) (func() error, error) {
	w, err := ring.NewWriter[stamp](s)
	return func() error {
		var rec stamp
		for i := uint64(0); ; i++ {
			write(w, &rec)
			if i == 1000 {
				say("running")
			}
		}
	}, err
}

// survivor runs a loop over a segment until somebody truncates it. Arguments: name, loop, part of the
// segment that is lost.
func survivor(args []string) error {
	open := Attach
	if args[1] == "publish" || args[1] == "publish batch" {
		open = OpenWriter
	}
	s, err := open(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	loop, err := survivals[args[1]](s)
	if err != nil {
		return err
	}
	err = s.Guard(loop)
	var e *Error
	if !errors.Is(err, ErrTruncated) || !errors.As(err, &e) || e.Name != args[0] || e.Op != opAccess {
		return fmt.Errorf("ended with %w", err)
	}
	say("%v", err)
	return nil
}

// needFaults ends a test where a fault in the segment's memory is not Go's to handle.
func needFaults(t *testing.T) {
	t.Helper()
	if testkit.Race {
		t.Skip("the race detector touches the memory from C, where no fault can be recovered from")
	}
	if testkit.Emulated() {
		t.Skip("the emulator does not tell the address of a fault")
	}
}

func TestTruncatedWhileInUse(t *testing.T) {
	needFaults(t)
	for loop := range survivals {
		for part, size := range map[string]int64{"all": 0, "the slots": layout.PageSize} {
			t.Run(loop+" without "+part, func(t *testing.T) {
				name, path := made(t, Options{})
				p := testkit.Start(t, "survivor", name, loop, part)
				require.Equal(t, "running", p.Line())
				require.NoError(t, os.Truncate(path, size))
				line := p.Line()
				assert.Contains(t, line, "segment: access "+name+": segment truncated: no storage at offset")
				assert.Contains(t, line, "remove it and create it anew")
				assert.NoError(t, p.Wait())
			})
		}
	}
}

// The doorbell is an object of its own.
func TestDoorbellTruncatedUnderTheWriter(t *testing.T) {
	needFaults(t)
	name, path := made(t, Options{Doorbell: true})
	s := attach(t, name)
	p := testkit.Start(t, "survivor", name, "publish", "doorbell")
	require.Equal(t, "running", p.Line())
	require.NoError(t, os.Truncate(doorbellPath(path, s.Geometry().Created), 0))
	assert.Contains(t, p.Line(), "segment: access "+name+": doorbell: segment truncated: no storage at offset 256 any more")
	assert.NoError(t, p.Wait())
}

func TestDoorbellTooShort(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	s := attach(t, name)
	require.NoError(t, os.Truncate(doorbellPath(path, s.Geometry().Created), 100))
	_, err := OpenWriter(name)
	requireError(t, err, opWriter, name, ErrTruncated)
	assert.Nil(t, attach(t, name).Waiting(), "a reader can do without")

	require.NoError(t, os.WriteFile(doorbellPath(path, s.Geometry().Created), make([]byte, layout.DoorbellSize), 0o600))
	_, err = OpenWriter(name)
	requireError(t, err, opWriter, name, ErrNotSegment)
	assert.Nil(t, attach(t, name).Waiting())
}

// Status looks at the memory outside of any loop of the user's.
func TestTruncatedBeforeStatus(t *testing.T) {
	needFaults(t)
	for what, open := range map[string]func(string) (*Segment, error){"whole": Attach, "header": attachHeader, "writer": OpenWriter} {
		t.Run(what, func(t *testing.T) {
			name, path := made(t, Options{})
			s, err := open(name)
			require.NoError(t, err)
			defer s.Close()
			require.NoError(t, os.Truncate(path, 0))
			_, err = s.Status()
			requireError(t, err, opAccess, name, ErrTruncated)
		})
	}
}

func TestTruncatedBareSegment(t *testing.T) {
	needFaults(t)
	name := testkit.Name(t)
	require.NoError(t, os.WriteFile(Dir+name, make([]byte, layout.BareSize), 0o600))
	s, err := AttachBare(name)
	require.NoError(t, err)
	defer s.Close()
	r, err := ring.NewBareReader(s)
	require.NoError(t, err)
	require.NoError(t, s.Guard(func() error { r.Read(); return nil }))
	require.NoError(t, os.Truncate(Dir+name, 0))
	requireError(t, s.Guard(func() error { r.Read(); return nil }), opAccess, name, ErrTruncated)
}

// What is not part of a loop guards itself.
func TestTruncatedOutsideOfTheLoops(t *testing.T) {
	needFaults(t)
	for what, use := range map[string]func(s *Segment, w *ring.Writer[stamp]) error{
		"a reader": func(s *Segment, _ *ring.Writer[stamp]) error {
			_, err := ring.NewReader[stamp](s, ring.ReaderOptions{})
			return err
		},
		"a raw reader": func(s *Segment, _ *ring.Writer[stamp]) error {
			_, err := ring.NewRawReader(s, ring.ReaderOptions{})
			return err
		},
		"a writer": func(s *Segment, _ *ring.Writer[stamp]) error { _, err := ring.NewWriter[stamp](s); return err },
		"close":    func(_ *Segment, w *ring.Writer[stamp]) error { return w.Close() },
		"status":   func(s *Segment, _ *ring.Writer[stamp]) error { _, err := s.Status(); return err },
	} {
		for part, size := range map[string]int64{"all": 0, "the slots": layout.PageSize} {
			if part == "the slots" && (what == "close" || what == "status") {
				continue // which look at the header alone
			}
			t.Run(what+" without "+part, func(t *testing.T) {
				name := testkit.Name(t)
				s := createFor(t, name, 16, Options{})
				w := newWriter(t, s)
				w.Publish(&stamp{})
				require.NoError(t, os.Truncate(Dir+name, size))
				requireError(t, use(s, w), opAccess, name, ErrTruncated)
				if what == "close" {
					require.NoError(t, w.Close(), "a second one does nothing")
				}
			})
		}
	}
}

// A reader that sleeps learns that its doorbell is gone.
func TestDoorbellTruncatedUnderASleeper(t *testing.T) {
	needFaults(t)
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{Doorbell: true})
	newWriter(t, s)
	reader := attach(t, name)
	r := newReader(t, reader, ring.ReaderOptions{Wait: ring.Block()})
	require.NoError(t, os.Truncate(doorbellPath(Dir+name, s.Geometry().Created), 0))
	var rec stamp
	err := reader.Guard(func() error { _, err := r.Next(context.Background(), &rec); return err })
	requireError(t, err, opAccess, name, ErrTruncated)
	require.ErrorContains(t, err, "doorbell")
}

func TestGuardLeavesTheRestAlone(t *testing.T) {
	s := createFor(t, testkit.Name(t), 16, Options{})
	assert.NoError(t, s.Guard(func() error { return nil }))
	failure := errors.New("failure")
	assert.Equal(t, failure, s.Guard(func() error { return failure }))
	assert.PanicsWithValue(t, "panic", func() { _ = s.Guard(func() error { panic("panic") }) })
	var nothing *stamp
	assert.Panics(t, func() { _ = s.Guard(func() error { nothing.Number++; return nil }) })

	assert.False(t, debug.SetPanicOnFault(false), "as it was before")
	assert.NoError(t, s.Guard(func() error {
		assert.True(t, debug.SetPanicOnFault(true))
		return nil
	}))
	other := createFor(t, testkit.Name(t), 16, Options{})
	_, ok := offset(other.memory, address(s.memory))
	assert.False(t, ok)
	at, ok := offset(s.memory, address(s.memory)+4095)
	assert.True(t, ok)
	assert.Equal(t, uintptr(4095), at)
	_, ok = offset(s.memory, address(s.memory)+uintptr(len(s.memory)))
	assert.False(t, ok)
	_, ok = offset(nil, 0)
	assert.False(t, ok)
}
