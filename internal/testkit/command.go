//go:build unix

package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Ringctl builds the command, once a test binary, and returns its path. It lies beside the test binary: there
// go test removes it with that.
func Ringctl(t testing.TB) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(os.Args[0]), "ringctl")
	if err := buildRingctl(path, ModuleRoot(t)); err != nil {
		t.Fatal(err)
	}
	return path
}

func buildRingctl(path, root string) error {
	ringctlBuilt.Do(func() {
		cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/ringctl")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			errRingctl = fmt.Errorf("%v: %w: %s", cmd, err, out)
		}
	})
	return errRingctl
}

var (
	ringctlBuilt sync.Once
	errRingctl   error
)

// Outcome is how a command ended.
type Outcome struct {
	Code           int
	Stdout, Stderr string
}

// Command runs a program to its end, as a user if who is not nil, who need not be able to look into the
// program's folder.
func Command(who *syscall.Credential, path string, args ...string) (Outcome, error) {
	program, err := os.Open(path)
	if err != nil {
		return Outcome{}, err
	}
	defer program.Close()
	cmd := exec.Command(path, args...)
	if who != nil {
		cmd.ExtraFiles = []*os.File{program}
		cmd.Path = "/proc/self/fd/3"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return Outcome{}, err
	}
	return Outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, nil
}

// Refused makes sure that the command failed with code 1, and said why in one line that has all texts, and perhaps in
// another what to do next.
func (o Outcome) Refused(texts ...string) error {
	first, rest, _ := strings.Cut(o.Stderr, "\n")
	rest, _ = strings.CutPrefix(rest, "  next: ")
	if o.Code != 1 || !strings.HasPrefix(first, "ringctl: ") || strings.Contains(strings.TrimSuffix(rest, "\n"), "\n") {
		return fmt.Errorf("not refused in one line: %+v", o)
	}
	for _, text := range texts {
		if !strings.Contains(first, text) {
			return fmt.Errorf("%q is not in: %s", text, first)
		}
	}
	return nil
}
