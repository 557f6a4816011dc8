package segment

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
)

// withRingFile makes a segment whose header says that its slots are in a file, and returns its name and the path of
// that file, which is not there. What is refused of such a file needs no hugetlbfs.
func withRingFile(t *testing.T, base func(own string) string) (name, file string) {
	name, path := made(t, Options{})
	s := attach(t, name)
	g := s.Geometry()
	file = filepath.Join(t.TempDir(), base(s.ringName()))
	g = g.InFile(file)
	require.NoError(t, os.WriteFile(path, layout.Encode(g), 0o600))
	return name, file
}

func own(name string) string { return name }

func TestRingFileThatIsNone(t *testing.T) {
	for name, tc := range map[string]struct {
		base  func(string) string
		make  func(file string) error
		cause error
	}{
		"missing":           {own, func(string) error { return nil }, ErrNoRing},
		"not of huge pages": {own, func(file string) error { return os.WriteFile(file, make([]byte, 1<<16), 0o600) }, ErrNotRegular},
		"a directory":       {own, func(file string) error { return os.Mkdir(file, 0o700) }, ErrNotRegular},
		"another segment's": {func(name string) string { return "x" + name }, func(file string) error { return os.WriteFile(file, nil, 0o600) }, ErrGeometry},
	} {
		t.Run(name, func(t *testing.T) {
			segment, file := withRingFile(t, tc.base)
			require.NoError(t, tc.make(file))
			for op, open := range openers {
				requireError(t, unjoin(open(segment)), op, segment, tc.cause)
			}
			_, err := CreateOrTakeOver(segment, shape(16), Options{})
			require.ErrorIs(t, err, tc.cause)
			require.NoError(t, Unlink(segment))
			assert.Empty(t, testkit.Objects(t, segment))
			if tc.cause != ErrNoRing {
				_, err := os.Lstat(file)
				assert.NoError(t, err, "it is none of ours")
			}
		})
	}
}

func TestSlotsOfAHeader(t *testing.T) {
	name, _ := made(t, Options{})
	s, err := attachHeader(name)
	require.NoError(t, err)
	defer s.Close()
	assert.Nil(t, s.Slots())
	assert.Len(t, s.Header(), layout.PageSize)
}

// A file that bears the name of a doorbell is none where the header says that there is none.
func TestDoorbellThatNobodyAskedFor(t *testing.T) {
	name, path := made(t, Options{})
	s := attach(t, name)
	d, err := createDoorbell(path, s.Geometry().Created)
	require.NoError(t, err)
	defer func() { require.NoError(t, d.close()) }()
	assert.Nil(t, attach(t, name).Waiting())
	require.NoError(t, d.unlink())

	w, err := OpenWriter(name)
	require.NoError(t, err)
	defer w.Close()
	assert.Nil(t, w.Waiting())
	assert.Len(t, testkit.Objects(t, name), 1, "a takeover makes none")
}

// A doorbell is good if it is the segment's owner's, or ours.
func TestWhoseDoorbellIsRung(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "needs two users")
	}
	name, path := made(t, Options{Doorbell: true})
	bell := doorbellPath(path, attach(t, name).Geometry().Created)
	require.NoError(t, os.Chown(path, testkit.Nobody, testkit.Nobody))
	assert.NotNil(t, attach(t, name).Waiting(), "ours")
	require.NoError(t, os.Chown(bell, testkit.Nobody, testkit.Nobody))
	assert.NotNil(t, attach(t, name).Waiting(), "the owner's")
	require.NoError(t, os.Chown(bell, testkit.Nobody-1, testkit.Nobody))
	assert.Nil(t, attach(t, name).Waiting(), "somebody's")
}

func TestSweepLeavesWhatIsNotKnownToBeLeft(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	bell := doorbellPath(path, attach(t, name).Geometry().Created)
	other := name + ".0123456789abcdef" // a segment as any other
	s, err := Create(other, shape(16), Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	sweep(name)
	assert.FileExists(t, Dir+other)
	assert.FileExists(t, bell)

	require.NoError(t, os.WriteFile(path, []byte("damaged"), 0o600))
	sweep(name)
	assert.FileExists(t, bell, "of an object that does not say whether it is its own")
	require.NoError(t, Unlink(name))
	assert.NoFileExists(t, bell, "the object is gone")
	assert.FileExists(t, Dir+other)
}

func TestUnlinkSaysWhatIsLeft(t *testing.T) {
	name, path := made(t, Options{Doorbell: true})
	bell := doorbellPath(path, attach(t, name).Geometry().Created)
	require.NoError(t, os.Remove(bell))
	require.NoError(t, os.Mkdir(bell, 0o700))
	require.ErrorIs(t, Unlink(name), syscall.EISDIR)
	assert.NoFileExists(t, path)
}

func TestUnlinkOfAnotherUsersSegment(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "needs two users")
	}
	private, _ := made(t, Options{})
	name, path := made(t, Options{Mode: 0o644})
	require.NoError(t, testkit.Start(t, "attach-as-nobody", private, name).Wait())
	assert.FileExists(t, path)
}

// What is no semaphore by its contents is listed, whatever its name.
func TestListOfNamesLikeSemaphores(t *testing.T) {
	name := fmt.Sprintf("/sem.tickring-test-%d", os.Getpid())
	t.Cleanup(func() { _ = os.Remove(Dir + name) })
	listed := func() bool {
		entries, err := List()
		require.NoError(t, err)
		for _, e := range entries {
			if e.Name == name {
				return true
			}
		}
		return false
	}
	require.NoError(t, os.WriteFile(Dir+name, make([]byte, 32), 0o600))
	assert.False(t, listed(), "a semaphore")
	require.NoError(t, os.Remove(Dir+name))
	s, err := Create(name, shape(16), Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.True(t, listed())
	require.NoError(t, sys.WriteAt(s.fd, []byte{1}, layout.SchemaOffset))
	assert.True(t, listed(), "damaged")
}

func TestHints(t *testing.T) {
	for _, tc := range []struct {
		op   string
		err  error
		hint string
	}{
		{opCreate, &hugepages.UnavailableError{Err: syscall.ENOSPC}, ""},
		{opCreate, ErrGeometry, ""},
		{opAttach, ErrGeometry, "the object is damaged"},
		{opAttach, fmt.Errorf("%w: %w", ErrNoRing, fs.ErrNotExist), "mount it as the writer has it"},
		{opWriter, ErrReplaced, "open it again"},
		{opWriter, ErrBare, "only the program that made it"},
		{opAttach, ErrBare, "read it with AttachBare"},
		{opWriter, ErrNotRegular, "give the name of a shared memory object"},
	} {
		got := hint(tc.op, tc.err)
		if tc.hint == "" {
			assert.Empty(t, got, "%s: %v", tc.op, tc.err)
		}
		assert.Contains(t, got, tc.hint, "%s: %v", tc.op, tc.err)
	}
}
