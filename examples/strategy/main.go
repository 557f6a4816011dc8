// Strategy follows the trades in /trading_data and keeps a volume-weighted average price: a frame
// for a real one, in which decide is the part that earns the money.
//
//	go run ./examples/strategy
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	memory, err := segment.Attach("/trading_data") // read-only: a strategy cannot harm the feed
	if err != nil {
		return err
	}
	defer memory.Close()
	reader, err := ring.NewReader[ring.TradingData](memory, ring.ReaderOptions{
		Start:  ring.Oldest(),
		Resume: ring.OldestSafe(), // after falling a whole ring behind
		Wait:   ring.Backoff(0),   // ring.Spin() on a core of its own
	})
	if err != nil {
		return err
	}
	err = memory.Guard(func() error { // should somebody truncate the segment, that is an error here
		for record, err := range reader.All(ctx) {
			var lap *ring.LapError
			var restart *ring.RestartError
			switch {
			case errors.As(err, &lap):
				fmt.Printf("lost %d records, from %d on: positions are stale\n", lap.Count(), lap.First)
			case errors.As(err, &restart), errors.Is(err, ring.ErrWriterDead):
				fmt.Println(err) // nothing was lost: the next record will be the next number
			case err != nil:
				return err
			default:
				decide(record.Number, &record.Value)
			}
		}
		return nil // the writer closed the ring
	})
	fmt.Printf("received %d, missed %d, average price %.4f\n", reader.Received(), reader.Missed(), turnover/volume)
	return err
}

var turnover, volume float64

func decide(number uint64, trade *ring.TradingData) {
	if !trade.Valid {
		return // the exchange broke this trade
	}
	turnover += trade.Price * float64(trade.Volume)
	volume += float64(trade.Volume)
	if number%1000 == 0 {
		fmt.Printf("record %d: %.4f × %d\n", number, trade.Price, trade.Volume)
	}
}
