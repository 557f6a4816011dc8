package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRate(t *testing.T) {
	for text, want := range map[string]rate{"1": 1, "250000": 250_000, "100k": 100_000, "1M": 1_000_000, "2.5M": 2_500_000, "1000M": 1e9, "max": rateMax} {
		var r rate
		require.NoError(t, r.Set(text), text)
		assert.Equal(t, want, r)
		var again rate
		require.NoError(t, again.Set(r.String()))
		assert.Equal(t, r, again)
	}
	for _, text := range []string{"", "0", "-1", "0.5", "k", "1G", "1001M", "NaN", "Inf", "1 M"} {
		var r rate
		assert.Error(t, r.Set(text), text)
	}
}

func TestRounds(t *testing.T) {
	c := defaultConfig()
	c.mode = modes()[0]
	require.NoError(t, c.check())
	assert.Equal(t, 15, c.roundsOf(c.mode))
	assert.Equal(t, 30*time.Millisecond, c.fullSlice())

	c = defaultConfig()
	c.duration = 60 * time.Millisecond
	require.NoError(t, c.check())
	assert.Equal(t, 20*time.Millisecond, c.slice, "three rounds at the least")
	assert.Equal(t, 3, c.roundsOf(c.mode))

	c = defaultConfig()
	c.duration, c.slice = time.Second, 300*time.Millisecond
	require.NoError(t, c.check())
	assert.Equal(t, 4, c.roundsOf(c.mode), "not less than was asked for")
}

// Rivals are compared in 30 rounds or more; a run without flags is soon over.
func TestModesTakeAsLongAsTheyShould(t *testing.T) {
	for _, m := range modes() {
		c := defaultConfig()
		c.mode = m
		require.NoError(t, c.check(), m.name)
		switch m.name {
		case "latency":
			assert.Less(t, c.roundsOf(m), 20)
		case "rivals":
			assert.GreaterOrEqual(t, c.roundsOf(c.mode), 30)
		}
	}
}

// On a busy machine a run ends in time that nobody asked to be longer.
func TestARunThatTakesTooLong(t *testing.T) {
	c := defaultConfig()
	c.mode = modes()[0]
	long := time.Now().Add(-time.Hour)
	assert.True(t, (&conductor{config: c, begun: long}).late())
	assert.False(t, (&conductor{config: c, begun: time.Now()}).late())
	c.duration = time.Second
	assert.False(t, (&conductor{config: c, begun: long}).late(), "it was asked for")
	c.duration, c.mode = 0, modes()[1]
	assert.False(t, (&conductor{config: c, begun: long}).late(), "a mode that takes its time")
}
