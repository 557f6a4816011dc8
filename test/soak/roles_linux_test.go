package soak

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// starvedRole attaches without a descriptor to do it with, and with more and more. Each failure is told as what it is,
// and costs none.
func starvedRole(args []string) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		return err
	}
	var held []int
	hold := func() {
		for {
			fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
			if err != nil {
				return
			}
			held = append(held, fd)
		}
	}
	hold()
	all := len(held)
	for {
		s, err := segment.Attach(args[0])
		switch {
		case err == nil:
			if err := s.Close(); err != nil {
				return err
			}
			if hold(); len(held) != all {
				return fmt.Errorf("%d descriptors were left open", all-len(held))
			}
			return nil
		case notNow(err):
		case !errors.Is(err, syscall.EMFILE):
			return fmt.Errorf("without descriptors: %w", err)
		case len(held) == 0:
			return errors.New("it cannot be attached with all descriptors")
		default:
			_ = syscall.Close(held[len(held)-1])
			held = held[:len(held)-1]
		}
	}
}

// brimRole has a /dev/shm of its own, and fills it: what was reserved is written, and what cannot be had is refused whole.
func brimRole(args []string) error {
	if err := testkit.MountShm("size=1m"); err != nil {
		return err
	}
	g, err := ring.GeometryOf[ring.TradingData](1 << 10)
	if err != nil {
		return err
	}
	s, err := segment.Create(args[0], g, segment.Options{Doorbell: true})
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	ballast, err := os.Create(segment.Dir + "/ballast")
	if err != nil {
		return err
	}
	for page := make([]byte, 4096); err == nil; {
		_, err = ballast.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	for n := range uint64(5000) {
		w.Publish(&ring.TradingData{Timestamp: n})
	}
	if _, err := segment.Create(args[0]+"-2", g, segment.Options{Doorbell: true}); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("created where there is no room: %w", err)
	}
	entries, err := os.ReadDir(segment.Dir)
	if err != nil {
		return err
	}
	if len(entries) != 3 {
		return fmt.Errorf("%d objects, not segment, doorbell and ballast", len(entries))
	}
	if err := errors.Join(ballast.Close(), os.Remove(ballast.Name())); err != nil {
		return err
	}
	s2, err := segment.Create(args[0]+"-2", g, segment.Options{Doorbell: true})
	if err != nil {
		return err
	}
	return errors.Join(w.Close(), s.Close(), s2.Close())
}
