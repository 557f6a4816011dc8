package feed

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checkDecode decodes data and checks what must hold for any input.
func checkDecode(t *testing.T, data []byte, opts Options) {
	o := decodeAll(data, opts)
	for _, trade := range o.trades {
		assert.Greater(t, trade.Price, 0.0)
		assert.Less(t, trade.Price, 1e65)
		assert.Positive(t, trade.Volume)
		assert.NoError(t, checkSymbol(trade.Symbol))
		assert.True(t, trade.Valid || opts.Breaks)
		assert.True(t, opts.Symbol == "" || opts.Symbol == trade.Symbol)
	}
	yielded := o.stats.Trades
	if opts.Breaks {
		yielded += o.stats.Breaks
	}
	assert.Equal(t, yielded, int64(len(o.trades)))
	assert.Equal(t, o.stats.Gaps, int64(len(o.gaps)))
	if o.err != nil {
		assert.Contains(t, o.err.Error(), "feed: input")
		assert.NotErrorIs(t, o.err, io.EOF)
	}
	assert.Equal(t, o, decodeAll(data, opts), "the same input gives the same")
}

// FuzzBinance decodes arbitrary lines that follow a sound one.
func FuzzBinance(f *testing.F) {
	f.Add([]byte(binanceLine(btcTrade)), int64(1))
	f.Add([]byte(depth+snapshot), int64(0))
	f.Add([]byte(binanceLine(`{"T":1,"s":"A","p":"0.1","q":"0.001"}`)), int64(1000))
	f.Add([]byte(binanceLine(`{"T":-1,"s":"","p":"NaN","q":"1e9"}`)), int64(1))
	f.Add([]byte("1 {\"stream\":\"@trade\",\"data\":{}}"), int64(1))
	f.Add([]byte("\n"), int64(1))
	f.Fuzz(func(t *testing.T, data []byte, scale int64) {
		checkDecode(t, append([]byte(depth), data...), Options{VolumeScale: max(scale, 0)})
		checkDecode(t, append([]byte(depth), data...), Options{VolumeScale: 1000, Symbol: "BTCUSDT"})
	})
}

// FuzzIEX decodes arbitrary input: captures, and whatever detection makes of it.
func FuzzIEX(f *testing.F) {
	s := iexStream{sequence: 1}
	frames := [][]byte{
		frame(s.segment()),
		frame(s.segment(aaplMsg, zxBreak), 0x8100),
		frame((&iexStream{sequence: 9, offset: 900}).segment(zxMsg)),
	}
	f.Add(pcapFile(f, frames...))
	f.Add(pcapngFile(f, frames...))
	f.Add(gzipped(f, pcapFile(f, frames[0])))
	f.Add(pcapFile(f, foreignFrames()...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecode(t, data, Options{Breaks: true})
	})
}

// FuzzIEXPacket decodes an arbitrary frame, and an arbitrary UDP payload, that follow a sound packet.
func FuzzIEXPacket(f *testing.F) {
	s := iexStream{sequence: 1}
	first := frame(s.segment(aaplMsg))
	second, third := s.segment(zxMsg, quote), s.segment(zxBreak)
	f.Add(frame(second), third)
	f.Add(frame(second, 0x8100, 0x88a8), second)
	f.Add(first, second[:tpHeader])
	for _, foreign := range foreignFrames() {
		f.Add(foreign, third)
	}
	f.Fuzz(func(t *testing.T, second, payload []byte) {
		if len(second) > 65535 || len(payload) > 65000 {
			return
		}
		checkDecode(t, pcapFile(t, first, second, frame(payload)), Options{})
		got := decodeAll(pcapFile(t, first, frame(payload)), Options{Breaks: true})
		require.NotEmpty(t, got.trades, "the sound packet")
		assert.Equal(t, aapl, got.trades[0])
	})
}
