package users

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// Users, of whom no file of the machine knows.
const (
	owner    = 61001
	member   = 61002 // of the group
	stranger = 61003
	group    = 61500
)

func TestMain(m *testing.M) {
	roles := map[string]func([]string) error{"scene": scenery, "act": act}
	testkit.Main(m, roles)
}

// scenes are what root prepares, in a /dev/shm that nobody else has, and acts what other users do there.
var (
	scenes = map[string]func(args []string) error{}
	acts   = map[string]func(args []string) error{}
)

// scene runs a scene, and logs the cases that it tells of.
func scene(t *testing.T, name string, args ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "only root becomes other users")
	}
	p := testkit.StartWith(t, "scene", testkit.OwnMounts(t), append([]string{name}, args...)...)
	said, err := p.Rest()
	for _, line := range said {
		t.Log(line)
	}
	require.NoError(t, err)
}

func scenery(args []string) error {
	if err := errors.Join(testkit.MountHugetlbfs("", ""), testkit.MountShm("size=4m")); err != nil {
		return err
	}
	return scenes[args[0]](args[1:])
}

// as has a user do something, in a process of its own that root started.
func as(user int, what string, args ...string) error {
	out, err := testkit.Run("act", append([]string{strconv.Itoa(user), what}, args...)...)
	fmt.Print(out)
	if err != nil {
		return fmt.Errorf("user %d, %s %v: %w", user, what, args, err)
	}
	return nil
}

func act(args []string) error {
	user, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if err := become(user); err != nil {
		return err
	}
	return acts[args[1]](args[2:])
}

// become turns to one of the users.
func become(user int) error {
	if user == owner || user == member {
		return testkit.Become(user, user, group)
	}
	return testkit.Become(user, user)
}

// companion is a process of a user that does something until it is told to end.
type companion struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
	stderr *strings.Builder
}

// begin starts one, and waits for its first line.
func begin(user int, what string, args ...string) (*companion, error) {
	c := &companion{stderr: &strings.Builder{}}
	c.cmd = testkit.RoleCommand("act", append([]string{strconv.Itoa(user), what}, args...)...)
	c.cmd.Stderr = c.stderr
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(stdout)
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := c.stdout.ReadString('\n'); err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

// end has it end, prints the rest of what it tells, and returns what it has to say against that.
func (c *companion) end() error {
	_ = c.stdin.Close()
	_, copyErr := io.Copy(os.Stdout, c.stdout)
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, c.stderr)
	}
	return copyErr
}

const name = "/desk"

func shape() ring.Geometry {
	g, err := ring.GeometryOf[ring.TradingData](64)
	if err != nil {
		panic(err) // a constant
	}
	return g
}

func options(mode os.FileMode) segment.Options {
	return segment.Options{Mode: mode, Pages: hugepages.Off, Doorbell: true}
}

// first is the record that makes a segment one of its owner's.
var first = ring.TradingData{Price: 101, Timestamp: 1, Volume: 1, Valid: true}

// made makes a segment with one record, and lets go of it. Argument: its mode.
func made(args []string) error {
	mode, err := strconv.ParseUint(args[0], 8, 32)
	if err != nil {
		return err
	}
	s, err := segment.Create(name, shape(), options(os.FileMode(mode)))
	if err != nil {
		return err
	}
	w, err := ring.NewWriter[ring.TradingData](s)
	if err != nil {
		return err
	}
	w.Publish(&first)
	return s.Close()
}

func init() {
	acts["make"] = made
	acts["unlink"] = func([]string) error { return segment.Unlink(name) }
	acts["take over"] = func([]string) error { return closed(segment.OpenWriter(name)) }
	acts["read"] = func([]string) error { return reads() }
}

// reads makes sure that the first record can be read.
func reads() error {
	s, err := segment.Attach(name)
	if err != nil {
		return err
	}
	defer s.Close()
	return holds(s, first)
}

// holds makes sure that the first record of a segment is want.
func holds(s *segment.Segment, want ring.TradingData) error {
	return s.Guard(func() error {
		r, err := ring.NewReader[ring.TradingData](s, ring.ReaderOptions{Start: ring.At(0)})
		if err != nil {
			return err
		}
		var got ring.TradingData
		if n, status := r.Poll(&got); status != ring.Ready || got != want {
			return fmt.Errorf("record %d: %v %+v", n, status, got)
		}
		return nil
	})
}

// refused makes sure that err is of an operation on a segment, with a cause, and says what to do next; and tells of it.
func refused(what string, err error, op, name string, cause error, next string) error {
	e, ok := errors.AsType[*segment.Error](err)
	if !ok || e.Op != op || e.Name != name || !errors.Is(err, cause) {
		return fmt.Errorf("%s: not %s %s: %w, but: %w", what, op, name, cause, err)
	}
	if !strings.Contains(err.Error(), next) || strings.Contains(err.Error(), "\n") {
		return fmt.Errorf("%s: does not say what to do, %q: %w", what, next, err)
	}
	errno, _ := errors.AsType[syscall.Errno](err)
	fmt.Printf("%s: %v (errno %d)\n", what, err, int(errno))
	return nil
}

// denied makes sure that the system forbids something.
func denied(what string, err error) error {
	if !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%s: not denied: %w", what, err)
	}
	fmt.Printf("%s: %v\n", what, err)
	return nil
}

// closed lets go of what was not to be had, if it was.
func closed(s *segment.Segment, err error) error {
	if s != nil {
		return errors.Join(err, s.Close())
	}
	return err
}
