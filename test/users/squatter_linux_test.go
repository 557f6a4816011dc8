package users

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// forged is a record of which a strategy must not learn.
var forged = ring.TradingData{Price: 666, Timestamp: 6, Volume: 6, Valid: true}

const precious = segment.Dir + "/precious"

// squats are what a stranger puts under a name, or a path, before its owner comes.
var squats = map[string]func(path string) error{
	"a link to a file":     func(path string) error { return os.Symlink(precious, path) },
	"a link to nothing":    func(path string) error { return os.Symlink(segment.Dir+"/nothing", path) },
	"a fifo":               func(path string) error { return syscall.Mkfifo(path, 0o666) },
	"a folder":             func(path string) error { return os.Mkdir(path, 0o777) },
	"a socket":             socket,
	"a segment, writable":  func(path string) error { return forge(path, 0o666, false) },
	"a segment, readable":  func(path string) error { return forge(path, 0o644, false) },
	"a segment and a bell": func(path string) error { return forge(path, 0o666, true) },
	"an empty file":        func(path string) error { return os.WriteFile(path, nil, 0o666) },
	"a bell":               func(path string) error { return bell(path, 0o666) },
	"a closed bell":        func(path string) error { return bell(path, 0o600) },
}

// attempt is what comes of an operation on a name that is squatted: an error, or nothing.
type attempt struct {
	cause error
	next  string
}

var (
	isLink    = attempt{syscall.ELOOP, "never followed"}
	isNone    = attempt{segment.ErrNotRegular, "remove what lies there"}
	isForeign = attempt{segment.ErrOwner, "have its owner or root remove it"}
	isClosed  = attempt{syscall.EACCES, "ask its owner"}
	isEmpty   = attempt{segment.ErrTruncated, "damaged or another program's"}
)

var takeovers = map[string]attempt{
	"a link to a file": isLink, "a link to nothing": isLink, "a fifo": isNone, "a folder": isNone, "a socket": isNone,
	"a segment, writable": isForeign, "a segment, readable": isClosed, "a segment and a bell": isForeign, "an empty file": isEmpty,
}

// A name that a stranger took first is nothing that its owner uses, follows, waits for, or changes; it is told what lies there.
func TestSquattedNames(t *testing.T) { scene(t, "squatted", testkit.Ringctl(t)) }

func init() {
	scenes["squatted"] = squatted
	acts["squat"] = func(args []string) error {
		syscall.Umask(0)
		return squats[args[0]](args[1])
	}
	acts["leave"] = func(args []string) error { return os.RemoveAll(args[0]) }
	acts["keep precious"] = func([]string) error { return os.WriteFile(precious, []byte("precious"), 0o600) }
	acts["find squatted"] = findSquatted
	acts["trust"] = trust
}

func squatted(args []string) error {
	if err := as(owner, "keep precious"); err != nil {
		return err
	}
	for what := range takeovers {
		if err := as(stranger, "squat", what, segment.Dir+name); err != nil {
			return err
		}
		err := as(owner, "find squatted", what)
		got, commandErr := testkit.Command(&syscall.Credential{Uid: owner, Gid: owner}, args[0], "create", "--name", name)
		if commandErr == nil {
			commandErr = got.Refused("create "+name, "file exists")
		}
		if err := errors.Join(err, commandErr); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if strings.HasPrefix(what, "a segment") {
			err = errors.Join(rootIsWarned(what), tellsOwner(args[0]))
		}
		if what == "a segment, writable" {
			err = errors.Join(err, as(owner, "trust"))
		}
		if err := errors.Join(err, as(stranger, "leave", segment.Dir+name), removeBells()); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if content, err := os.ReadFile(precious); err != nil || string(content) != "precious" {
		return fmt.Errorf("precious: %q %w", content, err)
	}
	return nil
}

// rootIsWarned makes sure that not even root writes to a segment that a user could truncate, unless it says so.
func rootIsWarned(what string) error {
	return refused("takeover by root of "+what, closed(segment.OpenWriter(name)), "open as writer", name, segment.ErrOwner, "user 61003")
}

// tellsOwner makes sure that one can see whose a segment is.
func tellsOwner(path string) error {
	for _, line := range [][]string{{"stat", "--name", name}, {"stat", "--json", "--name", name}} {
		got, err := testkit.Command(nil, path, line...)
		if text := strings.Join(strings.Fields(got.Stdout), " "); err != nil || !strings.Contains(text, "owner user 61003") && !strings.Contains(text, `"owner_uid": 61003`) {
			return fmt.Errorf("ringctl %v: %s %w", line, got.Stdout, err)
		}
	}
	return nil
}

func removeBells() error {
	entries, err := os.ReadDir(segment.Dir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".bell") {
			err = errors.Join(err, os.Remove(segment.Dir+"/"+e.Name()))
		}
	}
	return err
}

func findSquatted(args []string) error {
	what := args[0]
	expected := takeovers[what]
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	err = errors.Join(
		refused("create over "+what, closed(segment.Create(name, shape(), options(0))), "create", name, syscall.EEXIST, "remove it first"),
		refused("takeover of "+what, closed(segment.OpenWriter(name)), "open as writer", name, expected.cause, expected.next),
		refused("create or take over, "+what, closed(segment.CreateOrTakeOver(name, shape(), options(0))), "open as writer", name, expected.cause, expected.next),
		refused("unlink "+what, segment.Unlink(name), "unlink", name, os.ErrPermission, "only its owner and root"),
	)
	s, attachErr := segment.Attach(name)
	if expected == isForeign || expected == isClosed { // whoever reads it can know whose it is
		if attachErr != nil {
			return errors.Join(err, attachErr)
		}
		if s.Owner() != stranger {
			err = errors.Join(err, fmt.Errorf("owner is %d", s.Owner()))
		}
		fmt.Printf("attach %s: owner %d\n", what, s.Owner())
		err = errors.Join(err, holds(s, forged), s.Close())
	} else {
		err = errors.Join(err, refused("attach "+what, attachErr, "attach", name, expected.cause, expected.next))
	}
	return errors.Join(err, before.Unchanged())
}

// trust takes over what the stranger made, because it says so.
func trust([]string) error {
	if err := refused("takeover of another user's", closed(segment.OpenWriterOf(name, member)), "open as writer", name, segment.ErrOwner, "OpenWriterOf"); err != nil {
		return err
	}
	return closed(segment.OpenWriterOf(name, stranger))
}

func socket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// bell makes what could be a doorbell.
func bell(path string, mode os.FileMode) error {
	content := binary.LittleEndian.AppendUint64(nil, layout.DoorbellMagic)
	return os.WriteFile(path, append(content, make([]byte, layout.DoorbellSize-8)...), mode)
}

// forge makes a segment that looks like any other, with a record that nobody traded.
func forge(path string, mode os.FileMode, bell bool) error {
	o := options(mode)
	o.Doorbell = bell
	s, err := segment.Create(strings.TrimPrefix(path, segment.Dir), shape(), o)
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	w.Publish(&forged)
	return s.Close()
}

// Where the doorbell of a segment is gone, a stranger who reads its header knows the name, and takes it: readers go on without,
// and its owner is told.
func TestSquattedDoorbells(t *testing.T) { scene(t, "squatted doorbell") }

func init() {
	scenes["squatted doorbell"] = squattedDoorbell
	acts["remove bell"] = func(args []string) error { return os.Remove(args[0]) }
	acts["find bell squatted"] = findBellSquatted
	acts["all is well"] = func([]string) error {
		return errors.Join(closed(segment.OpenWriter(name)), reads(), segment.Unlink(name))
	}
}

func squattedDoorbell([]string) error {
	for what := range bellErrors {
		if err := errors.Join(as(owner, "keep precious"), as(owner, "make", "644")); err != nil {
			return err
		}
		s, err := segment.Attach(name)
		if err != nil {
			return err
		}
		bell := fmt.Sprintf("%s%s.%016x.bell", segment.Dir, name, s.Geometry().Created)
		if err := errors.Join(s.Close(), as(owner, "remove bell", bell), as(stranger, "squat", what, bell)); err != nil {
			return err
		}
		err = as(owner, "find bell squatted", what)
		if err := errors.Join(err, as(stranger, "leave", bell), as(owner, "all is well")); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// bellErrors are the reasons for not using what lies in the doorbell's place.
var bellErrors = map[string]error{
	"a link to a file": syscall.ELOOP, "a link to nothing": syscall.ELOOP, "a fifo": segment.ErrNotRegular, "a folder": syscall.EISDIR,
	"a socket": syscall.ENXIO, "an empty file": segment.ErrTruncated, "a bell": os.ErrPermission, "a closed bell": syscall.EACCES,
}

func findBellSquatted(args []string) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	if s.Waiting() != nil {
		err = errors.New("would sleep on it")
	}
	return errors.Join(err, holds(s, first), s.Close(),
		refused("takeover with "+args[0]+" as doorbell", closed(segment.OpenWriter(name)), "open as writer", name, bellErrors[args[0]], "something else has its name"),
		before.Unchanged())
}

// While a stranger takes and gives up the name all the time, a creation has it whole or not at all.
func TestNameContest(t *testing.T) { scene(t, "contest") }

func init() {
	scenes["contest"] = contest
	acts["contend"] = contend
	acts["create again and again"] = createAgain
}

func contest([]string) error {
	if err := as(owner, "keep precious"); err != nil {
		return err
	}
	c, err := begin(stranger, "contend")
	if err != nil {
		return err
	}
	err = errors.Join(as(owner, "create again and again"), c.end())
	if content, readErr := os.ReadFile(precious); readErr != nil || string(content) != "precious" {
		return fmt.Errorf("precious: %q %w", content, errors.Join(err, readErr))
	}
	return err
}

func contend([]string) error {
	fmt.Println("contending")
	stop := testkit.Stopped()
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := os.Symlink(precious, segment.Dir+name); err == nil {
			err = os.Remove(segment.Dir + name)
			if err != nil {
				return err
			}
		} else if !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

func createAgain([]string) error {
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	won, lost := 0, 0
	for won < 50 || lost < 50 {
		s, err := segment.Create(name, shape(), options(0))
		switch {
		case err == nil:
			won++
			err = errors.Join(s.Close(), whole(), segment.Unlink(name))
		case errors.Is(err, syscall.EEXIST):
			lost++
			err = nil
		}
		if err != nil {
			return err
		}
	}
	fmt.Printf("create against a contender: %d times done, %d times EEXIST\n", won, lost)
	now, err := testkit.Held()
	if err != nil {
		return err
	}
	contended := func(file string) bool { return file == segment.Dir+name } // there, now and then
	before.Files, now.Files = slices.DeleteFunc(before.Files, contended), slices.DeleteFunc(now.Files, contended)
	if !reflect.DeepEqual(before, now) {
		return fmt.Errorf("left behind: %v, before: %v", now, before)
	}
	return nil
}

// whole makes sure that the segment is what its owner made.
func whole() error {
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Owner() != owner || s.Waiting() == nil {
		return fmt.Errorf("owner %d, doorbell %v", s.Owner(), s.Waiting())
	}
	return nil
}
