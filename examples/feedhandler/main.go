// Feedhandler publishes the trades of a recording as fast as it can: a frame for a real feed
// handler, in which the loop over feed.Trades is the loop over the exchange's packets.
//
//	go run ./examples/feedhandler FILE
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/tickring/tickring/feed"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: feedhandler FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	recording, err := feed.Open(file, feed.Options{})
	if err != nil {
		return err
	}
	defer recording.Close()

	// 65,536 records of 24 bytes: a reader may fall that far behind before it loses any.
	geometry, err := ring.GeometryOf[ring.TradingData](1 << 16)
	if err != nil {
		return err
	}
	// After a crash of this program the segment is still there, and so are its readers.
	memory, err := segment.CreateOrTakeOver("/trading_data", geometry, segment.Options{})
	if err != nil {
		return err
	}
	defer memory.Close()
	writer, err := ring.NewWriter[ring.TradingData](memory)
	if err != nil {
		return err
	}
	fmt.Printf("publishing to %s from record %d on\n", memory.Name(), writer.Head())

	runtime.LockOSThread() // the publishing loop keeps its thread, and its thread's cache
	err = memory.Guard(func() error {
		for trade, err := range recording.Trades() {
			if err != nil {
				return err
			}
			writer.Publish(&trade.TradingData)
		}
		return writer.Close() // readers learn that this is the end, not a crash
	})
	fmt.Printf("published up to record %d\n", writer.Head())
	return err
}
