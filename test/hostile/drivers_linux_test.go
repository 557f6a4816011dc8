package hostile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// driver is a program of another language that answers the commands of test/interop.
type driver struct {
	name    string
	process *testkit.Process
}

// drivers starts those that this machine has. The one in C++ looks for what it must not do, with sanitizers, if the
// compiler has them.
func drivers(t *testing.T) (all []*driver) {
	t.Helper()
	root := testkit.ModuleRoot(t)
	start := func(name string, env []string, program ...string) {
		all = append(all, &driver{name, testkit.StartWith(t, name, func(cmd *exec.Cmd) {
			cmd.Path, cmd.Args, cmd.Env = program[0], program, append(cmd.Env, env...)
		})})
	}
	if compiler, err := exec.LookPath("g++"); err == nil {
		program, err := compiled(compiler, root, "clients/cpp/test/driver.cpp")
		require.NoError(t, err)
		start("c++", []string{"ASAN_OPTIONS=abort_on_error=1"}, program)
	} else {
		t.Logf("without C++: %v", err)
	}
	if path, err := interpreter(); err == nil {
		python := filepath.Join(root, "clients", "python")
		env := []string{"PYTHONPATH=" + filepath.Join(python, "src"), "PYTHONDONTWRITEBYTECODE=1", "TICKRING_PURE=1"}
		start("python", env, path, filepath.Join(python, "tests", "driver.py"))
	} else {
		t.Logf("without Python: %v", err)
	}
	if len(all) == 0 {
		testkit.Require(t, "c++ or python", "no driver")
	}
	return all
}

// interpreter of Python.
func interpreter() (path string, err error) {
	if path = os.Getenv("TICKRING_PYTHON"); path != "" {
		return path, nil
	}
	if path, err = exec.LookPath("/usr/bin/python3"); err == nil {
		return path, nil
	}
	return exec.LookPath("python3")
}

// compiled is a program in C++, made once a run, beside the test binary: there go test removes it.
func compiled(compiler, root, source string) (program string, err error) {
	program, err = filepath.Abs(filepath.Join(filepath.Dir(os.Args[0]), "hostile-"+strings.TrimSuffix(filepath.Base(source), ".cpp")))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	args := []string{
		"-std=c++17", "-O1", "-pthread", "-I", filepath.Join(root, "clients", "cpp", "include"), "-o", program, filepath.Join(root, source),
	}
	sanitized := append([]string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all"}, args...)
	if exec.Command(compiler, sanitized...).Run() == nil {
		return program, nil
	}
	if out, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
}

// ask gives a command and returns the answer.
func (d *driver) ask(command string) string {
	d.process.Say(command)
	return d.answer()
}

// answer waits for one; a driver that takes too long for it is killed, and the test fails.
func (d *driver) answer() string {
	hung := time.AfterFunc(stuck, func() { _ = d.process.Cmd.Process.Kill() })
	defer hung.Stop()
	return d.process.Line()
}
