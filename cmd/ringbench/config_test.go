package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/ring"
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

func TestParseWait(t *testing.T) {
	for text, want := range map[string]ring.Wait{
		"spin": ring.Spin(), "block": ring.Block(), "backoff": ring.Backoff(0),
		"backoff:200us": ring.Backoff(200 * time.Microsecond), "every:1ms": ring.Every(time.Millisecond),
	} {
		got, err := parseWait(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "spin:1us", "block:1us", "every", "every:", "every:5", "every:10ns", "backoff:x", "yield"} {
		_, err := parseWait(text)
		assert.ErrorContains(t, err, "--wait", text)
	}
}

func TestThroughputTime(t *testing.T) {
	c := defaultConfig()
	assert.NoError(t, c.check())
	assert.Equal(t, time.Second, c.throughputTime())
	c.duration = 300 * time.Millisecond
	assert.Equal(t, c.duration, c.throughputTime())
	c.rate, c.duration = rateMax, time.Minute
	assert.Equal(t, c.duration, c.throughputTime())
}
