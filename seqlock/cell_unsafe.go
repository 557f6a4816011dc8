package seqlock

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"
)

// Cell is one value that one writer stores and any number of readers load, untorn. T has a size
// that is a multiple of eight bytes and holds no pointer. The zero Cell holds no value.
//
// A Cell may lie in shared memory: its layout is the version word, then T.
type Cell[T any] struct {
	version uint64
	value   T
}

// CheckType says why T cannot be the type of a [Cell], or returns nil.
func CheckType[T any]() error {
	t := reflect.TypeFor[T]()
	if t.Size() == 0 || t.Size()%8 != 0 {
		return fmt.Errorf("seqlock: %s has %d bytes, not a multiple of 8", t, t.Size())
	}
	if !pointerFree(t) {
		return fmt.Errorf("seqlock: %s holds pointers, which mean nothing to another process", t)
	}
	return nil
}

func pointerFree(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return pointerFree(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !pointerFree(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return t.Kind() <= reflect.Complex128 && t.Kind() != reflect.Uintptr
}

// Store makes *v the cell's value and returns its number: 0 for the first, 1 for the second, …
// One writer at a time.
func (c *Cell[T]) Store(v *T) uint64 {
	n := c.version / 2       // ours alone to change; an odd one is a store that a crash cut short
	src := unsafe.Pointer(v) // and its own mask: a word and itself is the word
	Store(unsafe.Pointer(&c.version), unsafe.Pointer(&c.value), src, src, unsafe.Sizeof(c.value)/8, n)
	return n
}

// Load copies the value to *v and returns its number. ok is false if there is no value yet, or if
// the writer was in the middle of a store each of tries times: the writer may have died there, so
// no caller should try for ever. *v is then undefined.
func (c *Cell[T]) Load(v *T, tries int) (n uint64, ok bool) {
	for range tries {
		version := atomic.LoadUint64(&c.version)
		if version == 0 {
			return 0, false
		}
		if version%2 == 0 && Load(unsafe.Pointer(&c.version), unsafe.Pointer(&c.value), unsafe.Pointer(v), unsafe.Sizeof(c.value)/8, version) == version {
			return version/2 - 1, true
		}
	}
	return 0, false
}
