package feed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

const (
	binanceRecording = "binance_cm_btcusd_perp_20240808.gz"
	iexRecording     = "iex_TOPS16.pcapng.gz" // in spite of its name a classic pcap
)

// digest is the sha256 over the trades as 24-byte little-endian records with zero padding.
func digest(trades []Trade) string {
	h := sha256.New()
	for _, t := range trades {
		var rec [24]byte
		binary.LittleEndian.PutUint64(rec[0:], math.Float64bits(t.Price))
		binary.LittleEndian.PutUint64(rec[8:], t.Timestamp)
		binary.LittleEndian.PutUint32(rec[16:], uint32(t.Volume))
		if t.Valid {
			rec[20] = 1
		}
		h.Write(rec[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestRecordings(t *testing.T) {
	for _, tc := range []struct {
		file, format string
		first        Trade
		volume       int64
		stats        Stats
		digest       string
	}{
		{
			file: binanceRecording, format: "binance+gzip",
			first:  trade("BTCUSD_PERP", 61804.8, 1723161257679000000, 4),
			volume: 83_241,
			stats:  Stats{Trades: 2_286, Other: 45_984, Lines: 48_270},
			digest: "3ce7192fc10bcc9f094c13e1f745fa197fe2f79639d24280a7facdcd2f0f00a5",
		},
		{
			file: iexRecording, format: "pcap+gzip",
			first:  trade("AAPL", 148.91, 1499697226594103034, 283),
			volume: 1_427_907,
			stats:  Stats{Trades: 6_390, Breaks: 3, Other: 51_281, Backward: 3, Packets: 13_022},
			digest: "1490829132d5782925fa71be4d2c7f65eb709e4c4c91b436f8c1d94d816bfef3",
		},
	} {
		t.Run(tc.file, func(t *testing.T) {
			r, err := Open(testkit.DataFile(t, tc.file), Options{})
			require.NoError(t, err)
			defer func() { assert.NoError(t, r.Close()) }()
			assert.Equal(t, tc.format, r.Format())

			var trades []Trade
			var volume, before int64
			for trade, err := range r.Trades() {
				require.NoError(t, err)
				trades = append(trades, trade)
				volume += int64(trade.Volume)
				read, _ := r.Progress()
				require.GreaterOrEqual(t, read, before)
				before = read
			}
			require.NotEmpty(t, trades)
			assert.Equal(t, tc.first, trades[0])
			assert.Equal(t, tc.volume, volume)
			assert.Equal(t, tc.stats, r.Stats())
			assert.Equal(t, tc.digest, digest(trades))

			read, total := r.Progress()
			assert.Equal(t, total, read)
			assert.Positive(t, total)
		})
	}
}

func TestRecordingBreaksInPlace(t *testing.T) {
	r, err := Open(testkit.DataFile(t, iexRecording), Options{Breaks: true})
	require.NoError(t, err)
	defer r.Close()
	var breaks []string
	var trades []Trade
	for trade, err := range r.Trades() {
		require.NoError(t, err)
		if !trade.Valid {
			breaks = append(breaks, trade.Symbol)
			continue
		}
		trades = append(trades, trade)
	}
	assert.Equal(t, []string{"ZXIET", "ZEXIT", "ZIEXT"}, breaks)
	assert.Equal(t, "1490829132d5782925fa71be4d2c7f65eb709e4c4c91b436f8c1d94d816bfef3", digest(trades))
}

func TestPcapngOfTheSamePackets(t *testing.T) {
	packed, err := os.Open(testkit.DataFile(t, iexRecording))
	require.NoError(t, err)
	defer packed.Close()
	in, err := pcapgo.NewReader(packed)
	require.NoError(t, err)
	var ng bytes.Buffer
	out, err := pcapgo.NewNgWriter(&ng, in.LinkType())
	require.NoError(t, err)
	for range 13_022 {
		frame, info, err := in.ReadPacketData()
		require.NoError(t, err)
		require.NoError(t, out.WritePacket(info, frame))
	}
	require.NoError(t, out.Flush())

	for _, data := range [][]byte{ng.Bytes(), gzipped(t, ng.Bytes())} {
		got := decodeAll(data, Options{})
		require.NoError(t, got.err)
		assert.Equal(t, int64(3), got.stats.Backward)
		assert.Equal(t, "1490829132d5782925fa71be4d2c7f65eb709e4c4c91b436f8c1d94d816bfef3", digest(got.trades))
	}
}
