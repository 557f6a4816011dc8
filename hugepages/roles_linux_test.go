package hugepages_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"syscall"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// What processes with a hugetlbfs of their own do; the first two arguments of each are its directory and options.

var sample = ring.TradingData{Price: 148.91, Timestamp: 1, Volume: 283, Valid: true}

// report publishes a record, and prints which pages the writer and a reader have.
func report(s *segment.Segment) error {
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	w.Publish(&sample)
	var got obtained
	if got.Writer, err = s.Pages(); err != nil {
		return err
	}
	out, err := testkit.Run("pages", s.Name())
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), &got.Reader); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func obtainHugetlbfs(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	s, err := create(args[2], "262144")
	if err != nil {
		return err
	}
	defer s.Close()
	if err := report(s); err != nil {
		return err
	}
	info, err := os.Stat(segment.Dir + name)
	if err != nil {
		return err
	}
	object, err := os.ReadFile(segment.Dir + name)
	if err != nil {
		return err
	}
	files := ringFiles(args[0])
	if err := errors.Join(
		expect("ring files", len(files), 1),
		expect("size of the object", info.Size(), int64(layout.PageSize)),
		expect("price in the view", object[:8], binary.LittleEndian.AppendUint64(nil, math.Float64bits(sample.Price))),
		expect("version of the view", object[24], byte(2)),
	); err != nil {
		return err
	}
	if ring, err := os.Stat(files[0]); err != nil || ring.Mode() != 0o600 || ring.Size() != 4*huge {
		return fmt.Errorf("ring file: %v, %w", ring, err)
	}
	if err := segment.Unlink(name); err != nil {
		return err
	}
	return expect("files after removal", ringFiles(args[0]), []string(nil))
}

func refusedHugetlbfs(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	dir, which, policy, slots, size, texts := args[0], args[2], args[3], args[4], args[5], args[6:]
	var err error
	switch which {
	case "not this user's":
		err = errors.Join(os.Chmod(dir, 0o755), testkit.BecomeNobody())
	case "mounted read-only":
		err = syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	case "full object storage":
		err = testkit.MountShm("size=4k,nr_inodes=16")
		if err == nil {
			err = os.WriteFile(segment.Dir+"/full", make([]byte, 4096), 0o600)
		}
	}
	if err != nil {
		return err
	}
	s, err := createSized(policy, slots, size)
	if err == nil {
		return errors.Join(errors.New("was made"), s.Close())
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			return fmt.Errorf("%q is not in: %w", text, err)
		}
	}
	if !errors.Is(err, errno[which]) {
		return fmt.Errorf("is not %w: %w", errno[which], err)
	}
	var unavailable *hugepages.UnavailableError
	if errors.As(err, &unavailable) != (which != "full object storage") {
		return fmt.Errorf("is not what is wrong: %w", err)
	}
	if strings.HasSuffix(which, "few pages") && (unavailable.Wanted <= unavailable.Free || unavailable.PageBytes != huge) {
		return fmt.Errorf("numbers: %d wanted, %d free, of %d: %w", unavailable.Wanted, unavailable.Free, unavailable.PageBytes, err)
	}
	return expect("files", ringFiles(dir), []string(nil))
}

func fallBack(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	s, err := create("prefer", "131072")
	if err != nil {
		return err
	}
	defer s.Close()
	return report(s)
}

func emptied(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	s, err := create("require", "65536")
	if err != nil {
		return err
	}
	defer s.Close()
	rest, missing := hugepages.NewFile("rest", huge, 0o600, hugepages.Want{})
	if missing != nil {
		return missing
	}
	defer rest.Abandon()
	if _, missing := hugepages.NewFile("more", huge, 0o600, hugepages.Want{}); !errors.Is(missing, syscall.ENOSPC) {
		return fmt.Errorf("not empty: %w", missing)
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	for range 2 * s.Geometry().Slots {
		w.Publish(&sample)
	}
	out, err := testkit.Run("pages", name)
	if err != nil {
		return err
	}
	if !strings.Contains(out, `"huge_bytes":2097152`) {
		return fmt.Errorf("reader: %s", out)
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = segment.OpenWriter(name); err != nil { // a takeover needs none either
		return err
	}
	return s.Close()
}

// writeAndDie makes a segment, or only half of it, publishes, and is killed.
func writeAndDie(args []string) error {
	s, err := create("require", "65536")
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	w.Publish(&sample)
	if args[0] == "half" { // as if before the last step
		if err := os.Remove(segment.Dir + name); err != nil {
			return err
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func killed(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	dir, next := args[0], args[2]
	for range 2 { // two that had come only half way, and one that published
		if _, err := testkit.Run("write and die", "half"); err == nil {
			return errors.New("was not killed")
		}
	}
	left := 1 // the second creation removed what the first had left
	if err := expect("left behind", len(ringFiles(dir)), left); err != nil {
		return err
	}
	if next != "create" {
		if _, err := testkit.Run("write and die", "whole"); err == nil {
			return errors.New("was not killed")
		}
		if err := expect("after a creation", len(ringFiles(dir)), 1); err != nil {
			return err
		}
		stray := dir + name + ".0123456789abcdef.ring"
		if err := touch(stray); err != nil {
			return err
		}
	}
	switch next {
	case "rm":
		if err := segment.Unlink(name); err != nil {
			return err
		}
		return expect("after removal", ringFiles(dir), []string(nil))
	case "takeover":
		s, err := segment.OpenWriter(name)
		if err != nil {
			return err
		}
		defer s.Close()
		w, err := ring.NewWriter[ring.TradingData](s)
		if err != nil {
			return err
		}
		return errors.Join(
			expect("next record", w.Publish(&sample), uint64(1)),
			expect("files", ringFiles(dir), []string{s.Geometry().RingFile}),
		)
	}
	s, err := create("require", "131072") // needs what the dead had
	if err != nil {
		return err
	}
	defer s.Close()
	return expect("files", ringFiles(dir), []string{s.Geometry().RingFile})
}

// touch makes an empty file: on a hugetlbfs nothing can be written to one.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// hostile gives a segment's header other paths, and other files under the right one.
func hostile(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	s, err := create("require", "65536")
	if err != nil {
		return err
	}
	defer s.Close()
	g := s.Geometry()
	right := g.RingFile
	attach := func(what string, want error) error {
		s, err := segment.Attach(name)
		if err == nil {
			return errors.Join(fmt.Errorf("%s: attached", what), s.Close())
		}
		if !errors.Is(err, want) {
			return fmt.Errorf("%s: not %w: %w", what, want, err)
		}
		return nil
	}
	header := func(path string) error {
		f, err := os.OpenFile(segment.Dir+name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write(layout.Encode(g.InFile(path)))
		return err
	}
	elsewhere := segment.Dir + right[strings.LastIndexByte(right, '/'):]
	if err := errors.Join(
		header("/etc/passwd"), attach("another name", segment.ErrGeometry),
		header("/dev/null"), attach("a device", segment.ErrGeometry),
		os.WriteFile(elsewhere, make([]byte, huge), 0o600),
		header(elsewhere), attach("not on a hugetlbfs", segment.ErrNotRegular),
		os.Remove(elsewhere), os.Symlink(right, elsewhere),
		attach("a link", segment.ErrNotRegular),
		os.Remove(elsewhere), syscall.Mkfifo(elsewhere, 0o600),
		attach("a fifo", segment.ErrNotRegular),
		os.Remove(elsewhere),
		attach("no file", segment.ErrNoRing), attach("no file", fs.ErrNotExist),
		header(right), os.Chown(right, testkit.Nobody, -1), attach("another user's", fs.ErrPermission),
		os.Chown(right, 0, -1), os.Truncate(right, 0), attach("short", segment.ErrTruncated),
	); err != nil {
		return err
	}
	// A path to somebody else's file does not remove that file.
	victim := args[0] + "/victim"
	if err := errors.Join(touch(victim), header(victim), segment.Unlink(name)); err != nil {
		return err
	}
	if _, err := os.Stat(victim); err != nil {
		return fmt.Errorf("removed: %w", err)
	}
	if _, err := os.Stat(segment.Dir + name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("not removed: %w", err)
	}
	return nil
}

func truncated(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	s, err := create("require", "65536")
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.Truncate(s.Geometry().RingFile, 0); err != nil {
		return err
	}
	err = r.Guard(func() error {
		reader, err := ring.NewReader[ring.TradingData](r, ring.ReaderOptions{Start: ring.At(0)})
		if err == nil {
			reader.Poll(new(ring.TradingData))
		}
		return err
	})
	if !errors.Is(err, segment.ErrTruncated) || !strings.Contains(err.Error(), "ring file") {
		return fmt.Errorf("not truncated: %w", err)
	}
	return nil
}

func otherUser(args []string) error {
	if err := mountHuge(args); err != nil {
		return err
	}
	g, err := ring.GeometryOf[ring.TradingData](1 << 16)
	if err != nil {
		return err
	}
	s, err := segment.Create(name, g, segment.Options{Pages: hugepages.Require, Mode: 0o644})
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := testkit.Run("pages as nobody", name)
	fmt.Print(out)
	return err
}

func pagesAsNobody(args []string) error {
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	if _, err := segment.OpenWriter(args[0]); !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("not refused: %w", err)
	}
	return pages(args)
}

func unprivileged([]string) error {
	if err := mountOnly("size=16m"); err != nil {
		return err
	}
	_ = testkit.BecomeNobody() // in a user namespace there is nobody to become
	if err := syscall.Setrlimit(rlimitMemlock, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
		return err
	}
	s, err := create("prefer", "65536")
	if err != nil {
		return err
	}
	defer s.Close()
	r, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer r.Close()
	var got obtained
	got.Writer, err = s.Pages()
	if err == nil {
		got.Reader, err = r.Pages()
	}
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(got))
}

const rlimitMemlock = 8
