package transport

// A Go channel is what the two ends use if they are in one process.

// channelRecords is the channel's buffer.
const channelRecords = 1024

// NewChannel makes both ends. The receiver spins, as those of the other transports do.
func NewChannel() (*MessageSender, *MessageReceiver) {
	c, buf := make(chan Record, channelRecords), make([]Record, 1)
	send := func(records []Record) error {
		for _, r := range records {
			for sent := false; !sent; {
				select {
				case c <- r:
					sent = true
				default: // it spins
				}
			}
		}
		return nil
	}
	receive := func() ([]Record, error) {
		for {
			select {
			case buf[0] = <-c:
				return buf, nil
			default: //nolint:staticcheck // it spins, as the others do
			}
		}
	}
	return &MessageSender{send}, &MessageReceiver{receive: receive, ready: spinOnly}
}
