package testkit

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const roleEnv = "TICKRING_TEST_ROLE"

// Roles runs the tests of a package whose test binary also plays other processes: with the name of
// a role in its environment it calls that function with its arguments and exits. Call it from TestMain.
func Roles(m *testing.M, roles map[string]func(args []string) error) {
	role := os.Getenv(roleEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	run, ok := roles[role]
	if !ok {
		fmt.Fprintf(os.Stderr, "no role %q\n", role)
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Process is a process in a role.
type Process struct {
	t     testing.TB
	Cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	err   *strings.Builder
}

// Start starts this test binary in a role. It is killed at the end of the test if it still runs then.
func Start(t testing.TB, role string, args ...string) *Process {
	t.Helper()
	return StartWith(t, role, nil, args...)
}

// roleEnvironment has the race detector not wait a second at the end for other threads' races.
func roleEnvironment(role string) []string {
	return append(os.Environ(), roleEnv+"="+role, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
}

// startLimit ends a process that hangs, and so a test that waits for it.
const startLimit = 2 * time.Minute

// RoleCommand is this test binary in a role, not started yet, for a test that minds its processes itself.
func RoleCommand(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = roleEnvironment(role)
	return cmd
}

// StartWith is [Start] with a command that prepare, if not nil, changes first.
func StartWith(t testing.TB, role string, prepare func(*exec.Cmd), args ...string) *Process {
	t.Helper()
	p := &Process{t: t, Cmd: RoleCommand(role, args...), err: &strings.Builder{}}
	p.Cmd.Stderr = p.err
	if prepare != nil {
		prepare(p.Cmd)
	}
	var err error
	if p.stdin, err = p.Cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(startLimit, func() { _ = p.Cmd.Process.Kill() })
	t.Cleanup(func() { limit.Stop(); p.Kill() })
	return p
}

// Say writes a line to the process's standard input.
func (p *Process) Say(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		_ = p.Cmd.Wait()
		p.t.Fatalf("process ended early: %v: %s", p.Cmd.ProcessState, p.err)
	}
}

// Line waits for the next line that the process prints.
func (p *Process) Line() string {
	p.t.Helper()
	if !p.lines.Scan() {
		_ = p.Cmd.Wait()
		p.t.Fatalf("process ended early: %v: %s", p.Cmd.ProcessState, p.err)
	}
	return p.lines.Text()
}

// Stop closes the process's standard input, which asks it to end, and waits until it has.
func (p *Process) Stop() error {
	_ = p.stdin.Close()
	return p.Wait()
}

// Wait waits until the process has ended. Its error has what the process said on standard error.
func (p *Process) Wait() error {
	_, err := p.Rest()
	return err
}

// Rest is [Process.Wait], and returns the lines that the process printed meanwhile.
func (p *Process) Rest() (lines []string, err error) {
	for p.lines.Scan() { // a full pipe would hold it up
		lines = append(lines, p.lines.Text())
	}
	if err := p.Cmd.Wait(); err != nil {
		return lines, fmt.Errorf("%w: %s", err, p.err)
	}
	return lines, nil
}

// Kill ends the process with SIGKILL, if it runs, and waits until it is gone.
func (p *Process) Kill() {
	if p.Cmd.ProcessState == nil {
		_ = p.Cmd.Process.Kill()
		_ = p.Cmd.Wait()
	}
}

// Stopped is closed when whoever started this process closes its standard input, or died.
func Stopped() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	return done
}
