package hostile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// strangers are victims in other languages: commands by name, to which a segment's name and flags are added. Each is
// testdata/victim.cpp, or testdata/victim.py in pure Python or with the extension.
type strangers map[string][]string

// theStrangers are those for which this machine has what they need; a subtest says what another lacks.
func theStrangers(t *testing.T) strangers {
	t.Helper()
	root, found := testkit.ModuleRoot(t), strangers{}
	for name, build := range map[string]func(*testing.T, string) []string{
		"c++": cppVictim, "python": purePython, "python extension": pythonExtension,
	} {
		t.Run("there is "+name, func(t *testing.T) { found[name] = build(t, root) })
	}
	return found
}

func cppVictim(t *testing.T, root string) []string {
	compiler, err := exec.LookPath("g++")
	if err != nil {
		testkit.Require(t, "g++", err.Error())
	}
	program, err := compiled(compiler, root, "test/hostile/testdata/victim.cpp")
	require.NoError(t, err)
	return []string{"/usr/bin/env", "ASAN_OPTIONS=abort_on_error=1", program}
}

func pythonVictim(t *testing.T, root, client, pure string) []string {
	python, err := interpreter()
	if err != nil {
		testkit.Require(t, "python3", err.Error())
	}
	environment := []string{"/usr/bin/env", "PYTHONPATH=" + client, "PYTHONDONTWRITEBYTECODE=1", "TICKRING_PURE=" + pure, python}
	native := exec.Command(environment[0], append(environment[1:], "-c", "import tickring; print(tickring.native)")...)
	out, err := native.CombinedOutput()
	require.NoError(t, err, "%s", out)
	if want := map[string]string{"1": "False\n", "": "True\n"}[pure]; string(out) != want {
		testkit.Require(t, "python-extension", "tickring.native is "+string(out))
	}
	return append(environment, filepath.Join(root, "test/hostile/testdata/victim.py"))
}

func purePython(t *testing.T, root string) []string {
	return pythonVictim(t, root, filepath.Join(root, "clients", "python", "src"), "1")
}

// pythonExtension is built once a run, from a copy: setuptools leaves files beside what it builds.
func pythonExtension(t *testing.T, root string) []string {
	python, err := interpreter()
	if err != nil {
		testkit.Require(t, "python3", err.Error())
	}
	dir, err := filepath.Abs(filepath.Join(filepath.Dir(os.Args[0]), "hostile-python"))
	require.NoError(t, err)
	source, lib := filepath.Join(dir, "source"), filepath.Join(dir, "lib")
	if _, err := os.Stat(lib); errors.Is(err, os.ErrNotExist) {
		require.NoError(t, os.CopyFS(source, os.DirFS(filepath.Join(root, "clients", "python"))))
		build := exec.Command(python, "setup.py", "-q", "build", "--build-base", dir, "--build-lib", lib)
		build.Dir = source
		if out, err := build.CombinedOutput(); err != nil {
			testkit.Require(t, "python-extension", fmt.Sprintf("%v: %s", err, out))
		}
	}
	return pythonVictim(t, root, lib, "")
}

// start starts one as a victim of the segment of a name; nil if there is none.
func (s strangers) start(t *testing.T, stranger, segment string, flags ...string) *testkit.Process {
	t.Helper()
	command := s[stranger]
	if command == nil {
		return nil
	}
	return testkit.StartWith(t, stranger, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = command[0], append(append(command[:len(command):len(command)], segment), flags...)
	})
}
