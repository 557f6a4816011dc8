package scarcity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// Signals of a timer, of another process, and of the Go runtime's own kind interrupt whatever can be interrupted, all the time:
// nothing fails, nothing ends early, nothing hangs.
func TestSignals(t *testing.T) { scene(t, "signals") }

func signals([]string) error {
	if err := testkit.MountShm("size=64m"); err != nil {
		return err
	}
	before, err := testkit.Held()
	if err != nil {
		return err
	}
	var came atomic.Int64
	all := make(chan os.Signal, 1024)
	signal.Notify(all, syscall.SIGALRM, syscall.SIGURG, syscall.SIGUSR1)
	go func() {
		for range all {
			came.Add(1)
		}
	}()
	stop, err := torment()
	if err != nil {
		return err
	}
	const rounds = 40
	for round := range rounds {
		if err := underSignals(round); err != nil {
			return fmt.Errorf("round %d, after %d signals: %w", round, came.Load(), err)
		}
	}
	if err := errors.Join(stop(), before.Unchanged()); err != nil {
		return err
	}
	if came.Load() < 100*rounds {
		return fmt.Errorf("only %d signals came", came.Load())
	}
	fmt.Printf("%d rounds under %d signals: done\n", rounds, came.Load())
	return nil
}

// underSignals does all that there is to do with a segment.
func underSignals(round int) error {
	s, err := segment.Create(name, shape(1<<17), segment.Options{Doorbell: true}) // 4 MiB
	if err != nil {
		return err
	}
	if round%2 == 0 {
		if err := s.Close(); err != nil {
			return err
		}
		if s, err = segment.OpenWriter(name); err != nil {
			return err
		}
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	seen, err := segment.Attach(name)
	if err != nil {
		return err
	}
	r, err := ring.NewReader[ring.TradingData](seen, ring.ReaderOptions{Wait: ring.Block()})
	if err != nil {
		return err
	}
	if err := asleep(r, w, s.Waiting()); err != nil {
		return err
	}
	if found, err := segment.List(); err != nil || len(found) != 1 || found[0].Err != nil || !found[0].Status.Alive {
		return fmt.Errorf("list: %+v %w", found, err)
	}
	return errors.Join(w.Close(), seen.Close(), s.Close(), segment.Unlink(name))
}

// asleep makes sure that a blocked reader wakes for a record, and for nothing else before its time.
func asleep(r *ring.Reader[ring.TradingData], w *ring.Writer[ring.TradingData], waiting *uint32) error {
	var got ring.TradingData
	const patience = 5 * time.Millisecond
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := r.Next(ctx, &got); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) < patience {
		return fmt.Errorf("nothing was there, and after %v: %w", time.Since(began), err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 {
			for range time.Tick(time.Millisecond) {
				if atomic.LoadUint32(waiting) != 0 { // the reader is about to sleep
					break
				}
			}
			w.Publish(&ring.TradingData{Volume: 5})
		}
	}()
	for n := range uint64(3) {
		if at, err := r.Next(context.Background(), &got); err != nil || at != n || got.Volume != 5 {
			return fmt.Errorf("record %d: %d %+v %w", n, at, got, err)
		}
	}
	<-done
	return nil
}

// torment has signals come to this process, of its own timer and of another process, until stop is called.
func torment() (stop func() error, err error) {
	if err := setTimer(50 * time.Microsecond); err != nil {
		return nil, err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := testkit.RunWith("tormentor", func(cmd *exec.Cmd) { cmd.Stdin = reader }, strconv.Itoa(os.Getpid()))
		ended <- err
	}()
	return func() error { return errors.Join(setTimer(0), writer.Close(), <-ended, reader.Close()) }, nil
}

// tormentor sends signals to a process until its input ends.
func tormentor(args []string) error {
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	done := testkit.Stopped()
	for pace := time.Tick(50 * time.Microsecond); ; {
		select {
		case <-done:
			return nil
		case <-pace:
		}
		for _, s := range []syscall.Signal{syscall.SIGURG, syscall.SIGUSR1} {
			if err := syscall.Kill(pid, s); err != nil {
				return err
			}
		}
	}
}

// setTimer has SIGALRM come at an interval; never, if that is 0.
func setTimer(interval time.Duration) error {
	every := syscall.NsecToTimeval(int64(interval))
	timer := struct{ Interval, Value syscall.Timeval }{every, every}
	if _, _, errno := syscall.Syscall(syscall.SYS_SETITIMER, 0, uintptr(unsafe.Pointer(&timer)), 0); errno != 0 {
		return fmt.Errorf("setitimer: %w", errno)
	}
	return nil
}
