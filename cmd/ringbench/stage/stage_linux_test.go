package stage

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatOneWritesTheOtherReads(t *testing.T) {
	m, err := New(1000)
	require.NoError(t, err)
	defer m.Close()
	assert.EqualValues(t, 1000, m.Size())
	other, err := Inherit(int(m.File.Fd()), false)
	require.NoError(t, err)
	defer other.Close()
	m.Records(2)[1].Volume = 7
	assert.EqualValues(t, 7, other.Records(2)[1].Volume)
	m.Words(48)[0] = math.MaxUint64
	assert.EqualValues(t, -1, other.Samples()[6])
	assert.Len(t, other.Words(48), (1000-48)/8)
	assert.Panics(t, func() { m.Records(42) }, "there is room for 41")
}

func TestMemoryThatCannotBeHad(t *testing.T) {
	_, err := New(1 << 60)
	assert.ErrorContains(t, err, "--slice")
	_, err = Inherit(-1, false)
	assert.ErrorContains(t, err, "shared with the parent")
}
