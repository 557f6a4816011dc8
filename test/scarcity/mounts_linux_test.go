package scarcity

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// A process that has /dev/shm read-only, as in a container, reads what a writer elsewhere publishes, and can do nothing else.
func TestReadOnlyMount(t *testing.T) { scene(t, "read-only mount", testkit.Ringctl(t)) }

func readOnlyMount(args []string) error {
	if err := testkit.MountShm("size=1m"); err != nil {
		return err
	}
	s, err := segment.Create(name, shape(slots), plain)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	w.Publish(&ring.TradingData{Volume: 7})
	if err := inside("read-only view", ownMounts, args[0]); err != nil {
		return err
	}
	return reads(name, w.Publish(&ring.TradingData{Volume: 8}), ring.TradingData{Volume: 8})
}

func ownMounts(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
}

func readOnlyView(args []string) error {
	if err := syscall.Mount("", segment.Dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	return onlyRead(args[0], ring.TradingData{Volume: 7})
}

// The same where the whole file system was remounted.
func TestReadOnlyFileSystem(t *testing.T) { scene(t, "read-only file system", testkit.Ringctl(t)) }

func readOnlyFileSystem(args []string) error {
	if err := errors.Join(testkit.MountShm("size=1m"), segmentAndBell()); err != nil {
		return err
	}
	if err := syscall.Mount("", segment.Dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := onlyRead(args[0], ring.TradingData{Price: 1, Timestamp: 2, Volume: 3, Valid: true}); err != nil {
		return err
	}
	if err := syscall.Mount("", segment.Dir, "", syscall.MS_REMOUNT, ""); err != nil {
		return err
	}
	return worksOn(name)
}

// onlyRead makes sure that the segment, with one record, can be read, and nothing be changed.
func onlyRead(ringctl string, first ring.TradingData) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	if err := reads(name, 0, first); err != nil {
		return err
	}
	const next = "mount -o remount,rw /dev/shm"
	err = errors.Join(
		refused("create, read-only", closed(segment.Create("/another", shape(slots), plain)), "create", "/another", syscall.EROFS, next),
		refused("takeover, read-only", closed(segment.OpenWriter(name)), "open as writer", name, syscall.EROFS, next),
		refused("create or take over, read-only", closed(segment.CreateOrTakeOver(name, shape(slots), plain)), "open as writer", name, syscall.EROFS, next),
		refused("unlink, read-only", segment.Unlink(name), "unlink", name, syscall.EROFS, next),
		commands(ringctl, "read-only file system", next, [][]string{{"create", "--name", "/another"}, {"rm", "--force", name}},
			[][]string{{"stat", "--name", name}, {"stat", "--json", "--name", name}, {"ls"}, {"ls", "--json"}, {"tail", "--name", name, "--count", "1"}}),
	)
	return errors.Join(err, before.Unchanged())
}

// commands makes sure that some commands are refused, with two texts, and others succeed.
func commands(ringctl, reason, next string, fail, succeed [][]string) error {
	for _, line := range fail {
		got, err := testkit.Command(nil, ringctl, line...)
		if err == nil {
			err = got.Refused(reason, next)
		}
		if err != nil {
			return fmt.Errorf("ringctl %v: %w", line, err)
		}
		tellCommand(line, got)
	}
	for _, line := range succeed {
		if got, err := testkit.Command(nil, ringctl, line...); err != nil || got.Code != 0 {
			return fmt.Errorf("ringctl %v: %+v %w", line, got, err)
		}
	}
	return nil
}

// Where there is no /dev/shm, that is said, and not that a segment is missing.
func TestNoShm(t *testing.T) { scene(t, "no shm", testkit.Ringctl(t), t.TempDir()) }

func noShm(args []string) error {
	if err := emptyDev(args[1]); err != nil {
		return err
	}
	err := errors.Join(
		refused("create without /dev/shm", closed(segment.Create(name, shape(slots), plain)), "create", name, syscall.ENOENT, "there is no /dev/shm"),
		refused("create or take over without /dev/shm", closed(segment.CreateOrTakeOver(name, shape(slots), plain)), "create", name, syscall.ENOENT, "there is no /dev/shm"),
		refused("takeover without /dev/shm", closed(segment.OpenWriter(name)), "open as writer", name, syscall.ENOENT, "no segment has this name"),
		refused("attach without /dev/shm", closed(segment.Attach(name)), "attach", name, syscall.ENOENT, "no segment has this name"),
		refused("unlink without /dev/shm", segment.Unlink(name), "unlink", name, syscall.ENOENT, "no segment has this name"),
	)
	_, listErr := segment.List()
	return errors.Join(err,
		refused("list without /dev/shm", listErr, "list", segment.Dir, syscall.ENOENT, "there is no /dev/shm"),
		commands(args[0], "no such file", "/dev/shm", [][]string{{"create"}, {"ls"}, {"ls", "--json"}}, nil),
		commands(args[0], "no such file", "", [][]string{{"stat"}, {"stat", "--json"}, {"tail"}, {"rm", name}}, nil),
	)
}

// emptyDev leaves nothing in /dev but null, without which no command is started.
func emptyDev(dir string) error {
	null := filepath.Join(dir, "null")
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=755"); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(null, nil, 0o600),
		syscall.Mount(os.DevNull, null, "", syscall.MS_BIND, ""),
		syscall.Mount(dir, "/dev", "", syscall.MS_MOVE, ""),
	)
}

// No segment is ever executed.
func TestNoExec(t *testing.T) { scene(t, "no exec") }

func noExec([]string) error {
	const flags = syscall.MS_NOEXEC | syscall.MS_NOSUID | syscall.MS_NODEV
	if err := syscall.Mount("tmpfs", segment.Dir, "tmpfs", flags, "mode=1777,size=1m"); err != nil {
		return err
	}
	return errors.Join(segmentAndBell(), worksOn(name), segment.Unlink(name))
}

// A folder on a disk, or of a container's root, works as well if its file system can make unnamed files; what the doctor
// says of it is that it is a disk.
func TestOnADisk(t *testing.T) { scene(t, "on a disk", t.TempDir()) }

func onADisk(args []string) error {
	if err := syscall.Mount(args[0], segment.Dir, "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	s, err := segment.Create(name, shape(slots), plain)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return errors.Join(refused("create on a disk", err, "create", name, syscall.EOPNOTSUPP, "has to be a tmpfs"), before.Unchanged())
	}
	if err != nil {
		return err
	}
	tell("create on a disk", nil)
	return errors.Join(s.Close(), worksOn(name), segment.Unlink(name), before.Unchanged())
}

// A ramfs has no storage to reserve.
func TestRamfs(t *testing.T) { asRoot(t, "ramfs", testkit.Ringctl(t)) }

func ramfs(args []string) error {
	if err := syscall.Mount("ramfs", segment.Dir, "ramfs", 0, "mode=1777"); err != nil {
		return err
	}
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	const next = "has to be a tmpfs: as root: mount -t tmpfs"
	return errors.Join(
		refused("create on a ramfs", closed(segment.Create(name, shape(slots), plain)), "create", name, syscall.EOPNOTSUPP, next),
		commands(args[0], "not supported", next, [][]string{{"create"}}, [][]string{{"ls"}}),
		before.Unchanged(),
	)
}

// Without /proc an unnamed file cannot be given its name: that is what is said. What there is can be used, but for ring files.
func TestNoProc(t *testing.T) { scene(t, "no proc", testkit.Ringctl(t)) }

func noProc(args []string) error {
	if err := errors.Join(testkit.MountShm("size=1m"), segmentAndBell()); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/proc", "tmpfs", 0, "size=4k"); err != nil {
		return err
	}
	const next = "mount -t proc proc /proc"
	err := errors.Join(
		refused("create without /proc", closed(segment.Create("/another", shape(slots), plain)), "create", "/another", segment.ErrNoProc, next),
		refused("create without /proc or doorbell", closed(segment.Create("/another", shape(slots), segment.Options{})), "create", "/another", segment.ErrNoProc, next),
		worksOn(name),
	)
	s, attachErr := segment.Attach(name)
	if attachErr != nil {
		return errors.Join(err, attachErr)
	}
	_, pagesErr := s.Pages()
	e, typed := errors.AsType[*segment.Error](pagesErr)
	if !typed || e.Op != "measure the pages of" {
		err = errors.Join(err, fmt.Errorf("pages without /proc: %w", pagesErr))
	}
	// What is left, /proc/self/fd cannot tell here.
	entries, dirErr := os.ReadDir(segment.Dir)
	if len(entries) != 2 {
		err = errors.Join(err, dirErr, fmt.Errorf("left behind: %v", entries))
	}
	return errors.Join(err, s.Close(), removeBell(name),
		refused("takeover without /proc or doorbell", closed(segment.OpenWriter(name)), "open as writer", name, segment.ErrNoProc, next),
		commandsWithoutProc(args[0], next))
}

func commandsWithoutProc(ringctl, next string) error {
	if err := commands(ringctl, "/proc", next, [][]string{{"create", "--name", "/another", "--slots", "16"}}, nil); err != nil {
		return err
	}
	return commands(ringctl, "/proc", "", [][]string{{"stat", "--name", name}, {"stat", "--json", "--name", name}}, [][]string{{"ls"}, {"ls", "--json"}})
}

// With hidepid=2 a process sees itself alone, which is enough.
func TestHiddenProc(t *testing.T) { asRoot(t, "hidden proc") }

func hiddenProc([]string) error {
	if err := errors.Join(testkit.MountShm("size=1m"), syscall.Mount("proc", "/proc", "proc", 0, "hidepid=2")); err != nil {
		return err
	}
	return inside("hidden proc for others", nil)
}

func hiddenProcForOthers([]string) error {
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	if _, err := os.Stat("/proc/1"); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("is not hidden: %w", err)
	}
	if err := errors.Join(segmentAndBell(), worksOn(name)); err != nil {
		return err
	}
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	pages, err := s.Pages()
	if err == nil && !strings.HasPrefix(pages.Backing, "tmpfs") {
		err = fmt.Errorf("pages: %v", pages)
	}
	return errors.Join(err, s.Close(), segment.Unlink(name))
}
