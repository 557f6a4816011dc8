package scarcity

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

const rlimitMemlock = 8

// setLimit lowers a limit of this process, and returns what sets it back.
func setLimit(resource int, n uint64) (restore func() error, err error) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(resource, &before); err != nil {
		return nil, err
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: n, Max: before.Max}); err != nil {
		return nil, err
	}
	return func() error { return syscall.Setrlimit(resource, &before) }, nil
}

// operations are those that open something, each to be done again and again.
var operations = map[string]struct {
	op      string // in an error
	name    string
	prepare func() error
	do      func() error
}{
	"create": {"create", name, nothing, func() error {
		return closed(segment.Create(name, shape(slots), plain))
	}},
	"create on any pages": {"create", name, nothing, func() error {
		return closed(segment.Create(name, shape(slots), segment.Options{Doorbell: true}))
	}},
	"attach":         {"attach", name, segmentAndBell, func() error { return closed(segment.Attach(name)) }},
	"attach a bare":  {"attach", "/bare", bare, func() error { return closed(segment.AttachBare("/bare")) }},
	"open as writer": {"open as writer", name, segmentAndBell, func() error { return closed(segment.OpenWriter(name)) }},
	"open as writer without a doorbell": {"open as writer", name, func() error { return errors.Join(segmentAndBell(), removeBell(name)) }, func() error {
		return closed(segment.OpenWriter(name))
	}},
	"create or take over": {"open as writer", name, segmentAndBell, func() error {
		return closed(segment.CreateOrTakeOver(name, shape(slots), plain))
	}},
	"unlink": {"unlink", name, segmentAndBell, func() error {
		err := segment.Unlink(name)
		if left, _ := sys.ReadDir(segment.Dir); err == nil && len(left) > 0 {
			return fmt.Errorf("left behind: %v", left)
		}
		return err
	}},
	"list": {"list", segment.Dir, segmentAndBell, func() error {
		found, err := segment.List()
		for _, e := range found {
			err = errors.Join(err, e.Err)
		}
		return err
	}},
}

func nothing() error { return nil }

func segmentAndBell() error { return makeOne(name, slots, plain) }

func bare() error { return os.WriteFile(segment.Dir+"/bare", make([]byte, 24), 0o600) }

// Each opening of a file is the one at which the descriptors are at an end.
func TestDescriptors(t *testing.T) { scene(t, "descriptors") }

func descriptors([]string) error {
	for what, operation := range operations {
		done := false
		for spare := 0; !done; spare++ {
			if spare > 8 {
				return fmt.Errorf("%s: fails with %d descriptors", what, spare)
			}
			if err := errors.Join(testkit.MountShm("size=1m"), operation.prepare()); err != nil {
				return err
			}
			// In a process that has opened nothing else yet.
			out, err := testkit.Run("few descriptors", what, strconv.Itoa(spare))
			if err != nil {
				return fmt.Errorf("%s with %d descriptors: %w", what, spare, err)
			}
			fmt.Print(out)
			done = strings.Contains(out, "done")
			if err := syscall.Unmount(segment.Dir, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func fewDescriptors(args []string) error {
	spare, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	o := operations[args[0]]
	next, err := syscall.Dup(0) // the lowest that is free: all above are as well
	if err != nil {
		return err
	}
	if err := syscall.Close(next); err != nil {
		return err
	}
	// Twice, because to look at what is held needs descriptors, of which the Go runtime then keeps some.
	if err := starved(next+spare, o.do); err == nil {
		fmt.Printf("%s with %d descriptors: done\n", args[0], spare)
		return nil
	}
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	if next, err = syscall.Dup(0); err != nil {
		return err
	}
	if err := syscall.Close(next); err != nil {
		return err
	}
	err = starved(next+spare, o.do)
	op, name := o.op, o.name
	if e, ok := errors.AsType[*segment.Error](err); ok && o.op == "list" {
		op, name = e.Op, e.Name // of an entry
	}
	err = refused(fmt.Sprintf("%s with %d descriptors", args[0], spare), err, op, name, syscall.EMFILE, "ulimit -n")
	return errors.Join(err, before.Unchanged(), o.do())
}

// starved calls fn with a limit for descriptors.
func starved(limit int, fn func() error) error {
	restore, err := setLimit(syscall.RLIMIT_NOFILE, uint64(limit))
	if err != nil {
		return err
	}
	if fnErr := fn(); fnErr != nil {
		err = fnErr
	}
	return errors.Join(restore(), err)
}

func TestCommandsWithFewDescriptors(t *testing.T) {
	scene(t, "commands with few descriptors", testkit.Ringctl(t))
}

// With none to spare a program may not even start; with one, the command says what is missing.
func commandsWithFewDescriptors(args []string) error {
	for _, line := range [][]string{
		{"create", "--name", "/new", "--slots", "16"}, {"stat", "--name", name}, {"ls"}, {"tail", "--name", name, "--count", "1"},
		{"rm", name}, {"stat", "--json", "--name", name}, {"ls", "--json"},
	} {
		for spare := range 4 {
			if err := errors.Join(testkit.MountShm("size=1m"), segmentAndBell()); err != nil {
				return err
			}
			before, err := testkit.Held()
			if err != nil {
				return err
			}
			shell := fmt.Sprintf("ulimit -n %d && exec %s %s", 3+spare, args[0], strings.Join(line, " "))
			got, err := testkit.Command(nil, "/bin/sh", "-c", shell)
			if err != nil {
				return err
			}
			fmt.Printf("ringctl %v with %d descriptors: %s (exit %d)\n", line, spare, firstLine(got.Stderr), got.Code)
			if got.Code != 0 {
				err = before.Unchanged()
			}
			if spare > 0 && got.Code != 0 {
				err = errors.Join(got.Refused("too many open files"), err)
			}
			if err = errors.Join(err, syscall.Unmount(segment.Dir, 0)); err != nil {
				return fmt.Errorf("ringctl %v with %d descriptors: %w", line, spare, err)
			}
		}
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// A ring that the address space has no room for.
func TestAddressSpace(t *testing.T) { scene(t, "address space") }

const large = 1 << 21 // slots of a ring of 64 MiB, more than what the Go runtime may want meanwhile

func addressSpace([]string) error {
	if err := errors.Join(testkit.MountShm("size=160m"), makeOne(name, large, plain)); err != nil {
		return err
	}
	for _, what := range []string{"create", "attach", "open as writer"} {
		// An arena of the C library's malloc has twice its size for a moment, by which the limit would be too high.
		oneArena := func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "MALLOC_ARENA_MAX=1") }
		if err := inside("small address space", oneArena, what); err != nil {
			return err
		}
	}
	return worksOn(name)
}

func smallAddressSpace(args []string) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	used, err := virtual()
	if err != nil {
		return err
	}
	restore, err := setLimit(syscall.RLIMIT_AS, used+32<<20)
	if err != nil {
		return err
	}
	of := name
	switch args[0] {
	case "create":
		of = "/another"
		err = closed(segment.Create(of, shape(large), plain))
	case "attach":
		err = closed(segment.Attach(name))
	case "open as writer":
		err = closed(segment.OpenWriter(name))
	}
	return errors.Join(restore(), refused(args[0]+" with a small address space", err, args[0], of, syscall.ENOMEM, "ulimit -v"), before.Unchanged())
}

// virtual is the size of this process's address space, in bytes.
func virtual() (pages uint64, err error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(b), &pages)
	}
	return pages * page, err
}

// A process that may not make large files is told so, and not killed by SIGXFSZ.
func TestFileSize(t *testing.T) { scene(t, "file size", testkit.Ringctl(t)) }

func fileSize(args []string) error {
	if err := errors.Join(testkit.MountShm("size=1m"), makeOne(name, slots, plain)); err != nil {
		return err
	}
	for _, limit := range []uint64{0, page - 1, page, (ownPages - 1) * page, ownPages*page - 1} {
		if err := inside("small files", nil, fmt.Sprint(limit)); err != nil {
			return err
		}
		got, err := testkit.Command(nil, "/bin/sh", "-c", fmt.Sprintf("ulimit -f %d && exec %s create --name /another", limit/512, args[0]))
		if err == nil {
			err = got.Refused("create /another", "file too large", "ulimit -f")
		}
		if err != nil {
			return err
		}
	}
	if err := removeBell(name); err != nil {
		return err
	}
	return inside("small files", nil, "0", "without a doorbell")
}

func smallFiles(args []string) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	limit, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	restore, err := setLimit(syscall.RLIMIT_FSIZE, limit)
	if err != nil {
		return err
	}
	for what, o := range map[string]segment.Options{"plain pages": plain, "any pages": {Doorbell: true}, "a node": {Node: segment.OnNode(0), Doorbell: true}} {
		got := closed(segment.Create("/another", shape(slots), o))
		if what == "a node" && errors.Is(got, host.ErrNoNode) {
			continue
		}
		err = errors.Join(err, refused(fmt.Sprintf("create on %s with a file size limit of %d", what, limit), got, "create", "/another", syscall.EFBIG, "ulimit -f"))
	}
	if len(args) > 1 {
		got := closed(segment.OpenWriter(name))
		err = errors.Join(err, refused("takeover with a file size limit of 0, without a doorbell", got, "open as writer", name, syscall.EFBIG, "ulimit -f"))
	} else {
		err = errors.Join(err, worksOn(name)) // what is there is as large as it is
	}
	return errors.Join(err, restore(), before.Unchanged())
}

// What may not be locked is not made, and what is attached goes on without.
func TestLockLimit(t *testing.T) {
	needRoot(t)
	scene(t, "lock limit")
}

func lockLimit([]string) error {
	if err := errors.Join(testkit.MountShm("size=1m"), makeOne(name, slots, segment.Options{Mode: 0o644})); err != nil {
		return err
	}
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	for _, limit := range []uint64{0, page, ownPages*page - 1} {
		restore, err := setLimit(rlimitMemlock, limit)
		if err != nil {
			return err
		}
		before, err := testkit.Held()
		if err != nil {
			return err
		}
		locked := plain
		locked.Lock = true
		err = refused(fmt.Sprintf("create and lock with a limit of %d", limit), closed(segment.Create("/another", shape(slots), locked)),
			"create", "/another", host.ErrLockLimit, "ulimit -l")
		if err := errors.Join(err, before.Unchanged()); err != nil {
			return err
		}
		s, err := segment.Attach(name)
		if err != nil {
			return err
		}
		err = refused(fmt.Sprintf("lock with a limit of %d", limit), s.Lock(), "lock", name, host.ErrLockLimit, "ulimit -l")
		status, statusErr := s.Status()
		if status.Head != 1 {
			err = errors.Join(err, statusErr, fmt.Errorf("does not go on: %+v", status))
		}
		if err := errors.Join(err, nothingLocked(), s.Close(), restore(), before.Unchanged()); err != nil {
			return err
		}
	}
	return nil
}

func nothingLocked() error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	if !strings.Contains(string(b), "VmLck:\t       0 kB") {
		return errors.New("something stayed locked")
	}
	return nil
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "only root can prepare this")
	}
}
