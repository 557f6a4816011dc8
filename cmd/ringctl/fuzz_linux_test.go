package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/hostile/forge"
)

// fuzzPatience ends a tail of a ring that nobody closed.
const fuzzPatience = 2 * time.Millisecond

// within runs a command line in this process.
func within(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), fuzzPatience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	_, err = root.ExecuteContextC(ctx)
	if err != nil {
		if _, said := errors.AsType[exitError](err); !said {
			report(root, err)
		}
		require.NotEmpty(t, stderr.String(), "%v", err)
	}
	require.NotRegexp(t, `[^ -~\n\t…×]`, stderr.String(), "it could steer a terminal")
	return stdout.String(), err
}

// Whatever lies in /dev/shm, each command says what it is, or what is wrong with it, in words that cannot steer a
// terminal, and in JSON that is JSON.
func FuzzCommands(f *testing.F) {
	bases := forge.Bases(f)
	for i := range bases {
		f.Add(uint16(i), []byte{}, true)
	}
	f.Fuzz(func(t *testing.T, base uint16, edits []byte, seal bool) {
		name := fmt.Sprintf("/ringctl-%d-fuzz", os.Getpid())
		defer func() {
			if err := segment.Unlink(name); err != nil {
				require.ErrorIs(t, err, fs.ErrNotExist)
			}
		}()
		o := forge.Make(bases[int(base)%len(bases)], edits, seal)
		o.Size = min(o.Size, 1<<24) // rm opens it as a writer does, who fills holes
		require.NoError(t, o.Put(shmPath(name)))

		if out, err := within(t, "stat", "--name", name, "--json"); err == nil {
			require.True(t, json.Valid([]byte(out)), "%s", out)
		}
		for _, args := range [][]string{{"stat"}, {"tail", "--count", "8"}, {"tail", "--count", "8", "--format", "csv", "--from", "newest"}} {
			out, _ := within(t, append(args, "--name", name)...)
			require.NotRegexp(t, `[^ -~\n…]`, out, "it could steer a terminal")
		}
		out, _ := within(t, "tail", "--name", name, "--count", "8", "--format", "json", "--strict")
		for line := range strings.Lines(out) {
			require.True(t, json.Valid([]byte(line)), "%s", line)
		}
		_, _ = within(t, "tail", "--name", name, "--count", "8", "--format", "raw", "--wait", "block")
		out, err := within(t, "ls", "--json")
		require.NoError(t, err)
		require.True(t, json.Valid([]byte(out)), "%s", out)
		_, err = within(t, "ls")
		require.NoError(t, err)

		_, err = within(t, "rm", name)
		require.NoError(t, err, "nobody has it open")
		_, err = os.Lstat(shmPath(name))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}
