package testkit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Clients are programs in other languages that do what testdata/client.cpp says: each is built, and returned as a command. They end
// a test on a host that lacks what they need.
var Clients = map[string]func(t *testing.T) []string{"c++": cppClient, "python": pythonClient}

func cppClient(t *testing.T) []string {
	t.Helper()
	compiler, err := exec.LookPath("g++")
	if err != nil {
		Require(t, "g++", err.Error())
	}
	root, path := ModuleRoot(t), filepath.Join(t.TempDir(), "client")
	out, err := exec.Command(compiler, "-std=c++17", "-O0", "-I", filepath.Join(root, "clients", "cpp", "include"),
		"-o", path, filepath.Join(root, clientSource+".cpp")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return []string{path}
}

func pythonClient(t *testing.T) []string {
	t.Helper()
	python, root := Interpreter(t), ModuleRoot(t)
	sources := filepath.Join(root, "clients", "python", "src")
	return []string{"/usr/bin/env", "PYTHONPATH=" + sources, "PYTHONDONTWRITEBYTECODE=1", "TICKRING_PURE=1", python, filepath.Join(root, clientSource+".py")}
}

// Interpreter is the python3 of the tests.
func Interpreter(t testing.TB) string {
	t.Helper()
	python := os.Getenv("TICKRING_PYTHON")
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if path, err := exec.LookPath(name); err == nil && python == "" {
			python = path
		}
	}
	if python == "" {
		Require(t, "python3", "no python3 is installed")
	}
	return python
}

const clientSource = "internal/testkit/testdata/client"

// Client is one that runs.
type Client struct {
	*os.Process
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// StartClient starts the command of one of [Clients].
func StartClient(command []string) (*Client, error) {
	c := &Client{cmd: exec.Command(command[0], command[1:]...)}
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(out)
	err = c.cmd.Start()
	c.Process = c.cmd.Process
	return c, err
}

// Ask has it do something, and returns what it answers.
func (c *Client) Ask(line string) (string, error) {
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		return "", err
	}
	answer, err := c.stdout.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

// Does returns what it answers, if that is not ok, as an error.
func (c *Client) Does(line string) error {
	answer, err := c.Ask(line)
	if err == nil && answer != "ok" {
		err = errors.New(answer)
	}
	return err
}

// End has it end, and waits until it has.
func (c *Client) End() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }
