package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// What lies on a hugetlbfs need not be a file of pages: a folder, or a fifo.
func TestOpenHugeOpensFilesAlone(t *testing.T) {
	filesystems, err := os.ReadFile("/proc/filesystems")
	require.NoError(t, err)
	if os.Geteuid() != 0 || !strings.Contains(string(filesystems), "hugetlbfs") {
		testkit.Require(t, "hugetlbfs", "root alone can mount one, of a kernel that has it")
	}
	require.NoError(t, testkit.StartWith(t, "not files", testkit.OwnMounts(t), t.TempDir()).Wait())
}

func notFiles(args []string) error {
	dir := args[0]
	if err := testkit.MountHugetlbfs(dir, "mode=1777"); err != nil {
		return err
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Mkdir(path("folder"), 0o700), syscall.Mkfifo(path("fifo"), 0o600), createAndClose(path("file"))())
	if err != nil {
		return err
	}
	for name, want := range map[string]error{"folder": syscall.ENODEV, "fifo": syscall.ENODEV, "file": nil} {
		fd, _, _, err := OpenHuge(path(name), false)
		if !errors.Is(err, want) {
			return fmt.Errorf("%s: %w, not %w", name, err, want)
		}
		if err == nil {
			Close(fd)
		}
	}
	return nil
}

// Where there is no /proc, that is what is said of its files, and of no others.
func TestRootWithoutProc(t *testing.T) {
	require.NoError(t, testkit.StartWith(t, "without proc", testkit.OwnMounts(t)).Wait())
}

func withoutProcMounted([]string) error {
	if err := syscall.Mount("tmpfs", "/proc", "tmpfs", 0, "size=4k"); err != nil {
		return err
	}
	if _, err := Root.Open("proc/self/mountinfo"); !errors.Is(err, ErrNoProc) {
		return fmt.Errorf("a file of /proc: %w", err)
	}
	if _, err := Root.Open("sys/none"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoProc) {
		return fmt.Errorf("another file: %w", err)
	}
	return nil
}
