package hostile

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/hostile/forge"
)

// scene is what is done to a segment, and to whom.
type scene struct {
	vandal  string     // a role
	cuts    bool       // it truncates, too: whom that ends, as documented, has no part in it
	victims [][]string // roles, and the names of strangers, with what is said to them besides the segment's name
}

// Under scribble a record is whatever the memory says that it is. Under obstruct each slot with the version of a record
// holds that record, however wrong all else is: what a reader is told to be a record has to be it.
var scenes = map[string]scene{
	"scribbled and cut": {"scribble", true, [][]string{
		{"follow"}, {"publish"}, {"attach"}, {"c++", "survive"}, {"python", "look"},
	}},
	"scribbled":          {"scribble", false, [][]string{{"publish"}, {"c++"}, {"python"}, {"python extension"}}},
	"obstructed and cut": {"obstruct", true, [][]string{{"follow", "true"}, {"c++", "survive", "true"}, {"python extension", "look"}}},
	"obstructed":         {"obstruct", false, [][]string{{"c++", "true"}, {"python", "true"}, {"python extension", "true"}}},
}

// While one process that may write to a segment does to it whatever comes to its mind, readers, writers and those who
// attach, in Go, C++ and Python, do not crash, and hear nothing but errors of known kinds, in time.
func TestChangedWhileInUse(t *testing.T) {
	needFaults(t)
	others := theStrangers(t) // before anybody is busy
	r, run := random(seed(t)), duration(t, 8*time.Second)
	const longest = 20 * time.Second // that one scene lasts at a time
	for left := run; left > 0; left -= longest * time.Duration(len(scenes)) {
		for _, name := range slices.Sorted(maps.Keys(scenes)) {
			n := r.Uint64()
			t.Run(name, func(t *testing.T) {
				scenes[name].play(t, others, n, min(longest, left/time.Duration(len(scenes))))
			})
		}
	}
}

func (s scene) play(t *testing.T, others strangers, seed uint64, run time.Duration) {
	name := published(t)
	stop := startVandal(t, s.vandal, name, seed, s.cuts)
	victims := map[string]*testkit.Process{}
	for _, v := range s.victims {
		if roles[v[0]] != nil {
			victims[v[0]] = testkit.Start(t, v[0], append([]string{name}, v[1:]...)...)
		} else if p := others.start(t, v[0], name, v[1:]...); p != nil {
			victims[v[0]] = p
		}
	}
	<-time.After(run)
	for who, p := range victims {
		p.Say("end")
		t.Logf("%s: %s", who, p.Line())
		require.NoError(t, p.Wait(), who)
	}
	stop()
}

// published is the name of a ring of 100 records that are true, which was closed.
func published(t *testing.T) (name string) {
	t.Helper()
	name = testkit.Name(t)
	g, err := ring.GeometryOf[ring.TradingData](64)
	require.NoError(t, err)
	s, err := segment.Create(name, g, segment.Options{Doorbell: true})
	require.NoError(t, err)
	w, err := ring.NewWriter[ring.TradingData](s)
	require.NoError(t, err)
	for n := range uint64(100) {
		rec := truth(n)
		w.Publish(&rec)
	}
	require.NoError(t, w.Close())
	require.NoError(t, s.Close())
	return name
}

func startVandal(t *testing.T, role, name string, seed uint64, cuts bool) (stop func()) {
	t.Helper()
	p := testkit.Start(t, role, name, strconv.FormatUint(seed, 10), strconv.FormatBool(cuts))
	return func() {
		p.Say("end")
		t.Logf("%s: %s", role, p.Line())
		require.NoError(t, p.Wait())
	}
}

// scribble changes the object of a name, in an order that follows from the seed, until it is told to end. Arguments:
// name, seed, whether it truncates.
func scribble(args []string) error {
	n, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	v := &vandal{Rand: random(n), path: segment.Dir + args[0], cuts: args[2] == "true"}
	if v.sound, err = os.ReadFile(v.path); err != nil {
		return err
	}
	if v.f, err = os.OpenFile(v.path, os.O_RDWR, 0); err != nil {
		return err
	}
	bells, _ := filepath.Glob(v.path + ".*.bell")
	if len(bells) != 1 {
		return fmt.Errorf("doorbells: %v", bells)
	}
	if v.bell, err = os.OpenFile(bells[0], os.O_RDWR, 0); err != nil {
		return err
	}
	told := commands()
	for acts := 0; ; acts++ {
		select {
		case <-told:
			say("%d acts, the last error: %v", acts, v.err)
			return nil
		default:
			v.act()
		}
	}
}

// vandal has an object and its doorbell open for writing. It writes by system calls: what it cuts off would else be its
// own end.
type vandal struct {
	*rand.Rand
	path    string
	cuts    bool
	sound   []byte
	f, bell *os.File
	err     error // the last one; there will be some
}

func (v *vandal) act() {
	switch k := v.IntN(1000); {
	case k < 500: // a word of the writer, or of a slot
		v.write(v.f, v.place(), forge.Number(v.Rand))
	case k < 700:
		v.write(v.f, int64(v.IntN(len(v.sound))), v.Uint64())
	case k < 900:
		v.write(v.bell, int64([]int{layout.DoorbellTicketOffset, layout.DoorbellWaitingOffset, 0}[v.IntN(3)]), forge.Number(v.Rand))
	case k < 960: // what lets the others go on
		_, v.err = v.f.WriteAt(v.sound, 0)
	case k < 970:
		v.cut(v.f, v.Int64N(int64(len(v.sound))))
	case k < 980:
		v.grow(v.Int64N(1 << 30))
	case k < 985:
		v.cut(v.bell, v.Int64N(2*layout.DoorbellSize))
	case k < 990:
		v.err = syscall.Fallocate(int(v.f.Fd()), 3, v.Int64N(int64(len(v.sound))), 1+v.Int64N(4096)) // keep size, punch a hole
	case k < 995:
		v.replace(func(path string) error { return os.Rename(path, v.path) })
	case k < 999:
		v.replace(func(path string) error {
			_ = os.Remove(v.path)
			return os.Rename(path, v.path)
		})
	default: // until another act replaces it
		_ = os.Remove(v.path)
		v.err = []func() error{
			func() error { return nil },
			func() error { return os.Symlink(os.DevNull, v.path) },
			func() error { return syscall.Mkfifo(v.path, 0o600) },
			func() error { return os.Mkdir(v.path, 0o700) },
		}[v.IntN(4)]()
	}
}

// cut is the end of some, who are spared where it is not to be.
func (v *vandal) cut(f *os.File, size int64) {
	if v.cuts {
		v.err = f.Truncate(size)
	}
}

func (v *vandal) grow(by int64) {
	info, err := v.f.Stat()
	if err == nil {
		err = v.f.Truncate(info.Size() + by)
	}
	v.err = err
}

// place is that of a word that a writer changes.
func (v *vandal) place() int64 {
	if words := forge.Words(); v.IntN(2) == 0 {
		return int64(words[v.IntN(len(words))])
	}
	return int64(layout.PageSize + 32*v.IntN(64))
}

func (v *vandal) write(f *os.File, at int64, value uint64) {
	_, v.err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, value), at)
}

// replace gives the name to another object: a sound one, a forged one, or one of a program from before the ring.
func (v *vandal) replace(name func(path string) error) {
	o := forge.Object{Bytes: v.sound, Size: uint64(len(v.sound))}
	switch v.IntN(8) {
	case 0, 1, 2, 3:
		o = forge.Make(o, forge.Random(v.Rand), v.IntN(4) > 0)
	case 4:
		o = forge.Object{Bytes: v.sound[:layout.BareSize], Size: layout.BareSize}
	}
	path := v.path + ".new"
	_ = os.Remove(path) // the last one may have had no name to take
	v.err = o.Put(path)
	if v.err == nil {
		v.err = name(path)
	}
	f, err := os.OpenFile(v.path, os.O_RDWR, 0)
	if err != nil {
		v.err = err
		return
	}
	v.f.Close()
	v.f = f
}

// counts is a list of how often each kind of thing was met.
func counts(of map[string]int) string {
	var all []string
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%d × %s", of[kind], kind))
	}
	return strings.Join(all, "; ")
}
