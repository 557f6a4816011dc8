package seqlock

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A value so large that readers and the writer are always in each other's way.
func TestLargeCellUnderContention(t *testing.T) {
	type large [512]uint64
	var c Cell[large]
	var v large
	c.Store(&v)
	var done atomic.Bool
	var group sync.WaitGroup
	got, refused := 0, 0
	group.Go(func() {
		defer done.Store(true)
		for got+refused < 100_000 && (got < 1000 || refused < 100) { // where all is slow, none may come to its end
			n, ok := c.Load(&v, 1)
			if !ok {
				refused++
				continue
			}
			got++
			for _, w := range v {
				if !assert.Equal(t, n, w, "a word of another value") {
					return
				}
			}
		}
	})
	for n := uint64(1); !done.Load(); n++ {
		var next large
		for i := range next {
			next[i] = n
		}
		c.Store(&next)
	}
	group.Wait()
}

// A value that is stored so often that hardly any load comes to its end undisturbed.
func TestCellThatIsAlwaysOverwritten(t *testing.T) {
	type large [1 << 14]uint64
	c, v, next := new(Cell[large]), new(large), new(large)
	c.Store(v)
	var done atomic.Bool
	var group sync.WaitGroup
	group.Go(func() {
		defer done.Store(true)
		for refused := 0; refused < 500; {
			n, ok := c.Load(v, 1)
			if !ok {
				refused++
			} else if !assert.Equal(t, [2]uint64{n, n}, [2]uint64{v[0], v[len(v)-1]}, "words of two values") {
				return
			}
		}
	})
	for n := uint64(1); !done.Load(); n++ {
		for i := range next {
			next[i] = n
		}
		c.Store(next)
	}
	group.Wait()
}

func TestWhatValuesAreMadeOf(t *testing.T) {
	assert.NoError(t, CheckType[[8]bool]())
	assert.NoError(t, CheckType[complex128]())
}
