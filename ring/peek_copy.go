//go:build !(amd64 || arm64) || purego || race

package ring

// peek lets look see a copy of record n: it would otherwise read shared memory with plain loads,
// which is a data race to the Go memory model.
func (r *Reader[T]) peek(n, want uint64, look func(n uint64, rec *T)) uint64 {
	var rec T
	v := r.load(&rec, n, want)
	if v == want {
		look(n, &rec)
	}
	return v
}
