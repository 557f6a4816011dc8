package segment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/test/hostile/forge"
)

// fuzzName is of this process, and one at a time: a fuzzer's runs follow each other.
func fuzzName() string { return fmt.Sprintf("/tickring-test-%d-fuzz", os.Getpid()) }

// put makes o an object for the time of a run, with whatever bell as its doorbell, if it has one.
func put(t *testing.T, o forge.Object, bell []byte) (name string) {
	t.Helper()
	name = fuzzName()
	t.Cleanup(func() {
		for _, c := range companions(name) {
			require.NoError(t, os.Remove(c.path))
		}
		if err := os.Remove(Dir + name); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
		}
	})
	require.NoError(t, o.Put(Dir+name))
	if s, err := attachHeader(name); err == nil {
		path := doorbellPath(Dir+name, s.geometry.Created)
		require.NoError(t, s.Close())
		if s.geometry.Doorbell && len(bell) > 0 {
			require.NoError(t, os.WriteFile(path, bell, 0o600))
		}
	}
	return name
}

// requireTyped holds an error to what the callers of this package can rely on.
func requireTyped(t *testing.T, err error, ops ...string) {
	t.Helper()
	if err == nil {
		return
	}
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, ops, e.Op, "%v", err)
	require.Equal(t, fuzzName(), e.Name)
	require.NotRegexp(t, "[^ -~…×]", err.Error(), "it could steer a terminal")
	for _, known := range []error{
		ErrWriterExists, ErrNotRegular, ErrBare, ErrNotBare, ErrNoRing, ErrReplaced, ErrNotSegment, ErrVersion, ErrByteOrder,
		ErrChecksum, ErrTruncated, ErrGeometry, ErrSchema,
	} {
		if errors.Is(err, known) {
			return
		}
	}
	var errno syscall.Errno
	require.ErrorAs(t, err, &errno)
}

// soon ends a wait.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Microsecond)
	t.Cleanup(cancel)
	return ctx
}

// someBells are what may lie under a doorbell's name.
var someBells = func() [][]byte {
	sound := make([]byte, layout.DoorbellSize+1)
	copy(sound, "TICKBELL")
	return [][]byte{nil, sound[:4096], sound[:4095], sound, make([]byte, layout.DoorbellSize)}
}()

// Whatever lies in /dev/shm: attaching to it and reading it ends, with an error of a known kind or not.
func FuzzAttach(f *testing.F) {
	bases := forge.Bases(f)
	for i := range bases {
		f.Add(uint16(i), []byte{}, true, someBells[i%len(someBells)])
	}
	f.Fuzz(func(t *testing.T, base uint16, edits []byte, seal bool, bell []byte) {
		name := put(t, forge.Make(bases[int(base)%len(bases)], edits, seal), bell)
		s, err := Attach(name)
		requireTyped(t, err, opAttach)
		if err != nil {
			require.Nil(t, s)
			if s, err = AttachBare(name); err == nil {
				r, err := ring.NewBareReader(s)
				require.NoError(t, err)
				r.Read()
				require.NoError(t, s.Close())
			}
			requireTyped(t, err, opAttach)
			requireTyped(t, Unlink(name), opUnlink)
			return
		}
		_, err = s.Status()
		require.NoError(t, err)
		_, err = s.Pages()
		require.NoError(t, err)
		replaced, err := s.Replaced()
		require.NoError(t, err)
		require.False(t, replaced)
		read(t, s)
		require.NoError(t, s.Close())
		requireTyped(t, Unlink(name), opUnlink)
		_, err = os.Lstat(Dir + name)
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

// read reads a segment in each way.
func read(t *testing.T, s *Segment) {
	t.Helper()
	o := ring.ReaderOptions{Start: ring.Oldest()}
	if s.Waiting() != nil {
		o.Wait = ring.Block()
	}
	err := s.Guard(func() error {
		raw, err := ring.NewRawReader(s, o)
		require.NoError(t, err)
		record := make([]byte, s.Geometry().Record.Size)
		for range 8 {
			raw.Poll(record)
		}
		_, _ = raw.Next(soon(t), record)
		r, err := ring.NewReader[ring.TradingData](s, o)
		if err != nil {
			var other *ring.SchemaError
			require.ErrorAs(t, err, &other)
			return nil
		}
		var rec ring.TradingData
		r.Latest(&rec)
		r.PollBatch(make([]ring.TradingData, 9))
		_, _ = r.Next(soon(t), &rec)
		for _, err := range r.All(soon(t)) {
			if err != nil {
				break
			}
		}
		return nil
	})
	requireTyped(t, err, opAccess)
}

// mostReserved keeps a run from reserving what only looks large: a takeover fills holes, which is tested elsewhere.
const mostReserved = 1 << 24

// Whatever lies in /dev/shm: taking it over, and publishing there, ends, with an error of a known kind or not.
func FuzzOpenWriter(f *testing.F) {
	bases := forge.Bases(f)
	for i := range bases {
		f.Add(uint16(i), []byte{}, true, someBells[i%len(someBells)])
	}
	f.Fuzz(func(t *testing.T, base uint16, edits []byte, seal bool, bell []byte) {
		o := forge.Make(bases[int(base)%len(bases)], edits, seal)
		o.Size = min(o.Size, mostReserved)
		name := put(t, o, bell)
		s, err := OpenWriter(name)
		requireTyped(t, err, opWriter)
		if err != nil {
			return
		}
		defer s.Close()
		_, err = OpenWriter(name)
		require.ErrorIs(t, err, ErrWriterExists)
		w, err := ring.NewWriter[ring.TradingData](s)
		if err != nil {
			var other *ring.SchemaError
			require.True(t, errors.Is(err, ring.ErrCorrupt) || errors.Is(err, ring.ErrExhausted) || errors.As(err, &other), "%v", err)
			return
		}
		require.NoError(t, s.Guard(func() error {
			w.Publish(&ring.TradingData{Price: 1})
			w.PublishBatch(make([]ring.TradingData, 300))
			w.Heartbeat(Heartbeat())
			return nil
		}))
		require.NoError(t, w.Close())
		attached, err := Attach(name)
		require.NoError(t, err, "what was fit to be taken over is fit to be read")
		require.NoError(t, attached.Close())
	})
}
