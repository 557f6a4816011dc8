package feed

import (
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binanceLine wraps trade data as a recorder does.
func binanceLine(data string) string {
	return `1723161256419684465 {"stream":"btcusdt@trade","data":` + data + "}\n"
}

const (
	btcTrade = `{"e":"trade","E":1723161257687,"T":1723161257679,"s":"BTCUSDT","t":849714402,"p":"61804.8","q":"4","X":"MARKET","m":false}`
	depth    = `1723161256172216566 {"stream":"btcusdt@depth@0ms","data":{"b":[["61773.6","1001"]]}}` + "\n"
	snapshot = `1723161256609369665 {"lastUpdateId":1007198635033,"bids":[["61804.7","35"]],"asks":[]}` + "\n"
)

var btc = trade("BTCUSDT", 61804.8, 1723161257679000000, 4)

func TestBinance(t *testing.T) {
	line := binanceLine(btcTrade)
	eth := trade("ETHUSDT", 2500.25, 0, 3)
	ethLine := binanceLine(`{"s":"ETHUSDT","p":"2500.25","q":"0.003","T":0}`)
	for _, tc := range []struct {
		name  string
		in    string
		opts  Options
		want  []Trade
		stats Stats
	}{
		{"one trade", line, Options{}, []Trade{btc}, Stats{Trades: 1, Lines: 1}},
		{"no newline at the end", line[:len(line)-1], Options{}, []Trade{btc}, Stats{Trades: 1, Lines: 1}},
		{"carriage returns", strings.ReplaceAll(line, "\n", "\r\n"), Options{}, []Trade{btc}, Stats{Trades: 1, Lines: 1}},
		{"other lines", depth + snapshot + line + depth, Options{}, []Trade{btc}, Stats{Trades: 1, Other: 3, Lines: 4}},
		{"only other lines", depth + snapshot, Options{}, nil, Stats{Other: 2, Lines: 2}},
		{"aggregated trades are not trades", strings.Replace(line, "@trade", "@aggTrade", 1), Options{}, nil, Stats{Other: 1, Lines: 1}},
		{"the trade id does not replace the time", binanceLine(`{"T":5,"t":6,"s":"BTCUSDT","P":"9","p":"1","Q":"9","q":"1"}`), Options{},
			[]Trade{trade("BTCUSDT", 1, 5_000_000, 1)}, Stats{Trades: 1, Lines: 1}},
		{"a symbol outside ASCII", binanceLine(`{"T":5,"s":"币安USDT","p":"1","q":"1"}`), Options{},
			[]Trade{trade("币安USDT", 1, 5_000_000, 1)}, Stats{Trades: 1, Lines: 1}},
		{"latest time", binanceLine(`{"T":9223372036854,"s":"A","p":"1","q":"1"}`), Options{},
			[]Trade{trade("A", 1, 9223372036854_000_000, 1)}, Stats{Trades: 1, Lines: 1}},
		{"scale", ethLine, Options{VolumeScale: 1000}, []Trade{eth}, Stats{Trades: 1, Lines: 1}},
		{"backward time", line + ethLine + line, Options{VolumeScale: 1000}, []Trade{scaled(btc, 1000), eth, scaled(btc, 1000)},
			Stats{Trades: 3, Backward: 1, Lines: 3}},
		{"a filtered symbol need not fit the scale", line + ethLine + line, Options{Symbol: "BTCUSDT"}, []Trade{btc, btc},
			Stats{Trades: 2, Filtered: 1, Lines: 3}},
		{"a huge line", depth[:len(depth)-3] + strings.Repeat(" ", 1<<20) + "}}\n" + line, Options{}, []Trade{btc}, Stats{Trades: 1, Other: 1, Lines: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, data := range [][]byte{[]byte(tc.in), gzipped(t, []byte(tc.in))} {
				got := decodeAll(data, tc.opts)
				require.NoError(t, got.err)
				assert.Equal(t, tc.want, got.trades)
				assert.Equal(t, tc.stats, got.stats)
			}
		})
	}
}

func scaled(t Trade, by int32) Trade {
	t.Volume *= by
	return t
}

func TestBinanceDamage(t *testing.T) {
	change := func(old, new string) string {
		t.Helper()
		require.Contains(t, btcTrade, old)
		return binanceLine(strings.Replace(btcTrade, old, new, 1))
	}
	for _, tc := range []struct {
		name, line, want string
		is               error
	}{
		{name: "empty line", line: "\n", want: "not with a receive time"},
		{name: "no time", line: `{"stream":"x@trade"}` + "\n", want: "not with a receive time"},
		{name: "negative local time", line: "-" + depth, want: "not with a receive time"},
		{name: "local time beyond int64", line: "9223372036854775808 {}\n", want: "not with a receive time"},
		{name: "time only", line: "1723161256172216566\n", want: "not with a receive time"},
		{name: "time and space only", line: "1723161256172216566 \n", want: "broken JSON", is: io.ErrUnexpectedEOF},
		{name: "broken JSON", line: "1 {\"stream\":]}\n", want: "broken JSON"},
		{name: "broken JSON in another stream", line: `1 {"stream":"x@depth","data":{"b":[}}` + "\n", want: "broken JSON"},
		{name: "comma at the end", line: `1 {"stream":"x@depth",}` + "\n", want: "broken JSON"},
		{name: "truncated", line: depth[:len(depth)-4], want: "broken JSON", is: io.ErrUnexpectedEOF},
		{name: "two lines in one", line: depth[:len(depth)-1] + depth, want: "there is more after the JSON object"},
		{name: "an array", line: "1 []\n", want: "not an object"},
		{name: "not UTF-8", line: strings.Replace(depth, "btc", "b\xffc", 1), want: "not UTF-8"},
		{name: "no stream and no snapshot", line: "1 " + btcTrade + "\n", want: "neither a stream message"},
		{name: "stream is a number", line: `1 {"stream":1}` + "\n", want: `"stream" is "1", not a string`},
		{name: "stream twice", line: `1 {"stream":"a@depth","stream":"a@trade"}` + "\n", want: `"stream" twice`},
		{name: "no data", line: `1 {"stream":"a@trade"}` + "\n", want: "trade data: broken JSON", is: io.ErrUnexpectedEOF},
		{name: "data is null", line: binanceLine("null"), want: "trade data: the JSON is not an object"},

		{name: "no symbol", line: change(`"s"`, `"S"`), want: `"s" is missing`},
		{name: "empty symbol", line: change("BTCUSDT", ""), want: "symbol"},
		{name: "control character in the symbol", line: change("BTC", `B\u0000C`), want: "symbol"},
		{name: "lone surrogate in the symbol", line: change("BTC", `B\ud800C`), want: "symbol"},
		{name: "no price", line: change(`"p"`, `"P"`), want: `"p" is missing`},
		{name: "price is a number", line: change(`"61804.8"`, `61804.8`), want: "not a string"},
		{name: "price is null", line: change(`"61804.8"`, `null`), want: "not a string"},
		{name: "price twice", line: change(`"q"`, `"p":"1","q"`), want: `"p" twice`},
		{name: "price NaN", line: change("61804.8", "NaN"), want: `price "NaN" is not a positive`},
		{name: "price inf", line: change("61804.8", "inf"), want: `price "inf" is not a positive`},
		{name: "price negative", line: change("61804.8", "-61804.8"), want: "is not a positive"},
		{name: "price zero", line: change("61804.8", "0.00"), want: "is not a positive"},
		{name: "price empty", line: change("61804.8", ""), want: "is not a positive"},
		{name: "no quantity", line: change(`"q"`, `"Q"`), want: `"q" is missing`},
		{name: "quantity zero", line: change(`"4"`, `"0"`), want: "not a positive", is: ErrQuantity},
		{name: "quantity negative", line: change(`"4"`, `"-4"`), want: "not a positive", is: ErrQuantity},
		{name: "quantity fractional", line: change(`"4"`, `"0.004"`), want: "--volume-scale 1000", is: ErrInexact},
		{name: "quantity too large", line: change(`"4"`, `"2147483648"`), want: "exceeds the int32 volume", is: ErrOverflow},
		{name: "no time of trade", line: change(`"T"`, `"TT"`), want: `"T" is ""`},
		{name: "time of trade negative", line: change("1723161257679", "-1"), want: `"T" is "-1"`},
		{name: "time of trade a string", line: change("1723161257679", `"1"`), want: "not milliseconds"},
		{name: "time of trade fractional", line: change("1723161257679", "1.5"), want: "not milliseconds"},
		{name: "time of trade in microseconds", line: change("1723161257679", "1723161257679000"), want: "not milliseconds"},
		{name: "time of trade beyond ns", line: change("1723161257679", "9223372036855"), want: "not milliseconds"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := depth + binanceLine(btcTrade)
			got := decodeAll([]byte(before+tc.line+binanceLine(btcTrade)), Options{})
			if !strings.HasSuffix(tc.line, "\n") {
				got = decodeAll([]byte(before+tc.line), Options{}) // the damage is that the file ends there
			}
			assert.Equal(t, []Trade{btc}, got.trades, "what stands before the damage, and nothing after it")

			var at *PositionError
			require.ErrorAs(t, got.err, &at)
			assert.Equal(t, int64(3), at.Record)
			assert.Equal(t, int64(len(before)), at.Offset)
			assert.ErrorContains(t, at, fmt.Sprintf("feed: input (binance): line 3 at byte %d: ", len(before)))
			assert.ErrorContains(t, at, tc.want)
			if tc.is != nil {
				assert.ErrorIs(t, at, tc.is)
			}
		})
	}
}

func TestBinanceQuantityErrorIsTyped(t *testing.T) {
	got := decodeAll([]byte(binanceLine(strings.Replace(btcTrade, `"4"`, `"0.0005"`, 1))), Options{VolumeScale: 100})
	var q *QuantityError
	require.ErrorAs(t, got.err, &q)
	assert.Equal(t, &QuantityError{Quantity: "0.0005", Scale: 100, Needed: 10_000, Err: ErrInexact}, q)
}

func TestBinanceLineLimit(t *testing.T) {
	line := binanceLine(btcTrade)
	fit := strings.Repeat(" ", maxLine-len(line))
	got := decodeAll([]byte(strings.Replace(line, "{", "{"+fit, 1)), Options{})
	require.NoError(t, got.err)
	assert.Equal(t, []Trade{btc}, got.trades)

	got = decodeAll([]byte(line+strings.Replace(line, "{", "{ "+fit, 1)), Options{})
	assert.Equal(t, []Trade{btc}, got.trades)
	assert.ErrorContains(t, got.err, "line 2")
	assert.ErrorContains(t, got.err, "longer than 16777216 bytes")
}

func TestBinanceLargestVolume(t *testing.T) {
	got := decodeAll([]byte(binanceLine(strings.Replace(btcTrade, `"4"`, `"2147483.647"`, 1))), Options{VolumeScale: 1000})
	require.NoError(t, got.err)
	assert.Equal(t, int32(math.MaxInt32), got.trades[0].Volume)
}
