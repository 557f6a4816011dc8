//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

// The recordings arrive in another process as their documentation says, to the bit.
func TestDigests(t *testing.T) {
	for _, tc := range []struct {
		file   string
		trades int
		digest string
	}{
		{iexFile, iexTrades, "1490829132d5782925fa71be4d2c7f65eb709e4c4c91b436f8c1d94d816bfef3"},
		{binanceFile, 2286, "3ce7192fc10bcc9f094c13e1f745fa197fe2f79639d24280a7facdcd2f0f00a5"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			name, data := newName(t), testkit.DataFile(t, tc.file)
			succeed(t, "create", "--name", name)
			live := startTail(t, name, "--format", "raw")
			succeed(t, "replay", "--name", name, data)
			after := succeed(t, "tail", "--name", name, "--from", "oldest", "--count", strconv.Itoa(tc.trades), "--format", "raw")
			for when, r := range map[string]result{"live": live.wait(t), "afterwards": after} {
				sum := sha256.Sum256([]byte(r.stdout))
				assert.Equal(t, tc.digest, hex.EncodeToString(sum[:]), when)
				assert.Equal(t, fmt.Sprintf("received=%d missed=0", tc.trades), lastLine(r.stderr), when)
				assert.Equal(t, 0, r.code, when)
			}
		})
	}
}

// However fast the writer is, a tail accounts for every record.
func TestLiveTailAccountsForEverything(t *testing.T) {
	data := testkit.DataFile(t, iexFile)
	const loops = 2000
	for _, slots := range []string{"64", "65536"} {
		for _, how := range [][]string{
			{"--format", "raw"},
			{"--format", "csv", "--wait", "spin", "--resume", "newest"},
			{"--format", "json", "--wait", "20us", "--resume", "newest-20"},
			{"--format", "raw", "--from", "0", "--wait", "block"},
		} {
			t.Run(slots+strings.Join(how, ""), func(t *testing.T) {
				name := newName(t)
				succeed(t, "create", "--name", name, "--slots", slots, "--doorbell")
				p := startTail(t, name, how...)
				r := succeed(t, "replay", "--name", name, "--loop", strconv.Itoa(loops), data)
				published, _ := r.published(t)
				require.EqualValues(t, loops*iexTrades, published)
				f := p.wait(t)
				assert.Equal(t, 0, f.code)
				received, missed := f.summary(t)
				assert.Equal(t, published, received+missed)
				assert.Equal(t, missed, lost(t, f.stderr))
				switch how[1] {
				case "raw":
					assert.Len(t, f.stdout, int(24*received))
				case "csv":
					assert.EqualValues(t, received+1, strings.Count(f.stdout, "\n"))
				default:
					assert.EqualValues(t, received, strings.Count(f.stdout, "\n"))
				}
			})
		}
	}
}

// lost sums up the lost ranges on stderr, each of which must be what it says.
func lost(t *testing.T, stderr string) (sum int64) {
	t.Helper()
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "lost ") {
			continue
		}
		var n, first, last int64
		_, err := fmt.Sscanf(line, "lost %d records: %d to %d", &n, &first, &last)
		require.NoError(t, err, line)
		require.Equal(t, n, last-first+1, line)
		sum += n
	}
	return sum
}

func TestTailOfWrappedRing(t *testing.T) {
	name := newName(t)
	succeed(t, "replay", "--name", name, "--slots", "64", testkit.DataFile(t, iexFile))
	for what, tc := range map[string]struct {
		args     []string
		code     int
		received int
		missed   int
		says     string
	}{
		"from the start":       {[]string{"--from", "0"}, 0, 48, 6342, "lost 6342 records: 0 to 6341\n"},
		"from a number":        {[]string{"--from", "100"}, 0, 48, 6242, "lost 6242 records: 100 to 6341\n"},
		"strict":               {[]string{"--from", "0", "--strict"}, 3, 48, 6342, "--strict: 6342 records were missed\n"},
		"strict, nothing lost": {[]string{"--strict"}, 0, 64, 0, "from record 6326\n"},
		"strict to a count":    {[]string{"--from", "0", "--strict", "--count", "2"}, 3, 2, 6342, "lost 6342"},
		"resume newest":        {[]string{"--from", "0", "--resume", "newest"}, 0, 1, 6389, "lost 6389 records: 0 to 6388\n"},
		"resume newest-9":      {[]string{"--from", "0", "--resume", "newest-9"}, 0, 10, 6380, "lost 6380 records: 0 to 6379\n"},
		"from newest":          {[]string{"--from", "newest"}, 0, 1, 0, "from record 6389\n"},
		"from newest-4":        {[]string{"--from", "newest-4"}, 0, 5, 0, "from record 6385\n"},
		"from a held number":   {[]string{"--from", "6380"}, 0, 10, 0, "from record 6380\n"},
		"from a later number":  {[]string{"--from", "7000"}, 0, 0, 0, "from record 7000\n"},
		"count":                {[]string{"--count", "7"}, 0, 7, 0, ""},
	} {
		t.Run(what, func(t *testing.T) {
			r := ringctl(t, append([]string{"tail", "--name", name}, tc.args...)...)
			assert.Equal(t, tc.code, r.code)
			assert.Contains(t, r.stderr, tc.says)
			assert.Equal(t, fmt.Sprintf("received=%d missed=%d", tc.received, tc.missed), lastLine(r.stderr))
			assert.Equal(t, tc.received, strings.Count(r.stdout, "\n"))
		})
	}
}

func TestTailFormats(t *testing.T) {
	name := newName(t)
	succeed(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	for format, want := range map[string]string{
		"text": "0 2017-07-10T14:33:46.594103034Z 148.91 283 true\n",
		"json": `{"n":0,"price":148.91,"timestamp":1499697226594103034,"volume":283,"valid":true}` + "\n",
		"csv":  "n,price,timestamp,volume,valid\n0,148.91,1499697226594103034,283,true\n",
		"raw":  string(tradeBytes(148.91, 1499697226594103034, 283, true)),
	} {
		r := succeed(t, "tail", "--name", strings.TrimPrefix(name, "/"), "--count", "1", "--format", format)
		assert.Equal(t, want, r.stdout, format)
	}
}

func tradeBytes(price float64, timestamp uint64, volume int32, valid bool) []byte {
	return appendTrade(nil, &ring.TradingData{Price: price, Timestamp: timestamp, Volume: volume, Valid: valid})
}

func TestTailInterrupted(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, wait := range []string{"backoff", "spin", "block", "1s"} {
			t.Run(s.String()+wait, func(t *testing.T) {
				name := newName(t)
				succeed(t, "create", "--name", name, "--doorbell")
				p := startTail(t, name, "--strict", "--wait", wait)
				p.signal(t, s)
				r := p.wait(t)
				assert.Equal(t, 0, r.code)
				assert.Equal(t, "received=0 missed=0", lastLine(r.stderr))
			})
		}
	}
}

// What a tail has read is out when it waits for more, and not only when its buffer is full.
func TestTailFlushesWhenIdle(t *testing.T) {
	name := newName(t)
	writer := startSlow(t, name)
	p := startTail(t, name)
	p.stdout.await(t, "148.91 283 true\n")
	writer.signal(t, syscall.SIGTERM)
	assert.Equal(t, 143, writer.wait(t).code)
	assert.Equal(t, "received=1 missed=0", lastLine(p.wait(t).stderr))
}

func TestTailWhoseReaderLeaves(t *testing.T) {
	name := newName(t)
	writer := start(t, "replay", "--name", name, "--loop", "0", testkit.DataFile(t, iexFile))
	awaitOpen(t, name)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	cmd := command("tail", "--name", name)
	cmd.Stdout = w
	p := startCommand(t, cmd)
	require.NoError(t, w.Close())
	lines := readLines(r)
	first := <-lines // as head -1 does
	assert.Regexp(t, `^\d+ 2017-`, first)
	require.NoError(t, r.Close())
	end := p.wait(t)
	assert.Equal(t, 0, end.code)
	assert.NotContains(t, end.stderr, "ringctl:", "quietly")
	end.summary(t)
	writer.signal(t, syscall.SIGINT)
	assert.Equal(t, 130, writer.wait(t).code)
}

func TestTailToFullDisk(t *testing.T) {
	name := newName(t)
	succeed(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	for _, args := range [][]string{
		{"tail", "--name", name, "--format", "raw"},
		{"tail", "--name", name, "--format", "csv"},
		{"tail", "--name", name, "--count", "1"},
		{"stat", "--name", name},
		{"ls", "--json"},
		{"replay", "--name", name, testkit.DataFile(t, iexFile)},
	} {
		cmd := command(args...)
		cmd.Stdout = full
		r := startCommand(t, cmd).wait(t)
		assert.Equal(t, 1, r.code, args)
		assert.Contains(t, r.stderr, "no space left on device", args)
		assert.NotContains(t, r.stderr, "too full", "it is not /dev/shm that is full")
		if args[0] == "tail" {
			r.summary(t)
		}
	}
}

func TestTailOutlivesWriter(t *testing.T) {
	name := newName(t)
	writer := startSlow(t, name)
	p := startTail(t, name)
	writer.signal(t, syscall.SIGKILL)
	p.stderr.await(t, "writer is gone; waiting for one to take over\n")
	s := stat(t, name)
	assert.Equal(t, "dead", s.State)
	assert.Equal(t, writer.Process.Pid, s.Writer.PID)
	assert.False(t, s.Writer.Alive)
	succeed(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	r := p.wait(t)
	assert.Equal(t, 0, r.code)
	assert.Contains(t, r.stderr, "another writer took over (epoch 2), from record 1 on\n")
	assert.Equal(t, "received=6391 missed=0", lastLine(r.stderr))
	assert.Equal(t, 1, strings.Count(r.stderr, "writer is gone"))
}

func TestTailOfTruncatedSegment(t *testing.T) {
	for _, wait := range []string{"spin", "1ms"} {
		t.Run(wait, func(t *testing.T) {
			name := newName(t)
			succeed(t, "create", "--name", name)
			p := startTail(t, name, "--wait", wait)
			require.NoError(t, os.Truncate(shmPath(name), 0))
			r := p.wait(t)
			assert.Equal(t, 1, r.code)
			assert.Contains(t, r.stderr, "segment truncated")
			assert.NotContains(t, r.stderr, "goroutine", "an error, not a crash")
			assert.Equal(t, "received=0 missed=0", lastLine(r.stderr))
		})
	}
}

// The one record of a program from before the ring is followed from change to change.
func TestTailOfBareSegment(t *testing.T) {
	name := newName(t)
	writeFile(t, name, make([]byte, 24))
	p := startTail(t, name, "--count", "3", "--format", "json")
	f, err := os.OpenFile(shmPath(name), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	for i, record := range [][]byte{
		tradeBytes(1.5, 11, 7, true),
		tradeBytes(math.NaN(), 12, -7, true),
		tradeBytes(1.5, 13, 7, false),
	} {
		_, err := f.WriteAt(record, 0)
		require.NoError(t, err)
		p.stdout.await(t, fmt.Sprintf(`{"n":%d,`, i))
	}
	r := p.wait(t)
	assert.Equal(t, 0, r.code)
	assert.Equal(t, `{"n":0,"price":1.5,"timestamp":11,"volume":7,"valid":true}
{"n":1,"price":"NaN","timestamp":12,"volume":-7,"valid":true}
{"n":2,"price":1.5,"timestamp":13,"volume":7,"valid":false}
`, r.stdout)
	assert.Contains(t, r.stderr, "unversioned")
	assert.Contains(t, r.stderr, "not protected against tearing")
	assert.Contains(t, r.stderr, "losses cannot be seen")
	assert.Equal(t, "received=3 missed=0", lastLine(r.stderr))

	again := succeed(t, "tail", "--name", name, "--count", "1", "--wait", "50us", "--format", "raw")
	assert.Equal(t, string(tradeBytes(1.5, 13, 7, false)), again.stdout, "what was there already is the first change")

	p = startTail(t, name)
	p.stdout.await(t, "0 1970-01-01T00:00:00.000000013Z 1.5 7 false\n")
	require.NoError(t, os.Truncate(shmPath(name), 0))
	r = p.wait(t)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "truncated")
}

// quote is a record that ringctl was not made for.
type quote struct {
	Bid, Ask struct {
		Price float64
		Size  uint32
	}
	Levels [3]int16
	Ratio  float32
	Open   bool
	Kind   [4]uint8
}

func TestTailOfAnyRecord(t *testing.T) {
	name := newName(t)
	g, err := ring.GeometryOf[quote](4)
	require.NoError(t, err)
	seg, err := segment.Create(name, g, segment.Options{})
	require.NoError(t, err)
	defer seg.Close()
	w, err := ring.NewWriter[quote](seg)
	require.NoError(t, err)
	for i := range 6 {
		q := quote{Levels: [3]int16{1, -2, int16(i)}, Ratio: 0.1, Open: i%2 == 1, Kind: [4]uint8{'t', 'e', 's', 't'}}
		q.Bid.Price, q.Bid.Size, q.Ask.Price = 99.5, math.MaxUint32, math.Inf(1)
		w.Publish(&q)
	}
	require.NoError(t, w.Close())

	tail := func(args ...string) result {
		r := succeed(t, append([]string{"tail", "--name", name}, args...)...)
		return r
	}
	r := tail("--from", "0")
	assert.Equal(t, "5 bid.price=99.5 bid.size=4294967295 ask.price=Infinity ask.size=0 levels=[1 -2 5] ratio=0.1 open=true kind=[116 101 115 116]\n", lastLine(r.stdout)+"\n")
	assert.Contains(t, r.stderr, "lost 3 records: 0 to 2\n")
	assert.Equal(t, "received=3 missed=3", lastLine(r.stderr))
	assert.Equal(t, `{"n":5,"bid.price":99.5,"bid.size":4294967295,"ask.price":"Infinity","ask.size":0,"levels":[1,-2,5],"ratio":0.1,"open":true,"kind":[116,101,115,116]}`,
		lastLine(tail("--format", "json").stdout))
	assert.True(t, json.Valid([]byte(lastLine(tail("--format", "json").stdout))))
	assert.Equal(t, "n,bid.price,bid.size,ask.price,ask.size,levels[0],levels[1],levels[2],ratio,open,kind[0],kind[1],kind[2],kind[3]\n"+
		"5,99.5,4294967295,Infinity,0,1,-2,5,0.1,true,116,101,115,116\n", tail("--format", "csv", "--from", "newest").stdout)
	raw := tail("--format", "raw", "--from", "newest").stdout
	assert.Len(t, raw, g.Record.Size)
	assert.Equal(t, 99.5, math.Float64frombits(binary.LittleEndian.Uint64([]byte(raw))))

	other := ringctl(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	assert.Equal(t, 1, other.code)
	assert.Contains(t, other.stderr, "another writer", "this test is still its writer")
	require.NoError(t, seg.Close())
	other = ringctl(t, "replay", "--name", name, testkit.DataFile(t, iexFile))
	assert.Equal(t, 1, other.code)
	assert.Contains(t, other.stderr, "publish to "+name)
	assert.Contains(t, other.stderr, "field bid.price")
	assert.Contains(t, other.stderr, "ringctl stat --name "+name)
}

func TestDoorbell(t *testing.T) {
	name := newName(t)
	r := succeed(t, "create", "--name", name, "--doorbell")
	assert.Contains(t, r.stdout, "doorbell")
	assert.True(t, stat(t, name).Doorbell)
	p := startTail(t, name, "--wait", "block", "--format", "raw")
	succeed(t, "replay", "--name", name, "--speed", "100000", testkit.DataFile(t, iexFile))
	f := p.wait(t)
	assert.Equal(t, "received=6390 missed=0", lastLine(f.stderr))
	assert.Len(t, f.stdout, 24*iexTrades)
	succeed(t, "rm", name)
	left, err := filepath.Glob(shmPath(name) + "*")
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestFormatsOfNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 148.91: "148.91", -61804.8: "-61804.8", 1e-6: "0.000001", 1e-7: "1e-07",
		1e20: "100000000000000000000", 1e21: "1e+21", math.MaxFloat64: "1.7976931348623157e+308",
		math.Inf(-1): "-Infinity",
	} {
		b := appendFloat(nil, v, 64)
		assert.Equal(t, want, string(b))
		back, err := strconv.ParseFloat(string(b), 64)
		require.NoError(t, err)
		assert.Equal(t, v, back)
	}
	line := newFormat(formatText, trade).append
	assert.Equal(t, "7 1970-01-01T00:00:00.000000000Z 1.5 -1 true\n", string(line(nil, 7, tradeBytes(1.5, 0, -1, true))))
	assert.Equal(t, "8 1970-01-01T00:00:00.999999999Z 1.5 -1 true\n", string(line(nil, 8, tradeBytes(1.5, 999999999, -1, true))))
	assert.Equal(t, "9 1970-01-01T00:00:01.000000020Z 1.5 -1 true\n", string(line(nil, 9, tradeBytes(1.5, 1000000020, -1, true))))
	b := line(nil, math.MaxUint64, tradeBytes(0, math.MaxUint64, math.MinInt32, false))
	assert.Equal(t, "18446744073709551615 2554-07-21T23:34:33.709551615Z 0 -2147483648 false\n", string(b))
}

func TestFormatsOfNames(t *testing.T) {
	s := ring.Schema{Name: "odd", Size: 16, Fields: []ring.Field{
		{Name: `a"b\c`, Kind: trade.Fields[1].Kind, Count: 1, Offset: 0},
		{Name: "a,b", Kind: trade.Fields[2].Kind, Count: 2, Offset: 8},
	}}
	require.NoError(t, s.Validate())
	line := newFormat(formatJSON, s).append(nil, 1, bytes.Repeat([]byte{1}, 16))
	var decoded map[string]any
	require.NoError(t, json.Unmarshal(line, &decoded))
	assert.Contains(t, decoded, `a"b\c`)
	assert.Equal(t, "n,\"a\"\"b\\c\",\"a,b[0]\",\"a,b[1]\"\n", newFormat(formatCSV, s).header)
}
