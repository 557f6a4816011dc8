//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hugeName = "/huge"

// All that shows a segment says where its slots are, and what it takes in both places.
func TestSegmentOnHugetlbfs(t *testing.T) {
	there := onHugetlbfs(t, 2)
	made := there.succeed(t, "create", "--name", hugeName, "--slots", "131072", "--pages", "require", "--page-size", "2M")
	files := there.files(t)
	require.Len(t, files, 1)
	assert.Contains(t, made.stdout, "created /huge: 131072 slots for TradingData, 4.0 MiB (4198400 bytes), mode 0600\n")
	assert.Contains(t, made.stdout, "  ring file: "+files[0]+", 4.0 MiB (4194304 bytes)\n")
	assert.Contains(t, made.stdout, "  pages: hugetlbfs, 2.0 MiB (2097152 bytes)\n")
	assert.NotContains(t, made.stdout, "no huge pages")

	s := there.stat(t, hugeName)
	assert.Equal(t, files[0], s.RingFile)
	assert.EqualValues(t, 4096, s.SizeBytes)
	assert.EqualValues(t, 4198400, s.StorageBytes)
	assert.Equal(t, pagesStatus{Backing: "hugetlbfs", PageBytes: 2 << 20}, s.Pages)
	human := there.succeed(t, "stat", "--name", hugeName).stdout
	assert.Regexp(t, `(?m)^size +4\.0 KiB \(4096 bytes\)$`, human)
	assert.Regexp(t, `(?m)^ring file +`+files[0]+`, 4\.0 MiB \(4194304 bytes\)$`, human)
	assert.Regexp(t, `(?m)^storage +4\.0 MiB \(4198400 bytes\)$`, human)
	assert.Regexp(t, `(?m)^pages +hugetlbfs, 2\.0 MiB \(2097152 bytes\)$`, human)

	assert.Regexp(t, `(?m)^/huge +TradingData +131072 +0 +created +- +4198400$`, there.succeed(t, "ls").stdout)
	var entries []entry
	require.NoError(t, json.Unmarshal([]byte(there.succeed(t, "ls", "--json").stdout), &entries))
	require.Len(t, entries, 1)
	assert.Equal(t, entry{
		Name: hugeName, Record: "TradingData", Slots: 131072, State: "created", Writer: s.Writer,
		SizeBytes: 4096, RingFile: files[0], StorageBytes: 4198400,
	}, entries[0])
}

func TestRmOnHugetlbfs(t *testing.T) {
	for _, args := range [][]string{{}, {"--force"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			there := onHugetlbfs(t, 1)
			writer := there.startSlow(t, hugeName, "--pages", "require", "--doorbell")
			assert.Len(t, there.files(t), 1)
			refused := there.ringctl(t, "rm", hugeName)
			assert.Equal(t, 1, refused.code)
			assert.Contains(t, refused.stderr, "--force")
			assert.Len(t, there.files(t), 1)

			writer.signal(t, syscall.SIGKILL)
			writer.wait(t)
			assert.Equal(t, "dead", there.stat(t, hugeName).State)
			r := there.succeed(t, append([]string{"rm", hugeName}, args...)...)
			assert.Empty(t, r.stdout+r.stderr)
			assert.Empty(t, there.files(t))
			objects, err := os.ReadDir(filepath.Join("/proc", there.pid, "root/dev/shm"))
			require.NoError(t, err)
			assert.Empty(t, objects)
			there.succeed(t, "create", "--pages", "require") // its page is free again
		})
	}
}

func TestRingFileMissing(t *testing.T) {
	there := onHugetlbfs(t, 1)
	there.succeed(t, "create", "--name", hugeName, "--pages", "require")
	require.NoError(t, os.Remove(filepath.Join("/proc", there.pid, "root", there.files(t)[0])))
	for _, args := range [][]string{{"stat"}, {"tail"}} {
		r := there.ringctl(t, append(args, "--name", hugeName)...)
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "attach /huge: ring file "+there.dir)
		assert.Contains(t, r.stderr, "next: mount its hugetlbfs where it was; or ringctl rm /huge")
	}
	assert.Regexp(t, `(?m)^/huge .* unreadable .* ring file: .*no such file`, there.succeed(t, "ls").stdout)
	there.succeed(t, "rm", hugeName)
	assert.Equal(t, 1, there.ringctl(t, "rm", hugeName).code)
}

// Where there are huge pages neither on a hugetlbfs nor in /dev/shm, each reason stands on its own line.
func TestReasonsForPlainPages(t *testing.T) {
	there := otherMounts(t, "", "size=16m")
	made := there.succeed(t, "create", "--name", hugeName)
	const first = `no hugetlbfs with pages of 2M is mounted: as root: ` +
		`ringctl hugepages(?: --reserve \d+)? --mount /dev/hugepages`
	const second = `/dev/shm is a tmpfs mounted without huge pages: as root: mount -o remount,huge=advise /dev/shm`
	assert.Regexp(t, `(?m)^  pages: tmpfs, .*\n  no huge pages: `+first+`\n  no huge pages: `+second+`$`, made.stdout)
	human := there.succeed(t, "stat", "--name", hugeName).stdout
	assert.Regexp(t, `(?m)^pages +tmpfs, .*\n +no huge pages: `+first+`\n +no huge pages: `+second+`$`, human)
	assert.NotContains(t, human, "ring file")
	s := there.stat(t, hugeName)
	assert.Regexp(t, `^`+first+`; `+second+`$`, s.Pages.Fallback)
	assert.Empty(t, s.RingFile)
	assert.Equal(t, s.SizeBytes, s.StorageBytes)
}

// The advice is about huge pages, whatever the system's error was.
func TestRequiredPagesAreMissing(t *testing.T) {
	there := otherMounts(t, "pagesize=2M,mode=0700", "size=16m")
	cmd := there.command("create", "--name", hugeName, "--pages", "require")
	cmd.Args = append([]string{"nsenter", "-S", "65534", "-G", "65534"}, cmd.Args[1:]...)
	for _, r := range []result{
		startCommand(t, cmd).wait(t),
		there.ringctl(t, "create", "--name", hugeName, "--pages", "require", "--page-size", "8M"),
	} {
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "huge pages unavailable: ")
		assert.Contains(t, r.stderr, "next: ringctl hugepages shows what there is; --pages prefer")
	}
}
