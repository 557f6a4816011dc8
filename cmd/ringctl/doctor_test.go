//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/host/doctor"
	"github.com/tickring/tickring/internal/testkit"
)

// quietHost lacks nothing that can be known without system calls.
var quietHost = testkit.Machine{Sockets: 2, L3s: 2, Cores: 4, Threads: 1}

// copied writes a tree to a directory.
func copied(t *testing.T, tree fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, tree))
	return dir
}

func diagnose(t *testing.T, text string) diagnosis {
	t.Helper()
	var d diagnosis
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	return d
}

func finding(t *testing.T, d diagnosis, id string) doctor.Finding {
	t.Helper()
	for _, f := range d.Findings {
		if f.ID == id {
			return f
		}
	}
	t.Fatalf("no finding %s", id)
	return doctor.Finding{}
}

func TestDoctorOnThisHost(t *testing.T) {
	r := ringctl(t, "doctor")
	assert.Empty(t, r.stderr)
	assert.NotContains(t, r.stdout, "\x1b", "no colours but on a terminal")
	j := ringctl(t, "doctor", "--json")
	d := diagnose(t, j.stdout)
	assert.Equal(t, r.code, j.code)
	assert.Equal(t, map[bool]int{false: 0, true: 5}[d.Counts.Bad > 0], j.code)
	assert.Equal(t, doctor.Count(d.Findings), d.Counts)
	assert.Contains(t, r.stdout, d.Counts.String())
	for _, f := range d.Findings {
		assert.Regexp(t, fmt.Sprintf(`(?m)^%s +%s +\S`, f.Status, f.ID), r.stdout)
		if f.Status == doctor.Warn || f.Status == doctor.Bad {
			assert.Contains(t, r.stdout, f.Why)
			assert.NotEmpty(t, f.Fix)
		}
	}
	require.NotNil(t, d.Pinning)
	assert.Contains(t, r.stdout, fmt.Sprintf("writer on CPU %d", d.Pinning.Writer))
}

// Limits of this process are found, and whatever it lacks, doctor runs.
func TestDoctorWithoutPrivileges(t *testing.T) {
	cmd := exec.Command("sh", "-c", `ulimit -l 64; ulimit -r 0; exec "$0" doctor --json`, program)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testkit.Nobody, Gid: testkit.Nobody}}
	}
	r := startCommand(t, cmd).wait(t)
	assert.Empty(t, r.stderr)
	d := diagnose(t, r.stdout)
	memlock := finding(t, d, "memlock")
	assert.Equal(t, doctor.Warn, memlock.Status)
	assert.Equal(t, "64 KiB (hard limit 64 KiB)", memlock.Found)
	assert.True(t, strings.HasPrefix(memlock.Fix, "sudo prlimit --pid $$ --memlock"))
	rtprio := finding(t, d, "rtprio")
	assert.Equal(t, doctor.Warn, rtprio.Status)
	assert.Contains(t, rtprio.Fix, "LimitRTPRIO=49")
}

func TestDoctorJSON(t *testing.T) {
	r := succeed(t, "doctor", "--json", "--readers", "3", "--root", copied(t, quietHost.Tree()))
	assert.Equal(t, []string{"findings", "counts", "readers", "pinning", "cpus"}, topLevelKeys(t, r.stdout))
	var raw struct {
		Findings []json.RawMessage
		Pinning  json.RawMessage
		CPUs     []json.RawMessage
		Counts   json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &raw))
	assert.Equal(t, []string{"id", "status", "found", "why", "fix"}, topLevelKeys(t, string(raw.Findings[0])))
	assert.Equal(t, []string{"writer", "readers", "distances", "unplaced", "idle", "compromises"}, topLevelKeys(t, string(raw.Pinning)))
	assert.Equal(t, []string{"ok", "warn", "bad", "unknown"}, topLevelKeys(t, string(raw.Counts)))
	assert.Equal(t, []string{"id", "package", "node", "core", "siblings", "l3", "isolated", "nohz_full"}, topLevelKeys(t, string(raw.CPUs[0])))

	var ids []string
	d := diagnose(t, r.stdout)
	for _, f := range d.Findings {
		ids = append(ids, f.ID)
	}
	assert.Equal(t, strings.Fields(`cpus cgroup-cpu virtualised isolated nohz-full governor boost smt tsc shm
		huge-page-pool hugetlbfs shm-huge thp thp-defrag swap memlock cgroup-memory numa-balancing rtprio rt-throttling autogroup cpuset seccomp`), ids)
	assert.Equal(t, host.Pinning{
		Writer: 4, Readers: []int{5, 6, 7}, Distances: []host.Distance{host.SameL3, host.SameL3, host.SameL3},
		Idle: []int{}, Compromises: []string{},
	}, *d.Pinning)
	assert.Len(t, d.CPUs, 16)
}

func TestDoctorExitCodes(t *testing.T) {
	tree := quietHost.Tree()
	fine := copied(t, tree)
	testkit.Change(tree, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
	warned := copied(t, tree)
	testkit.Change(tree, "sys/fs/cgroup/trading/cpu.max", "50000 100000")
	hurt := copied(t, tree)
	for _, tc := range []struct {
		root   string
		strict bool
		code   int
		says   string
	}{
		{fine, false, 0, " 0 warn, 0 bad, "}, // some is unknown
		{fine, true, 0, " 0 warn, 0 bad, "},
		{warned, false, 0, " 1 warn, 0 bad, "},
		{warned, true, 4, " 1 warn, 0 bad, "},
		{hurt, false, 5, " 1 warn, 1 bad, "},
		{hurt, true, 5, " 1 warn, 1 bad, "},
	} {
		args := []string{"doctor", "--root", tc.root}
		if tc.strict {
			args = append(args, "--strict")
		}
		r := ringctl(t, args...)
		assert.Equal(t, tc.code, r.code, r.stdout)
		assert.Contains(t, r.stdout, tc.says)
		assert.Empty(t, r.stderr)
	}
	r := ringctl(t, "doctor", "--root", hurt)
	assert.Contains(t, r.stdout, "bad      cgroup-cpu      0.5 CPUs (/sys/fs/cgroup/trading/cpu.max), for 2 threads that spin\n         why: ")
	assert.Contains(t, r.stdout, "         fix: echo max | sudo tee /sys/fs/cgroup/trading/cpu.max")
	assert.NotContains(t, r.stdout, "why: with another clock source", "that is ok")
	assert.Contains(t, ringctl(t, "doctor", "--all", "--root", hurt).stdout, "why: with another clock source")
}

func TestDoctorColours(t *testing.T) {
	var out strings.Builder
	d := &diagnosis{Findings: []doctor.Finding{{ID: "x", Status: doctor.Bad, Found: "f"}}, Readers: 1}
	require.NoError(t, d.write(&out, false, true))
	assert.Contains(t, out.String(), "\x1b[1;31mbad    \x1b[0m  x ")
	assert.Contains(t, out.String(), "pinning for 1 writer and 1 reader: unknown\n")
	assert.False(t, colours(&out))
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		testkit.Require(t, "pty", err.Error())
	}
	defer terminal.Close()
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	assert.True(t, colours(terminal))
	t.Setenv("NO_COLOR", "1")
	assert.False(t, colours(terminal))
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	assert.False(t, colours(terminal))
}

func TestDoctorUsage(t *testing.T) {
	for _, args := range [][]string{{"--readers", "-1"}, {"--readers", "x"}, {"--root", t.TempDir()}, {"/trading_data"}} {
		r := ringctl(t, append([]string{"doctor"}, args...)...)
		assert.Equal(t, 2, r.code, args)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "doctor --help")
	}
}
