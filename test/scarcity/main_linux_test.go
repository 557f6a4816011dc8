package scarcity

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func TestMain(m *testing.M) {
	roles["scene"] = scenery
	testkit.Main(m, roles)
}

var roles = map[string]func([]string) error{
	"full": full, "no inodes": noInodes, "full takeover": fullTakeover, "full for commands": fullForCommands,
	"descriptors": descriptors, "few descriptors": fewDescriptors, "commands with few descriptors": commandsWithFewDescriptors,
	"steps": steps, "failing step": failingStep, "address space": addressSpace, "small address space": smallAddressSpace,
	"file size": fileSize, "small files": smallFiles, "interrupted fallocate": interruptedFallocate,
	"clients": clients, "lock limit": lockLimit, "lock limit of a ring file": lockLimitOfARingFile, "hugetlbfs inodes": hugetlbfsInodes, "hugetlbfs takeover": hugetlbfsTakeover,
	"each call fails": eachCallFails, "each call fails on a hugetlbfs": eachCallFailsOnAHugetlbfs, "signals": signals, "tormentor": tormentor,
	"read-only mount": readOnlyMount, "read-only view": readOnlyView, "read-only file system": readOnlyFileSystem,
	"no shm": noShm, "no exec": noExec, "on a disk": onADisk, "ramfs": ramfs, "no proc": noProc, "hidden proc": hiddenProc, "hidden proc for others": hiddenProcForOthers,
}

// scene runs a role with mounts of its own, and logs the cases that it tells of.
func scene(t *testing.T, role string, args ...string) {
	t.Helper()
	p := testkit.StartWith(t, "scene", testkit.OwnMounts(t), append([]string{role}, args...)...)
	said, err := p.Rest()
	for _, line := range said {
		t.Log(line)
	}
	require.NoError(t, err)
}

// scenery plays a role without a hugetlbfs, in which others make and remove files meanwhile.
func scenery(args []string) error {
	if err := testkit.MountHugetlbfs("", ""); err != nil {
		return err
	}
	return roles[args[0]](args[1:])
}

// asRoot is [scene] of what only root can prepare.
func asRoot(t *testing.T, role string, args ...string) {
	t.Helper()
	needRoot(t)
	scene(t, role, args...)
}

// inside starts a role from within one, with limits or mounts that it is to have alone.
func inside(role string, prepare func(*exec.Cmd), args ...string) error {
	out, err := testkit.RunWith(role, prepare, args...)
	fmt.Print(out)
	return err
}

// name is that of the segment in a /dev/shm that nobody else has.
const name = "/scarce"

// plain is a segment on plain pages, with a doorbell.
var plain = segment.Options{Pages: hugepages.Off, Doorbell: true}

func shape(slots uint64) ring.Geometry {
	g, err := ring.GeometryOf[ring.TradingData](slots)
	if err != nil {
		panic(err) // a constant
	}
	return g
}

// refused makes sure that err is what a program and a person need to know: of an operation on a segment, with a
// cause, and what to do next; and tells of it.
func refused(what string, err error, op, name string, cause error, next string) error {
	e, ok := errors.AsType[*segment.Error](err)
	if !ok || e.Op != op || e.Name != name || !errors.Is(err, cause) {
		return fmt.Errorf("%s: not %s %s: %w, but: %w", what, op, name, cause, err)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "segment: "+op+" "+name+": ") || !strings.Contains(text, next) || strings.Contains(text, "\n") {
		return fmt.Errorf("%s: does not say what to do, %q: %w", what, next, err)
	}
	tell(what, err)
	return nil
}

// tell prints a case and what came of it, of which the errno is the end.
func tell(what string, err error) {
	errno, _ := errors.AsType[syscall.Errno](err)
	fmt.Printf("%s: %v (errno %d)\n", what, err, int(errno))
}

// worksOn makes sure that a reader sees what a new writer publishes.
func worksOn(name string) error {
	s, err := segment.OpenWriter(name)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	sent := ring.TradingData{Price: 1, Timestamp: 2, Volume: 3, Valid: true}
	n := w.Publish(&sent)
	return reads(name, n, sent)
}

// reads makes sure that a segment can be attached and has a record.
func reads(name string, n uint64, want ring.TradingData) error {
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{Start: ring.At(n)})
	if err != nil {
		return err
	}
	var got ring.TradingData
	if at, status := r.Poll(&got); status != ring.Ready || at != n || got != want {
		return fmt.Errorf("record %d: %v %+v", at, status, got)
	}
	return nil
}

// makeOne makes a segment, publishes a record and lets go of it.
func makeOne(name string, slots uint64, o segment.Options) error {
	s, err := segment.Create(name, shape(slots), o)
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	return worksOn(name)
}

// closed lets go of what was not to be had, if it was.
func closed(s *segment.Segment, err error) error {
	if s != nil {
		return errors.Join(err, s.Close())
	}
	return err
}
