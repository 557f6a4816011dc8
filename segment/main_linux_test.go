package segment

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{
		"small lock limit":       smallLockLimit,
		"woken":                  woken,
		"elsewhen":               elsewhenRole,
		"another time":           anotherTime,
		"writer of another time": writerOfAnotherTime,
		"attach-as-nobody":       attachAsNobody,
		"create-as-nobody":       createAsNobody,
		"bell-of-nobody":         bellOfNobody,
		"full":                   full,
		"holes":                  holes,
		"descriptors":            descriptors,
		"hold":                   hold,
		"maker":                  maker,
		"finder":                 finder,
		"publisher":              publisher,
		"contender":              contender,
		"echo":                   echo,
		"sleeper":                sleeper,
		"idler":                  idler,
		"quiet":                  quiet,
		"survivor":               survivor,
	})
}

// forever is longer than anything takes here.
const forever = 30 * time.Second

// stamp is a record whose fields all follow from its number and who wrote it.
type stamp struct {
	Number uint64
	Epoch  uint64
	Check  uint64
}

func stampOf(n, epoch uint64) stamp {
	return stamp{Number: n, Epoch: epoch, Check: (n ^ epoch<<48) * 0x9e37_79b9_7f4a_7c15}
}

func (s stamp) whole() bool { return s == stampOf(s.Number, s.Epoch) }

// shape is the geometry of a segment of stamps.
func shape(slots uint64) ring.Geometry { return shapeOf[stamp](slots) }

func shapeOf[T any](slots uint64) ring.Geometry {
	g, err := ring.GeometryOf[T](slots)
	if err != nil {
		panic(err)
	}
	return g
}

// createFor makes a segment that is closed after the test.
func createFor(t testing.TB, name string, slots uint64, o Options) *Segment {
	t.Helper()
	s, err := Create(name, shape(slots), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func attach(t testing.TB, name string) *Segment {
	t.Helper()
	s, err := Attach(name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newWriter(t testing.TB, s *Segment) *ring.Writer[stamp] {
	t.Helper()
	w, err := ring.NewWriter[stamp](s)
	require.NoError(t, err)
	return w
}

func newReader(t testing.TB, s *Segment, o ring.ReaderOptions) *ring.Reader[stamp] {
	t.Helper()
	r, err := ring.NewReader[stamp](s, o)
	require.NoError(t, err)
	return r
}

// made makes a segment with a writer that has come and gone, and returns its name and path.
func made(t testing.TB, o Options) (name, path string) {
	t.Helper()
	name = testkit.Name(t)
	s, err := Create(name, shape(16), o)
	require.NoError(t, err)
	w := newWriter(t, s)
	for n := range uint64(20) {
		rec := stampOf(n, 1)
		w.Publish(&rec)
	}
	require.NoError(t, w.Close())
	require.NoError(t, s.Close())
	return name, Dir + name
}

// commands are the lines on a role's standard input. The process ends with it: nobody is left to talk
// to.
var commands = sync.OnceValue(func() <-chan string {
	lines := make(chan string, 16)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
		os.Exit(0)
	}()
	return lines
})

// awaits waits for a line from the test.
func awaits(line string) error {
	if got := <-commands(); got != line {
		return fmt.Errorf("was told %q, not %q", got, line)
	}
	return nil
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// untilEOF waits until the test has closed this process's standard input.
func untilEOF() { _, _ = io.Copy(io.Discard, os.Stdin) }

// maps are the lines of /proc/self/maps for an object in Dir.
func maps(t testing.TB, object string) (lines []string) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if strings.HasSuffix(strings.TrimSpace(line), Dir+"/"+strings.TrimPrefix(object, "/")) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
