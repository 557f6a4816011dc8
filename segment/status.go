package segment

import (
	"time"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// Status is how a segment does at one moment. Each word is read by itself, while the writer goes on.
type Status struct {
	Head       uint64        // records published
	Oldest     uint64        // the oldest record that the ring can still hold
	Epoch      uint64        // writers so far
	EpochFirst uint64        // the first record of the present epoch
	State      string        // "created", "open", "closed"; "dead": open, but the writer is gone
	PID        int           // of the writer, or the last one; 0 if there was none
	Alive      bool          // there is a writer
	Heartbeat  time.Duration // since the writer last said that its loop turns; negative if never
}

// Status reads the segment's header; a bare one has none, which is [ErrBare]. It makes one system call.
func (s *Segment) Status() (st Status, err error) {
	if s.geometry.HeaderSize == 0 {
		return Status{}, failed(opStatus, s.name, ErrBare)
	}
	alive, err := s.WriterAlive()
	if err != nil {
		return Status{}, err
	}
	err = s.Guard(func() error { st = s.status(alive); return nil })
	return st, err
}

func (s *Segment) status(alive bool) Status {
	load := func(offset int) uint64 { return loadWord(s.memory, offset) }
	st := Status{
		Epoch: load(layout.EpochOffset), EpochFirst: load(layout.EpochFirstOffset),
		PID: int(load(layout.PIDOffset)), Alive: alive, Heartbeat: -1,
	}
	state := layout.State(load(layout.StateOffset))
	st.State = state.String()
	if state == layout.StateOpen && !alive {
		st.State = "dead"
	}
	if beat := load(layout.HeartbeatOffset); beat != 0 {
		now := sys.Boottime()
		st.Heartbeat = time.Duration(now - min(now, beat)) // one of the future is of now
	}
	st.Head = load(layout.HeadOffset)
	st.Oldest = s.geometry.Oldest(st.Head)
	return st
}

// Heartbeat is the time for ring.Writer.Heartbeat, in ns of CLOCK_BOOTTIME.
func Heartbeat() uint64 { return sys.Boottime() }
