package scarcity

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// The clients in C++ and Python tell of the same things, by errors of their own.
func TestClients(t *testing.T) {
	for language, command := range testkit.Clients {
		t.Run(language, func(t *testing.T) { scene(t, "clients", command(t)...) })
	}
}

// client is a client that runs.
type client struct{ *testkit.Client }

// refuses makes sure that the client cannot do something, with an error of the system, and has nothing of it afterwards.
func (c *client) refuses(line string, errno syscall.Errno, next string) error {
	before, err := c.holds()
	if err != nil {
		return err
	}
	answer, err := c.Ask(line)
	if err != nil {
		return err
	}
	fields := strings.Fields(answer)
	if len(fields) < 3 || fields[1] != fmt.Sprint(int(errno)) || !strings.Contains(answer, strings.Fields(line)[1]) || !strings.Contains(answer, next) {
		return fmt.Errorf("%s: not errno %d, or not %q: %s", line, int(errno), next, answer)
	}
	fmt.Printf("%s: %s\n", line, answer)
	after, err := c.holds()
	if err == nil && !slices.Equal(before, after) {
		err = fmt.Errorf("%s: left behind: %v, before: %v", line, after, before)
	}
	return err
}

// holds are the client's descriptors, its mappings of shared memory, and what lies there.
func (c *client) holds() (all []string, err error) {
	proc := fmt.Sprintf("/proc/%d/", c.Process.Pid)
	names, err := sys.ReadDir(proc + "fd")
	if err != nil {
		return nil, err
	}
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, segment.Dir) {
			names = append(names, strings.TrimSpace(line))
		}
	}
	files, err := sys.ReadDir(segment.Dir)
	return append(names, files...), err
}

func clients(args []string) error {
	if err := testkit.MountShm(fmt.Sprintf("size=%d", (ownPages+1)*page)); err != nil {
		return err
	}
	started, err := testkit.StartClient(args)
	if err != nil {
		return err
	}
	c := &client{started}
	if err := c.Does("create " + name); err != nil { // whatever it loads later is loaded now
		return err
	}
	err = errors.Join(
		c.refuses("create /another", syscall.ENOSPC, "fewer slots"),
		c.withoutBell(), c.starves("create /another"), c.starves("attach "+name), c.starves("takeover "+name),
		c.Does("attach "+name), c.Does("takeover "+name),
		c.withSmallFiles(), c.readOnly(),
	)
	if err := c.withoutProc(); err != nil {
		return err
	}
	return errors.Join(err, c.End())
}

// withoutBell has a takeover find no room for the doorbell that is missing.
func (c *client) withoutBell() error {
	filler := segment.Dir + "/filler"
	return errors.Join(removeBell(name), os.WriteFile(filler, make([]byte, page), 0o600),
		c.refuses("takeover "+name, syscall.ENOSPC, "fewer slots"), os.Remove(filler), c.Does("takeover "+name))
}

// starves has each opening of a file be the one that fails.
func (c *client) starves(line string) error {
	const most = 8
	if strings.HasPrefix(line, "create") { // room for it
		if err := syscall.Mount("", segment.Dir, "", syscall.MS_REMOUNT, "size=1m"); err != nil {
			return err
		}
	}
	fds, err := sys.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Process.Pid))
	if err != nil {
		return err
	}
	limit := 0
	for spare := range most {
		for limit += min(spare, 1); slices.Contains(fds, fmt.Sprint(limit)); limit++ { // the next that is free
		}
		if err := c.Does(fmt.Sprintf("limit %d %d", syscall.RLIMIT_NOFILE, limit)); err != nil {
			return err
		}
		if err := c.refuses(line, syscall.EMFILE, "ulimit -n"); err != nil {
			if spare == 0 || !strings.HasSuffix(err.Error(), ": ok") {
				return err
			}
			return c.Does(fmt.Sprintf("limit %d none", syscall.RLIMIT_NOFILE))
		}
	}
	return fmt.Errorf("%s: fails with %d descriptors", line, most)
}

func (c *client) withSmallFiles() error {
	return errors.Join(c.Does(fmt.Sprintf("limit %d 4096", syscall.RLIMIT_FSIZE)),
		c.refuses("create /small", syscall.EFBIG, "ulimit -f"), c.Does("takeover "+name),
		c.Does(fmt.Sprintf("limit %d none", syscall.RLIMIT_FSIZE)))
}

func (c *client) readOnly() error {
	if err := syscall.Mount("", segment.Dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		return err
	}
	return errors.Join(
		c.refuses("create /third", syscall.EROFS, "read-only"), c.refuses("takeover "+name, syscall.EROFS, "read-only"), c.Does("attach "+name),
		syscall.Mount("", segment.Dir, "", syscall.MS_REMOUNT|syscall.MS_BIND, ""),
	)
}

// withoutProc is the last, because it cannot be undone.
func (c *client) withoutProc() error {
	if err := syscall.Mount("tmpfs", "/proc", "tmpfs", 0, "size=4k"); err != nil {
		return err
	}
	before, err := sys.ReadDir(segment.Dir)
	if err != nil {
		return err
	}
	answer, err := c.Ask("create /fourth")
	if !strings.Contains(answer, "/proc is not mounted here") || !strings.Contains(answer, "mount -t proc proc /proc") {
		return fmt.Errorf("create without /proc: %s %w", answer, err)
	}
	fmt.Printf("create without /proc: %s\n", answer)
	after, err := sys.ReadDir(segment.Dir)
	if !slices.Equal(before, after) {
		return fmt.Errorf("left behind: %v %w", after, err)
	}
	return c.Does("takeover " + name)
}
