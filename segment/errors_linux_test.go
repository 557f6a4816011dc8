package segment

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
)

// requireError holds an error to what a user of the package needs of it: the cause, for the program;
// operation, name and what to do next, for the person.
func requireError(t *testing.T, err error, op, name string, causes ...error) {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, op, e.Op)
	require.Equal(t, name, e.Name)
	for _, cause := range causes {
		require.ErrorIs(t, err, cause)
	}
	require.Contains(t, err.Error(), "segment: "+op+" "+name+": ")
	require.NotContains(t, err.Error(), "\n")
	hint := hint(op, err)
	require.NotEmpty(t, hint, err)
	require.True(t, strings.HasSuffix(err.Error(), hint), err)
}

// change rewrites the header of an object and seals it again, by what docs/LAYOUT.md says of the checksum.
func change(t *testing.T, path string, change func(header []byte)) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	header := make([]byte, layout.PageSize)
	_, err = f.ReadAt(header, 0)
	require.NoError(t, err)
	change(header)
	le := binary.LittleEndian
	sum := fnv.New64a()
	sum.Write(header[64:184])
	for _, part := range []int{132, 140, 160} { // schema, ring file, fallback: offset, size
		offset, n := le.Uint32(header[part:]), le.Uint32(header[part+4:])
		sum.Write(header[offset : offset+n])
	}
	le.PutUint64(header[184:], sum.Sum64())
	_, err = f.WriteAt(header, 0)
	require.NoError(t, err)
}

// openers are the ways to open a segment that is there.
var openers = map[string]func(name string) error{
	opAttach: func(name string) error {
		s, err := Attach(name)
		return errors.Join(err, s.closed())
	},
	opWriter: func(name string) error {
		s, err := OpenWriter(name)
		return errors.Join(err, s.closed())
	},
}

func (s *Segment) closed() error {
	if s == nil {
		return nil
	}
	return s.Close()
}

func TestMissing(t *testing.T) {
	name := testkit.Name(t)
	for op, open := range openers {
		requireError(t, unjoin(open(name)), op, name, fs.ErrNotExist, syscall.ENOENT)
	}
	_, err := AttachBare(name)
	requireError(t, err, opAttach, name, fs.ErrNotExist, syscall.ENOENT)
	requireError(t, Unlink(name), opUnlink, name, fs.ErrNotExist, syscall.ENOENT)
	_, err = Attach(name)
	assert.ErrorContains(t, err, "is the writer running?")
}

// unjoin takes the one error out of what errors.Join made of it.
func unjoin(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return err
}

func TestNameTaken(t *testing.T) {
	name, path := made(t, Options{})
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, o := range []Options{{}, {Doorbell: true}} {
		_, err := Create(name, shape(1<<10), o)
		requireError(t, err, opCreate, name, fs.ErrExist, syscall.EEXIST)
	}
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	assert.Len(t, testkit.Objects(t, name), 1)
}

// Many at once: one gets the name, and the others leave nothing behind.
func TestCreateIsWonByOne(t *testing.T) {
	for range 20 {
		name := testkit.Name(t)
		const makers = 8
		type result struct {
			s   *Segment
			err error
		}
		results := make(chan result, makers)
		start := make(chan struct{})
		for range makers {
			go func() {
				<-start
				s, err := Create(name, shape(16), Options{Doorbell: true})
				results <- result{s, err}
			}()
		}
		close(start)
		var winner *Segment
		for range makers {
			r := <-results
			if r.err == nil {
				require.Nil(t, winner)
				winner = r.s
				continue
			}
			requireError(t, r.err, opCreate, name, fs.ErrExist, syscall.EEXIST)
		}
		require.NotNil(t, winner)
		assert.Len(t, testkit.Objects(t, name), 2, "the segment and its doorbell")
		s, err := Attach(name)
		require.NoError(t, err)
		assert.NotNil(t, s.Waiting())
		require.NoError(t, s.Close())
		require.NoError(t, winner.Close())
		require.NoError(t, Unlink(name))
	}
}

func TestPermission(t *testing.T) {
	name, path := made(t, Options{})
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(path, 0))
		for op, open := range openers {
			requireError(t, unjoin(open(name)), op, name, fs.ErrPermission, syscall.EACCES)
		}
		return
	}
	readable, _ := made(t, Options{Mode: 0o644, Doorbell: true})
	require.NoError(t, testkit.Start(t, "attach-as-nobody", name, readable).Wait())
}

// attachAsNobody tries what another user can do with the segments of root: one private, one readable.
func attachAsNobody(names []string) error {
	private, readable := names[0], names[1]
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	for _, name := range names {
		for op, open := range openers {
			err := open(name)
			if op == opAttach && name == readable {
				if err != nil {
					return fmt.Errorf("attach what is readable: %w", err)
				}
				continue
			}
			if !errors.Is(err, fs.ErrPermission) || !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), "belongs to another user") {
				return fmt.Errorf("%s %s: %w", op, name, err)
			}
		}
		if err := Unlink(name); !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("unlink another user's segment: %w", err)
		}
	}
	s, err := Attach(readable)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.Waiting() != nil {
		return errors.New("may ring another user's doorbell")
	}
	if _, err := ring.NewReader[stamp](s, ring.ReaderOptions{Wait: ring.Block()}); !errors.Is(err, ring.ErrNoDoorbell) {
		return fmt.Errorf("block on another user's segment: %w", err)
	}
	if _, err := ring.NewWriter[stamp](s); !errors.Is(err, ring.ErrReadOnly) || !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("write what is attached: %w", err)
	}
	entries, err := List()
	if err != nil {
		return err
	}
	listed := map[string]Entry{}
	for _, e := range entries {
		listed[e.Name] = e
		if strings.HasPrefix(e.Name, readable+".") {
			return fmt.Errorf("listed: the doorbell of another user's segment: %+v", e)
		}
	}
	if e := listed[private]; !errors.Is(e.Err, fs.ErrPermission) {
		return fmt.Errorf("listing of another user's segment: %+v", e)
	}
	if e, ok := listed[readable]; !ok || e.Err != nil {
		return fmt.Errorf("listing of a readable segment: %+v", e)
	}
	return nil
}

// A program that was started by root and has given that up.
func TestCreateWithoutPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "only root can give up being root")
	}
	require.NoError(t, testkit.Start(t, "create-as-nobody", testkit.Name(t)).Wait())
}

func createAsNobody(args []string) error {
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	s, err := Create(args[0], shape(16), Options{Doorbell: true})
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Pages(); err != nil {
		return err
	}
	return Unlink(args[0])
}

// A doorbell that another user made could be truncated by that user at any time.
func TestDoorbellOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Require(t, "root", "needs two users")
	}
	name, path := made(t, Options{Doorbell: true})
	s := attach(t, name)
	bell := doorbellPath(path, s.Geometry().Created)
	require.NoError(t, os.Remove(bell))
	require.NoError(t, testkit.Start(t, "bell-of-nobody", bell).Wait())

	_, err := OpenWriter(name)
	requireError(t, err, opWriter, name, fs.ErrPermission)
	require.ErrorContains(t, err, ".bell: made by user 65534")
	s = attach(t, name)
	assert.Nil(t, s.Waiting())
}

func bellOfNobody(args []string) error {
	if err := testkit.BecomeNobody(); err != nil {
		return err
	}
	syscall.Umask(0)
	b := binary.LittleEndian.AppendUint64(nil, layout.DoorbellMagic)
	return os.WriteFile(args[0], append(b, make([]byte, layout.DoorbellSize-8)...), 0o666)
}

func TestNoSpace(t *testing.T) {
	for _, o := range []Options{{}, {Doorbell: true}} {
		for _, slots := range []uint64{1 << 36, layout.MaxSlots} {
			name := testkit.Name(t)
			_, err := Create(name, shape(slots), o)
			requireError(t, err, opCreate, name, syscall.ENOSPC)
			require.ErrorContains(t, err, "fewer slots")
			require.Empty(t, testkit.Objects(t, name))
		}
	}
}

func TestNoSpaceInAFullFileSystem(t *testing.T) {
	require.NoError(t, testkit.StartWith(t, "full", testkit.OwnMounts(t)).Wait())
}

// full makes segments in a tmpfs of 64 pages until it is full.
func full([]string) error {
	if err := testkit.MountShm("size=256k"); err != nil {
		return err
	}
	free := func() uint64 { n, _ := sys.Free(Dir); return n }
	names := func() []string { n, _ := sys.ReadDir(Dir); return n }
	g := shape(2048) // 16 pages and one for the header
	first, err := Create("/first", g, Options{Doorbell: true})
	if err != nil {
		return err
	}
	defer first.Close()
	if used := 256<<10 - free(); used != 18*4096 {
		return fmt.Errorf("18 pages are wanted, %d bytes are reserved", used)
	}
	refused := func(what string, g ring.Geometry, o Options) error {
		before, there := free(), len(names())
		s, err := Create("/second", g, o)
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("%s: %w", what, errors.Join(err, s.closed()))
		}
		if free() != before || len(names()) != there {
			return fmt.Errorf("%s: left behind: %d bytes, %v", what, int64(before-free()), names())
		}
		return nil
	}
	if err := refused("more than there is", shape(4096*4), Options{}); err != nil {
		return err
	}
	// Leave room for the segment, and not for its doorbell.
	if err := os.WriteFile(filepath.Join(Dir, "filler"), make([]byte, free()-17*4096), 0o600); err != nil {
		return err
	}
	if err := refused("no room for the doorbell", g, Options{Doorbell: true}); err != nil {
		return err
	}
	second, err := Create("/second", g, Options{})
	if err != nil {
		return fmt.Errorf("fits: %w", err)
	}
	defer second.Close()
	if free() != 0 {
		return fmt.Errorf("%d bytes free", free())
	}
	// All of both can be written: nothing has to be found any more.
	for _, s := range []*Segment{first, second} {
		w, err := ring.NewWriter[stamp](s)
		if err != nil {
			return err
		}
		for n := range g.Slots * 2 {
			rec := stampOf(n, 1)
			w.Publish(&rec)
		}
	}
	return nil
}

// A segment that was copied can have holes, for which there may be no storage any more when it is
// taken over.
func TestTakeoverReservesWhatIsMissing(t *testing.T) {
	require.NoError(t, testkit.StartWith(t, "holes", testkit.OwnMounts(t)).Wait())
}

func holes([]string) error {
	if err := testkit.MountShm("size=256k"); err != nil {
		return err
	}
	s, err := Create("/sparse", shape(2048), Options{})
	if err != nil {
		return err
	}
	const punchHole, keepSize = 2, 1
	err = syscall.Fallocate(s.fd, punchHole|keepSize, 8192, 32768)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	free, _ := sys.Free(Dir)
	if err := os.WriteFile(filepath.Join(Dir, "filler"), make([]byte, free-4096), 0o600); err != nil {
		return err
	}
	s, err = OpenWriter("/sparse")
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(errors.New("taken over without storage"), err, s.closed())
	}
	if err := os.Remove(filepath.Join(Dir, "filler")); err != nil {
		return err
	}
	if s, err = OpenWriter("/sparse"); err != nil {
		return err
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(s.fd, &st); err != nil || st.Blocks*512 < st.Size {
		return fmt.Errorf("%d bytes of storage for %d: %w", st.Blocks*512, st.Size, err)
	}
	return s.Close()
}

func TestSecondWriter(t *testing.T) {
	name := testkit.Name(t)
	holder := testkit.Start(t, "hold", name)
	require.Equal(t, "created", holder.Line())
	_, err := OpenWriter(name)
	requireError(t, err, opWriter, name, ErrWriterExists, syscall.EBUSY)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", holder.Cmd.Process.Pid))
	holder.Kill()

	s, err := OpenWriter(name)
	require.NoError(t, err)
	_, err = OpenWriter(name)
	requireError(t, err, opWriter, name, ErrWriterExists, syscall.EBUSY)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
	require.NoError(t, s.Close())
}

// hold makes a segment and has it until its input ends.
func hold(args []string) error {
	s, err := Create(args[0], shape(16), Options{})
	if err != nil {
		return err
	}
	say("created")
	untilEOF()
	return s.Close()
}

func TestAnotherRecordType(t *testing.T) {
	type unsigned struct {
		Number uint64
		Epoch  uint64
		Check  int64
	}
	type shorter struct{ Number, Epoch uint64 }
	name := testkit.Name(t)
	s := createFor(t, name, 16, Options{})
	var diff *ring.SchemaError

	_, err := ring.NewReader[unsigned](attach(t, name), ring.ReaderOptions{})
	require.ErrorAs(t, err, &diff)
	assert.Equal(t, ring.SchemaError{Field: "check", Segment: "check u64 @16", Program: "check i64 @16"}, *diff)
	_, err = ring.NewWriter[shorter](s)
	require.ErrorAs(t, err, &diff)
	assert.Equal(t, "check", diff.Field)
	assert.ErrorContains(t, err, "program has no such field")
	_, err = ring.NewReader[string](attach(t, name), ring.ReaderOptions{})
	assert.ErrorIs(t, err, ring.ErrType)
}

func TestAnotherLayoutVersion(t *testing.T) {
	name, path := made(t, Options{})
	le := binary.LittleEndian
	change(t, path, func(h []byte) { le.PutUint32(h[72:], 2) })
	s := attach(t, name)
	assert.Equal(t, uint32(2), s.Geometry().Version)
	r := newReader(t, s, ring.ReaderOptions{Start: ring.At(19)})
	var rec stamp
	n, status := r.Poll(&rec)
	assert.Equal(t, ring.Ready, status, n)
	_, err := OpenWriter(name)
	requireError(t, err, opWriter, name, ErrVersion)
	require.ErrorContains(t, err, "segment has version 2, this program writes version 1")

	change(t, path, func(h []byte) { le.PutUint32(h[76:], 2) })
	for op, open := range openers {
		requireError(t, unjoin(open(name)), op, name, ErrVersion)
	}
	change(t, path, func(h []byte) { le.PutUint32(h[72:], 1); le.PutUint32(h[76:], 1) })
	require.NoError(t, openers[opWriter](name))
}

func TestDamaged(t *testing.T) {
	noise := make([]byte, 8192)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	le := binary.LittleEndian
	for what, tc := range map[string]struct {
		damage func(t *testing.T, path string)
		want   error
	}{
		"noise":   {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, noise, 0o600)) }, ErrNotSegment},
		"emptied": {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, nil, 0o600)) }, ErrTruncated},
		"zeroed":  {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, make([]byte, 8192), 0o600)) }, ErrNotSegment},
		"a text":  {func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600)) }, ErrTruncated},
		"a flipped bit": {func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			_, err = f.WriteAt([]byte{0xff}, 700)
			require.NoError(t, err)
		}, ErrChecksum},
		"slots":      {func(t *testing.T, path string) { change(t, path, func(h []byte) { le.PutUint64(h[96:], 1<<30) }) }, ErrGeometry},
		"schema":     {func(t *testing.T, path string) { change(t, path, func(h []byte) { h[640+64+48] = 99 }) }, ErrSchema},
		"byte order": {func(t *testing.T, path string) { change(t, path, func(h []byte) { h[80], h[83] = h[83], h[80] }) }, ErrByteOrder},
	} {
		t.Run(what, func(t *testing.T) {
			name, path := made(t, Options{})
			tc.damage(t, path)
			for op, open := range openers {
				requireError(t, unjoin(open(name)), op, name, tc.want)
			}
			_, err := Create(name, shape(16), Options{})
			requireError(t, err, opCreate, name, fs.ErrExist)
			require.NoError(t, Unlink(name))
		})
	}
}

func TestTruncatedObject(t *testing.T) {
	name, path := made(t, Options{})
	whole := shape(16).SegmentSize
	for size := int64(whole) - 1; size >= 0; size -= 1 + size%97 {
		require.NoError(t, os.Truncate(path, size))
		want := ErrTruncated
		if size == layout.BareSize {
			want = ErrBare
		}
		for op, open := range openers {
			requireError(t, unjoin(open(name)), op, name, want)
		}
	}
	require.NoError(t, os.Truncate(path, 0))
	require.NoError(t, os.Truncate(path, int64(whole)))
	for op, open := range openers { // and made larger again: the header is gone
		requireError(t, unjoin(open(name)), op, name, ErrNotSegment)
	}
}

func TestLongerThanItSays(t *testing.T) {
	name, path := made(t, Options{})
	require.NoError(t, os.Truncate(path, 1<<20))
	s := attach(t, name)
	assert.Len(t, s.memory, int(shape(16).SegmentSize))
	assert.Len(t, s.Slots(), int(shape(16).RingSize()))
}

func TestNotASharedMemoryObject(t *testing.T) {
	name := testkit.Name(t)
	path := Dir + name
	target, _ := made(t, Options{})
	for what, tc := range map[string]struct {
		make func() error
		want []error
	}{
		"link":        {func() error { return os.Symlink(Dir+target, path) }, []error{syscall.ELOOP}},
		"broken link": {func() error { return os.Symlink("/nowhere", path) }, []error{syscall.ELOOP}},
		"fifo":        {func() error { return syscall.Mkfifo(path, 0o600) }, []error{ErrNotRegular, syscall.EINVAL}},
		"directory":   {func() error { return os.Mkdir(path, 0o700) }, []error{ErrNotRegular}},
		"socket": {func() error {
			l, err := net.Listen("unix", path)
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, []error{ErrNotRegular}},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, tc.make())
			defer os.Remove(path)
			hung := time.AfterFunc(forever, func() { panic("opening a " + what + " hangs") })
			defer hung.Stop()
			for op, open := range openers {
				requireError(t, unjoin(open(name)), op, name, tc.want...)
			}
			_, err := AttachBare(name)
			requireError(t, err, opAttach, name, tc.want...)
			_, err = Create(name, shape(16), Options{})
			requireError(t, err, opCreate, name, fs.ErrExist)

			entries, err := List()
			require.NoError(t, err)
			for _, e := range entries {
				if e.Name == name { // a link is shown for what it is
					assert.ErrorIs(t, e.Err, syscall.ELOOP)
				}
			}
		})
	}
}

func TestBare(t *testing.T) {
	name := testkit.Name(t)
	require.NoError(t, os.WriteFile(Dir+name, make([]byte, layout.BareSize), 0o600))
	_, err := Attach(name)
	requireError(t, err, opAttach, name, ErrBare)
	require.ErrorContains(t, err, "AttachBare")
	_, err = OpenWriter(name)
	requireError(t, err, opWriter, name, ErrBare)
	_, err = Create(name, shape(16), Options{})
	requireError(t, err, opCreate, name, fs.ErrExist, syscall.EEXIST)

	s, err := AttachBare(name)
	require.NoError(t, err)
	assert.Len(t, s.Header(), layout.BareSize)
	assert.Empty(t, s.Slots())
	assert.Zero(t, s.Geometry())
	_, err = s.Status()
	requireError(t, err, opStatus, name, ErrBare)
	_, err = s.Pages()
	require.NoError(t, err)
	alive, err := s.WriterAlive()
	require.NoError(t, err)
	assert.False(t, alive, "such a program takes no lock")
	_, err = ring.NewReader[ring.TradingData](s, ring.ReaderOptions{})
	require.ErrorIs(t, err, ring.ErrBare)
	require.NoError(t, s.Close())

	name, _ = made(t, Options{})
	_, err = AttachBare(name)
	requireError(t, err, opAttach, name, ErrNotBare)
}

func TestGeometryPutTogetherByHand(t *testing.T) {
	name := testkit.Name(t)
	_, err := Create(name, ring.Geometry{}, Options{})
	require.ErrorIs(t, err, ErrSchema)
	g := shape(16)
	g.Slots = 1 << 20
	_, err = Create(name, g, Options{})
	require.ErrorIs(t, err, ErrGeometry)
	require.Empty(t, testkit.Objects(t, name))

	g = shape(16) // slots on cache lines of their own
	g.SlotStride = 64
	g.SegmentSize = g.RingOffset + g.RingSize()
	s, err := Create(name, g, Options{})
	require.NoError(t, err)
	defer s.Close()
	assert.Equal(t, 64, attach(t, name).Geometry().SlotStride)
}

func TestInvalidMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o700, 0o601, fs.ModeSetuid | 0o600, fs.ModeDir | 0o600} {
		name := testkit.Name(t)
		_, err := Create(name, shape(16), Options{Mode: mode})
		require.ErrorIs(t, err, fs.ErrInvalid)
		require.ErrorContains(t, err, mode.String())
		require.NotContains(t, err.Error(), "\n")
		require.Empty(t, testkit.Objects(t, name))
	}
}

func TestErrorText(t *testing.T) {
	err := failed(opCreate, "\x1b[2J", fs.ErrExist)
	assert.Equal(t, `segment: create "/\x1b[2J": file already exists: open it as the writer, or remove it first`, err.Error())
	assert.NoError(t, failed(opCreate, "/x", nil))
}
