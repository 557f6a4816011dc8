package feed_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tickring/tickring/feed"
)

func ExampleReader_Trades() {
	recording := `1723161256419684465 {"stream":"btcusdt@trade","data":{"s":"BTCUSDT","T":1723161257679,"p":"61804.8","q":"0.004"}}
1723161257497220164 {"stream":"btcusdt@trade","data":{"s":"BTCUSDT","T":1723161258748,"p":"61804.9","q":"0.0005"}}
`
	r, err := feed.NewReader(strings.NewReader(recording), feed.Options{VolumeScale: 1000})
	if err != nil {
		fmt.Println(err)
		return
	}
	for trade, err := range r.Trades() {
		if gap, ok := errors.AsType[*feed.GapError](err); ok {
			fmt.Println("goes on after", gap)
			continue
		}
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(trade.Symbol, trade.Price, trade.Volume, trade.Timestamp)
	}
	fmt.Println(r.Format(), r.Stats().Trades)
	// Output:
	// BTCUSDT 61804.8 4 1723161257679000000
	// feed: input (binance): line 2 at byte 114: quantity "0.0005" at volume scale 1000: not a whole number of volume units: use --volume-scale 10000 (Options.VolumeScale) to count in units of 1/10000
	// binance 1
}
