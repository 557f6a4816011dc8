package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// crew is the reader processes.
type crew struct {
	members []*member
	fail    context.CancelCauseFunc // of the context that hire returned
}

// member is one reader process.
type member struct {
	name      string
	cmd       *exec.Cmd
	stdin     io.Closer
	orders    *json.Encoder
	output    io.Reader
	replies   chan reply
	stderr    lastWords
	dismissed atomic.Bool
	ended     chan struct{} // closed when the process is gone
}

// hire starts n readers. The returned context is cancelled when one of them fails, with the reason
// as its cause. Unless hire fails, the caller dismisses the crew.
func hire(ctx context.Context, n int) (context.Context, *crew, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program, to start it as a reader: %w", err)
	}
	c := &crew{}
	ctx, c.fail = context.WithCancelCause(ctx)
	for i := range n {
		m := &member{name: fmt.Sprintf("reader %d", i+1), replies: make(chan reply, 4), ended: make(chan struct{})}
		if err := m.start(program); err != nil {
			c.dismiss()
			return nil, nil, fmt.Errorf("start %s: %w", m.name, err)
		}
		c.members = append(c.members, m)
		go m.listen(c.fail)
	}
	return ctx, c, nil
}

func (m *member) start(program string) error {
	m.cmd = exec.Command(program, readerCommand)
	m.cmd.Stderr = &m.stderr
	stdin, err := m.cmd.StdinPipe()
	if err != nil {
		return err
	}
	m.stdin, m.orders = stdin, json.NewEncoder(stdin)
	if m.output, err = m.cmd.StdoutPipe(); err != nil {
		return err
	}
	return m.cmd.Start()
}

// listen passes replies on until the process ends.
func (m *member) listen(fail context.CancelCauseFunc) {
	defer close(m.ended)
	for decoder := json.NewDecoder(m.output); ; {
		var r reply
		if err := decoder.Decode(&r); err != nil {
			break // the end, or something that is no reply, after which there is no way to go on
		}
		if r.Error != "" {
			fail(fmt.Errorf("%v: %s", m, r.Error))
		}
		m.replies <- r // has room for more than are ever under way
	}
	_ = m.stdin.Close()
	_, _ = io.Copy(io.Discard, m.output) // or it could not end for a full pipe
	_ = m.cmd.Wait()                     // ProcessState says it all
	if !m.dismissed.Load() {
		fail(fmt.Errorf("%v ended before its work was done: %v%s", m, m.cmd.ProcessState, &m.stderr))
	}
}

func (m *member) String() string { return fmt.Sprintf("%s (process %d)", m.name, m.cmd.Process.Pid) }

// ask sends every reader an order and collects their answers.
func (c *crew) ask(ctx context.Context, limit time.Duration, orderFor func(i int) order) ([]reply, error) {
	if err := c.tell(ctx, orderFor); err != nil {
		return nil, err
	}
	return c.collect(ctx, limit)
}

// tell sends every reader an order.
func (c *crew) tell(ctx context.Context, orderFor func(i int) order) error {
	for i, m := range c.members {
		if err := m.orders.Encode(orderFor(i)); err != nil {
			<-m.ended // a pipe without a reader: how the process ended is the better reason
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return fmt.Errorf("send an order to %v: %w", m, err)
		}
	}
	return nil
}

// collect returns the next reply of every reader.
func (c *crew) collect(ctx context.Context, limit time.Duration) ([]reply, error) {
	late := time.NewTimer(limit)
	defer late.Stop()
	replies := make([]reply, len(c.members))
	for i, m := range c.members {
		select {
		case replies[i] = <-m.replies:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late.C:
			return nil, fmt.Errorf("%v did not answer within %v: is the machine overloaded?", m, limit)
		}
	}
	if ctx.Err() != nil { // one of the replies was an error
		return nil, context.Cause(ctx)
	}
	return replies, nil
}

// patience is how long a dismissed reader may take to go by itself.
const patience = 2 * time.Second

// dismiss ends the readers and waits until they are gone.
func (c *crew) dismiss() {
	for _, m := range c.members {
		m.dismissed.Store(true)
		_ = m.stdin.Close() // tells it to go
	}
	for _, m := range c.members {
		kill := time.AfterFunc(patience, func() { _ = m.cmd.Process.Kill() })
		<-m.ended
		kill.Stop()
	}
	c.fail(nil)
}

// lastWords keeps the end of what a process wrote to its standard error.
type lastWords struct{ text []byte }

const maxLastWords = 2 << 10

func (w *lastWords) Write(p []byte) (int, error) {
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-maxLastWords):]
	return len(p), nil
}

func (w *lastWords) String() string {
	if text := strings.TrimSpace(string(w.text)); text != "" {
		return "; it said: " + text
	}
	return ""
}
