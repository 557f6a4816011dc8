package users

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// What each user may do by the mode of a segment.
func TestModes(t *testing.T) { scene(t, "modes", testkit.Ringctl(t)) }

func init() {
	scenes["modes"] = modes
	acts["outsider"] = outsider
	acts["reader"] = reader
	acts["writer"] = writer
}

func modes(args []string) error {
	for _, c := range []struct {
		mode    string
		group   int
		readers []int
		others  []int
	}{
		{"600", owner, nil, []int{member, stranger}},
		{"640", group, []int{member}, []int{stranger}},
		{"644", owner, []int{member, stranger}, nil},
	} {
		if err := as(owner, "make", c.mode); err != nil {
			return err
		}
		if err := os.Chown(segment.Dir+name, owner, c.group); err != nil {
			return err
		}
		w, err := begin(owner, "writer")
		if err != nil {
			return err
		}
		for _, user := range c.others {
			err = errors.Join(err, as(user, "outsider", c.mode), ringctl(args[0], user, c.mode, false))
		}
		for _, user := range c.readers {
			err = errors.Join(err, as(user, "reader", c.mode), ringctl(args[0], user, c.mode, true))
		}
		if err := errors.Join(err, w.end(), as(owner, "take over"), as(owner, "unlink")); err != nil {
			return fmt.Errorf("mode %s: %w", c.mode, err)
		}
	}
	return nil
}

// Whose segment a user writes to: his own, root's, or that of one whom he says he trusts.
func TestOwners(t *testing.T) { scene(t, "owners") }

func init() {
	scenes["owners"] = owners
	acts["trust another"] = func([]string) error { return closed(segment.OpenWriterOf(name, stranger)) }
	acts["trust its owner"] = func([]string) error { return closed(segment.OpenWriterOf(name, owner)) }
	acts["trust nobody"] = func([]string) error { return closed(segment.OpenWriter(name)) }
	acts["distrust"] = func([]string) error {
		return refused("takeover of a stranger's", closed(segment.OpenWriter(name)), "open as writer", name, segment.ErrOwner, "OpenWriterOf")
	}
}

func owners([]string) error {
	s, err := segment.Create(name, shape(), segment.Options{Mode: 0o666, Pages: hugepages.Off})
	err = errors.Join(err, s.Close(), as(stranger, "trust nobody"), as(stranger, "trust its owner"))
	if err != nil {
		return fmt.Errorf("root's: %w", err)
	}
	if err := os.Chown(segment.Dir+name, owner, group); err != nil {
		return err
	}
	return errors.Join(as(owner, "trust another"), as(owner, "trust nobody"), as(member, "trust its owner"), as(stranger, "distrust"))
}

// writer publishes until it is told to end, and makes sure that nothing was lost by then.
func writer([]string) error {
	s, err := segment.OpenWriter(name)
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	fmt.Println("publishing")
	stop := testkit.Stopped()
	for {
		select {
		case <-stop:
			return errors.Join(s.Guard(w.Close), s.Close())
		case <-time.After(100 * time.Microsecond):
			w.Publish(&first)
		}
	}
}

// outsider may see that there is a segment, and no more.
func outsider(args []string) error {
	mode := args[0]
	return errors.Join(
		refused("attach "+mode, closed(segment.Attach(name)), "attach", name, syscall.EACCES, "ask its owner for a mode"),
		refused("attach as bare "+mode, closed(segment.AttachBare(name)), "attach", name, syscall.EACCES, "ask its owner for a mode"),
		listed(mode, false), harmless(mode, false),
	)
}

// reader may read all there is.
func reader(args []string) error {
	mode := args[0]
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Owner() != owner || s.Waiting() != nil {
		return fmt.Errorf("owner %d, doorbell %v", s.Owner(), s.Waiting())
	}
	if _, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{Wait: ring.Block()}); !errors.Is(err, ring.ErrNoDoorbell) {
		return fmt.Errorf("block on the doorbell of another: %w", err)
	}
	if _, err := ring.NewWriter[ring.TradingData](s); !errors.Is(err, ring.ErrReadOnly) {
		return fmt.Errorf("write what is attached: %w", err)
	}
	r, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{})
	if err != nil {
		return err
	}
	var got ring.TradingData
	for range 20 {
		if _, err := r.Next(context.Background(), &got); err != nil || got != first {
			return fmt.Errorf("%+v %w", got, err)
		}
	}
	// The mapping is of a descriptor that is open for reading: the kernel does not make it writable.
	header := s.Header()
	if _, _, errno := syscall.Syscall(syscall.SYS_MPROTECT, uintptr(unsafe.Pointer(&header[0])), 4096, syscall.PROT_READ|syscall.PROT_WRITE); errno != syscall.EACCES {
		return fmt.Errorf("the mapping was made writable: %w", errno)
	}
	fmt.Printf("mode %s: reads, stats, is told the owner; neither writes nor rings\n", mode)
	return errors.Join(listed(mode, true), harmless(mode, true))
}

// listed makes sure that a listing has the segment, with a reason if it is not to be read, and never a doorbell.
func listed(mode string, readable bool) error {
	found, err := segment.List()
	if err != nil || len(found) != 1 || found[0].Name != name || (found[0].Err == nil) != readable {
		return fmt.Errorf("list: %+v %w", found, err)
	}
	if readable {
		return nil
	}
	return refused("list "+mode, found[0].Err, "attach", name, syscall.EACCES, "ask its owner for a mode")
}

// harmless makes sure that this user can change nothing.
func harmless(mode string, readable bool) error {
	entries, err := os.ReadDir(segment.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := segment.Dir + "/" + e.Name()
		_, openErr := os.OpenFile(path, os.O_RDWR, 0)
		_, truncErr := os.OpenFile(path, os.O_RDONLY|syscall.O_TRUNC, 0)
		err = errors.Join(err,
			denied(mode+" open "+e.Name()+" for writing", openErr),
			denied(mode+" open and truncate "+e.Name(), truncErr),
			denied(mode+" truncate "+e.Name(), os.Truncate(path, 0)),
			denied(mode+" chmod "+e.Name(), os.Chmod(path, 0o666)),
			denied(mode+" remove "+e.Name(), os.Remove(path)),
			denied(mode+" rename "+e.Name(), os.Rename(path, segment.Dir+"/mine")),
		)
	}
	return errors.Join(err,
		refused("takeover "+mode, closed(segment.OpenWriter(name)), "open as writer", name, syscall.EACCES, "ask its owner for a mode"),
		refused("takeover of that user's "+mode, closed(segment.OpenWriterOf(name, owner)), "open as writer", name, syscall.EACCES, "ask its owner for a mode"),
		refused("create or take over "+mode, closed(segment.CreateOrTakeOver(name, shape(), options(0))), "open as writer", name, syscall.EACCES, "ask its owner for a mode"),
		refused("create "+mode, closed(segment.Create(name, shape(), options(0))), "create", name, syscall.EEXIST, "remove it first"),
		refused("unlink "+mode, segment.Unlink(name), "unlink", name, os.ErrPermission, "only its owner and root can remove it"),
	)
}

// ringctl makes sure of the same for the command.
func ringctl(path string, user int, mode string, readable bool) error {
	who := &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	if user == member {
		who.Groups = []uint32{group}
	}
	read := [][]string{{"stat", "--name", name}, {"stat", "--json", "--name", name}, {"tail", "--name", name, "--count", "1"}}
	write := [][]string{{"rm", name}, {"rm", "--force", name}}
	if !readable {
		write = append(write, read...)
	}
	for _, line := range append(write, []string{"ls"}, []string{"ls", "--json"}) {
		got, err := testkit.Command(who, path, line...)
		if err != nil {
			return err
		}
		if line[0] == "ls" {
			if got.Code != 0 {
				return fmt.Errorf("ringctl ls as user %d: %+v", user, got)
			}
			continue
		}
		if err := got.Refused(name); err != nil {
			return fmt.Errorf("mode %s, user %d, ringctl %v: %w", mode, user, line, err)
		}
	}
	for _, line := range read {
		if got, err := testkit.Command(who, path, line...); readable && (err != nil || got.Code != 0) {
			return fmt.Errorf("mode %s, user %d, ringctl %v: %+v %w", mode, user, line, got, err)
		}
	}
	return nil
}
