package seqlock

import (
	"runtime"
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
			masks[i] = ^uint64(0) >> (i + 1)
		}
		for i := range source {
			source[i] = ^uint64(i)
		}
		var head uint64
		p := Publisher{
			Slots: unsafe.Pointer(&memory[0]), Stride: uintptr(8 * stride), SlotMask: slots - 1, Words: uintptr(words),
			Masks: unsafe.Pointer(&masks[0]), View: unsafe.Pointer(&view[0]), ViewVersion: unsafe.Pointer(&view[words]),
			Head: unsafe.Pointer(&head), Next: 6, Direct: uintptr(words), Waiting: new(uint32),
		}
		Publish(&p, unsafe.Pointer(&source[0])) // record 6 in slot 2
		require.Equal(t, append(append([]uint64{}, masked(source[:words], masks)...), 14, 0), view)
		require.EqualValues(t, 7, head)
		PublishRun(&p, unsafe.Pointer(&source[words]), 2) // records 7 and 8 in slots 3 and 0
		want := make([]uint64, len(memory))
		for i, slot := range []int{2, 3, 0} {
			want[slot*stride] = uint64(2*(6+i) + 2)
			for w := range words {
				want[slot*stride+1+w] = source[i*words+w] & masks[w]
			}
		}
		require.Equal(t, want, memory, "%d words", words)
		require.Equal(t, append(masked(source[2*words:3*words], masks), 18, 0), view)
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

func masked(words, masks []uint64) (m []uint64) {
	for i := range words {
		m = append(m, words[i]&masks[i])
	}
	return m
}

// What Publish leaves to Go is done on the goroutine's stack, which may have to grow for it.
func TestPublishCallsGo(t *testing.T) {
	var memory [64]uint64
	var head uint64
	masks := [4]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	for words := uintptr(2); words <= 4; words++ {
		woken, instead, waiting := 0, 0, uint32(0)
		p := Publisher{
			Slots: unsafe.Pointer(&memory[0]), Stride: 64, SlotMask: 3, Words: words, Direct: words, Masks: unsafe.Pointer(&masks),
			View: unsafe.Pointer(&memory[40]), ViewVersion: unsafe.Pointer(&memory[48]), Head: unsafe.Pointer(&head), Waiting: &waiting,
			Wake: func() { woken += deep(1000) },
			Instead: func(src unsafe.Pointer) {
				instead += deep(1000)
				assert.EqualValues(t, 7, *(*uint64)(src))
			},
		}
		publish := func() {
			done := make(chan int)
			go func() { // on a new stack, which is small
				value := [4]uint64{7, 7, 7, 7}
				Publish(&p, unsafe.Pointer(&value))
				done <- int(value[0])
			}()
			require.Equal(t, 7, <-done)
		}
		publish()
		require.EqualValues(t, 1, head)
		require.Zero(t, woken)
		waiting = 1
		publish()
		require.EqualValues(t, 2, head, "before it wakes")
		require.Equal(t, 1, woken)
		p.Direct = 0
		publish()
		require.EqualValues(t, 2, head)
		require.EqualValues(t, 2, p.Next)
		require.Equal(t, 1, woken)
		require.Equal(t, 1, instead)
	}
}

// deep needs a stack of n frames, and has the garbage collector look at it.
func deep(n int) int {
	var frame [64]byte
	if n == 0 {
		runtime.GC()
		return int(frame[0]) + 1
	}
	return deep(n-1) + int(frame[n%64])
}

// Runs end at the array's end, at most, and at the first value that is not there; the last number is one like any other.
func TestLoadRun(t *testing.T) {
	const slots, stride = 8, 4
	memory := make([]uint64, slots*stride)
	for _, first := range []uint64{0, 5, 1<<63 - 6} {
		for there := range uint64(6) {
			for n := first; n < first+there; n++ {
				copy(memory[n%slots*stride:], []uint64{2*n + 2, n, ^n, n << 1})
			}
			memory[(first+there)%slots*stride] = 99
			for most := 1; most <= 7; most++ {
				dst := make([]uint64, 3*most)
				count, version := LoadRun3(unsafe.Pointer(&memory[0]), 8*stride, slots-1, unsafe.Pointer(&dst[0]), first, most)
				require.Equal(t, min(most, int(there)), count)
				if count < most {
					require.EqualValues(t, 99, version)
				} else {
					require.Equal(t, 2*(first+uint64(most)-1)+2, version)
				}
				for i := range uint64(count) {
					require.Equal(t, []uint64{first + i, ^(first + i), (first + i) << 1}, dst[3*i:3*i+3])
				}
			}
		}
	}
}

func TestPause(t *testing.T) {
	for _, n := range []uint32{0, 1, 10} {
		Pause(n) // comes back
	}
}
