// Package legacy holds programs as they were before the ring, in C++ and Python, and tests that they go on
// working, unchanged, against the segments of today; and that today's readers read theirs.
package legacy

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func TestMain(m *testing.M) {
	testkit.Roles(m, map[string]func([]string) error{"writer": writer})
}

// writer publishes up to the record whose number it is told on each line of standard input, until it is killed.
func writer(args []string) error {
	g, err := ring.GeometryOf[ring.TradingData](64)
	if err != nil {
		return err
	}
	memory, err := segment.CreateOrTakeOver(args[0], g, segment.Options{})
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[ring.TradingData](memory)
	if err != nil {
		return err
	}
	fmt.Println("writing from", w.Head())
	for {
		var upTo uint64
		if _, err := fmt.Scan(&upTo); err != nil {
			return err
		}
		for w.Head() <= upTo {
			rec := tradeOf(w.Head())
			w.Publish(&rec)
		}
		fmt.Println("published", upTo)
	}
}

func tradeOf(n uint64) ring.TradingData {
	return ring.TradingData{Price: float64(n) / 4, Timestamp: 1000 * (n + 1), Volume: int32(n), Valid: n%2 == 1}
}

// oldProgram runs a program from before the ring.
type oldProgram struct {
	t     *testing.T
	stdin io.Writer
	lines *bufio.Scanner
}

func start(t *testing.T, command string, args ...string) *oldProgram {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &oldProgram{t: t, stdin: stdin, lines: bufio.NewScanner(out)}
}

func (p *oldProgram) line() string {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "the old program ended early")
	return p.lines.Text()
}

// compile builds an old C++ program.
func compile(t *testing.T, source string) string {
	t.Helper()
	compiler, err := exec.LookPath("g++")
	if err != nil {
		testkit.Require(t, "g++", "the old programs are C++")
	}
	program := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command(compiler, "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, filepath.Join("testdata", source), "-lrt").CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

func segmentName(t *testing.T) string {
	name := fmt.Sprintf("/tickring-legacy-%d-%s", os.Getpid(), filepath.Base(t.Name()))
	t.Cleanup(func() { _ = segment.Unlink(name) })
	return name
}

func TestAnOldProducerIsRead(t *testing.T) {
	name := segmentName(t)
	producer := start(t, compile(t, "old_producer.cpp"), name)
	require.Equal(t, "ready", producer.line())

	_, err := segment.Attach(name)
	require.ErrorIs(t, err, segment.ErrBare, "it is told apart from a ring")
	_, err = segment.OpenWriter(name)
	require.ErrorIs(t, err, segment.ErrBare, "and not taken over")
	memory, err := segment.AttachBare(name)
	require.NoError(t, err)
	defer memory.Close()
	r, err := ring.NewBareReader(memory)
	require.NoError(t, err)
	assert.Equal(t, ring.TradingData{}, r.Read())
	for volume := int32(1); volume < 200; volume++ {
		fmt.Fprintln(producer.stdin, volume)
		require.Equal(t, fmt.Sprint("stored ", volume), producer.line())
		want := ring.TradingData{Price: float64(volume) / 4, Timestamp: uint64(volume) * 1000, Volume: volume, Valid: volume%2 == 1}
		require.Equal(t, want, r.Read())
	}
}

func TestAnOldProducerDoesNotOverwriteARing(t *testing.T) {
	name := segmentName(t)
	testkit.Start(t, "writer", name).Line()
	producer := start(t, compile(t, "old_producer.cpp"), name)
	assert.Equal(t, "error EEXIST", producer.line())
}

func TestOldConsumersReadTheRing(t *testing.T) {
	commands := map[string]func(t *testing.T) []string{
		"C++": func(t *testing.T) []string { return []string{compile(t, "old_consumer.cpp")} },
		"Python": func(t *testing.T) []string {
			python, err := exec.LookPath("python3")
			if err != nil {
				testkit.Require(t, "python3", "an old program is Python")
			}
			return []string{python, filepath.Join("testdata", "old_consumer.py")}
		},
	}
	for language, command := range commands {
		t.Run(language, func(t *testing.T) {
			name := segmentName(t)
			w := testkit.Start(t, "writer", name)
			require.Equal(t, "writing from 0", w.Line())
			args := append(command(t), name)
			consumer := start(t, args[0], args[1:]...)
			require.Equal(t, "ready", consumer.line())
			n := uint64(0)
			follow := func(records int) {
				for range records {
					n += 7 // it sees the newest; those in between are for readers of the ring
					w.Say(fmt.Sprint(n))
					require.Equal(t, fmt.Sprint("published ", n), w.Line())
					rec := tradeOf(n)
					valid := 0
					if rec.Valid {
						valid = 1
					}
					require.Equal(t, fmt.Sprintf("%g %d %d %d", rec.Price, rec.Timestamp, rec.Volume, valid), consumer.line())
				}
			}
			follow(100)
			w.Kill()
			w = testkit.Start(t, "writer", name)
			require.Equal(t, fmt.Sprint("writing from ", n+1), w.Line())
			follow(100) // the same consumer, which has noticed nothing
		})
	}
}

func TestAnOldConsumerWithoutAProducer(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		testkit.Require(t, "python3", "an old program is Python")
	}
	consumer := start(t, python, filepath.Join("testdata", "old_consumer.py"), segmentName(t))
	assert.Equal(t, "error: the producer is not running", consumer.line())
}
