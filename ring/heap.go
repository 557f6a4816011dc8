package ring

import "github.com/tickring/tickring/internal/layout"

// Heap is a [Memory] within one process: for tests, simulations, and goroutines that follow one another.
// The process is its writer.
type Heap struct {
	geometry      Geometry
	header, slots []byte
}

// NewHeap allocates an empty ring.
func NewHeap(g Geometry) *Heap {
	header := layout.Encode(g)
	h := &Heap{geometry: g, header: alignedBytes(len(header)), slots: alignedBytes(int(g.RingSize()))}
	copy(h.header, header)
	return h
}

// Geometry implements [Memory].
func (h *Heap) Geometry() Geometry { return h.geometry }

// Header implements [Memory].
func (h *Heap) Header() []byte { return h.header }

// Slots implements [Memory].
func (h *Heap) Slots() []byte { return h.slots }

// Writable implements [Memory].
func (h *Heap) Writable() bool { return true }

// WriterAlive implements [Memory]: the process is alive.
func (h *Heap) WriterAlive() (bool, error) { return true, nil }
