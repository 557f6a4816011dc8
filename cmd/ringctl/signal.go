package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal syscall.Signal }

func (i *interruption) Error() string { return fmt.Sprintf("ended by signal: %v", i.signal) }

// exitCode is the one that a shell reports for a process that the signal ended.
func (i *interruption) exitCode() int { return 128 + int(i.signal) }

// untilSignal returns a context that the first SIGINT, SIGTERM or SIGHUP ends, with an
// *interruption as its cause. A second signal then ends the process as if nobody had asked.
func untilSignal(parent context.Context) (_ context.Context, stop func()) {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // under nohup it stays ignored
		signals = append(signals, syscall.SIGHUP)
	}
	came := make(chan os.Signal, 1)
	signal.Notify(came, signals...)
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		defer signal.Stop(came)
		select {
		case s := <-came:
			number, _ := s.(syscall.Signal)
			cancel(&interruption{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// await returns what fn returns, or the cause of ctx if that ends first; fn is then left to itself.
// For calls that may block and know no context.
func await[T any](ctx context.Context, fn func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := fn()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
