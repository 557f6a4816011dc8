package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/ring"
)

// Formats of tail.
const (
	formatText = "text"
	formatJSON = "json"
	formatCSV  = "csv"
	formatRaw  = "raw"
)

// format turns records into lines, by their schema alone.
type format struct {
	header string // before the first record
	size   int    // of a record in bytes
	append func(b []byte, n uint64, record []byte) []byte
}

func newFormat(name string, s ring.Schema) format {
	f := format{size: s.Size}
	switch name {
	case formatJSON:
		f.append = jsonLine(s)
	case formatCSV:
		f.header, f.append = csvHeader(s), csvLine(s)
	case formatRaw:
		f.append = func(b []byte, _ uint64, record []byte) []byte { return append(b, record...) }
	default:
		f.append = textLine(s)
		if s.Diff(trade) == nil {
			f.append = tradeLine()
		}
	}
	return f
}

// tradeLine returns the text of a TradingData: number, time, price, volume, valid.
func tradeLine() func([]byte, uint64, []byte) []byte {
	var clock clock
	return func(b []byte, n uint64, record []byte) []byte {
		le := binary.LittleEndian
		b = strconv.AppendUint(b, n, 10)
		b = append(b, ' ')
		b = clock.append(b, le.Uint64(record[8:]))
		b = append(b, ' ')
		b = appendFloat(b, math.Float64frombits(le.Uint64(record)), 64)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(int32(le.Uint32(record[16:]))), 10)
		b = append(b, ' ')
		b = strconv.AppendBool(b, record[20] != 0)
		return append(b, '\n')
	}
}

// clock writes times in UTC as RFC 3339 with all nine digits, so that lines stand under each other and
// sort. It keeps the last second's text: the calendar would cost more than the rest of a line.
type clock struct {
	second uint64
	text   []byte
}

func (c *clock) append(b []byte, ns uint64) []byte {
	if second := ns / 1e9; c.text == nil || second != c.second {
		c.second, c.text = second, time.Unix(int64(second), 0).UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, c.text...)
	b = append(b, "000000000Z"...)
	for i, rest := len(b)-2, ns%1e9; rest > 0; i, rest = i-1, rest/10 {
		b[i] = byte('0' + rest%10)
	}
	return b
}

func textLine(s ring.Schema) func([]byte, uint64, []byte) []byte {
	return func(b []byte, n uint64, record []byte) []byte {
		b = strconv.AppendUint(b, n, 10)
		for _, f := range s.Fields {
			b = append(append(append(b, ' '), f.Name...), '=')
			b = appendField(b, f, record, ' ', appendValue)
		}
		return append(b, '\n')
	}
}

func jsonLine(s ring.Schema) func([]byte, uint64, []byte) []byte {
	keys := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		keys[i] = "," + jsonString(f.Name) + ":"
	}
	return func(b []byte, n uint64, record []byte) []byte {
		b = strconv.AppendUint(append(b, `{"n":`...), n, 10)
		for i, f := range s.Fields {
			b = appendField(append(b, keys[i]...), f, record, ',', appendJSONValue)
		}
		return append(b, "}\n"...)
	}
}

// jsonString quotes a name of a schema, which is printable ASCII.
func jsonString(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// csvHeader names the columns; each element of an array has its own.
func csvHeader(s ring.Schema) string {
	columns := []string{"n"}
	for _, f := range s.Fields {
		if f.Count == 1 {
			columns = append(columns, csvString(f.Name))
		}
		for i := 0; f.Count > 1 && i < f.Count; i++ {
			columns = append(columns, csvString(fmt.Sprintf("%s[%d]", f.Name, i)))
		}
	}
	return strings.Join(columns, ",") + "\n"
}

func csvString(name string) string {
	if strings.ContainsAny(name, `,"`) {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

func csvLine(s ring.Schema) func([]byte, uint64, []byte) []byte {
	return func(b []byte, n uint64, record []byte) []byte {
		b = strconv.AppendUint(b, n, 10)
		for _, f := range s.Fields {
			for i := range f.Count {
				b = appendValue(append(b, ','), f.Kind, record[f.Offset+i*f.Kind.Size():])
			}
		}
		return append(b, '\n')
	}
}

// appendField appends the value of a field, or the list of those of an array.
func appendField(b []byte, f ring.Field, record []byte, separator byte, value func([]byte, layout.Kind, []byte) []byte) []byte {
	if f.Count == 1 {
		return value(b, f.Kind, record[f.Offset:])
	}
	for i := range f.Count {
		if i == 0 {
			b = append(b, '[')
		} else {
			b = append(b, separator)
		}
		b = value(b, f.Kind, record[f.Offset+i*f.Kind.Size():])
	}
	return append(b, ']')
}

// appendJSONValue is appendValue for JSON, which has no word for what is not a finite number: a string
// is an error to whoever expects a number, and null might be taken for 0.
func appendJSONValue(b []byte, k layout.Kind, v []byte) []byte {
	start := len(b)
	b = appendValue(b, k, v)
	if isFloat(k) && strings.ContainsAny(string(b[start:]), "NI") {
		return append(slices.Insert(b, start, '"'), '"')
	}
	return b
}

func isFloat(k layout.Kind) bool { return k == layout.Float32 || k == layout.Float64 }

// appendValue appends the element of kind k that v starts with.
func appendValue(b []byte, k layout.Kind, v []byte) []byte {
	le := binary.LittleEndian
	switch k {
	case layout.Bool:
		return strconv.AppendBool(b, v[0] != 0)
	case layout.Int8:
		return strconv.AppendInt(b, int64(int8(v[0])), 10)
	case layout.Int16:
		return strconv.AppendInt(b, int64(int16(le.Uint16(v))), 10)
	case layout.Int32:
		return strconv.AppendInt(b, int64(int32(le.Uint32(v))), 10)
	case layout.Int64:
		return strconv.AppendInt(b, int64(le.Uint64(v)), 10)
	case layout.Uint8:
		return strconv.AppendUint(b, uint64(v[0]), 10)
	case layout.Uint16:
		return strconv.AppendUint(b, uint64(le.Uint16(v)), 10)
	case layout.Uint32:
		return strconv.AppendUint(b, uint64(le.Uint32(v)), 10)
	case layout.Uint64:
		return strconv.AppendUint(b, le.Uint64(v), 10)
	case layout.Float32:
		return appendFloat(b, float64(math.Float32frombits(le.Uint32(v))), 32)
	case layout.Float64:
		return appendFloat(b, math.Float64frombits(le.Uint64(v)), 64)
	}
	return append(b, '?') // a schema that was validated has no other kind
}

// appendFloat appends the shortest decimal that reads back as the same number; with an exponent only
// where people would not write it out.
func appendFloat(b []byte, v float64, bits int) []byte {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 0):
		if v < 0 {
			b = append(b, '-')
		}
		return append(b, "Infinity"...)
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return strconv.AppendFloat(b, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(b, v, 'f', -1, bits)
}
