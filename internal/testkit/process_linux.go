package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tickring/tickring/internal/mounts"
)

// ownMounts is the role that finds out whether processes can have mounts of their own.
const ownMounts = "testkit-own-mounts"

// Main is the whole TestMain of a package that uses shared memory: [Roles], and a failure if the tests
// left file descriptors open or objects of [Name] in /dev/shm.
func Main(m *testing.M, roles map[string]func(args []string) error) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(withoutLeaks(m.Run))
	case ownMounts:
		roles = map[string]func([]string) error{ownMounts: func([]string) error { return MountShm("size=64k") }}
	}
	Roles(m, roles)
}

// OwnMounts makes a process of [StartWith] have mounts of its own, in which it can call [MountShm]: as
// root, or as a user who may make user namespaces. It ends a test that cannot have that.
func OwnMounts(t testing.TB) func(*exec.Cmd) {
	t.Helper()
	if err := canMount(); err != nil {
		Require(t, "mount", err.Error())
	}
	return unshareMounts
}

var canMount = sync.OnceValue(func() error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = roleEnvironment(ownMounts)
	unshareMounts(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("a process cannot have mounts of its own: %w: %s", err, out)
	}
	return nil
})

func unshareMounts(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Unshareflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
}

// MountShm mounts an empty tmpfs with the given options at /dev/shm, for this process and its
// children: it must have been started with [OwnMounts].
func MountShm(options string) error {
	if err := syscall.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777,"+options); err != nil {
		return fmt.Errorf("mount tmpfs with %s: %w", options, err)
	}
	return nil
}

// MountHugetlbfs hides whatever hugetlbfs there is and, unless options is empty, mounts one at dir, as [MountShm] does.
func MountHugetlbfs(dir, options string) error {
	all, err := mounts.In(os.DirFS("/"))
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Type == "hugetlbfs" {
			// In a user namespace, what was there before cannot be unmounted, but hidden.
			if err := syscall.Mount("tmpfs", m.Dir, "tmpfs", 0, "size=4k"); err != nil {
				return fmt.Errorf("hide %s: %w", m.Dir, err)
			}
		}
	}
	if options == "" {
		return nil
	}
	if err := syscall.Mount("hugetlbfs", dir, "hugetlbfs", 0, options); err != nil {
		return fmt.Errorf("mount hugetlbfs with %s: %w", options, err)
	}
	return nil
}

// Run starts this test binary in a role from within a role, waits for it, and returns what it printed.
func Run(role string, args ...string) (string, error) { return RunWith(role, nil, args...) }

// RunWith is [Run] with a command that prepare, if not nil, changes first. It returns what was printed with an error, too.
func RunWith(role string, prepare func(*exec.Cmd), args ...string) (string, error) {
	cmd := RoleCommand(role, args...)
	if prepare != nil {
		prepare(cmd)
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, &said)
	}
	return string(out), nil
}

// Nobody is the user that [BecomeNobody] turns to.
const Nobody = 65534

// BecomeNobody gives up being root for good.
func BecomeNobody() error { return Become(Nobody, Nobody) }

// Become turns to a user and its groups for good, and gives up all capabilities with that.
func Become(uid, gid int, groups ...int) error {
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(uid); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	return nil
}

// Emulated reports whether this is a program for another processor, under qemu: its times, pages and
// system calls then say nothing about it.
func Emulated() bool {
	real, err := os.Readlink("/proc/thread-self/exe") // qemu answers for /proc/self/exe only
	return err == nil && strings.Contains(real, "qemu")
}
