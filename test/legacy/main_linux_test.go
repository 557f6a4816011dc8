package legacy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{"writer": writer})
}

// trade is record n of these tests: each field tells n, so that a field which is whole can be told from one
// that is not.
func trade(n uint64) ring.TradingData {
	return ring.TradingData{
		Price:     float64(n)/4 + 100,
		Timestamp: timeBase + n,
		Volume:    volumeBase + int32(n),
		Valid:     n%3 != 0,
	}
}

const (
	timeBase   = 1_700_000_000_000_000_000
	volumeBase = -1 << 30 // there are negative ones
)

// line is a record as the old consumers print it.
func line(rec ring.TradingData) string {
	valid := 0
	if rec.Valid {
		valid = 1
	}
	return fmt.Sprintf("%d %d %d %d", math.Float64bits(rec.Price), rec.Timestamp, rec.Volume, valid)
}

func parse(t *testing.T, s string) ring.TradingData {
	t.Helper()
	var bits uint64
	var valid int
	var rec ring.TradingData
	_, err := fmt.Sscan(s, &bits, &rec.Timestamp, &rec.Volume, &valid)
	require.NoError(t, err, s)
	rec.Price, rec.Valid = math.Float64frombits(bits), valid != 0
	return rec
}

const onHugePages = "create on huge pages"

// writer is the new writer. Arguments: name, and "create", "create on huge pages" or "open". It publishes the next record for each
// line "publish", seven for "publish 7", and for "flood" all that it can until it is killed.
func writer(args []string) error {
	open := segment.OpenWriter
	if args[1] != "open" {
		pages := hugepages.Prefer
		if args[1] == onHugePages {
			pages = hugepages.Require
		}
		open = func(name string) (*segment.Segment, error) {
			g, err := ring.GeometryOf[ring.TradingData](64)
			if err != nil {
				return nil, err
			}
			return segment.Create(name, g, segment.Options{Pages: pages})
		}
	}
	s, err := open(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	publish := func() uint64 {
		rec := trade(w.Head())
		return w.Publish(&rec)
	}
	fmt.Println("ready", w.Head())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		switch in.Text() {
		case "publish":
			fmt.Println(publish())
		case "publish 7":
			for range 6 {
				publish()
			}
			fmt.Println(publish())
		case "flood":
			fmt.Println("flooding")
			for {
				publish()
			}
		}
	}
	return w.Close()
}

// compiled compiles an old C++ program and returns its path.
func compiled(t *testing.T, name string) string {
	t.Helper()
	if _, err := exec.LookPath("g++"); err != nil {
		testkit.Require(t, "g++", err.Error())
	}
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-O2", "-pthread", "-o", out, filepath.Join("testdata", name+".cpp"), "-lrt")
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, string(said))
	return out
}

// python returns the interpreter.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		testkit.Require(t, "python3", err.Error())
	}
	return path
}

// program is a running old program.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Scanner
	said  strings.Builder
	ended bool
}

func start(t *testing.T, path string, args ...string) *program {
	t.Helper()
	return run(t, exec.Command(path, args...))
}

func run(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd}
	p.cmd.Stderr = &p.said
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewScanner(out)
	require.NoError(t, p.cmd.Start())
	limit := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		if !p.ended {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

func (p *program) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.ended = true
		err := p.cmd.Wait()
		require.Failf(p.t, "program ended early", "%v: %s", err, &p.said)
	}
	return p.out.Text()
}

func (p *program) say(s string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.in, s)
	require.NoError(p.t, err)
}

// end closes the program's input and returns its exit code.
func (p *program) end() int {
	p.t.Helper()
	_ = p.in.Close()
	for p.out.Scan() {
	}
	p.ended = true
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(p.t, ok && status.Exited(), "%v: %s", err, &p.said)
	return status.ExitStatus()
}
