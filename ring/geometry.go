package ring

import (
	"reflect"

	"github.com/tickring/tickring/internal/layout"
)

// Geometry is the shape of a segment: its record type, the number and stride of its slots, and where
// things lie. Make one with [GeometryOf]; a segment that is attached brings its own, validated.
type Geometry = layout.Geometry

// Schema describes a record type: its name, size and fields.
type Schema = layout.Schema

// Field is a field of a [Schema].
type Field = layout.Field

// SchemaError says how a program's record type differs from a segment's.
type SchemaError = layout.SchemaError

// GeometryOf returns the geometry of a segment for records of type T with the given number of slots,
// a power of two from 2. T is any fixed-size type that [SchemaOf] takes.
func GeometryOf[T any](slots uint64) (Geometry, error) {
	schema, err := SchemaOf[T]()
	if err != nil {
		return Geometry{}, err
	}
	return layout.New(schema, slots)
}

// SchemaOf derives a schema from struct type T. Fields are named as in Go, in snake_case, or by the
// tag `ring:"name"`; nested structs and arrays of structs are flattened ("levels[0].price"); blank
// fields are padding. It refuses a T with pointers, strings, slices, maps, int, uint, uintptr or
// complex fields, one that is larger than a mebibyte, and one of more than 256 fields.
func SchemaOf[T any]() (Schema, error) {
	t := reflect.TypeFor[T]()
	s := Schema{Name: t.Name(), Size: int(t.Size())}
	if s.Name == "" || len(s.Name) > layout.NameSize {
		s.Name = "record"
	}
	if t.Kind() != reflect.Struct {
		return Schema{}, typeError(t.String(), "is not a struct")
	}
	if err := appendFields(&s, t, "", 0); err != nil {
		return Schema{}, err
	}
	return s, s.Validate()
}
