// Package feed decodes recorded market data into trades.
//
// Two kinds of recording are read, each plain or gzip-compressed:
//
//   - IEX TOPS 1.6 over IEX-TP, UDP, IPv4 and Ethernet (VLAN tags included) in a pcap or pcapng capture;
//   - Binance combined streams as text, one `<local receive time, ns> <json>` a line.
//
// What a file holds is found from its content; its name means nothing.
//
//	r, err := feed.Open("recording.gz", feed.Options{})
//	if err != nil {
//		return err
//	}
//	defer r.Close()
//	for trade, err := range r.Trades() {
//		if gap, ok := errors.AsType[*feed.GapError](err); ok {
//			log.Print(gap) // messages are missing from the recording; it goes on
//			continue
//		}
//		if err != nil {
//			return err
//		}
//		publish(trade.Symbol, trade.TradingData)
//	}
//
// # Errors
//
// Only a [*GapError] lets the iteration go on. Every other error ends it, because what follows
// damage cannot be trusted: a [*PositionError] says where it is (line or packet, and byte) and wraps
// the cause. [ErrEmpty], [*FormatError] and [ErrNoTOPS] are about the recording as a whole, and a
// [*QuantityError] about a quantity that the int32 volume cannot hold exactly.
//
// # What is not yielded
//
// Nothing is dropped uncounted: [Stats] tells how many trades of other symbols, trade breaks,
// messages that are not trades, messages of unknown types, packets of other protocols and repeated messages were left out.
//
// # What cannot be noticed
//
// Damage that leaves a well-formed price, size or symbol behind is only noticed in gzip, which has a
// checksum: keep recordings compressed. The checksums of IP and UDP are not verified, because captures
// with rewritten addresses, and those made on the sending host, hold wrong ones around sound data.
// Nor can a plain file tell that it was cut between two records.
package feed
