package layout

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Kind is the type of a field's elements.
type Kind uint32

// Kinds, as stored.
const (
	Bool Kind = iota + 1 // one byte, 0 or 1
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Float32 // IEEE 754
	Float64
)

var kinds = [...]struct {
	name string
	size int
}{
	Bool: {"bool", 1},
	Int8: {"i8", 1}, Int16: {"i16", 2}, Int32: {"i32", 4}, Int64: {"i64", 8},
	Uint8: {"u8", 1}, Uint16: {"u16", 2}, Uint32: {"u32", 4}, Uint64: {"u64", 8},
	Float32: {"f32", 4}, Float64: {"f64", 8},
}

// Valid reports whether k is a kind of this layout version.
func (k Kind) Valid() bool { return k >= Bool && k <= Float64 }

// Size of one element in bytes.
func (k Kind) Size() int { return kinds[k].size }

func (k Kind) String() string {
	if !k.Valid() {
		return fmt.Sprintf("kind %d", uint32(k))
	}
	return kinds[k].name
}

// Field is one field of a record.
type Field struct {
	Name   string // as in snake_case; a nested field has its path: "bid.price", "levels[0].size"
	Kind   Kind
	Count  int // elements: 1, or the length of an array
	Offset int // from the start of the record, bytes
}

// Size of the whole field in bytes.
func (f Field) Size() int { return f.Kind.Size() * f.Count }

func (f Field) String() string {
	if f.Count == 1 {
		return fmt.Sprintf("%s %s @%d", f.Name, f.Kind, f.Offset)
	}
	return fmt.Sprintf("%s %s[%d] @%d", f.Name, f.Kind, f.Count, f.Offset)
}

// Schema describes a record so that a program which does not know its type can decode it.
type Schema struct {
	Name   string
	Size   int // of the record, padding included
	Fields []Field
}

func (s Schema) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s{", s.Name)
	for i, f := range s.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.String())
	}
	return b.String() + "}"
}

// Words is the number of 8-byte words that hold one record.
func (s Schema) Words() int { return (s.Size + 7) / 8 }

// Masks has a word for each payload word with the bits of fields set, those of padding clear.
func (s Schema) Masks() []uint64 {
	bytes := make([]byte, s.Words()*8)
	for _, f := range s.Fields {
		for i := range f.Size() {
			bytes[f.Offset+i] = 0xff
		}
	}
	masks := make([]uint64, s.Words())
	for i := range masks {
		masks[i] = binary.LittleEndian.Uint64(bytes[8*i:])
	}
	return masks
}

// Validate checks what a header could have wrong or a Go type cannot express.
func (s Schema) Validate() error {
	switch {
	case s.Size < 1 || s.Size > MaxRecordSize:
		return fmt.Errorf("%w: record size %d is not in 1…%d", ErrSchema, s.Size, MaxRecordSize)
	case len(s.Fields) < 1 || len(s.Fields) > MaxFields:
		return fmt.Errorf("%w: %d fields, not 1…%d", ErrSchema, len(s.Fields), MaxFields)
	case !validName(s.Name):
		return fmt.Errorf("%w: record name %+q is not 1…%d printable ASCII characters", ErrSchema, s.Name, NameSize)
	}
	end := 0
	named := make(map[string]bool, len(s.Fields))
	for i, f := range s.Fields {
		switch {
		case !validName(f.Name):
			return fmt.Errorf("%w: name %+q of field %d is not 1…%d printable ASCII characters", ErrSchema, f.Name, i, NameSize)
		case named[f.Name]:
			return fmt.Errorf("%w: two fields are named %+q", ErrSchema, f.Name)
		case !f.Kind.Valid():
			return fmt.Errorf("%w: field %+q has unknown %s", ErrSchema, f.Name, f.Kind)
		case f.Count < 1 || f.Count > s.Size || f.Offset < end || f.Offset > s.Size-f.Size():
			return fmt.Errorf("%w: field %+q (%d bytes at %d) overlaps another or leaves the record of %d bytes", ErrSchema, f.Name, f.Size(), f.Offset, s.Size)
		}
		end, named[f.Name] = f.Offset+f.Size(), true
	}
	return nil
}

// Diff says how got, the record type of a program, differs from s, the record of a segment:
// nil, or an error that names the first field that differs. Record names may differ.
func (s Schema) Diff(got Schema) error {
	for i := range max(len(s.Fields), len(got.Fields)) {
		switch {
		case i >= len(got.Fields):
			return &SchemaError{Field: s.Fields[i].Name, Segment: s.Fields[i].String(), Program: "no such field"}
		case i >= len(s.Fields):
			return &SchemaError{Field: got.Fields[i].Name, Segment: "no such field", Program: got.Fields[i].String()}
		case s.Fields[i] != got.Fields[i]:
			return &SchemaError{Field: s.Fields[i].Name, Segment: s.Fields[i].String(), Program: got.Fields[i].String()}
		}
	}
	if s.Size != got.Size {
		return &SchemaError{Field: "(size)", Segment: fmt.Sprintf("%d bytes", s.Size), Program: fmt.Sprintf("%d bytes", got.Size)}
	}
	return nil
}

func validName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= NameSize
}

// entrySize is the size of the schema's heading and of each of its fields.
const entrySize = 64

// encodedSize of the schema in bytes.
func (s Schema) encodedSize() int { return entrySize * (1 + len(s.Fields)) }

// encode writes the heading (name, record size, field count) and an entry for each field
// (name, kind, count, offset).
func (s Schema) encode(b []byte) {
	le := binary.LittleEndian
	copy(b[:NameSize], s.Name)
	le.PutUint32(b[48:], uint32(s.Size))
	le.PutUint32(b[52:], uint32(len(s.Fields)))
	for i, f := range s.Fields {
		e := b[entrySize*(i+1):]
		copy(e[:NameSize], f.Name)
		le.PutUint32(e[48:], uint32(f.Kind))
		le.PutUint32(e[52:], uint32(f.Count))
		le.PutUint32(e[56:], uint32(f.Offset))
	}
}

func decodeSchema(b []byte) (Schema, error) {
	le := binary.LittleEndian
	if len(b) < 2*entrySize || len(b)%entrySize != 0 { // a heading and a field
		return Schema{}, fmt.Errorf("%w: %d bytes of schema", ErrSchema, len(b))
	}
	s := Schema{Name: cstring(b[:NameSize]), Size: int(le.Uint32(b[48:]))}
	if n := le.Uint32(b[52:]); uint64(n) != uint64(len(b)/entrySize-1) {
		return Schema{}, fmt.Errorf("%w: %d fields in %d bytes of schema", ErrSchema, n, len(b))
	}
	for e := b[entrySize:]; len(e) > 0; e = e[entrySize:] {
		s.Fields = append(s.Fields, Field{
			Name:   cstring(e[:NameSize]),
			Kind:   Kind(le.Uint32(e[48:])),
			Count:  int(le.Uint32(e[52:])),
			Offset: int(le.Uint32(e[56:])),
		})
	}
	return s, s.Validate()
}

func cstring(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}
