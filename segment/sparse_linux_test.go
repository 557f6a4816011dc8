package segment

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// Somebody may make a segment that only looks large. A reader of it takes no more storage than it looks at.
func TestAttachReservesNothing(t *testing.T) {
	name := testkit.Name(t)
	header := layout.Encode(shape(1 << 25))
	require.NoError(t, os.WriteFile(Dir+name, header, 0o600))
	require.NoError(t, os.Truncate(Dir+name, int64(shape(1<<25).SegmentSize))) // a GiB
	stored := func() int64 {
		var st syscall.Stat_t
		require.NoError(t, syscall.Stat(Dir+name, &st))
		return st.Blocks * 512
	}
	require.Equal(t, int64(len(header)), stored())
	s := attach(t, name)
	r := newReader(t, s, ring.ReaderOptions{})
	require.NoError(t, s.Guard(func() error {
		var rec stamp
		_, status := r.Poll(&rec)
		assert.Equal(t, ring.Empty, status)
		return nil
	}))
	assert.Less(t, stored(), int64(4<<20), "a page, which may be a huge one")
}
