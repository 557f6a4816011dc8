package ring

// Status is the outcome of a read that does not wait.
type Status uint8

// Statuses.
const (
	// Empty: nothing new yet.
	Empty Status = iota
	// Ready: a record was copied, whole.
	Ready
	// Lapped: the writer overtook the reader. [Reader.Gap] has the exact range that was lost; the
	// reader has resumed behind it, as its policy says.
	Lapped
	// Closed: the writer closed the ring, and every record of it was read.
	Closed
	// Restarted: another writer took the ring over; [Reader.Epoch] tells since when. Reported once
	// per takeover, by the first poll after it that finds nothing new. Nothing was lost by it.
	Restarted
	// Corrupt: the memory contradicts itself. The reader does not go on.
	Corrupt
)

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "invalid"
}

var statusNames = [...]string{"empty", "ready", "lapped", "closed", "restarted", "corrupt"}

// Gap is a range of records that a reader did not get: First up to, not including, Next.
type Gap struct{ First, Next uint64 }

// Count is the number of records in the gap.
func (g Gap) Count() uint64 { return g.Next - g.First }
