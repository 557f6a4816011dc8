package hugepages_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func TestMain(m *testing.M) {
	testkit.Main(m, map[string]func([]string) error{
		"obtain":  obtain,
		"pages":   pages,
		"refused": refused,
		"hidden":  hidden,
		"lag":     lag,

		"on hugetlbfs": obtainHugetlbfs, "refused on hugetlbfs": refusedHugetlbfs, "fall back": fallBack, "emptied": emptied,
		"killed": killed, "write and die": writeAndDie, "hostile": hostile, "truncated": truncated, "other user": otherUser,
		"pages as nobody": pagesAsNobody, "unprivileged": unprivileged,
	})
}

// obtained is what the writer and a reader in another process have.
type obtained struct{ Writer, Reader hugepages.Report }

const name = "/huge"

// mountOnly leaves this process a tmpfs for shared memory, and no hugetlbfs.
func mountOnly(options string) error {
	return errors.Join(testkit.MountHugetlbfs("", ""), testkit.MountShm(options))
}

// obtain makes a segment on a tmpfs of its own and prints what pages it got. Arguments: mount options,
// policy, slots.
func obtain(args []string) error {
	if err := mountOnly(args[0]); err != nil {
		return err
	}
	s, err := create(args[1], args[2])
	if err != nil {
		return err
	}
	defer s.Close()
	var got obtained
	if got.Writer, err = s.Pages(); err != nil {
		return err
	}
	out, err := testkit.Run("pages", name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), &got.Reader); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func create(policy, slots string) (*segment.Segment, error) { return createSized(policy, slots, "0") }

func createSized(policy, slots, pageBytes string) (*segment.Segment, error) {
	var o segment.Options
	if _, err := fmt.Sscan(pageBytes, &o.PageBytes); err != nil {
		return nil, err
	}
	if err := o.Pages.UnmarshalText([]byte(policy)); err != nil {
		return nil, err
	}
	var n uint64
	if _, err := fmt.Sscan(slots, &n); err != nil {
		return nil, err
	}
	g, err := ring.GeometryOf[ring.TradingData](n)
	if err != nil {
		return nil, err
	}
	return segment.Create(name, g, o)
}

// pages attaches a segment and prints what pages this process has it on.
func pages(args []string) error {
	s, err := segment.Attach(args[0])
	if err != nil {
		return err
	}
	defer s.Close()
	report, err := s.Pages()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// refused makes sure that a segment cannot be made on a tmpfs of its own, and that nothing stays behind.
// Arguments: mount options, policy, slots, "thp" or "nothp", then texts of the error.
func refused(args []string) error {
	if err := mountOnly(args[0]); err != nil {
		return err
	}
	if args[3] == "nothp" {
		if err := disableTHP(); err != nil {
			return err
		}
	}
	before, err := sys.Free(segment.Dir)
	if err != nil {
		return err
	}
	s, err := create(args[1], args[2])
	if err == nil {
		return errors.Join(errors.New("was made"), s.Close())
	}
	for _, text := range args[4:] {
		if !strings.Contains(err.Error(), text) {
			return fmt.Errorf("%q is not in: %w", text, err)
		}
	}
	if args[1] == "require" && !errors.Is(err, hugepages.ErrUnavailable) {
		return fmt.Errorf("is not ErrUnavailable: %w", err)
	}
	after, freeErr := sys.Free(segment.Dir)
	if names, err := sys.ReadDir(segment.Dir); freeErr != nil || err != nil || after != before || len(names) > 0 {
		return fmt.Errorf("left behind: %d bytes, %v (%w)", int64(before-after), names, errors.Join(freeErr, err))
	}
	if errors.Is(err, syscall.ENOSPC) {
		fmt.Println("ENOSPC")
	}
	return nil
}

func disableTHP() error {
	const prSetTHPDisable = 41
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTHPDisable, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("prctl: %w", errno)
	}
	return nil
}

// hidden mounts a plain tmpfs over one with huge pages: it is the later one that counts.
func hidden([]string) error {
	if err := mountOnly("size=16m,huge=advise"); err != nil {
		return err
	}
	if err := testkit.MountShm("size=16m"); err != nil {
		return err
	}
	_, err := create("require", "131072")
	if !errors.Is(err, hugepages.ErrUnavailable) || !strings.Contains(err.Error(), "without huge pages") {
		return fmt.Errorf("not what the upper mount says: %w", err)
	}
	return nil
}
