package feed

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDetectsEachPcapMagic(t *testing.T) {
	f := frame((&iexStream{}).segment(aaplMsg))
	for _, order := range []interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}{binary.LittleEndian, binary.BigEndian} {
		for _, magic := range []uint32{0xa1b2c3d4, 0xa1b23c4d} {
			data := order.AppendUint32(nil, magic)
			data = order.AppendUint16(order.AppendUint16(data, 2), 4)
			for _, v := range []uint32{0, 0, 65535, 1, 0, 0, uint32(len(f)), uint32(len(f))} {
				data = order.AppendUint32(data, v)
			}
			got := decodeAll(append(data, f...), Options{})
			require.NoError(t, got.err)
			assert.Equal(t, []Trade{aapl}, got.trades)
		}
	}
}

func TestDetectsBigEndianPcapng(t *testing.T) {
	f := frame((&iexStream{}).segment(aaplMsg))
	f = append(f, make([]byte, -len(f)&3)...) // Ethernet padding serves as the block's
	be := binary.BigEndian
	words := func(b []byte, vs ...uint32) []byte {
		for _, v := range vs {
			b = be.AppendUint32(b, v)
		}
		return b
	}
	data := words(nil, 0x0a0d0d0a, 28, 0x1a2b3c4d, 1<<16, 0xffffffff, 0xffffffff, 28) // section
	data = words(data, 1, 20, 1<<16, 0, 20)                                           // Ethernet interface
	size := uint32(32 + len(f))
	data = words(data, 6, size, 0, 0, 0, uint32(len(f)), uint32(len(f))) // packet
	data = words(append(data, f...), size)
	got := decodeAll(data, Options{})
	require.NoError(t, got.err)
	assert.Equal(t, []Trade{aapl}, got.trades)
}

func TestOpenIgnoresTheName(t *testing.T) {
	for format, data := range map[string][]byte{
		"binance":      []byte(binanceLine(btcTrade)),
		"binance+gzip": gzipped(t, []byte(binanceLine(btcTrade))),
		"pcap":         pcapFile(t, frame((&iexStream{}).segment(aaplMsg))),
		"pcap+gzip":    gzipped(t, pcapFile(t, frame((&iexStream{}).segment(aaplMsg)))),
		"pcapng":       pcapngFile(t, frame((&iexStream{}).segment(aaplMsg))),
		"pcapng+gzip":  gzipped(t, pcapngFile(t, frame((&iexStream{}).segment(aaplMsg)))),
	} {
		path := filepath.Join(t.TempDir(), "recording.txt.zip")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		r, err := Open(path, Options{})
		require.NoError(t, err)
		assert.Equal(t, format, r.Format())
		n := 0
		for _, err := range r.Trades() {
			require.NoError(t, err)
			n++
		}
		assert.Equal(t, 1, n)
		read, total := r.Progress()
		assert.Equal(t, int64(len(data)), read)
		assert.Equal(t, int64(len(data)), total)
		assert.NoError(t, r.Close())
		assert.NoError(t, r.Close(), "closing again")
	}
}

func TestOpenErrors(t *testing.T) {
	line := []byte(binanceLine(btcTrade))
	pcap := pcapFile(t, frame((&iexStream{}).segment(aaplMsg)))
	ng := pcapngFile(t, frame((&iexStream{}).segment(aaplMsg)))
	for _, tc := range []struct {
		name string
		data []byte
		opts Options
		want string
		is   error
	}{
		{name: "empty", data: nil, want: "input is empty", is: ErrEmpty},
		{name: "empty inside gzip", data: gzipped(t, nil), want: "input is empty", is: ErrEmpty},
		{name: "text", data: []byte("time,price\n"), want: `the content starts with "time,price\n"; supported`},
		{name: "text inside gzip", data: gzipped(t, []byte("time,price\n")), want: `inside gzip, the content starts with "time,price\n"`},
		{name: "a number", data: []byte("1723161256172216566"), want: "unknown format"},
		{name: "one byte of a magic", data: pcap[:1], want: "unknown format"},
		{name: "three bytes of a magic", data: pcap[:3], want: "unknown format"},
		{name: "gzip in gzip", data: gzipped(t, gzipped(t, line)), want: "(gzip: unpack it first)"},
		{name: "zstd", data: []byte("\x28\xb5\x2f\xfd1234"), want: "(zstd: unpack it first)"},
		{name: "xz", data: []byte("\xfd7zXZ\x001234"), want: "(xz: unpack it first)"},
		{name: "bzip2", data: []byte("BZh91AY"), want: "(bzip2: unpack it first)"},
		{name: "zip", data: []byte("PK\x03\x041234"), want: "(zip: unpack it first)"},
		{name: "cut gzip header", data: gzipped(t, line)[:5], want: "gzip header", is: io.ErrUnexpectedEOF},
		{name: "gzip of another method", data: edit(gzipped(t, line), 2, 7), want: "gzip header", is: gzip.ErrHeader},
		{name: "gzip cut behind its header", data: gzipped(t, line)[:10], want: "after 0 unpacked bytes", is: io.ErrUnexpectedEOF},
		{name: "cut pcap header", data: pcap[:23], want: "(pcap): file header: ", is: io.ErrUnexpectedEOF},
		{name: "pcap version", data: edit(pcap, 4, 9), want: "major version 9"},
		{name: "cut pcapng header", data: ng[:20], want: "(pcapng): file header: ", is: io.ErrUnexpectedEOF},
		{name: "pcapng byte order", data: edit(ng, 8, 9), want: "byte order"},
		{name: "negative scale", data: line, opts: Options{VolumeScale: -1}, want: "Options.VolumeScale is -1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewReader(bytes.NewReader(tc.data), tc.opts)
			assert.ErrorContains(t, err, tc.want)
			if tc.is != nil {
				assert.ErrorIs(t, err, tc.is)
			}
		})
	}
	t.Run("typed", func(t *testing.T) {
		_, err := NewReader(strings.NewReader("time,price\n"), Options{})
		var unknown *FormatError
		require.ErrorAs(t, err, &unknown)
		assert.Equal(t, &FormatError{Seen: []byte("time,price\n")}, unknown)
	})
	t.Run("missing file", func(t *testing.T) {
		_, err := Open(filepath.Join(t.TempDir(), "none"), Options{})
		assert.ErrorIs(t, err, fs.ErrNotExist)
	})
	t.Run("directory", func(t *testing.T) {
		dir := t.TempDir()
		_, err := Open(dir, Options{})
		assert.ErrorContains(t, err, dir)
		assert.ErrorContains(t, err, "is a directory")
	})
	t.Run("the path is named", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rec")
		require.NoError(t, os.WriteFile(path, append(line, "x\n"...), 0o600))
		r, err := Open(path, Options{})
		require.NoError(t, err)
		defer r.Close()
		for _, err = range r.Trades() {
		}
		assert.ErrorContains(t, err, "feed: "+path+" (binance): line 2")
	})
}

// No beginning of a recording may pass for the whole of it, unless it ends between two records.
func TestCutAnywhere(t *testing.T) {
	s := iexStream{sequence: 1}
	frames := [][]byte{frame(s.segment(aaplMsg)), frame(s.segment(quote, zxMsg)), frame(s.segment(aaplMsg))}
	line := binanceLine(btcTrade)

	boundaries := func(parts ...int) (sound map[int]bool) {
		sound = map[int]bool{}
		at := 0
		for _, n := range parts {
			at += n
			sound[at] = true
		}
		return sound
	}
	ng := func(n int) int { return len(pcapngFile(t, frames[:n]...)) }
	for _, tc := range []struct {
		name  string
		data  []byte
		sound map[int]bool
	}{
		{"binance", []byte(line + depth + line),
			boundaries(len(line)-1, 1, len(depth)-1, 1, len(line)-1)}, // a last line without its newline is whole
		{"pcap", pcapFile(t, frames...),
			boundaries(24+16+len(frames[0]), 16+len(frames[1]))},
		{"pcapng", pcapngFile(t, frames...),
			boundaries(ng(1), ng(2)-ng(1))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			whole := decodeAll(tc.data, Options{})
			require.NoError(t, whole.err)
			packed := gzipped(t, tc.data)
			for n := range len(tc.data) {
				if err := decodeAll(tc.data[:n], Options{}).err; tc.sound[n] {
					assert.NoError(t, err, "cut at %d", n)
				} else {
					assert.Error(t, err, "cut at %d", n)
				}
			}
			for n := range len(packed) {
				assert.Error(t, decodeAll(packed[:n], Options{}).err, "gzip cut at %d", n)
			}
			for n := range len(packed) {
				damaged := edit(packed, n, packed[n]^0x10)
				got := decodeAll(damaged, Options{})
				if got.err == nil {
					// The header's time and system do not touch the content, and a bit of a
					// back-reference may lead to the same bytes elsewhere.
					assert.Equal(t, tc.data, gunzipped(t, damaged), "damaged at %d", n)
					assert.Equal(t, whole, got)
				}
			}
		})
	}
}

// One flipped bit in a capture may change a trade, but never makes one vanish without an error, a gap or a count.
func TestFlippedBitLosesNoTradeSilently(t *testing.T) {
	s := iexStream{sequence: 1}
	var frames [][]byte
	for _, messages := range [][][]byte{nil, {aaplMsg}, {quote, zxMsg}, {aaplMsg}, nil} {
		frames = append(frames, frame(s.segment(messages...)))
	}
	for _, data := range [][]byte{pcapFile(t, frames...), pcapngFile(t, frames...)} {
		for i := range data {
			for bit := range 8 {
				got := decodeAll(edit(data, i, data[i]^1<<bit), Options{})
				noticed := got.err != nil || len(got.gaps) > 0 || got.stats.Unknown > 0
				assert.True(t, noticed || len(got.trades) == 3, "byte %d, bit %d: %d trades", i, bit, len(got.trades))
				assert.LessOrEqual(t, len(got.trades), 3)
			}
		}
	}
}

func gunzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(z)
	require.NoError(t, err)
	return unpacked
}

// A reading error that comes between two records is an error, not the end.
func TestReadErrorAtAnyPlace(t *testing.T) {
	cause := errors.New("the disk is gone")
	s := iexStream{sequence: 1}
	frames := [][]byte{frame(s.segment(aaplMsg)), frame(s.segment(quote, zxMsg))}
	for _, data := range [][]byte{[]byte(binanceLine(btcTrade) + depth), pcapFile(t, frames...), pcapngFile(t, frames...)} {
		for _, cause := range []error{cause, io.ErrUnexpectedEOF} {
			for n := range len(data) + 1 {
				r, err := NewReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(cause)), Options{})
				if err == nil {
					for _, err = range r.Trades() {
					}
				}
				if n < sniffLen && !errors.Is(err, cause) {
					_, unknown := errors.AsType[*FormatError](err)
					assert.True(t, unknown, "failing at %d: %v", n, err)
					continue
				}
				assert.ErrorIs(t, err, cause, "failing at %d", n)
			}
		}
	}
}

// failOnce fails one read and then pretends to be at its end.
type failOnce struct{ err error }

func (f *failOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

func TestReadErrorBehindDetectionIsKept(t *testing.T) {
	cause := errors.New("the disk is gone")
	r, err := NewReader(io.MultiReader(strings.NewReader("1 {\"lastUpdateId\":1}\n"), &failOnce{cause}), Options{})
	require.NoError(t, err)
	for _, err = range r.Trades() {
	}
	assert.ErrorIs(t, err, cause)
}

func TestTradesGoesOnAfterBreak(t *testing.T) {
	s := iexStream{sequence: 1}
	r, err := NewReader(bytes.NewReader(pcapFile(t, frame(s.segment(aaplMsg, zxMsg)), frame(s.segment(aaplMsg)))), Options{})
	require.NoError(t, err)
	var got []Trade
	for range 5 {
		for trade, err := range r.Trades() {
			require.NoError(t, err)
			got = append(got, trade)
			break
		}
	}
	assert.Equal(t, []Trade{aapl, zx, aapl}, got)
	_, total := r.Progress()
	assert.Equal(t, int64(-1), total)
}

func TestFatalErrorStays(t *testing.T) {
	r, err := NewReader(strings.NewReader(binanceLine(btcTrade)+"damage\n"+binanceLine(btcTrade)), Options{})
	require.NoError(t, err)
	var errs []error
	for range 2 {
		for trade, err := range r.Trades() {
			if err != nil {
				assert.Zero(t, trade)
				errs = append(errs, err)
			}
		}
	}
	require.Len(t, errs, 2)
	assert.Same(t, errs[0], errs[1])
	assert.Equal(t, int64(1), r.Stats().Trades)
}

func TestTradesAfterClose(t *testing.T) {
	r, err := NewReader(strings.NewReader(binanceLine(btcTrade)), Options{})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	for _, err = range r.Trades() {
	}
	assert.ErrorIs(t, err, fs.ErrClosed)
}
