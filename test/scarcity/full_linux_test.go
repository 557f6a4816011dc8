package scarcity

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/segment"
)

// Pages of 4 KiB that a segment of 1024 slots and its doorbell need.
const (
	slots    = 1024
	ownPages = 1 + slots*32/page
	page     = 4096
)

// In a /dev/shm of any small size, with a segment either there is all of it or nothing.
func TestFull(t *testing.T) { scene(t, "full") }

func full([]string) error {
	for pages := 1; pages <= ownPages+2; pages++ {
		if err := testkit.MountShm(fmt.Sprintf("size=%d", pages*page)); err != nil {
			return err
		}
		for _, bell := range []bool{false, true} {
			o, need := plain, ownPages
			if o.Doorbell = bell; bell {
				need++
			}
			err := fullCreate(fmt.Sprintf("create of %d pages in %d", need, pages), o, pages >= need)
			if err != nil {
				return err
			}
		}
		if err := sys.Unmount(segment.Dir); err != nil {
			return err
		}
	}
	return nil
}

func fullCreate(what string, o segment.Options, fits bool) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	free, err := sys.Free(segment.Dir)
	if err != nil {
		return err
	}
	if fits {
		err = makeOne(name, slots, o)
		if err == nil {
			err = segment.Unlink(name)
		}
	} else {
		for op, create := range map[string]func() (*segment.Segment, error){
			what:                      func() (*segment.Segment, error) { return segment.Create(name, shape(slots), o) },
			"create or take over, so": func() (*segment.Segment, error) { return segment.CreateOrTakeOver(name, shape(slots), o) },
		} {
			err = errors.Join(err, refused(op, closed(create()), "create", name, syscall.ENOSPC, "fewer slots, or a larger tmpfs"))
		}
	}
	if now, freeErr := sys.Free(segment.Dir); now != free || freeErr != nil {
		err = errors.Join(err, freeErr, fmt.Errorf("%d bytes were left behind", int64(free-now)))
	}
	return errors.Join(err, before.Unchanged())
}

// Every object needs an inode, also while it has no name.
func TestNoInodes(t *testing.T) { scene(t, "no inodes") }

func noInodes([]string) error {
	for inodes := 1; inodes <= 3; inodes++ { // one is the directory's
		if err := testkit.MountShm(fmt.Sprintf("size=1m,nr_inodes=%d", inodes)); err != nil {
			return err
		}
		for _, bell := range []bool{false, true} {
			o, need := plain, 2
			if o.Doorbell = bell; bell {
				need++
			}
			if err := fullCreate(fmt.Sprintf("create with %d inodes of %d", inodes, need), o, inodes >= need); err != nil {
				return err
			}
		}
		if err := sys.Unmount(segment.Dir); err != nil {
			return err
		}
	}
	return nil
}

// A takeover finds no room for a doorbell that somebody removed: the segment stays as it was, to be read and, once there
// is room, to be taken over.
func TestFullTakeover(t *testing.T) { scene(t, "full takeover") }

func fullTakeover([]string) error {
	for missing, options := range map[string]string{"room": fmt.Sprintf("size=%d", (ownPages+1)*page), "inodes": "size=1m,nr_inodes=3"} {
		if err := testkit.MountShm(options); err != nil {
			return err
		}
		if err := makeOne(name, slots, plain); err != nil {
			return err
		}
		if err := removeBell(name); err != nil {
			return err
		}
		filler := segment.Dir + "/filler"
		if err := os.WriteFile(filler, make([]byte, page), 0o600); err != nil {
			return err
		}
		before, err := testkit.Held()
		if err != nil {
			return err
		}
		image, err := os.ReadFile(segment.Dir + name)
		if err != nil {
			return err
		}
		err = refused("takeover without "+missing+" for the doorbell", closed(segment.OpenWriter(name)), "open as writer", name, syscall.ENOSPC, "larger tmpfs")
		if err := errors.Join(err, before.Unchanged(), sameButForWriter(image)); err != nil {
			return err
		}
		if err := errors.Join(os.Remove(filler), worksOn(name), segment.Unlink(name), sys.Unmount(segment.Dir)); err != nil {
			return err
		}
	}
	return nil
}

// sameButForWriter makes sure that a takeover that failed changed nothing but who tried.
func sameButForWriter(before []byte) error {
	after, err := os.ReadFile(segment.Dir + name)
	if err != nil {
		return err
	}
	for offset := range before {
		ofWriter := offset >= 400 && offset < 416 || offset >= 512 && offset < 520
		if before[offset] != after[offset] && !ofWriter {
			return fmt.Errorf("changed at %d: %d is %d", offset, before[offset], after[offset])
		}
	}
	return nil
}

// removeBell removes the doorbell of a segment.
func removeBell(name string) error {
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer s.Close()
	return os.Remove(fmt.Sprintf("%s%s.%016x.bell", segment.Dir, name, s.Geometry().Created))
}

func TestFullForCommands(t *testing.T) { scene(t, "full for commands", testkit.Ringctl(t)) }

func fullForCommands(args []string) error {
	if err := testkit.MountShm("size=16k"); err != nil {
		return err
	}
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	for _, line := range [][]string{
		{"create", "--name", name, "--doorbell"}, {"create", "--name", name, "--slots", "512"},
	} {
		got, err := testkit.Command(nil, args[0], line...)
		if err == nil {
			err = got.Refused("create "+name, "no space left on device", "fewer slots, or a larger tmpfs")
		}
		if err != nil {
			return fmt.Errorf("ringctl %s: %w", line[0], err)
		}
		tellCommand(line, got)
	}
	return before.Unchanged()
}

func tellCommand(line []string, got testkit.Outcome) {
	fmt.Printf("ringctl %v: %s (exit %d)\n", line, firstLine(got.Stderr), got.Code)
}
