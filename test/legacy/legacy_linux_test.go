package legacy

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func TestOldProducer(t *testing.T) {
	producer := compiled(t, "old_producer")
	name := testkit.Name(t)
	p := start(t, producer, name)
	require.Equal(t, "ready", p.line())

	// What it makes is no segment of ours, and is not touched.
	g, err := ring.GeometryOf[ring.TradingData](64)
	require.NoError(t, err)
	_, err = segment.Create(name, g, segment.Options{})
	require.ErrorIs(t, err, fs.ErrExist)
	_, err = segment.OpenWriter(name)
	require.ErrorIs(t, err, segment.ErrBare)
	_, err = segment.CreateOrTakeOver(name, g, segment.Options{})
	require.ErrorIs(t, err, segment.ErrBare)
	_, err = segment.Attach(name)
	require.ErrorIs(t, err, segment.ErrBare)
	require.ErrorContains(t, err, "AttachBare")
	entries, err := segment.List()
	require.NoError(t, err)
	assert.Contains(t, entries, segment.Entry{Name: name, Bare: true})

	s, err := segment.AttachBare(name)
	require.NoError(t, err)
	defer s.Close()
	r, err := ring.NewBareReader(s)
	require.NoError(t, err)
	assert.Equal(t, ring.TradingData{}, r.Read())
	records := []ring.TradingData{
		{Price: 148.91, Timestamp: timeBase, Volume: 283, Valid: true},
		{Price: -0.1, Timestamp: math.MaxUint64, Volume: math.MinInt32},
		{Price: math.MaxFloat64, Timestamp: 1, Volume: math.MaxInt32, Valid: true},
		{Price: math.SmallestNonzeroFloat64, Timestamp: 1 << 63, Volume: -1, Valid: true},
		{},
	}
	for n := range uint64(200) {
		records = append(records, trade(n))
	}
	for _, rec := range records {
		p.say(fmt.Sprintf("%x %d %d %d", rec.Price, rec.Timestamp, rec.Volume, btoi(rec.Valid)))
		require.Equal(t, "stored", p.line())
		require.Equal(t, rec, r.Read())
	}
	assert.Zero(t, p.end())
	assert.Equal(t, records[len(records)-1], r.Read(), "it stays behind")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestOldProducerFindsANewSegment(t *testing.T) {
	producer := compiled(t, "old_producer")
	name := testkit.Name(t)
	w := testkit.Start(t, "writer", name, "create")
	require.Equal(t, "ready 0", w.Line())
	w.Say("publish")
	require.Equal(t, "0", w.Line())
	before, err := os.ReadFile(segment.Dir + name)
	require.NoError(t, err)

	p := start(t, producer, name)
	assert.Equal(t, "EEXIST: attach instead", p.line())
	assert.Equal(t, 1, p.end())
	after, err := os.ReadFile(segment.Dir + name)
	require.NoError(t, err)
	assert.Equal(t, before, after)
	require.NoError(t, w.Stop())
}

// consumers are the old consumers, which poll as often as told.
func consumers(t *testing.T) map[string]func(name string, microseconds int) *program {
	return map[string]func(string, int) *program{
		"c++": func(name string, us int) *program {
			return start(t, compiled(t, "old_consumer"), name, strconv.Itoa(us))
		},
		"python": func(name string, us int) *program {
			return start(t, python(t), "testdata/old_consumer.py", name, fmt.Sprint(float64(us)/1e6))
		},
	}
}

// eachConsumer runs a test with each of the old consumers.
func eachConsumer(t *testing.T, test func(t *testing.T, consumer func(name string, microseconds int) *program)) {
	t.Helper()
	for which := range consumers(t) {
		t.Run(which, func(t *testing.T) { test(t, consumers(t)[which]) })
	}
}

// expect reads what a consumer sees until it sees rec. On the way to it a consumer may see those before,
// and a record of which some fields are older than others, as it always could: but each field is whole.
func (p *program) expect(rec ring.TradingData, before ...ring.TradingData) {
	p.t.Helper()
	var prices []float64
	var times []uint64
	var volumes []int32
	for _, r := range append(before, rec) {
		prices, times, volumes = append(prices, r.Price), append(times, r.Timestamp), append(volumes, r.Volume)
	}
	for {
		s := p.line()
		if s == line(rec) {
			return
		}
		saw := parse(p.t, s)
		require.Contains(p.t, prices, saw.Price, s)
		require.Contains(p.t, times, saw.Timestamp, s)
		require.Contains(p.t, volumes, saw.Volume, s)
	}
}

func TestOldConsumer(t *testing.T) {
	eachConsumer(t, func(t *testing.T, consumer func(string, int) *program) {
		name := testkit.Name(t)
		w := testkit.Start(t, "writer", name, "create")
		require.Equal(t, "ready 0", w.Line())
		c := consumer(name, 1000)
		last := ring.TradingData{}
		c.expect(last) // not valid

		next := uint64(0)
		publish := func(records int) {
			for range records {
				w.Say("publish")
				require.Equal(t, strconv.FormatUint(next, 10), w.Line())
				c.expect(trade(next), last)
				last = trade(next)
				next++
			}
		}
		publish(200)
		for range 50 { // it sees the newest; those in between are for readers of the ring
			w.Say("publish 7")
			passed := []ring.TradingData{last}
			for range 7 {
				passed = append(passed, trade(next))
				next++
			}
			last = trade(next - 1)
			require.Equal(t, strconv.FormatUint(next-1, 10), w.Line())
			c.expect(last, passed...)
		}
		for range 3 { // whatever becomes of the writer, the consumer needs to know nothing of it
			w.Kill()
			w = testkit.Start(t, "writer", name, "open")
			require.Equal(t, fmt.Sprint("ready ", next), w.Line())
			publish(50)
		}
		require.NoError(t, w.Stop())
		assert.Zero(t, c.end())
	})
}

// The slots lie on a hugetlbfs; what an old program reads is where it was.
func TestOldConsumerOfARingOnHugePages(t *testing.T) {
	if file, missing := hugepages.NewFile("tickring-test", 1, 0o600, hugepages.Want{Policy: hugepages.Require}); missing != nil {
		testkit.Require(t, "hugetlbfs", missing.Error())
	} else {
		file.Abandon()
	}
	eachConsumer(t, func(t *testing.T, consumer func(string, int) *program) {
		name := testkit.Name(t)
		w := testkit.Start(t, "writer", name, onHugePages)
		require.Equal(t, "ready 0", w.Line())
		s, err := segment.Attach(name)
		require.NoError(t, err)
		defer s.Close()
		pages, err := s.Pages()
		require.NoError(t, err)
		assert.Equal(t, hugepages.Report{Backing: "hugetlbfs", PageBytes: 2 << 20, HugeBytes: 2 << 20}, pages)
		c := consumer(name, 100)
		for n := range uint64(100) {
			w.Say("publish")
			require.Equal(t, strconv.FormatUint(n, 10), w.Line())
			before := ring.TradingData{}
			if n > 0 {
				before = trade(n - 1)
			}
			c.expect(trade(n), before)
		}
		require.NoError(t, w.Stop())
		assert.Zero(t, c.end())
		require.NoError(t, segment.Unlink(name))
		assert.NoFileExists(t, s.Geometry().RingFile)
	})
}

// The writer is killed while it writes, perhaps in the midst of the 24 bytes. The next one mends them.
func TestOldConsumerWhileAWriterIsKilled(t *testing.T) {
	eachConsumer(t, func(t *testing.T, consumer func(string, int) *program) {
		name := testkit.Name(t)
		w := testkit.Start(t, "writer", name, "create")
		require.Equal(t, "ready 0", w.Line())
		c := consumer(name, 50)
		c.expect(ring.TradingData{})
		for range 10 {
			w.Say("flood")
			require.Equal(t, "flooding", w.Line())
			var last string // the writer may be killed while it does not run, and nothing comes after it
			for range 20 {
				last = c.line()
				checkFields(t, last)
			}
			w.Kill()
			w = testkit.Start(t, "writer", name, "open")
			var head uint64
			_, err := fmt.Sscanf(w.Line(), "ready %d", &head)
			require.NoError(t, err)
			for ; last != line(trade(head-1)); last = c.line() {
				checkFields(t, last)
			}
		}
		w.Kill()
		assert.Zero(t, c.end())
	})
}

// checkFields makes sure that each field is whole. They need not be of one record: the bytes that
// the old programs read have no version.
func checkFields(t *testing.T, s string) {
	t.Helper()
	const most = 1 << 30 // records that these tests can write
	rec := parse(t, s)
	if rec.Price != 0 { // as before the first record
		n := (rec.Price - 100) * 4
		require.True(t, n == math.Trunc(n) && n >= 0 && n < most, s)
	}
	if rec.Timestamp != 0 {
		require.Less(t, rec.Timestamp-timeBase, uint64(most), s)
	}
	if rec.Volume != 0 {
		require.Less(t, rec.Volume-volumeBase, int32(most), s)
		require.GreaterOrEqual(t, rec.Volume, int32(volumeBase), s)
	}
}

// A record of more than 24 bytes has its view elsewhere. Old programs find nothing that is valid.
func TestOldConsumerOfALargeRecord(t *testing.T) {
	type quote struct {
		Bid, Ask         float64
		BidSize, AskSize int64
	}
	eachConsumer(t, func(t *testing.T, consumer func(string, int) *program) {
		name := testkit.Name(t)
		g, err := ring.GeometryOf[quote](16)
		require.NoError(t, err)
		s, err := segment.Create(name, g, segment.Options{})
		require.NoError(t, err)
		defer s.Close()
		w, err := ring.NewWriter[quote](s)
		require.NoError(t, err)
		w.Publish(&quote{1, 2, 3, 4})
		c := consumer(name, 100)
		assert.Equal(t, line(ring.TradingData{}), c.line())
		assert.Zero(t, c.end())
	})
}

func TestOldConsumersErrors(t *testing.T) {
	missing := testkit.Name(t)
	c := consumers(t)["c++"](missing, 1000)
	assert.Equal(t, "ENOENT", c.line())
	assert.Equal(t, 1, c.end())
	c = consumers(t)["python"](missing, 1000)
	assert.Equal(t, "FileNotFoundError", c.line())
	assert.Equal(t, 1, c.end())

	short := testkit.Name(t)
	require.NoError(t, os.WriteFile(segment.Dir+short, make([]byte, 8), 0o600))
	c = consumers(t)["python"](short, 1000)
	assert.Equal(t, "struct.error", c.line())
	assert.Equal(t, 1, c.end())
}

// The mode that the writer gave decides who may read; 0644 is enough for the Python consumer, which only
// reads.
func TestOldConsumerOfAnotherUser(t *testing.T) {
	g, err := ring.GeometryOf[ring.TradingData](16)
	require.NoError(t, err)
	asNobody := func(name string) *program {
		interpreter := "/usr/bin/python3" // one that every user may start
		if _, err := os.Stat(interpreter); err != nil {
			testkit.Require(t, "python3", err.Error())
		}
		script, err := os.ReadFile("testdata/old_consumer.py")
		require.NoError(t, err)
		cmd := exec.Command(interpreter, "-c", string(script), name, "0.001")
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testkit.Nobody, Gid: testkit.Nobody}}
			cmd.Dir = "/"
		}
		return run(t, cmd)
	}
	private, readable := testkit.Name(t), testkit.Name(t)
	for name, mode := range map[string]fs.FileMode{private: 0o600, readable: 0o644} {
		s, err := segment.Create(name, g, segment.Options{Mode: mode})
		require.NoError(t, err)
		defer s.Close()
		w, err := ring.NewWriter[ring.TradingData](s)
		require.NoError(t, err)
		rec := trade(7)
		w.Publish(&rec)
	}
	if os.Geteuid() != 0 { // whose segments these are
		require.NoError(t, os.Chmod(segment.Dir+private, 0))
	}
	p := asNobody(private)
	assert.Equal(t, "PermissionError", p.line())
	assert.Equal(t, 1, p.end())
	p = asNobody(readable)
	assert.Equal(t, line(trade(7)), p.line())
	assert.Zero(t, p.end())
}
