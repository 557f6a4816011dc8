package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/cmd/ringbench/show"
	"github.com/tickring/tickring/cmd/ringbench/show/made"
)

// showing runs ringbench on files and returns what it printed and its exit code.
func showing(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := program(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func saved(t *testing.T, r *show.Report) (file string) {
	t.Helper()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "result.json")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return file
}

// What a run writes is what the report command makes of its JSON.
func TestARunIsShown(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	withoutCompiler(t)
	result := runProgram(t, "--json", "--duration", "200ms", "--warmup", "0s", "--html", at("run.html"), "--hlog", at("run.hlog"), "--hgrm", dir+"/run/")
	require.NoError(t, os.WriteFile(at("result.json"), []byte(result), 0o600))

	_, said, code := showing(t, "report", at("result.json"), "--html", at("later.html"), "--hlog", at("later.hlog"), "--hgrm", dir+"/later/")
	require.Zero(t, code, said)
	runs, err := filepath.Glob(dir + "/run*/*.hgrm")
	require.NoError(t, err)
	require.NotEmpty(t, runs)
	for _, name := range []string{"run.html", "run.hlog", "run/" + filepath.Base(runs[0])} {
		run, err := os.ReadFile(at(name))
		require.NoError(t, err)
		later, err := os.ReadFile(at("later" + name[len("run"):]))
		require.NoError(t, err)
		assert.NotEmpty(t, run)
		assert.Equal(t, string(later), string(run), name)
	}
}

func TestReportOfNothing(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"report", saved(t, made.Rounds(1))}, "--html, --hgrm or --hlog"},
		{[]string{"report", "/nowhere", "--html", page}, "no such file"},
		{[]string{"report", os.DevNull, "--html", page}, "it is empty"},
		{[]string{"report", saved(t, made.Rounds(1)), "--html", "/nowhere/page.html"}, "/nowhere/page.html"},
		{[]string{"report"}, "accepts 1 arg"},
	} {
		_, said, code := showing(t, c.args...)
		assert.Equal(t, exitFailed, code)
		assert.Contains(t, said, c.says)
	}
	assert.NoFileExists(t, page)
}

func TestCompareAndItsExitCode(t *testing.T) {
	before, after := made.Rounds(1), made.Rounds(2)
	for i := range after.Results {
		for _, one := range after.Results[i].PerRound {
			if one.Ratio != nil {
				*one.Ratio *= 2
			}
		}
	}
	elsewhere := made.Rounds(3)
	elsewhere.Host.CPU = "another"
	a, b, other := saved(t, before), saved(t, after), saved(t, elsewhere)

	out, _, code := showing(t, "compare", a, b)
	assert.Zero(t, code)
	assert.Contains(t, out, "SLOWER")
	_, said, code := showing(t, "compare", "--fail-on-slower", a, b)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "slower than before")
	out, _, code = showing(t, "compare", "--fail-on-slower", b, a)
	assert.Zero(t, code, "faster")
	assert.Contains(t, out, "FASTER")
	_, _, code = showing(t, "compare", "--fail-on-slower", a, a)
	assert.Zero(t, code, "the same")
	_, _, code = showing(t, "compare", "--fail-on-slower", "--relevant", "300", a, b)
	assert.Zero(t, code, "slower, but who cares")
	_, said, code = showing(t, "compare", "--fail-on-slower", a, other)
	assert.Equal(t, exitFailed, code, "a gate does not open because nothing was seen")
	assert.Contains(t, said, "no row could be judged")
	_, said, code = showing(t, "compare", a, a+"x")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "no such file")

	out, _, code = showing(t, "compare", "--json", a, other)
	assert.Zero(t, code)
	var c struct{ Differ []string }
	require.NoError(t, json.Unmarshal([]byte(out), &c))
	assert.Equal(t, []string{"host: processor: Made-up 9000 Processor @ 3.20GHz, and another"}, c.Differ)
}
