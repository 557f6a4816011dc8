package feed

import (
	"errors"
	"fmt"
	"math"
)

// Causes to test for with errors.Is.
var (
	// ErrEmpty: there is not one byte to decode, or none inside the gzip.
	ErrEmpty = errors.New("the input is empty: check that the recording or the copy of it succeeded")

	// ErrNoTOPS: a capture was read to its end and held no IEX TOPS 1.6 packet.
	ErrNoTOPS = errors.New("no IEX TOPS 1.6 packet (IEX-TP protocol 0x8003) in the capture; " +
		"other TOPS versions and DEEP are not supported")

	// ErrQuantity: a quantity is not a positive decimal number.
	ErrQuantity = errors.New("not a positive decimal number")

	// ErrInexact: a quantity times the volume scale is not a whole number.
	ErrInexact = errors.New("not a whole number of volume units")

	// ErrOverflow: a quantity times the volume scale is more than an int32 holds.
	ErrOverflow = errors.New("exceeds the int32 volume")
)

// PositionError is a fatal error at a known place of a recording.
type PositionError struct {
	Path   string // as given to Open; empty for NewReader
	Format string // as Reader.Format
	Record int64  // line or packet, from 1; 0 is the file header of a capture
	Offset int64  // where that record starts, in bytes of the unpacked content, from 0
	Err    error  // the cause
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("feed: %s (%s): %s: %v", inputName(e.Path), e.Format, e.where(), e.Err)
}

func (e *PositionError) where() string {
	switch {
	case isBinance(e.Format):
		return fmt.Sprintf("line %d at byte %d", e.Record, e.Offset)
	case e.Record == 0:
		return "file header"
	default:
		return fmt.Sprintf("packet %d at byte %d", e.Record, e.Offset)
	}
}

// Unwrap returns the cause.
func (e *PositionError) Unwrap() error { return e.Err }

// FormatError says that the content of an input is of no supported format.
type FormatError struct {
	Path string // as given to Open; empty for NewReader
	Gzip bool   // Seen was unpacked from gzip
	Seen []byte // the first bytes
}

func (e *FormatError) Error() string {
	in := ""
	if e.Gzip {
		in = "inside gzip, "
	}
	what := ""
	if name := archiveName(e.Seen); name != "" {
		what = " (" + name + ": unpack it first)"
	}
	return fmt.Sprintf("feed: %s: unknown format: %sthe content starts with %q%s; supported, plain or in one gzip: "+
		"a pcap or pcapng capture of IEX TOPS 1.6, a Binance recording of lines \"<ns> <json>\"",
		inputName(e.Path), in, e.Seen, what)
}

// GapError says that messages are missing from a recording. It is not fatal: the trades after the gap follow.
type GapError struct {
	Path             string // as given to Open; empty for NewReader
	Packet           int64  // the first packet after the gap, from 1
	Offset           int64  // where that packet starts, in bytes of the unpacked content
	Channel, Session uint32 // the IEX-TP stream that has the gap
	Want, Got        int64  // sequence numbers: the next one, and the one that came
}

// Lost returns how many messages are missing; how many of them were trades cannot be known.
func (e *GapError) Lost() int64 { return e.Got - e.Want }

func (e *GapError) Error() string {
	return fmt.Sprintf("feed: %s: packet %d at byte %d: IEX-TP channel %d session %d jumps from sequence number %d to %d: "+
		"the recording lacks %d messages; trades may be among them",
		inputName(e.Path), e.Packet, e.Offset, e.Channel, e.Session, e.Want, e.Got, e.Lost())
}

// QuantityError says that a quantity cannot be stored in the int32 volume.
type QuantityError struct {
	Quantity string // as recorded
	Scale    int64  // the volume scale in force, 1 for none
	Needed   int64  // for ErrInexact: the power of ten to use as volume scale; 0 if none fits
	Err      error  // ErrQuantity, ErrInexact or ErrOverflow
}

func (e *QuantityError) Error() string {
	switch s := fmt.Sprintf("quantity %q at volume scale %d: %v", e.Quantity, e.Scale, e.Err); {
	case e.Err == ErrInexact && e.Needed > 0:
		return fmt.Sprintf("%s: use --volume-scale %d (Options.VolumeScale) to count in units of 1/%[2]d", s, e.Needed)
	case e.Err == ErrInexact:
		return fmt.Sprintf("%s, and no --volume-scale makes it one of at most %d", s, math.MaxInt32)
	case e.Err == ErrOverflow && e.Scale > 1:
		return fmt.Sprintf("%s, at most %d: use a smaller --volume-scale (Options.VolumeScale)", s, math.MaxInt32)
	case e.Err == ErrOverflow:
		return fmt.Sprintf("%s, at most %d", s, math.MaxInt32)
	default:
		return s
	}
}

// Unwrap returns ErrQuantity, ErrInexact or ErrOverflow.
func (e *QuantityError) Unwrap() error { return e.Err }

func inputName(path string) string {
	if path == "" {
		return "input"
	}
	return path
}
