// Program machine instantiates the shipped functions whose machine code the tests of package model read. It is
// built and never run.
package main

import (
	"context"
	"fmt"

	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/seqlock"
)

func main() {
	memory, err := segment.OpenWriter("/machine")
	fmt.Println(err)
	writer, err := ring.NewWriter[ring.TradingData](memory)
	fmt.Println(err)
	records := make([]ring.TradingData, 4)
	writer.Publish(&records[0])
	writer.PublishBatch(records)
	fmt.Println(writer.Close())

	reader, err := ring.NewReader[ring.TradingData](memory, ring.ReaderOptions{})
	fmt.Println(err)
	fmt.Println(reader.Poll(&records[0]))
	fmt.Println(tryPoll(reader, &records[0]))
	fmt.Println(reader.PollBatch(records))
	fmt.Println(reader.Latest(&records[0]))
	fmt.Println(reader.Peek(func(_ uint64, rec *ring.TradingData) { records[0] = *rec }))
	reader.Seek(ring.Oldest())
	fmt.Println(reader.Next(context.Background(), &records[0]))

	var cell seqlock.Cell[ring.TradingData]
	cell.Store(&records[0])
	fmt.Println(cell.Load(&records[0], 1))
}

// tryPoll is what of TryPoll the compiler puts into a program of any package.
//
//go:noinline
func tryPoll(reader *ring.Reader[ring.TradingData], rec *ring.TradingData) bool {
	return reader.TryPoll(rec)
}
