package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// exampleName is the one that the examples have, which is why they get a /dev/shm of their own.
const exampleName = "/trading_data"

// An example that somebody copies says in one line that its segment was truncated, and ends.
func TestTruncatedUnderTheExamples(t *testing.T) {
	for _, example := range []string{"strategy", "feedhandler"} {
		t.Run(example, func(t *testing.T) {
			ownMounts := testkit.OwnMounts(t)
			recording := testkit.DataFile(t, "iex_TOPS16.pcapng.gz")
			dir := t.TempDir()
			program := filepath.Join(dir, example)
			build := exec.Command("go", "build", "-o", program, "../../examples/"+example)
			out, err := build.CombinedOutput()
			require.NoError(t, err, "%s", out)
			p := testkit.StartWith(t, example, ownMounts, program, recording, filepath.Join(dir, "pipe"))
			line := p.Line()
			assert.True(t, strings.HasPrefix(line, "exit status 1: segment: access "+exampleName+": segment truncated"), line)
			assert.NoError(t, p.Wait())
		})
	}
}

// example runs one, truncates its segment when it has said something, and calls then.
func example(then func(), program string, args ...string) error {
	cmd := exec.Command(program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("it ended early: %w: %s", cmd.Wait(), &stderr)
	}
	if err := os.Truncate(segment.Dir+exampleName, 0); err != nil {
		return err
	}
	then()
	if _, err := io.Copy(io.Discard, stdout); err != nil {
		return err
	}
	say("%v: %s", cmd.Wait(), strings.ReplaceAll(stderr.String(), "\n", "; "))
	return nil
}

// strategy publishes for the example of that name.
func strategy(args []string) error {
	if err := testkit.MountShm("size=64m"); err != nil {
		return err
	}
	g, err := ring.GeometryOf[ring.TradingData](16)
	if err != nil {
		return err
	}
	s, err := segment.Create(exampleName, g, segment.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	w.Publish(&ring.TradingData{Price: 1, Volume: 1, Valid: true}) // of which it says something
	return example(func() {}, args[0])
}

// feedhandler feeds the example of that name through a pipe, which keeps it at work.
func feedhandler(args []string) error {
	if err := testkit.MountShm("size=64m"); err != nil {
		return err
	}
	recording, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	if err := syscall.Mkfifo(args[2], 0o600); err != nil {
		return err
	}
	truncated := make(chan struct{})
	go func() {
		pipe, err := os.OpenFile(args[2], os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer pipe.Close()
		_, _ = pipe.Write(recording[:len(recording)/2])
		<-truncated
		_, _ = pipe.Write(recording[len(recording)/2:]) // it has ended, or finds nothing to publish to
	}()
	return errors.Join(example(func() { close(truncated) }, args[0], args[2]), sweep())
}

// sweep removes the ring file, on a hugetlbfs that is not the process's own, of an object that no longer tells where it is:
// the next segment of that name does.
func sweep() error {
	g, err := ring.GeometryOf[ring.TradingData](16)
	if err != nil {
		return err
	}
	if err := segment.Unlink(exampleName); err != nil {
		return err
	}
	s, err := segment.Create(exampleName, g, segment.Options{})
	if err != nil {
		return err
	}
	return errors.Join(segment.Unlink(exampleName), s.Close())
}
