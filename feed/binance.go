package feed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tickring/tickring/ring"
)

// maxLine bounds one line; a depth snapshot takes tens of KiB.
const maxLine = 16 << 20

const nsPerMs = 1_000_000

// binanceDecoder reads lines of `<local receive time, ns> <json>`.
type binanceDecoder struct {
	src   *source
	opts  Options
	stats *Stats
	line  []byte // reused
}

func (d *binanceDecoder) next() (Trade, error) {
	for {
		start := d.src.offset()
		err := d.readLine()
		if err == io.EOF {
			return Trade{}, err
		}
		d.stats.Lines++
		var t Trade
		ok := false
		if err == nil {
			t, ok, err = d.decode()
		}
		if err != nil {
			return Trade{}, d.src.errorAt(d.stats.Lines, start, err)
		}
		if ok {
			return t, nil
		}
	}
}

// readLine reads the next line into d.line. The last line may lack its newline: it is complete if its JSON is.
func (d *binanceDecoder) readLine() error {
	d.line = d.line[:0]
	for {
		part, err := d.src.ReadSlice('\n')
		d.line = append(d.line, part...)
		switch {
		case len(d.line) > maxLine:
			return fmt.Errorf("the line is longer than %d bytes: the recording is damaged", maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(d.line) > 0:
			return nil
		default:
			return err
		}
	}
}

// decode returns the trade in d.line; ok is false for any other sound line.
func (d *binanceDecoder) decode() (t Trade, ok bool, err error) {
	local, body, _ := bytes.Cut(d.line, []byte(" "))
	if _, err := strconv.ParseUint(string(local), 10, 63); err != nil {
		return t, false, fmt.Errorf("the line starts with %.20q, not with a receive time in nanoseconds and a space", d.line)
	}
	if !utf8.Valid(body) {
		return t, false, errors.New("the JSON is not UTF-8")
	}
	msg, err := object(body)
	if err != nil {
		return t, false, err
	}
	if _, wrapped := msg["stream"]; !wrapped {
		if _, snapshot := msg["lastUpdateId"]; !snapshot {
			return t, false, errors.New(`neither a stream message (no field "stream") nor a REST depth snapshot (no "lastUpdateId"): ` +
				`record combined streams`)
		}
		d.stats.Other++
		return t, false, nil
	}
	stream, err := text(msg, "stream")
	if err != nil {
		return t, false, err
	}
	if !strings.HasSuffix(stream, "@trade") {
		d.stats.Other++
		return t, false, nil
	}
	return d.trade(msg["data"])
}

func (d *binanceDecoder) trade(data []byte) (t Trade, ok bool, err error) {
	msg, err := object(data)
	if err != nil {
		return t, false, fmt.Errorf("trade data: %w", err)
	}
	symbol, err := text(msg, "s")
	if err != nil {
		return t, false, err
	}
	if err := checkSymbol(symbol); err != nil {
		return t, false, err
	}
	if d.opts.Symbol != "" && symbol != d.opts.Symbol {
		d.stats.Filtered++
		return t, false, nil
	}

	p, err := text(msg, "p")
	if err != nil {
		return t, false, err
	}
	price, err := parsePrice(p)
	if err != nil {
		return t, false, err
	}
	q, err := text(msg, "q")
	if err != nil {
		return t, false, err
	}
	volume, err := parseVolume(q, d.opts.VolumeScale)
	if err != nil {
		return t, false, err
	}
	ms, err := strconv.ParseUint(string(msg["T"]), 10, 63)
	if err != nil || ms > math.MaxInt64/nsPerMs {
		return t, false, fmt.Errorf("trade time \"T\" is %.32q, not milliseconds of the years 1970 to 2262", msg["T"])
	}
	return Trade{Symbol: symbol, TradingData: ring.TradingData{
		Price: price, Timestamp: ms * nsPerMs, Volume: volume, Valid: true,
	}}, true, nil
}

// object splits a JSON object into its members. Unlike decoding into a struct it takes names
// exactly, as "t" (trade id) and "T" (time) differ here, and refuses a name that comes twice.
func object(raw []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil {
		return nil, jsonError(err)
	} else if open != json.Delim('{') {
		return nil, errors.New("the JSON is not an object")
	}
	members := make(map[string]json.RawMessage)
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, jsonError(err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, jsonError(err)
		}
		name, _ := key.(string) // the decoder lets nothing else stand here
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("the JSON has the field %q twice", name)
		}
		members[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, jsonError(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is more after the JSON object")
	}
	return members, nil
}

func jsonError(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("broken JSON: %w", err)
}

// text returns the member of that name, which must be a JSON string.
func text(members map[string]json.RawMessage, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", fmt.Errorf("the field %q is missing", name)
	}
	var s *string // stays nil for null, which a string would take as ""
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("the field %q is %.32q, not a string", name, raw)
	}
	return *s, nil
}
