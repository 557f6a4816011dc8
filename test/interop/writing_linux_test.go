package interop

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// What a driver's writer leaves in memory is, byte by byte, what the layout says.
func TestWriting(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		for record := range records {
			t.Run(record, func(t *testing.T) { writing(t, l, record) })
		}
	})
}

func writing(t testing.TB, l launcher, record string) {
	const slots = 8
	name := testkit.Name(t)
	want := newImage(record, slots, withDoorbell)
	begun := time.Now()
	c := l.start(t)
	c.expect("ok", "create %s %s %d", name, record, slots)
	object := checkObject(c, name, want.life(1, 0, layout.StateOpen))
	assert.WithinRange(t, time.Unix(0, int64(object.geometry.Created)), begun, time.Now())
	checkReserved(t, segment.Dir+name, object.geometry.SegmentSize)
	bell := bellPath(name, object.geometry.Created)
	checkReserved(t, bell, layout.DoorbellSize)
	magic, err := os.ReadFile(bell)
	require.NoError(t, err)
	assert.Equal(t, uint64(layout.DoorbellMagic), binary.LittleEndian.Uint64(magic))

	next := uint64(0)
	publish := func(count uint64) {
		hex := make([]string, count)
		for i := range hex {
			hex[i] = want.hex(next + uint64(i))
		}
		c.expect(fmt.Sprint(next), "publish %s", strings.Join(hex, " "))
		want.slots(next, next+count).view(next + count - 1).head(next + count)
		next += count
		checkObject(c, name, want)
	}
	for _, count := range []uint64{1, 1, 3, 4, 8, 1, 9, 21, 2} { // more than half a ring, and more than two rings
		publish(count)
	}
	c.expect("ok", "close")
	checkObject(c, name, want.life(1, 0, layout.StateClosed))
	c.expect("ok", "detach")
	checkObject(c, name, want)

	c.expect("ok", "takeover %s %s", name, record)
	checkObject(c, name, want.life(2, next, layout.StateOpen))
	publish(2)
	c.process.Kill()
	c = l.start(t)
	c.expect("ok", "takeover %s %s", name, record)
	checkObject(c, name, want.life(3, next, layout.StateOpen))
	publish(9)
	c.expect("ok", "remove %s", name)
	assert.Empty(t, testkit.Objects(t, name))
	c.stop()
}

// bellPath is where a segment's doorbell lies.
func bellPath(name string, created uint64) string {
	return fmt.Sprintf("%s%s.%016x.bell", segment.Dir, name, created)
}

// checkObject holds a segment that c writes to its image. What differs from segment to segment is checked by
// itself: time of making, text about huge pages, and who the writer is.
func checkObject(c *client, name string, want *image) *image {
	c.Helper()
	have, err := os.ReadFile(segment.Dir + name)
	require.NoError(c, err)
	g, err := layout.Decode(uint64(len(have)), func(offset, n int) ([]byte, error) { return have[offset : offset+n], nil })
	require.NoError(c, err)
	expected := want.geometry
	expected.Created, expected.Fallback = g.Created, g.Fallback
	require.Equal(c, expected, g)

	word := func(offset int) uint64 { return binary.LittleEndian.Uint64(have[offset:]) }
	pid := c.process.Cmd.Process.Pid
	start, err := sys.StartTime(pid)
	require.NoError(c, err)
	assert.Equal(c, uint64(pid), word(layout.PIDOffset))
	assert.Equal(c, start, word(layout.StartTimeOffset))
	assert.NotZero(c, word(layout.HeartbeatOffset))
	assert.LessOrEqual(c, word(layout.HeartbeatOffset), sys.Boottime())

	masked := &image{geometry: g, bytes: append([]byte(nil), want.bytes...)}
	same := func(offset, n int) { copy(masked.bytes[offset:offset+n], have[offset:]) }
	same(layout.IdentityOffset, layout.IdentitySize) // as decoded
	same(int(binary.LittleEndian.Uint32(have[fieldOffset("fallback_offset"):])), len(g.Fallback))
	for _, offset := range []int{layout.PIDOffset, layout.StartTimeOffset, layout.HeartbeatOffset} {
		same(offset, 8)
	}
	for i := range masked.bytes {
		require.Equalf(c, masked.bytes[i], have[i], "byte %d of a segment of %s", i, c.name)
	}
	return masked
}

// checkReserved makes sure that an object is its owner's alone and has all its storage: else a store into it
// could end the writer one day.
func checkReserved(t testing.TB, path string, size uint64) {
	t.Helper()
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat(path, &st))
	assert.Equal(t, uint32(syscall.S_IFREG|0o600), st.Mode, path)
	assert.Equal(t, int64(size), st.Size, path)
	assert.GreaterOrEqual(t, st.Blocks*512, st.Size, path)
}
