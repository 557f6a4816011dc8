package interop

import (
	"cmp"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// client is the suite's end of a driver. It serves one test at a time, which it fails if the driver ends
// early or does not answer.
type client struct {
	testing.TB
	name    string
	process *testkit.Process
	limit   time.Duration // for one answer
	ended   bool
}

// answerLimit is longer than anything that a driver is asked takes.
const answerLimit = 60 * time.Second

// start starts a driver for a test. It is killed at the end of the test, if it still runs.
func (l launcher) start(t testing.TB) *client {
	t.Helper()
	program := l.need(t)
	c := &client{TB: t, name: l.name, limit: cmp.Or(l.limit, answerLimit)}
	c.process = testkit.StartWith(c, "driver", func(cmd *exec.Cmd) {
		if program.path != "" {
			cmd.Path = program.path
			cmd.Args = append([]string{program.path}, program.args...)
		}
		cmd.Env = append(cmd.Env, program.env...)
	}, program.args...)
	return c
}

// tell gives a command, to be answered later.
func (c *client) tell(format string, args ...any) {
	c.Helper()
	c.ended = true // unless Say returns
	c.process.Say(fmt.Sprintf(format, args...))
	c.ended = false
}

// answer waits for the answer to a command.
func (c *client) answer() string {
	c.Helper()
	c.ended = true // unless Line returns
	hung := time.AfterFunc(c.limit, func() { _ = c.process.Cmd.Process.Kill() })
	defer hung.Stop()
	line := c.process.Line()
	c.ended = false
	return line
}

func (c *client) ask(format string, args ...any) string {
	c.Helper()
	c.tell(format, args...)
	return c.answer()
}

// expect gives a command and holds its answer to want.
func (c *client) expect(want, format string, args ...any) {
	c.Helper()
	command := fmt.Sprintf(format, args...)
	require.Equal(c, want, c.ask("%s", command), "%s: %s", c.name, shorten(command))
}

// number gives a command that is answered with a number.
func (c *client) number(command string) (n uint64) {
	c.Helper()
	answer := c.ask("%s", command)
	_, err := fmt.Sscanf(answer, "%d", &n)
	require.NoError(c, err, "%s: %s => %s", c.name, shorten(command), answer)
	return n
}

// stop ends the driver as a driver ends.
func (c *client) stop() {
	c.Helper()
	require.NoError(c, c.process.Stop(), "%s: end of input", c.name)
}

// shorten keeps long commands, of records in hexadecimal, from filling the screen.
func shorten(command string) string {
	const most = 200
	if len(command) <= most {
		return command
	}
	return strings.ToValidUTF8(command[:most], "") + "…"
}
