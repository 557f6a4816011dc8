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

// While one process that may write to a segment does to it whatever comes to its mind, readers, writers and those who
// attach, in Go, C++ and Python, do not crash, and hear nothing but errors of known kinds, in time.
func TestChangedWhileInUse(t *testing.T) {
	needFaults(t)
	name, run := testkit.Name(t), duration(t, 6*time.Second)
	clients := drivers(t) // before anybody is busy
	g, err := ring.GeometryOf[ring.TradingData](64)
	require.NoError(t, err)
	s, err := segment.Create(name, g, segment.Options{Doorbell: true})
	require.NoError(t, err)
	w, err := ring.NewWriter[ring.TradingData](s)
	require.NoError(t, err)
	w.PublishBatch(make([]ring.TradingData, 100))
	require.NoError(t, w.Close())
	require.NoError(t, s.Close())

	scribbler := testkit.Start(t, "scribble", name, strconv.FormatUint(seed(t), 10))
	victims := map[string]*testkit.Process{}
	for _, role := range []string{"follow", "publish", "attach"} {
		victims[role] = testkit.Start(t, role, name)
	}
	asked := map[string]int{}
	for end := time.Now().Add(run); time.Now().Before(end); {
		for _, d := range clients {
			for _, command := range []string{"attach " + name + " TradingData", "detach"} {
				answer := d.ask(command)
				require.NotContains(t, answer, "other", "%s: %s", d.name, command)
				asked[d.name+": "+answer]++
			}
		}
		if len(clients) == 0 {
			time.Sleep(time.Until(end))
		}
	}
	for role, p := range victims {
		p.Say("end")
		t.Logf("%s: %s", role, p.Line())
		require.NoError(t, p.Wait(), role)
	}
	scribbler.Say("end")
	t.Logf("scribble: %s", scribbler.Line())
	require.NoError(t, scribbler.Wait())
	for _, answer := range slices.Sorted(maps.Keys(asked)) {
		t.Logf("%6d × %s", asked[answer], answer)
	}
}

// scribble changes the object of a name, in an order that follows from the seed, until it is told to end. Arguments:
// name, seed.
func scribble(args []string) error {
	n, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	v := &vandal{Rand: random(n), path: segment.Dir + args[0]}
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
		v.err = v.f.Truncate(v.Int64N(int64(len(v.sound))))
	case k < 980:
		v.err = v.f.Truncate(int64(len(v.sound)) + v.Int64N(1<<30))
	case k < 985:
		v.err = v.bell.Truncate(v.Int64N(2 * layout.DoorbellSize))
	case k < 990:
		v.err = syscall.Fallocate(int(v.f.Fd()), 3, v.Int64N(int64(len(v.sound))), 1+v.Int64N(4096)) // keep size, punch a hole
	case k < 995:
		v.replace(func(path string) error { return os.Rename(path, v.path) })
	default:
		v.replace(func(path string) error {
			_ = os.Remove(v.path)
			return os.Rename(path, v.path)
		})
	}
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

// replace gives the name to another object, a sound one or a forged one.
func (v *vandal) replace(name func(path string) error) {
	o := forge.Object{Bytes: v.sound, Size: uint64(len(v.sound))}
	if v.IntN(2) == 0 {
		o = forge.Make(o, forge.Random(v.Rand), v.IntN(4) > 0)
	}
	path := v.path + ".new"
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
