package ring

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/internal/sys"
)

func TestThreadOfWriterAndReader(t *testing.T) {
	before, err := sys.ThreadCPUs()
	require.NoError(t, err)
	last := before[len(before)-1]
	on := func() []int {
		now, err := sys.ThreadCPUs()
		require.NoError(t, err)
		return now
	}
	g, err := GeometryOf[TradingData](16)
	require.NoError(t, err)
	heap := NewHeap(g)

	w, err := NewWriterWith[TradingData](heap, WriterOptions{Thread: host.OnCPU(last)})
	require.NoError(t, err)
	assert.Equal(t, []int{last}, on())
	require.NoError(t, w.Close())
	assert.Equal(t, before, on())

	for what, open := range map[string]func(host.Thread) (interface{ Close() error }, error){
		"typed": func(th host.Thread) (interface{ Close() error }, error) {
			return NewReader[TradingData](heap, ReaderOptions{Thread: th})
		},
		"raw": func(th host.Thread) (interface{ Close() error }, error) {
			return NewRawReader(heap, ReaderOptions{Thread: th})
		},
	} {
		r, err := open(host.OnCPU(last))
		require.NoError(t, err, what)
		assert.Equal(t, []int{last}, on(), what)
		require.NoError(t, r.Close())
		assert.Equal(t, before, on(), what)
		r, err = open(host.Thread{})
		require.NoError(t, err)
		assert.Equal(t, before, on(), what)
		require.NoError(t, r.Close())
		_, err = open(host.OnCPU(1 << 12))
		require.ErrorIs(t, err, host.ErrNoCPU, what)
	}
}

// A writer that is refused leaves the ring, and the thread, as they were.
func TestThreadRefused(t *testing.T) {
	before, err := sys.ThreadCPUs()
	require.NoError(t, err)
	g, err := GeometryOf[TradingData](16)
	require.NoError(t, err)
	heap := NewHeap(g)
	_, err = NewWriterWith[TradingData](heap, WriterOptions{Thread: host.OnCPU(1 << 12)})
	var pin *host.PinError
	require.ErrorAs(t, err, &pin)
	r, err := NewReader[TradingData](heap, ReaderOptions{})
	require.NoError(t, err)
	epoch, _ := r.Epoch()
	assert.Zero(t, epoch)
	_, err = NewWriterWith[int64](heap, WriterOptions{Thread: host.OnCPU(before[0])})
	require.Error(t, err)
	now, err := sys.ThreadCPUs()
	require.NoError(t, err)
	assert.Equal(t, before, now)
}
