package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tickring/tickring/clients/cpp"
)

// compilers that are tried, in this order.
var compilers = []string{"g++", "clang++", "c++"}

// compiled is the C++ client's peer, as a program in a folder of its own.
type compiled struct {
	program  string
	compiler string
	folder   string
	err      error // why there is none
}

// compile makes the program from the sources that are embedded in this one. Whatever hinders it is no error of the
// run: the rows of the C++ client say why there is nothing in them.
func compile(ctx context.Context) (c compiled) {
	for _, name := range compilers {
		if path, err := exec.LookPath(name); err == nil {
			c.compiler = path
			break
		}
	}
	if c.compiler == "" {
		c.err = errors.New("no C++ compiler: install g++ or clang++ (Debian: apt-get install g++)")
		return c
	}
	if c.folder, c.err = os.MkdirTemp("", namePrefix); c.err != nil {
		return c
	}
	if c.err = os.CopyFS(c.folder, cpp.Sources); c.err != nil {
		return c
	}
	c.program = filepath.Join(c.folder, "peer")
	build := exec.CommandContext(ctx, c.compiler, "-std=c++17", "-O2", "-I", filepath.Join(c.folder, "include"),
		"-o", c.program, filepath.Join(c.folder, "bench", "peer.cpp"))
	build.Env = append(os.Environ(), "TMPDIR="+c.folder) // what it leaves when it is killed goes with the folder
	build.WaitDelay = time.Second                        // for what it started itself
	if said, err := build.CombinedOutput(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		c.err = fmt.Errorf("%s does not compile the C++ client, which needs C++17: %w: %s", c.compiler, err, line)
	}
	return c
}

// remove takes the program away again. One that runs goes on.
func (c *compiled) remove() error {
	if c.folder == "" {
		return nil
	}
	err := os.RemoveAll(c.folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	c.folder = ""
	return err
}
