package ring

// TradingData is one trade: 24 bytes, little-endian, laid out as the C++ and Python programs
// that came before the ring lay it out (docs/LAYOUT.md).
type TradingData struct {
	Price     float64 // in the quote currency
	Timestamp uint64  // of the trade at the exchange, nanoseconds since the Unix epoch
	Volume    int32   // whole units: contracts or shares
	Valid     bool    // false: this trade was broken (cancelled) by the exchange
	_         [3]byte // stored as zero
}
