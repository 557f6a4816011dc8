//go:build linux

package main

import (
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/segment"
)

// What another object has, which has the name by now, is not told as the segment's.
func TestStatOfWhatLosesItsName(t *testing.T) {
	name, other := newName(t), newName(t)+"-other"
	succeed(t, "create", "--name", name)
	seg, bare, err := openSegment(name)
	require.NoError(t, err)
	defer seg.Close()
	require.NoError(t, os.Rename(shmPath(name), shmPath(other)))
	defer os.Remove(shmPath(other))
	_, err = statusOf(seg, bare)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, name)
	for what, take := range map[string]func() error{
		"an object": func() error { return os.WriteFile(shmPath(name), make([]byte, 1<<20), 0o600) },
		"a link":    func() error { return os.Symlink(shmPath(other), shmPath(name)) },
	} {
		require.NoError(t, take(), what)
		_, err = statusOf(seg, bare)
		require.ErrorIs(t, err, segment.ErrReplaced, what)
		require.NoError(t, os.Remove(shmPath(name)), what)
	}
}
