package hugepages_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// lag makes a ring on the pages of a setting, publishes and reads, and prints what that cost. Argument: the setting.
func lag(args []string) error {
	var setting lagSetting
	if err := json.Unmarshal([]byte(args[0]), &setting); err != nil {
		return err
	}
	if err := setting.mount(); err != nil {
		return err
	}
	result, err := setting.measure()
	var unavailable *hugepages.UnavailableError
	switch {
	case errors.As(err, &unavailable) && setting.Hugetlbfs != "": // the remedy has a mount that nobody else sees
		result.Unavailable, _, _ = strings.Cut(unavailable.Reason, ": as root:")
	case unavailable != nil:
		result.Unavailable = err.Error()
	case err != nil:
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func (s lagSetting) mount() error {
	switch {
	case s.Policy == hugepages.Off:
		return testkit.MountShm(s.Shm)
	case s.Hugetlbfs == "":
		return mountOnly(s.Shm)
	}
	const dir = segment.Dir + "/pages"
	if err := testkit.MountShm(s.Shm); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return testkit.MountHugetlbfs(dir, s.Hugetlbfs)
}

func (s lagSetting) measure() (result lagResult, err error) {
	made, err := createSized(s.Policy.String(), fmt.Sprint(s.Slots), fmt.Sprint(s.Want.PageBytes))
	if err != nil {
		return result, err
	}
	defer made.Close()
	attached, err := segment.Attach(name)
	if err != nil {
		return result, err
	}
	defer attached.Close()
	if err := s.check(made, attached); err != nil {
		return result, err
	}
	w, err := ring.NewWriter[ring.TradingData](made)
	if err != nil {
		return result, err
	}
	r, err := ring.NewReader[ring.TradingData](attached, ring.ReaderOptions{})
	if err != nil {
		return result, err
	}
	l := &lagging{w: w, r: r, slots: s.Slots}

	runtime.LockOSThread() // it is the thread whose misses are counted
	defer runtime.UnlockOSThread()
	misses, err := openMisses()
	if err != nil {
		result.Uncounted = err.Error()
	} else {
		defer misses.Close()
	}
	l.publish(s.Slots/4 + 5) // so that the oldest record is not in the first slot
	for _, way := range []struct {
		name string
		run  func() uint64
	}{
		{"publish a lap", func() uint64 { return l.publish(s.Slots) }},
		{"read in order", l.inOrder},
		{"random", l.random},
		{"random awaited", l.awaited},
		{"random 64", l.batches},
	} {
		cost, err := measured(misses, way.run)
		if err == nil && l.wrong != 0 {
			err = errors.New("a record was not the right one")
		}
		if err == nil && way.name == "publish a lap" {
			err = l.verify() // every field of every record, untimed; and no page is new to what follows
		}
		if err != nil {
			return result, fmt.Errorf("%s: %w", way.name, err)
		}
		cost.Name = way.name
		result.Costs = append(result.Costs, cost)
	}
	return result, s.check(made, attached) // nobody took them apart meanwhile
}

// check compares the pages that mappings really have with those that they are to have.
func (s lagSetting) check(mapped ...*segment.Segment) error {
	for _, m := range mapped {
		got, err := m.Pages()
		if err != nil {
			return err
		}
		if err := expect("pages", got, s.Want); err != nil {
			return err
		}
	}
	return nil
}

// measured runs what reads or writes records, and divides what that cost by their number.
func measured(misses *os.File, run func() (records uint64)) (lagCost, error) {
	faults := pageFaults()
	before, err := count(misses)
	start := time.Now()
	records := run()
	took := time.Since(start)
	after, afterErr := count(misses)
	faults = pageFaults() - faults
	return lagCost{
		Nanoseconds: float64(took.Nanoseconds()) / float64(records),
		Misses:      float64(after-before) / float64(records),
		Faults:      float64(faults) / float64(records),
	}, errors.Join(err, afterErr)
}

// pageFaults is how many this process has met.
func pageFaults() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return int64(usage.Minflt) + int64(usage.Majflt) //nolint:unconvert // 32 bits on some architectures
}

// lagging publishes to a ring and reads it, in the ways that are compared. Each returns how many records it was.
type lagging struct {
	w     *ring.Writer[ring.TradingData]
	r     *ring.Reader[ring.TradingData]
	slots uint64
	wrong uint64 // 0 for as long as every record was the right one
	batch [64]ring.TradingData
}

func lagRecord(n uint64) ring.TradingData {
	return ring.TradingData{Price: float64(n), Timestamp: n, Volume: int32(n), Valid: n%2 == 0}
}

func (l *lagging) publish(count uint64) uint64 {
	for range count {
		rec := lagRecord(l.w.Head())
		l.w.Publish(&rec)
	}
	return count
}

func (l *lagging) oldest() uint64 { return l.w.Head() - l.slots }

// verify reads all that the ring holds, and compares every field.
func (l *lagging) verify() error {
	l.r.Seek(ring.Oldest())
	var rec ring.TradingData
	for n := l.oldest(); n < l.w.Head(); n++ {
		if got, s := l.r.Poll(&rec); s != ring.Ready || got != n || rec != lagRecord(n) {
			return fmt.Errorf("record %d: %v, %d, %v", n, s, got, rec)
		}
	}
	return nil
}

func (l *lagging) inOrder() (records uint64) {
	l.r.Seek(ring.Oldest())
	for n := l.oldest(); ; {
		count, s := l.poll(n)
		if s != ring.Ready {
			l.wrong |= records ^ l.slots
			return records
		}
		n += count
		records += count
	}
}

// poll reads a batch that must begin with record n.
func (l *lagging) poll(n uint64) (count uint64, s ring.Status) {
	first, c, s := l.r.PollBatch(l.batch[:])
	if s == ring.Ready {
		l.wrong |= first ^ n | l.batch[0].Timestamp ^ n | l.batch[c-1].Timestamp ^ (n + uint64(c) - 1)
	}
	return uint64(c), s
}

const lagSeed = 0x9e3779b97f4a7c15

// shuffle is a xorshift: the same sequence for every setting, and cheap.
func shuffle(x uint64) uint64 {
	x ^= x << 13
	x ^= x >> 7
	return x ^ x<<17
}

// random reads a record at each of many places. The processor may begin with the next before it has this one.
func (l *lagging) random() (records uint64) {
	oldest, held, x, wrong := l.oldest(), l.slots-1, uint64(lagSeed), uint64(0)
	var rec ring.TradingData
	for records < l.slots/8 {
		x = shuffle(x)
		n := oldest + x&held
		l.r.Seek(ring.At(n))
		got, s := l.r.Poll(&rec)
		wrong |= got ^ n | rec.Timestamp ^ n | uint64(s^ring.Ready)
		records++
	}
	l.wrong |= wrong
	return records
}

// awaited is random, where the next place is known only when this record is.
func (l *lagging) awaited() (records uint64) {
	oldest, held, x, wrong := l.oldest(), l.slots-1, uint64(lagSeed), uint64(0)
	var rec ring.TradingData
	for records < l.slots/8 {
		x = shuffle(x)
		n := oldest + (x+wrong)&held // 0, but the processor cannot know
		l.r.Seek(ring.At(n))
		got, s := l.r.Poll(&rec)
		wrong |= got ^ n | rec.Timestamp ^ n | uint64(s^ring.Ready)
		records++
	}
	l.wrong |= wrong
	return records
}

// batches reads 64 records at each of many places, or as many as there are.
func (l *lagging) batches() (records uint64) {
	oldest, held, x := l.oldest(), l.slots-1, uint64(lagSeed)
	for range l.slots / 64 {
		x = shuffle(x)
		n := oldest + x&held
		l.r.Seek(ring.At(n))
		count, s := l.poll(n)
		l.wrong |= uint64(s^ring.Ready) | count ^ min(64, oldest+l.slots-n)
		records += count
	}
	return records
}
