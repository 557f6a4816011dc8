package interop

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// launcher starts a language's driver.
type launcher struct {
	name  string
	build func() (program, error)
	limit time.Duration // for an answer; 0 is answerLimit
}

// program is how a driver is run; without a path it is this test binary.
type program struct {
	path string
	args []string
	env  []string // in addition to the suite's
}

// missing says what the host lacks for a driver.
type missing struct {
	capability string
	err        error
}

func (m *missing) Error() string { return m.err.Error() }

var (
	golang     = launcher{name: "go", build: func() (program, error) { return program{}, nil }}
	cplusplus  = launcher{name: "c++", build: sync.OnceValues(func() (program, error) { return buildCpp(root(), buildDir()) })}
	python     = launcher{name: "python", build: sync.OnceValues(func() (program, error) { return buildPython(root(), buildDir()) })}
	purePython = launcher{name: "python-pure", build: sync.OnceValues(func() (program, error) { return sourcePython(root()) })}

	launchers = []launcher{golang, cplusplus, python, purePython}
)

// need builds the driver, once a run. It ends a test of a driver for which the host lacks something.
func (l launcher) need(t testing.TB) program {
	t.Helper()
	p, err := l.build()
	if lacking, ok := errors.AsType[*missing](err); ok {
		testkit.Require(t, lacking.capability, lacking.Error())
	}
	require.NoError(t, err, l.name)
	return p
}

// each runs a test with each driver.
func each(t *testing.T, test func(t *testing.T, l launcher)) {
	t.Helper()
	for _, l := range launchers {
		t.Run(l.name, func(t *testing.T) {
			l.need(t)
			test(t, l)
		})
	}
}

// eachPair runs a test with each driver as the writer and each as the reader.
func eachPair(t *testing.T, test func(t *testing.T, writer, reader launcher)) {
	t.Helper()
	each(t, func(t *testing.T, writer launcher) {
		for _, reader := range launchers {
			t.Run("to "+reader.name, func(t *testing.T) {
				reader.need(t)
				test(t, writer, reader)
			})
		}
	})
}

// present returns the drivers that the host has. For one that is missing there is a subtest that says so.
func present(t *testing.T) (found []launcher) {
	t.Helper()
	for _, l := range launchers {
		t.Run("there is "+l.name, func(t *testing.T) {
			l.need(t)
			found = append(found, l)
		})
	}
	return found
}

func root() string { return filepath.Join("..", "..") }

// buildDir is beside the test binary: there go test removes it with the binary.
func buildDir() string { return filepath.Join(filepath.Dir(os.Args[0]), "drivers") }

// buildCpp compiles the C++ driver of the module at root.
func buildCpp(root, dir string) (program, error) {
	source := filepath.Join(root, "clients", "cpp", "test", "driver.cpp")
	if _, err := os.Stat(source); err != nil {
		return program{}, &missing{"c++", err}
	}
	compiler, err := exec.LookPath("g++")
	if err != nil {
		return program{}, &missing{"g++", err}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return program{}, err
	}
	out := filepath.Join(dir, "driver-cpp")
	include := filepath.Join(root, "clients", "cpp", "include")
	if err := run(exec.Command(compiler, "-std=c++17", "-O2", "-pthread", "-I", include, "-o", out, source)); err != nil {
		return program{}, err
	}
	path, err := filepath.Abs(out)
	return program{path: path}, err
}

// sourcePython runs the Python driver from its sources, without the extension.
func sourcePython(root string) (program, error) {
	python, driver, err := findPython(root)
	if err != nil {
		return program{}, err
	}
	sources, err := filepath.Abs(filepath.Join(root, "clients", "python", "src"))
	if err != nil {
		return program{}, err
	}
	p := pythonProgram(python, driver, sources, "TICKRING_PURE=1")
	return p, p.imports("not tickring.native")
}

// buildPython installs the Python client with its extension.
func buildPython(root, dir string) (program, error) {
	python, driver, err := findPython(root)
	if err != nil {
		return program{}, err
	}
	if err := run(exec.Command(python, "-c", "import setuptools, wheel, pip")); err != nil {
		return program{}, &missing{"python3-pip", err}
	}
	// From a copy: pip leaves what it builds beside the sources.
	sources, target := filepath.Join(dir, "python-sources"), filepath.Join(dir, "python")
	if err := errors.Join(os.RemoveAll(sources), os.RemoveAll(target)); err != nil {
		return program{}, err
	}
	if err := os.CopyFS(sources, os.DirFS(filepath.Join(root, "clients", "python"))); err != nil {
		return program{}, err
	}
	install := exec.Command(python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "install",
		"--no-index", "--no-deps", "--no-build-isolation", "--target", target, sources)
	install.Env = append(os.Environ(), "PIP_ROOT_USER_ACTION=ignore")
	if err := run(install); err != nil {
		return program{}, err
	}
	if target, err = filepath.Abs(target); err != nil {
		return program{}, err
	}
	p := pythonProgram(python, driver, target, "TICKRING_PURE=")
	if err := p.imports("tickring.native"); err != nil { // no compiler, or no headers
		return program{}, &missing{"python-extension", err}
	}
	return p, nil
}

// imports makes sure that the package is there, and that what it says of itself holds.
func (p program) imports(condition string) error {
	cmd := exec.Command(p.path, "-c", "import tickring; assert "+condition)
	cmd.Env = append(os.Environ(), p.env...)
	return run(cmd)
}

// findPython finds the interpreter and the driver's source.
func findPython(root string) (python, driver string, err error) {
	if driver, err = filepath.Abs(filepath.Join(root, "clients", "python", "tests", "driver.py")); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(driver); err != nil {
		return "", "", &missing{"python", err}
	}
	if python = os.Getenv("TICKRING_PYTHON"); python != "" {
		return python, driver, nil
	}
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if python, err = exec.LookPath(name); err == nil {
			return python, driver, nil
		}
	}
	return "", "", &missing{"python3", err}
}

func pythonProgram(python, driver, path string, env ...string) program {
	return program{
		path: python,
		args: []string{driver},
		env:  append(env, "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1"),
	}
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", cmd, err, out)
	}
	return nil
}
