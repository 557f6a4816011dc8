//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

func TestCreate(t *testing.T) {
	name := newName(t)
	r := succeed(t, "create", "--name", strings.TrimPrefix(name, "/"), "--slots", "64", "--mode", "0644", "--pages", "off")
	assert.Contains(t, r.stdout, "created "+name+": 64 slots for TradingData, ")
	assert.Contains(t, r.stdout, "mode 0644")
	assert.Contains(t, r.stdout, "pages: tmpfs, 4.0 KiB")
	assert.NotContains(t, r.stdout, "huge", "they were not wanted")
	info, err := os.Stat(shmPath(name))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode())
	s := stat(t, name)
	assert.Equal(t, "created", s.State)
	assert.Zero(t, s.Head)
	assert.False(t, s.Writer.Alive, "no writer stays")
}

// What a segment has not obtained is said wherever it is shown.
func TestHugePagesAreNotClaimed(t *testing.T) {
	name := newName(t)
	r := ringctl(t, "create", "--name", name, "--pages", "require")
	if r.code == 0 {
		assert.Greater(t, stat(t, name).Pages.PageBytes, 4096)
		return
	}
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "huge pages unavailable")
	assert.NoFileExists(t, shmPath(name))
	r = succeed(t, "create", "--name", name, "--pages", "prefer")
	assert.Contains(t, r.stdout, "no huge pages: ")
	s := stat(t, name)
	assert.NotEmpty(t, s.Pages.Fallback)
	for _, reason := range reasons(s.Pages.Fallback) {
		assert.Contains(t, r.stdout, "\n  no huge pages: "+reason+"\n")
	}
}

func TestStatJSON(t *testing.T) {
	name := newName(t)
	succeed(t, "replay", "--name", name, "--slots", "64", testkit.DataFile(t, iexFile))
	r := succeed(t, "stat", "--name", name, "--json")
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &got))
	first := []string{"name", "layout_version", "record", "record_size", "slot_stride", "slots", "head", "oldest", "epoch", "state", "writer", "pages"}
	assert.Equal(t, append(first, "fields", "mode", "size_bytes", "heartbeat_age_ms", "created", "doorbell", "ring_file", "storage_bytes", "owner_uid"), topLevelKeys(t, r.stdout))
	for key, want := range map[string]any{
		"name": name, "layout_version": 1.0, "record": "TradingData", "record_size": 24.0, "slot_stride": 32.0, "slots": 64.0,
		"head": 6390.0, "oldest": 6326.0, "epoch": 1.0, "state": "closed", "mode": "0600", "doorbell": false, "ring_file": "", "owner_uid": float64(os.Getuid()),
	} {
		assert.Equal(t, want, got[key], key)
	}
	assert.Len(t, got["writer"], 2)
	assert.Contains(t, got["writer"], "pid")
	assert.Equal(t, false, got["writer"].(map[string]any)["alive"])
	pages := got["pages"].(map[string]any)
	assert.Len(t, pages, 3)
	assert.Equal(t, "tmpfs", pages["backing"])
	assert.GreaterOrEqual(t, pages["page_bytes"], 4096.0)
	assert.IsType(t, "", pages["fallback"])
	assert.Len(t, got["fields"], 4)
	assert.Equal(t, map[string]any{"name": "volume", "kind": "i32", "count": 1.0, "offset": 16.0}, got["fields"].([]any)[2])
	info, err := os.Stat(shmPath(name))
	require.NoError(t, err)
	assert.EqualValues(t, info.Size(), got["size_bytes"])
	assert.EqualValues(t, info.Size(), got["storage_bytes"])
}

// topLevelKeys returns the keys of a JSON object in their order.
func topLevelKeys(t *testing.T, text string) (keys []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	_, err := d.Token() // {
	require.NoError(t, err)
	for d.More() {
		key, err := d.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
	}
	return keys
}

func TestStatStates(t *testing.T) {
	name := newName(t)
	human := func() string { return succeed(t, "stat", "--name", name).stdout }
	succeed(t, "create", "--name", name)
	assert.Regexp(t, `(?m)^state +created$`, human())
	writer := startSlow(t, name)
	assert.Regexp(t, `(?m)^state +open$`, human())
	assert.Regexp(t, fmt.Sprintf(`(?m)^writer +process %d, alive$`, writer.Process.Pid), human())
	writer.signal(t, syscall.SIGKILL)
	writer.wait(t)
	assert.Regexp(t, `(?m)^state +dead$`, human())
	assert.Regexp(t, fmt.Sprintf(`(?m)^writer +none; the last was process %d$`, writer.Process.Pid), human())
	succeed(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	assert.Regexp(t, `(?m)^state +closed$`, human())
	assert.Regexp(t, `(?m)^ +@16 +i32 +volume$`, human())
}

func TestStatOfBareSegment(t *testing.T) {
	name := newName(t)
	writeFile(t, name, tradeBytes(1, 2, 3, true))
	s := stat(t, name)
	assert.Equal(t, "unversioned", s.State)
	assert.Zero(t, s.LayoutVersion)
	assert.Equal(t, 24, s.RecordSize)
	assert.Len(t, s.Fields, 4)
	human := succeed(t, "stat", "--name", name)
	assert.Contains(t, human.stdout, "unversioned")
	assert.Contains(t, human.stdout, "not protected against tearing")
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "stat", "--json", "--name", name).stdout), &got))
	assert.Equal(t, 0.0, got["layout_version"])
	assert.Nil(t, got["heartbeat_age_ms"])
	assert.Nil(t, got["created"])
}

func TestLs(t *testing.T) {
	good, bare, damaged := newName(t)+"-good", newName(t)+"-bare", newName(t)+"-damaged"
	for _, name := range []string{good, bare, damaged} {
		t.Cleanup(func() { _ = segment.Unlink(name) }) // with what else there is of it
	}
	writeFile(t, bare, make([]byte, 24))
	damage(t, damaged)
	writer := startSlow(t, good, "--pages", "off")

	table := succeed(t, "ls").stdout
	assert.Regexp(t, `^NAME +RECORD +SLOTS +HEAD +STATE +WRITER +SIZE\n`, table)
	assert.Regexp(t, fmt.Sprintf(`(?m)^%s +TradingData +65536 +1 +open +%d +2101248$`, good, writer.Process.Pid), table)
	assert.Regexp(t, fmt.Sprintf(`(?m)^%s +TradingData +1 +0 +unversioned +- +24$`, bare), table)
	assert.Regexp(t, fmt.Sprintf(`(?m)^%s .* unreadable .*checksum`, damaged), table)

	var entries []entry
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "ls", "--json").stdout), &entries))
	found := map[string]entry{}
	for _, e := range entries {
		found[e.Name] = e
	}
	assert.Equal(t, entry{
		Name: good, Record: "TradingData", Slots: 65536, Head: 1, State: "open",
		Writer: writerStatus{PID: writer.Process.Pid, Alive: true}, SizeBytes: 2101248, StorageBytes: 2101248,
	}, found[good])
	assert.Equal(t, "unversioned", found[bare].State)
	assert.Contains(t, found[damaged].Error, "checksum")
}

func TestRm(t *testing.T) {
	name := newName(t)
	for what, prepare := range map[string]func(){
		"a segment":   func() { succeed(t, "create", "--name", name, "--doorbell") },
		"bare":        func() { writeFile(t, name, make([]byte, 24)) },
		"damaged":     func() { damage(t, name) },
		"garbage":     func() { writeFile(t, name, []byte(strings.Repeat("garbage ", 1000))) },
		"empty":       func() { writeFile(t, name, nil) },
		"dead":        func() { w := startSlow(t, name); w.signal(t, syscall.SIGKILL); w.wait(t) },
		"closed":      func() { succeed(t, "replay", "--name", name, testkit.DataFile(t, iexFile)) },
		"other bytes": func() { writeFile(t, name, make([]byte, 77)) },
	} {
		for _, args := range [][]string{{}, {"--force"}} {
			t.Run(what+strings.Join(args, ""), func(t *testing.T) {
				prepare()
				r := succeed(t, append([]string{"rm", strings.TrimPrefix(name, "/")}, args...)...)
				assert.Empty(t, r.stdout+r.stderr)
				assert.NoFileExists(t, shmPath(name))
			})
		}
	}
	assert.Equal(t, 1, ringctl(t, "rm", name).code)
	assert.Equal(t, 0, ringctl(t, "rm", name, "--force").code)
}

func TestRmSparesLivingWriters(t *testing.T) {
	name, other := newName(t), newName(t)+"-other"
	writer := startSlow(t, name)
	succeed(t, "create", "--name", other)
	r := ringctl(t, "rm", name, other)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "process "+strconv.Itoa(writer.Process.Pid))
	assert.Contains(t, r.stderr, "ringctl rm --force "+name)
	assert.FileExists(t, shmPath(name))
	assert.NoFileExists(t, shmPath(other), "one that cannot be removed keeps no other")
	assert.Equal(t, writer.Process.Pid, stat(t, name).Writer.PID)

	succeed(t, "rm", "--force", name)
	assert.NoFileExists(t, shmPath(name))
	writer.signal(t, syscall.SIGTERM)
	assert.Equal(t, 143, writer.wait(t).code, "the writer has gone on")
}
