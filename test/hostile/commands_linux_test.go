package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// Commands on a segment that another process changes, cuts, replaces and removes come to an end: they say in one line what is
// wrong, or what they saw. While no slot lies, tail shows the records that there were.
func TestCommandsWhileChanged(t *testing.T) {
	needFaults(t) // of those who make them
	c := commander{program: testkit.Ringctl(t), random: random(seed(t)), ended: map[string]int{}}
	const longest = 20 * time.Second // that a vandal is at it
	for left := duration(t, 4*time.Second); left > 0; left -= 2 * longest {
		for _, vandal := range []string{"obstruct", "scribble"} {
			t.Run(vandal, func(t *testing.T) {
				c.name, c.truthful = published(t), vandal == "obstruct"
				shown := c.shown
				stop := startVandal(t, vandal, c.name, c.random.Uint64(), true)
				for end := time.Now().Add(min(longest, left/2)); time.Now().Before(end) || c.truthful && c.shown == shown; {
					c.run(t, c.line())
				}
				stop()
			})
		}
	}
	total := 0
	for _, how := range slices.Sorted(maps.Keys(c.ended)) {
		t.Logf("%6d × %s", c.ended[how], how)
		total += c.ended[how]
	}
	t.Logf("%d commands; of the records that tail showed, %d were known, and true", total, c.shown)
}

// commander runs commands, and counts how they ended.
type commander struct {
	program  string
	name     string
	truthful bool // what tail shows is known
	random   *rand.Rand
	ended    map[string]int
	shown    int // records whose truth was seen
}

// line is a command that reads a segment, or all.
func (c *commander) line() []string {
	pick := func(from ...string) string { return from[c.random.IntN(len(from))] }
	switch c.random.IntN(6) {
	case 0:
		return []string{"ls", "--json=false"}
	case 1:
		return []string{"ls", "--json"}
	case 2:
		return []string{"stat", "--json=false", "--name", c.name}
	case 3:
		return []string{"stat", "--json", "--name", c.name}
	}
	return []string{
		"tail", "--format=" + pick("text", "json", "csv", "raw"), "--name", c.name, "--from=" + pick("oldest", "newest", "newest-9", "7"),
		"--resume=" + pick("oldest", "newest"), "--wait=" + pick("spin", "backoff", "block", "100us"), "--count=" + pick("0", "8", "5000"),
		"--strict=" + pick("true", "false"),
	}
}

var (
	// steers matches what could steer a terminal.
	steers = regexp.MustCompile(`[^ -~\n\t…×]`)
	// failed is the end of what a command says on stderr that failed; tail has an account to give besides.
	failed = regexp.MustCompile(`(?:^|\n)ringctl: ([^\n]+)\n(?:  next: [^\n]+\n)?(?:received=\d+ missed=\d+\n)?$`)
	// particular is what differs each time.
	particular = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+|"[^"]*"`)
)

// run runs a command to its end, which a tail may have to be told.
func (c *commander) run(t *testing.T, line []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only one that hangs takes as long
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program, line...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	if line[0] == "tail" {
		interrupt := func() { _ = cmd.Process.Signal(syscall.SIGINT) }
		defer time.AfterFunc(time.Duration(c.random.IntN(200))*time.Millisecond, interrupt).Stop()
	}
	err := cmd.Wait()
	require.NoError(t, ctx.Err(), "%v hangs: %s", line, &stderr)
	all := fmt.Sprintf("%v: %v\n%.1000s\n%.5000s", line, err, &stdout, &stderr)
	how := fmt.Sprintf("%s: exit status %d", line[0], cmd.ProcessState.ExitCode())
	switch cmd.ProcessState.ExitCode() {
	case 0, 3:
	case 1:
		match := failed.FindStringSubmatch(stderr.String())
		require.NotNil(t, match, all)
		require.Equal(t, 1, strings.Count("\n"+stderr.String(), "\nringctl: "), all)
		how += ": " + particular.ReplaceAllString(strings.ReplaceAll(match[1], c.name, "NAME"), "…")
	default: // it had not yet begun to listen
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, all)
		require.Equal(t, syscall.SIGINT, exit.Sys().(syscall.WaitStatus).Signal(), all)
		require.Zero(t, stdout.Len()+stderr.Len(), all)
	}
	c.ended[how]++
	require.False(t, steers.Match(stderr.Bytes()), all)
	c.check(t, line, stdout.Bytes(), all)
}

// check looks at what a command wrote to stdout.
func (c *commander) check(t *testing.T, line []string, out []byte, all string) {
	t.Helper()
	format := line[1]
	switch {
	case format == "--format=raw":
		require.Zero(t, len(out)%24, all)
		for ; len(out) > 0; out = out[24:] {
			rec := decoded(out)
			c.is(t, rec.Timestamp/2, rec)
		}
		return
	case format == "--json" && len(out) > 0:
		require.True(t, json.Valid(out), all)
	}
	require.False(t, steers.Match(out), all)
	for text := range strings.Lines(string(out)) {
		require.True(t, strings.HasSuffix(text, "\n"), all)
		switch format {
		case "--format=json":
			var rec struct {
				N uint64
				ring.TradingData
			}
			err := json.Unmarshal([]byte(text), &rec)
			require.NoError(t, err, text)
			c.is(t, rec.N, rec.TradingData)
		case "--format=csv":
			fields := strings.Split(strings.TrimSuffix(text, "\n"), ",")
			require.Len(t, fields, 5, text)
			if n, err := strconv.ParseUint(fields[0], 10, 64); err == nil { // not the header
				price, _ := strconv.ParseFloat(fields[1], 64)
				timestamp, _ := strconv.ParseUint(fields[2], 10, 64)
				volume, _ := strconv.ParseInt(fields[3], 10, 32)
				c.is(t, n, ring.TradingData{Price: price, Timestamp: timestamp, Volume: int32(volume), Valid: fields[4] == "true"})
			}
		}
	}
}

// is makes sure that rec is record n, where that is known.
func (c *commander) is(t *testing.T, n uint64, rec ring.TradingData) {
	t.Helper()
	if c.truthful {
		require.Equal(t, truth(n), rec, "record %d", n)
		c.shown++
	}
}
