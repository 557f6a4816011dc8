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

	"github.com/tickring/tickring/cmd/ringbench/stage"
)

// crew is the processes that send and receive.
type crew struct {
	members []*member
	fail    context.CancelCauseFunc // of the context that hire returned
}

// member is one process.
type member struct {
	name      string
	cpu       int
	cpp       bool
	files     []*os.File    // of channels, which it inherits
	samples   *stage.Memory // what it measured
	cmd       *exec.Cmd
	stdin     io.Closer
	orders    *json.Encoder
	output    io.Reader
	replies   chan reply
	stderr    lastWords
	dismissed atomic.Bool
	ended     chan struct{} // closed when the process is gone
}

// hire starts the processes. The returned context is cancelled when one of them fails, with the reason
// as its cause. Unless hire fails, the caller dismisses the crew.
func hire(ctx context.Context, members []*member, score *os.File, cpp string) (context.Context, *crew, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program, to start it as a peer: %w", err)
	}
	c := &crew{}
	ctx, c.fail = context.WithCancelCause(ctx)
	for _, m := range members {
		m.replies, m.ended = make(chan reply, 4), make(chan struct{})
		cmd := exec.Command(program, peerCommand)
		cmd.Env = append(os.Environ(), "GODEBUG="+os.Getenv("GODEBUG")+unasked)
		if m.cpp {
			cmd = exec.Command(cpp)
		}
		if err := m.start(cmd, score); err != nil {
			c.dismiss()
			return nil, nil, fmt.Errorf("start %s: %w", m.name, err)
		}
		c.members = append(c.members, m)
		go m.listen(c.fail)
	}
	return ctx, c, nil
}

// unasked: a loop that spins calls nothing where Go's monitor could stop it, so that the runtime would send its thread a
// signal every 10 ms, in vain. A peer collects no garbage, which could have to wait for the loop.
const unasked = ",asyncpreemptoff=1"

func (m *member) start(cmd *exec.Cmd, score *os.File) error {
	m.cmd = cmd
	bind(cmd)
	m.cmd.Stderr = &m.stderr
	m.cmd.ExtraFiles = append([]*os.File{score, m.samples.File}, m.files...)
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

// inherit gives a process that is not yet started a file, and returns which descriptor it will be there.
func (m *member) inherit(f *os.File) (fd int) {
	m.files = append(m.files, f)
	return firstChannelFD + len(m.files) - 1
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

// ask sends some members an order each, and collects their answers.
func (c *crew) ask(ctx context.Context, members []*member, orderFor func(i int) order) ([]reply, error) {
	if err := c.tell(ctx, members, orderFor); err != nil {
		return nil, err
	}
	return c.collect(ctx, members)
}

// tell sends some members an order each.
func (c *crew) tell(ctx context.Context, members []*member, orderFor func(i int) order) error {
	for i, m := range members {
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

// answerLimit is when a process that takes so long for anything is stuck. A slice is never as long.
const answerLimit = 60 * time.Second

// collect returns the next reply of each.
func (c *crew) collect(ctx context.Context, members []*member) ([]reply, error) {
	late := time.NewTimer(answerLimit)
	defer late.Stop()
	replies := make([]reply, len(members))
	for i, m := range members {
		select {
		case replies[i] = <-m.replies:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-late.C:
			return nil, fmt.Errorf("%v did not answer within %v: is the machine overloaded?", m, answerLimit)
		}
	}
	if ctx.Err() != nil { // one of the replies was an error
		return nil, context.Cause(ctx)
	}
	return replies, nil
}

// dismiss ends the processes and waits until they are gone. They have nothing that is worth an orderly end.
func (c *crew) dismiss() {
	for _, m := range c.members {
		m.dismissed.Store(true)
		_ = m.cmd.Process.Kill()
	}
	for _, m := range c.members {
		<-m.ended
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
