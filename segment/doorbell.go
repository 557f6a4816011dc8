package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/internal/sys"
)

// doorbell is the object beside a segment on which its readers sleep: two words, the ticket that
// each ring counts up, and the mark that somebody may be asleep. Readers map it for writing, which
// is why it is not part of the segment.
//
// No wake-up is lost. A reader does: take ticket; mark; barrier; poll; sleep while the ticket is the
// one taken. The writer does: publish; look at the mark; if set: clear it, count the ticket up, wake.
//
//   - The poll found nothing. Then the writer's look comes after the mark, because the barrier is one
//     on the writer's CPU as well: its publish and its look lie on both sides of it, and a publish
//     before it would have been seen by the poll. So the writer rings.
//   - The reader sleeps only if the ticket is still the same, which the kernel checks under a lock.
//   - One ring clears the mark of another reader only together with counting up the ticket that this
//     reader holds, so that its sleep does not begin.
//   - A reader that died leaves at most one mark: one ring for nobody.
//
// The barrier is membarrier(2) in the reader who is about to sleep anyway. That is what keeps a fence
// out of publish: x86 lets a load pass an earlier store, and so does Arm, unless both are of the
// acquire and release kind.
type doorbell struct {
	path   string
	memory []byte
}

func doorbellPath(segment string, created uint64) string {
	return companionName(segment, created, doorbellSuffix)
}

// registerBarrier is what a process does before it rings a doorbell: it makes the barrier of those who sleep
// one of its own.
func registerBarrier() error {
	if err := sys.RegisterBarrier(); err != nil {
		return fmt.Errorf("doorbell: membarrier: %w", err)
	}
	return nil
}

// createDoorbell makes the doorbell of the segment at path.
func createDoorbell(segment string, created uint64) (*doorbell, error) {
	path := doorbellPath(segment, created)
	fd, err := sys.OpenUnnamed(Dir, 0o600)
	if err != nil {
		return nil, err
	}
	defer sys.Close(fd)
	if _, err := sys.TryLock(fd); err != nil { // which the mapping then holds
		return nil, err
	}
	magic := binary.LittleEndian.AppendUint64(nil, layout.DoorbellMagic)
	if err := sys.Reserve(fd, layout.DoorbellSize); err != nil {
		return nil, err
	}
	if err := sys.WriteAt(fd, magic, 0); err != nil {
		return nil, err
	}
	d, err := mapDoorbell(fd, path)
	if err != nil {
		return nil, err
	}
	if err := sys.Link(fd, path); err != nil { // as the last step: nothing can be left behind
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// openDoorbell opens a doorbell to sleep on. It must belong to owner, the segment's, or to this
// process: whoever else made it could truncate it under the writer.
func openDoorbell(segment string, created uint64, owner uint32) (*doorbell, error) {
	path := doorbellPath(segment, created)
	fd, err := sys.Open(path, true)
	if err != nil {
		return nil, err
	}
	defer sys.Close(fd)
	info, err := sys.Stat(fd)
	if err != nil {
		return nil, err
	}
	if !info.Mode.IsRegular() {
		return nil, ErrNotRegular
	}
	if info.Size < layout.DoorbellSize {
		return nil, ErrTruncated
	}
	if info.UID != owner && int(info.UID) != os.Geteuid() {
		return nil, fmt.Errorf("made by user %d: %w", info.UID, fs.ErrPermission)
	}
	magic, err := sys.ReadAt(fd, 0, 8)
	if err != nil {
		return nil, err
	}
	if len(magic) < 8 || binary.LittleEndian.Uint64(magic) != layout.DoorbellMagic {
		return nil, ErrNotSegment
	}
	return mapDoorbell(fd, path)
}

// reopenDoorbell is for a writer that takes over: it makes the doorbell anew if somebody removed it.
func reopenDoorbell(segment string, created uint64, owner uint32) (*doorbell, error) {
	d, err := openDoorbell(segment, created, owner)
	if errors.Is(err, fs.ErrNotExist) {
		d, err = createDoorbell(segment, created)
	}
	if err != nil {
		return nil, &companionError{doorbellKind, doorbellPath(segment, created), err}
	}
	return d, nil
}

func mapDoorbell(fd int, path string) (*doorbell, error) {
	memory, err := sys.Map(fd, layout.DoorbellSize, true)
	if err != nil {
		return nil, err
	}
	return &doorbell{path: path, memory: memory}, nil
}

func (d *doorbell) ticket() *uint32 { return word32(d.memory, layout.DoorbellTicketOffset) }

// Waiting is the word that is not zero while a reader may be asleep; nil if the segment has no
// doorbell, or none that this process may use.
func (d *doorbell) Waiting() *uint32 {
	if d == nil {
		return nil
	}
	return word32(d.memory, layout.DoorbellWaitingOffset)
}

// Ring clears the word and wakes all who wait.
func (d *doorbell) Ring() error {
	atomic.StoreUint32(d.Waiting(), 0)
	atomic.AddUint32(d.ticket(), 1)
	return sys.FutexWake(d.ticket())
}

// Arm announces a sleeper and returns the ticket for Wait.
func (d *doorbell) Arm() (uint32, error) {
	ticket := atomic.LoadUint32(d.ticket())
	atomic.StoreUint32(d.Waiting(), 1)
	return ticket, sys.Barrier()
}

// Wait sleeps until a Ring after the Arm that gave the ticket, or for limit; it may wake early. rung
// tells that there was a Ring.
func (d *doorbell) Wait(ticket uint32, limit time.Duration) (rung bool, err error) {
	err = sys.FutexWait(d.ticket(), ticket, limit)
	return atomic.LoadUint32(d.ticket()) != ticket, err
}

func (d *doorbell) unlink() error { return sys.Unlink(d.path) }

func (d *doorbell) close() error {
	if d == nil {
		return nil
	}
	return sys.Unmap(d.memory)
}
