package feed

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// Detected formats, without the suffix for gzip.
const (
	formatBinance = "binance"
	formatPcap    = "pcap"
	formatPcapng  = "pcapng"
	gzipSuffix    = "+gzip"
)

func isBinance(format string) bool { return strings.HasPrefix(format, formatBinance) }

// sniffLen is how much of the content is looked at: enough for a nanosecond time and the start of the JSON.
const sniffLen = 32

var binanceStart = regexp.MustCompile(`^[0-9]+ \{`)

// Open opens the recording at path and detects its format. The caller closes the Reader.
// Errors: those of os.Open and of
// reading and unpacking the start, ErrEmpty, *FormatError, and *PositionError for a damaged capture header.
func Open(path string, opts Options) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	size := int64(-1)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	r, err := newReader(path, f, size, opts)
	if err != nil {
		_ = f.Close() // nothing was written: err is what matters
		return nil, err
	}
	r.closer = f
	return r, nil
}

// NewReader is [Open] for content that is not in a file. It reads ahead of the trades that it yields.
func NewReader(r io.Reader, opts Options) (*Reader, error) {
	return newReader("", r, -1, opts)
}

func newReader(path string, in io.Reader, size int64, opts Options) (*Reader, error) {
	if opts.VolumeScale < 0 {
		return nil, fmt.Errorf("feed: Options.VolumeScale is %d: it must be 0 (none) or positive", opts.VolumeScale)
	}
	opts.VolumeScale = max(opts.VolumeScale, 1)

	src, err := newSource(path, in)
	if err != nil {
		return nil, err
	}
	r := &Reader{src: src, size: size}
	if isBinance(src.format) {
		r.dec = &binanceDecoder{src: src, opts: opts, stats: &r.stats}
	} else if r.dec, err = newIEXDecoder(src, opts, &r.stats); err != nil {
		return nil, err
	}
	return r, nil
}

// newSource unpacks in if it is gzip and finds its format.
func newSource(path string, in io.Reader) (*source, error) {
	s := &source{path: path, raw: &rawInput{r: in}}
	packed := bufio.NewReader(s.raw)
	s.in = &content{r: packed}
	suffix := ""
	if magic, _ := packed.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, fmt.Errorf("feed: %s: gzip header: %w: %s", inputName(path), err, adviceDamaged)
		}
		s.in, suffix = &content{r: z, gzip: true}, gzipSuffix
	}

	s.Reader = bufio.NewReaderSize(s.in, sourceBuffer)
	seen, err := s.Peek(sniffLen)
	if len(seen) == 0 {
		if err == io.EOF {
			err = ErrEmpty
		}
		return nil, fmt.Errorf("feed: %s: %w", inputName(path), err)
	}
	format := sniff(seen)
	if format == "" {
		return nil, &FormatError{Path: path, Gzip: s.in.gzip, Seen: bytes.Clone(seen)}
	}
	s.format = format + suffix
	return s, nil
}

// sniff returns the format of content that starts with seen, "" for an unknown one.
func sniff(seen []byte) string {
	if binanceStart.Match(seen) {
		return formatBinance
	}
	switch string(seen[:min(4, len(seen))]) {
	case "\x0a\x0d\x0d\x0a":
		return formatPcapng
	case "\xd4\xc3\xb2\xa1", "\xa1\xb2\xc3\xd4", // microseconds, either byte order
		"\x4d\x3c\xb2\xa1", "\xa1\xb2\x3c\x4d": // nanoseconds
		return formatPcap
	}
	return ""
}

// archiveName names a container that is not supported but often met, "" for anything else.
func archiveName(seen []byte) string {
	for _, a := range []struct{ magic, name string }{
		{"\x1f\x8b", "gzip"},
		{"\x28\xb5\x2f\xfd", "zstd"},
		{"\xfd7zXZ\x00", "xz"},
		{"BZh", "bzip2"},
		{"PK\x03\x04", "zip"},
	} {
		if bytes.HasPrefix(seen, []byte(a.magic)) {
			return a.name
		}
	}
	return ""
}
