package hostile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// waiters are ways to wait, of which each has to look round now and then.
var waiters = map[string]ring.Wait{
	"spin": ring.Spin(), "backoff": ring.Backoff(0), "every": ring.Every(time.Millisecond), "block": ring.Block(),
}

// quiet is several times as long as a reader waits between two looks.
const quiet = 250 * time.Millisecond

// told is what a reader says that is told, and then hears nothing until it gives up.
var told = fmt.Sprintf("%v; then %v", ring.ErrReplaced, context.DeadlineExceeded)

// wait follows the segment of a name and says what comes. Arguments: name, how it waits.
func wait(args []string) error {
	s, err := segment.Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{Start: ring.Oldest(), Wait: waiters[args[1]]})
	if err != nil {
		return err
	}
	return s.Guard(func() error {
		var rec ring.TradingData
		for {
			switch n, err := r.Next(context.Background(), &rec); {
			case errors.Is(err, ring.ErrClosed):
				return nil
			case errors.Is(err, ring.ErrReplaced):
				ctx, cancel := context.WithTimeout(context.Background(), quiet)
				_, again := r.Next(ctx, &rec)
				cancel()
				say("%v; then %v", err, again)
			case err != nil:
				say("%v", err)
			default:
				say("record %d", n)
			}
		}
	})
}

func publisherOf(t *testing.T, name string) (*segment.Segment, *ring.Writer[ring.TradingData]) {
	t.Helper()
	g, err := ring.GeometryOf[ring.TradingData](16)
	require.NoError(t, err)
	s, err := segment.Create(name, g, segment.Options{Doorbell: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w, err := ring.NewWriter[ring.TradingData](s)
	require.NoError(t, err)
	return s, w
}

// A reader of a segment whose name goes to another one is told, once; and goes on to read what its own writer still has to
// say. That a name is gone is no news to it.
func TestReplacedUnderAReader(t *testing.T) {
	for how := range waiters {
		t.Run(how, func(t *testing.T) {
			name := testkit.Name(t)
			s, w := publisherOf(t, name)
			p := testkit.Start(t, "wait", name, how)
			w.Publish(&ring.TradingData{})
			require.Equal(t, "record 0", p.Line())

			require.NoError(t, os.Remove(segment.Dir+name))
			replaced, err := s.Replaced()
			require.NoError(t, err)
			assert.False(t, replaced, "by nothing")
			w.Publish(&ring.TradingData{})
			require.Equal(t, "record 1", p.Line())

			publisherOf(t, name)
			replaced, err = s.Replaced()
			require.NoError(t, err)
			assert.True(t, replaced)
			require.Equal(t, told, p.Line())
			w.Publish(&ring.TradingData{})
			require.Equal(t, "record 2", p.Line())
			require.NoError(t, w.Close())
			require.NoError(t, p.Wait())
		})
	}
}

// The same if the other one comes by a rename, which leaves no moment without one.
func TestRenamedOverUnderAReader(t *testing.T) {
	name, other := testkit.Name(t), testkit.Name(t)
	_, w := publisherOf(t, name)
	p := testkit.Start(t, "wait", name, "block")
	w.Publish(&ring.TradingData{})
	require.Equal(t, "record 0", p.Line())
	publisherOf(t, other)
	require.NoError(t, os.Rename(segment.Dir+other, segment.Dir+name))
	require.Equal(t, told, p.Line())
	require.NoError(t, w.Close())
	require.NoError(t, p.Wait())
}
