// Package ring carries records of one fixed-size type from one writer to any number of readers,
// in memory that they share. It works over any [Memory]: a segment in /dev/shm, or a heap slice.
//
// The writer never waits: not for a reader, not for a lock, not for the kernel. Every record has a
// number, from 0; the ring holds the newest Slots of them. A reader needs no registration and writes
// nothing; it follows at its own pace, and one that falls a whole lap behind is told exactly which
// records it lost, then goes on.
//
//	geometry, _ := ring.GeometryOf[ring.TradingData](1 << 16)
//	memory, _ := segment.Create("/trading_data", geometry, segment.Options{})
//	writer, _ := ring.NewWriter[ring.TradingData](memory)
//	writer.Publish(&ring.TradingData{Price: 148.91, Volume: 283, Valid: true})
//
//	memory, _ := segment.Attach("/trading_data")
//	reader, _ := ring.NewReader[ring.TradingData](memory, ring.ReaderOptions{Start: ring.Oldest()})
//	var trade ring.TradingData
//	number, err := reader.Next(ctx, &trade)
//
// Whether a slot holds record n, an older one, a newer one, or one half written is told by its
// version word alone; package seqlock has the protocol and why it is sound. docs/MEMORY-MODEL.md
// goes on from there to laps, the head, closing and takeover.
package ring
