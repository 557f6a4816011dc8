package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// stage is what publishers that follow one another have in common.
type stage struct {
	t        testing.TB
	kind     string
	page     *os.File
	receipts receipts
}

// newStage binds the test to its thread: when that ends, so do the actors, whatever becomes of the test.
func newStage(t testing.TB, kind string) *stage {
	t.Helper()
	runtime.LockOSThread()
	page, err := os.Create(filepath.Join(t.TempDir(), "receipts"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = page.Close() })
	require.NoError(t, page.Truncate(4096))
	r, err := mapReceipts(int(page.Fd()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Munmap(r.memory) })
	return &stage{t, kind, page, r}
}

// actor is a publisher's process.
type actor struct {
	*testkit.Process
	t      testing.TB
	pid    int
	worker int // the thread that does what is told
	traced bool
	shared []mapping // while it is traced
	gate   uint64    // the address of a system call
}

// calm keeps the Go runtime away from the thread that is traced.
var calm = []string{"GODEBUG=asyncpreemptoff=1", "GOGC=off"}

func (st *stage) start() *actor {
	st.t.Helper()
	a := &actor{t: st.t}
	a.Process = testkit.StartWith(st.t, "publisher", func(c *exec.Cmd) {
		c.Env = append(c.Env, calm...)
		c.ExtraFiles = []*os.File{st.page}
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}, st.kind)
	st.t.Cleanup(a.kill)
	a.pid = a.Cmd.Process.Pid
	_, err := fmt.Sscan(a.Line(), &a.worker)
	require.NoError(st.t, err)
	return a
}

// reply is how the ring was when a command was done; lost is set, and nothing else, if it has another writer.
type reply struct {
	epoch, first, head uint64
	lost               bool
}

func (a *actor) reply() (r reply) {
	a.t.Helper()
	line := a.Line()
	if line == "lost" {
		return reply{lost: true}
	}
	_, err := fmt.Sscanf(line, "done %d %d %d", &r.epoch, &r.first, &r.head)
	require.NoError(a.t, err, line)
	return r
}

func (a *actor) do(format string, args ...any) reply {
	a.t.Helper()
	a.Say(fmt.Sprintf(format, args...))
	return a.reply()
}

// kill ends the process with SIGKILL, wherever it is, and waits until it is gone.
func (a *actor) kill() {
	if a.Cmd.ProcessState == nil {
		_ = a.Cmd.Process.Kill()
		a.reap()
	}
	a.Process.Kill()
}

// takeReceipt returns how many numbers Publish has returned so far, and begins anew.
func (st *stage) takeReceipt() uint64 { return atomic.SwapUint64(st.receipts.returned(), 0) }
