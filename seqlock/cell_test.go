package seqlock

import (
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type value struct{ A, B, C, D, E uint64 }

func valueOf(n uint64) value { return value{n, 2 * n, 3 * n, 4 * n, 5 * n} }

func TestCell(t *testing.T) {
	var c Cell[value]
	var v value
	_, ok := c.Load(&v, 10)
	require.False(t, ok, "no value yet")
	for n := range uint64(10) {
		want := valueOf(n + 1)
		require.Equal(t, n, c.Store(&want))
		got, ok := c.Load(&v, 1)
		require.True(t, ok)
		require.Equal(t, n, got)
		require.Equal(t, want, v)
	}
}

func TestACellWhoseWriterStoppedHoldsNobodyUp(t *testing.T) {
	var c Cell[value]
	v := valueOf(1)
	c.Store(&v)
	c.version++ // in the middle of the second store
	_, ok := c.Load(&v, 1000)
	require.False(t, ok)
	v = valueOf(2)
	require.EqualValues(t, 1, c.Store(&v), "the store that was cut short is done again")
	n, ok := c.Load(&v, 1)
	require.True(t, ok)
	require.EqualValues(t, 1, n)
}

func TestCellUnderContention(t *testing.T) {
	const stores = 50_000
	var c Cell[value]
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			last := uint64(0)
			for last < stores-1 {
				var v value
				if n, ok := c.Load(&v, 1); ok {
					if !assert.Equal(t, valueOf(n), v) || !assert.GreaterOrEqual(t, n, last) {
						return
					}
					last = n
				}
			}
		})
	}
	for n := range uint64(stores) {
		v := valueOf(n)
		c.Store(&v)
	}
	group.Wait()
}

func TestCheckType(t *testing.T) {
	assert.NoError(t, CheckType[value]())
	assert.NoError(t, CheckType[[3]float64]())
	assert.Error(t, CheckType[struct{}]())
	assert.Error(t, CheckType[uint32]())
	assert.Error(t, CheckType[struct{ P *int }]())
	assert.Error(t, CheckType[[2]string]())
	assert.Error(t, CheckType[uintptr]())
}

// What Publish writes, byte for byte, for sizes on both sides of the one that has its own code.
func TestPublishWritesSlotsViewAndHead(t *testing.T) {
	for words := range 9 {
		words := words + 1
		stride := words + 3 // some words that must stay as they are
		const slots = 4
		memory := make([]uint64, stride*slots)
		view := make([]uint64, words+2)
		masks := make([]uint64, words)
		source := make([]uint64, words*slots)
		for i := range masks {
			masks[i] = ^uint64(0) >> i
		}
		for i := range source {
			source[i] = ^uint64(i)
		}
		var head uint64
		p := Publisher{
			Slots: unsafe.Pointer(&memory[0]), Stride: uintptr(8 * stride), SlotMask: slots - 1, Words: uintptr(words),
			Masks: unsafe.Pointer(&masks[0]), View: unsafe.Pointer(&view[0]), ViewVersion: unsafe.Pointer(&view[words]),
			Head: unsafe.Pointer(&head), Next: 6,
		}
		Publish(&p, unsafe.Pointer(&source[0]), 3) // records 6, 7, 8 in slots 2, 3, 0
		want := make([]uint64, len(memory))
		for i, slot := range []int{2, 3, 0} {
			want[slot*stride] = uint64(2*(6+i) + 2)
			for w := range words {
				want[slot*stride+1+w] = source[i*words+w] & masks[w]
			}
		}
		require.Equal(t, want, memory, "%d words", words)
		require.Equal(t, append(append([]uint64{}, want[1:1+words]...), 18, 0), view)
		require.EqualValues(t, 9, head)
		require.EqualValues(t, 9, p.Next)

		got := make([]uint64, words)
		slot := unsafe.Pointer(&memory[2*stride])
		require.EqualValues(t, 14, Load(slot, unsafe.Add(slot, 8), unsafe.Pointer(&got[0]), uintptr(words), 14))
		require.Equal(t, want[2*stride+1:2*stride+1+words], got)
		clear(got)
		require.EqualValues(t, 14, Load(slot, unsafe.Add(slot, 8), unsafe.Pointer(&got[0]), uintptr(words), 12))
		require.Equal(t, make([]uint64, words), got, "another version: nothing is copied")
	}
}

func TestPause(t *testing.T) {
	for _, n := range []uint32{0, 1, 10} {
		Pause(n) // comes back
	}
}
