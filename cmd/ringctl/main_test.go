//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// program is the ringctl that the tests run, as a process: a command's contract is what its process does.
var program string

// programEnv hands program on to processes that play a role in a test.
const programEnv = "RINGCTL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if program = os.Getenv(programEnv); program != "" {
		testkit.Main(m, roles)
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ringctl")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // other users run it too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "ringctl")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(programEnv, program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// patience bounds every wait; only a test that fails waits that long.
const patience = 60 * time.Second

const (
	iexFile     = "iex_TOPS16.pcapng.gz"
	binanceFile = "binance_cm_btcusd_perp_20240808.gz"

	iexTrades = 6390
	iexVolume = 1427907
)

// newName returns a segment name of this test's own; what has it at the end is removed.
func newName(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("/ringctl-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
	t.Cleanup(func() {
		if err := segment.Unlink(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return name
}

func shmPath(name string) string { return filepath.Join(segment.Dir, name) }

// result is how a ringctl ended.
type result struct {
	stdout, stderr string
	code           int
}

// lastLine is the last line of stdout or stderr.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

func twoNumbers(t *testing.T, format, line string) (a, b int64) {
	t.Helper()
	n, err := fmt.Sscanf(line, format, &a, &b)
	require.NoError(t, err, "line %q", line)
	require.Equal(t, 2, n)
	return a, b
}

// summary returns the numbers of the last line that a tail leaves on stderr.
func (r result) summary(t *testing.T) (received, missed int64) {
	t.Helper()
	return twoNumbers(t, "received=%d missed=%d", lastLine(r.stderr))
}

// published returns the numbers of the last line that a replay leaves on stdout.
func (r result) published(t *testing.T) (records, volume int64) {
	t.Helper()
	return twoNumbers(t, "published=%d volume=%d", lastLine(r.stdout))
}

// ringctl runs one to its end.
func ringctl(t *testing.T, args ...string) result {
	t.Helper()
	return start(t, args...).wait(t)
}

// succeed runs one that must succeed.
func succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := ringctl(t, args...)
	require.Equal(t, 0, r.code, "ringctl %v: %s", args, r.stderr)
	return r
}

// process is a ringctl that runs.
type process struct {
	*exec.Cmd
	stdout, stderr *watched
	ended          chan error
}

func command(args ...string) *exec.Cmd { return exec.Command(program, args...) }

func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, command(args...))
}

// startCommand starts cmd with its output watched, but for a stdout that it has already.
func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, stdout: newWatched(), stderr: newWatched(), ended: make(chan error, 1)}
	if cmd.Stdout == nil {
		cmd.Stdout = p.stdout
	}
	cmd.Stderr = p.stderr
	require.NoError(t, cmd.Start())
	go func() {
		p.ended <- cmd.Wait()
		p.stdout.end()
		p.stderr.end()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return p
}

func (p *process) wait(t *testing.T) result {
	t.Helper()
	select {
	case err := <-p.ended:
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			require.NoError(t, err)
		}
		return result{stdout: p.stdout.String(), stderr: p.stderr.String(), code: p.ProcessState.ExitCode()}
	case <-time.After(patience):
		t.Fatalf("ringctl %v does not end; stderr:\n%s", p.Args[1:], p.stderr)
		return result{}
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.Process.Signal(s))
}

// watched is a buffer that can be waited on.
type watched struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change
	buffer  bytes.Buffer
	over    bool
}

func newWatched() *watched { return &watched{changed: make(chan struct{})} }

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buffer.Write(b)
	w.change()
	return len(b), nil
}

func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.change()
}

func (w *watched) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buffer.String()
}

// await waits until the text contains what.
func (w *watched) await(t *testing.T, what string) {
	t.Helper()
	late := time.After(patience)
	for {
		w.mu.Lock()
		text, over, changed := w.buffer.String(), w.over, w.changed
		w.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
		if over {
			t.Fatalf("ended without %q:\n%s", what, text)
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("no %q after %v:\n%s", what, patience, text)
		}
	}
}

// startTail follows a segment that exists, and returns when it is attached.
func startTail(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := start(t, append([]string{"tail", "--name", name}, args...)...)
	p.stderr.await(t, "following "+name+" from record ")
	return p
}

// startSlow starts a replay that publishes one record and then waits for hours.
func startSlow(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := start(t, append([]string{"replay", "--name", name, "--speed", "0.00001", testkit.DataFile(t, iexFile)}, args...)...)
	require.Equal(t, 0, succeed(t, "tail", "--name", awaitOpen(t, name), "--count", "1").code)
	return p
}

// awaitOpen waits until the segment has a writer, and returns its name.
func awaitOpen(t *testing.T, name string) string {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := newStatus(name)
		return err == nil && s.State == "open"
	}, patience, time.Millisecond)
	return name
}

func TestUsageErrors(t *testing.T) {
	name := newName(t)
	for what, tc := range map[string]struct {
		args []string
		says string
	}{
		"unknown command":   {[]string{"tali"}, "tail"},
		"unknown flag":      {[]string{"tail", "--nmae", "x"}, "unknown flag"},
		"argument":          {[]string{"stat", "x"}, "--name x"},
		"no file":           {[]string{"replay"}, "FILE"},
		"no name":           {[]string{"rm"}, "NAME"},
		"slots":             {[]string{"create", "--name", name, "--slots", "100"}, "such as 128"},
		"slots of replay":   {[]string{"replay", "--name", name, "--slots", "100", "nothing"}, "such as 128"},
		"mode":              {[]string{"create", "--name", name, "--mode", "0777"}, "0644"},
		"mode is not octal": {[]string{"create", "--name", name, "--mode", "rw"}, "0644"},
		"pages":             {[]string{"create", "--name", name, "--pages", "some"}, "off, prefer or require"},
		"name":              {[]string{"create", "--name", "a/b"}, "/trading_data"},
		"name of rm":        {[]string{"rm", "../etc"}, "/trading_data"},
		"speed":             {[]string{"replay", "--speed", "0", "x"}, "real time"},
		"speed NaN":         {[]string{"replay", "--speed", "NaN", "x"}, "real time"},
		"loop":              {[]string{"replay", "--loop", "-1", "x"}, "--loop"},
		"volume scale":      {[]string{"replay", "--volume-scale", "0", "x"}, "--volume-scale"},
		"from":              {[]string{"tail", "--from", "-1"}, "newest-N"},
		"resume":            {[]string{"tail", "--resume", "12"}, "newest-N"},
		"wait":              {[]string{"tail", "--wait", "5"}, "500us"},
		"wait too long":     {[]string{"tail", "--wait", "5s"}, "1s"},
		"format":            {[]string{"tail", "--format", "xml"}, "json"},
		"page size":         {[]string{"create", "--name", name, "--page-size", "big"}, "such as 2M or 1G"},
		"page size of none": {[]string{"create", "--name", name, "--page-size", "2M", "--pages", "off"}, "--pages off"},
		"huge pages":        {[]string{"hugepages", "--size", "2M"}, "--size is for --reserve and --mount"},
		"node":              {[]string{"hugepages", "--mount", "/x", "--node", "0"}, "--node is for --reserve"},
		"negative node":     {[]string{"hugepages", "--reserve", "1", "--node", "-1"}, "from 0"},
		"owner":             {[]string{"hugepages", "--reserve", "1", "--uid", "0"}, "--uid is for --mount"},
		"mode of a mount":   {[]string{"hugepages", "--mount", "/x", "--mode", "2777"}, "1777"},
		"mount nowhere":     {[]string{"hugepages", "--mount", ""}, "/dev/hugepages"},
		"mount and unmount": {[]string{"hugepages", "--mount", "/x", "--unmount", "/x"}, "one of them"},
		"reserve":           {[]string{"hugepages", "--reserve", "-1"}, "--reserve"},
		"mount on a copy":   {[]string{"hugepages", "--mount", "/x", "--root", os.TempDir()}, "a copy"},
		"no copy":           {[]string{"hugepages", "--root", os.DevNull}, "no copy"},
	} {
		t.Run(what, func(t *testing.T) {
			r := ringctl(t, tc.args...)
			assert.Equal(t, 2, r.code)
			assert.Empty(t, r.stdout)
			assert.Contains(t, r.stderr, tc.says)
			assert.Contains(t, r.stderr, "--help")
			assert.NotContains(t, r.stderr, "Flags:", "no usage text for a mistake")
		})
	}
	assert.NoFileExists(t, shmPath(name))
}

func TestHelpTeaches(t *testing.T) {
	assert.Contains(t, succeed(t).stdout, "Available Commands")
	for _, name := range []string{"create", "replay", "tail", "stat", "ls", "rm", "hugepages", "doctor"} {
		assert.Contains(t, succeed(t, name, "--help").stdout, "Examples:\n  ringctl "+name)
	}
}

func TestErrorsNameObjectOperationAndNextStep(t *testing.T) {
	name := newName(t)
	data := testkit.DataFile(t, iexFile)
	for what, tc := range map[string]struct {
		prepare func(t *testing.T)
		args    []string
		says    []string
	}{
		"missing": {
			args: []string{"tail", "--name", name},
			says: []string{"attach " + name, "no such file", "ringctl create --name " + name},
		},
		"stat of a missing one": {
			args: []string{"stat", "--name", strings.TrimPrefix(name, "/")},
			says: []string{"attach " + name, "ringctl ls"},
		},
		"exists": {
			prepare: func(t *testing.T) { succeed(t, "create", "--name", name) },
			args:    []string{"create", "--name", name},
			says:    []string{"create " + name, "exists", "ringctl rm " + name},
		},
		"garbage": {
			prepare: func(t *testing.T) { writeFile(t, name, bytes.Repeat([]byte("garbage "), 4096)) },
			args:    []string{"tail", "--name", name},
			says:    []string{"attach " + name, "not a Tickring segment", "ringctl rm " + name},
		},
		"garbage to publish to": {
			prepare: func(t *testing.T) { writeFile(t, name, bytes.Repeat([]byte("garbage "), 4096)) },
			args:    []string{"replay", "--name", name, data},
			says:    []string{"open as writer " + name, "not a Tickring segment", "ringctl rm " + name},
		},
		"damaged header": {
			prepare: func(t *testing.T) { damage(t, name) },
			args:    []string{"stat", "--name", name},
			says:    []string{"attach " + name, "checksum", "ringctl rm " + name},
		},
		"truncated": {
			prepare: func(t *testing.T) {
				succeed(t, "create", "--name", name, "--pages", "off")
				require.NoError(t, os.Truncate(shmPath(name), 8192))
			},
			args: []string{"tail", "--name", name},
			says: []string{"attach " + name, "truncated", "ringctl rm " + name},
		},
		"bare to publish to": {
			prepare: func(t *testing.T) { writeFile(t, name, make([]byte, 24)) },
			args:    []string{"replay", "--name", name, data},
			says:    []string{"open as writer " + name, "before the ring", "ringctl rm " + name},
		},
		"no doorbell": {
			prepare: func(t *testing.T) { succeed(t, "create", "--name", name) },
			args:    []string{"tail", "--name", name, "--wait", "block"},
			says:    []string{"read " + name, "no doorbell", "--doorbell"},
		},
		"no doorbell of a bare one": {
			prepare: func(t *testing.T) { writeFile(t, name, make([]byte, 24)) },
			args:    []string{"tail", "--name", name, "--wait", "block"},
			says:    []string{"read " + name, "no doorbell"},
		},
		"remove a missing one": {
			args: []string{"rm", name},
			says: []string{"unlink " + name, "no such file", "ringctl ls"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Cleanup(func() { _ = os.Remove(shmPath(name)) })
			if tc.prepare != nil {
				tc.prepare(t)
			}
			r := ringctl(t, tc.args...)
			assert.Equal(t, 1, r.code)
			for _, text := range tc.says {
				assert.Contains(t, r.stderr, text)
			}
			assert.NotContains(t, r.stderr, "Usage:")
			if tc.args[0] == "replay" {
				assert.Equal(t, "published=0 volume=0\n", r.stdout)
			}
		})
	}
}

func TestPermission(t *testing.T) {
	name := newName(t)
	succeed(t, "create", "--name", name)
	for _, args := range [][]string{
		{"tail", "--name", name},
		{"stat", "--name", name},
		{"replay", "--name", name, testkit.DataFile(t, iexFile)},
		{"rm", name},
	} {
		t.Run(args[0], func(t *testing.T) {
			cmd := command(args...)
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			} else {
				if args[0] == "rm" {
					testkit.Require(t, "root", "whoever owns a segment may remove it")
				}
				require.NoError(t, os.Chmod(shmPath(name), 0))
				defer func() { assert.NoError(t, os.Chmod(shmPath(name), 0o600)) }()
			}
			r := startCommand(t, cmd).wait(t)
			assert.Equal(t, 1, r.code)
			assert.Contains(t, r.stderr, name)
			assert.Regexp(t, "permission denied|not permitted", r.stderr)
			assert.Contains(t, r.stderr, "next: ")
			assert.FileExists(t, shmPath(name))
		})
	}
}

// writeFile makes an object that ringctl did not make.
func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(shmPath(name), content, 0o600))
}

// damage makes a segment with one wrong byte in its header.
func damage(t *testing.T, name string) {
	t.Helper()
	succeed(t, "create", "--name", name)
	f, err := os.OpenFile(shmPath(name), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xff}, 100)
	require.NoError(t, errors.Join(err, f.Close()))
}

// readLines hands over the lines of r.
func readLines(r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}
