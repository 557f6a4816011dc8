package seqlock

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Numbers whose versions lie about the ends of shorter integers, and the last ones that there are.
var ends = []uint64{1<<31 - 4, 1<<32 - 4, 1<<33 - 4, 1<<53 - 4, 1<<62 - 4, 1<<63 - 9}

// Publish gives each value its slot and its version wherever the numbers stand.
func TestPublishAcrossTheEndsOfIntegers(t *testing.T) {
	for _, words := range []uintptr{1, 3, 5} {
		for _, end := range ends {
			const slots = 4
			var memory [slots][6]uint64
			var view [6]uint64
			var head uint64
			masks, src := make([]uint64, words), make([]uint64, 3*words)
			for i := range masks {
				masks[i] = ^uint64(0)
			}
			p := Publisher{
				Slots: unsafe.Pointer(&memory), Stride: unsafe.Sizeof(memory[0]), SlotMask: slots - 1, Words: words, Direct: words,
				Masks: unsafe.Pointer(&masks[0]), View: unsafe.Pointer(&view[1]), ViewVersion: unsafe.Pointer(&view[0]),
				Head: unsafe.Pointer(&head), Next: end, Waiting: new(uint32),
			}
			for _, run := range []int{1, 2, 3, 1, 1} { // eight values, up to 2^63-2
				first := p.Next
				for i := range src {
					src[i] = first + uint64(i)/uint64(words)
				}
				if run == 1 {
					Publish(&p, unsafe.Pointer(&src[0]))
				} else {
					PublishRun(&p, unsafe.Pointer(&src[0]), run)
				}
				require.Equal(t, first+uint64(run), p.Next)
				require.Equal(t, p.Next, head)
				for n := first; n < p.Next; n++ {
					cell := &memory[n%slots]
					require.Equal(t, 2*n+2, cell[0])
					got := make([]uint64, words)
					require.Equal(t, 2*n+2, Load(unsafe.Pointer(cell), unsafe.Pointer(&cell[1]), unsafe.Pointer(&got[0]), words, 2*n+2))
					for _, word := range got {
						require.Equal(t, n, word)
					}
				}
				require.Equal(t, 2*p.Next, view[0])
				require.Equal(t, p.Next-1, view[1])
			}
		}
	}
}

func TestCellAcrossTheEndsOfIntegers(t *testing.T) {
	for _, end := range ends {
		var c Cell[value]
		c.version = 2 * end
		for n := end; n < end+8; n++ {
			want := valueOf(n)
			require.Equal(t, n, c.Store(&want))
			var v value
			got, ok := c.Load(&v, 1)
			require.True(t, ok)
			require.Equal(t, n, got)
			require.Equal(t, want, v)
		}
	}
}
