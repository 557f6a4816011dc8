package ring

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/tickring/tickring/internal/layout"
)

// kinds maps what a record may be made of; int, uint and uintptr have no fixed size.
var kinds = map[reflect.Kind]layout.Kind{
	reflect.Bool: layout.Bool,
	reflect.Int8: layout.Int8, reflect.Int16: layout.Int16, reflect.Int32: layout.Int32, reflect.Int64: layout.Int64,
	reflect.Uint8: layout.Uint8, reflect.Uint16: layout.Uint16, reflect.Uint32: layout.Uint32, reflect.Uint64: layout.Uint64,
	reflect.Float32: layout.Float32, reflect.Float64: layout.Float64,
}

func typeError(path, problem string) error {
	return fmt.Errorf("%w: %s %s", ErrType, path, problem)
}

// appendFields adds the fields of struct t, which lies at offset of the record under the path prefix.
func appendFields(s *Schema, t reflect.Type, prefix string, offset int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		name := f.Tag.Get("ring")
		if name == "" {
			name = snake(f.Name)
		}
		if err := appendField(s, f.Type, prefix+name, offset+int(f.Offset)); err != nil {
			return err
		}
	}
	return nil
}

func appendField(s *Schema, t reflect.Type, path string, offset int) error {
	if len(s.Fields) >= layout.MaxFields {
		return typeError(s.Name, fmt.Sprintf("has more than %d fields", layout.MaxFields))
	}
	if kind, ok := kinds[t.Kind()]; ok {
		s.Fields = append(s.Fields, Field{Name: path, Kind: kind, Count: 1, Offset: offset})
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return appendFields(s, t, path+".", offset)
	case reflect.Array:
		if kind, ok := kinds[t.Elem().Kind()]; ok && t.Len() > 0 {
			s.Fields = append(s.Fields, Field{Name: path, Kind: kind, Count: t.Len(), Offset: offset})
			return nil
		}
		for i := range t.Len() {
			if err := appendField(s, t.Elem(), fmt.Sprintf("%s[%d]", path, i), offset+i*int(t.Elem().Size())); err != nil {
				return err
			}
		}
		return nil
	}
	return typeError(s.Name+"."+path, fmt.Sprintf("is a %s: only sized integers, floats, bool, and arrays and structs of them mean the same to every process", t))
}

// snake turns "BidPrice" into "bid_price" and "TradeID" into "trade_id".
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) && runes[i-1] != '_' {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
