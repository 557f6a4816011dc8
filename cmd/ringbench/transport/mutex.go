package transport

import (
	"sync/atomic"
	"time"

	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/seqlock"
)

// A queue behind a mutex is the textbook's way to share memory: whoever has the lock may use the queue. A process
// that is stopped while it has the lock stops the other.

const queueRecords = 4096

type mutexQueue struct {
	mutex      mutex
	_          [124]byte // the lock is spun upon
	head, tail uint64    // records taken, records put
	records    [queueRecords]Record
}

// MutexQueueBytes is how much shared memory the queue needs.
const MutexQueueBytes = 128 + 16 + queueRecords*24

// mutex is 0 free, 1 taken, 2 taken with somebody asleep for it.
type mutex struct{ state uint32 }

const (
	mutexSpins = 100                    // before it sleeps, as common implementations do
	mutexSlice = 100 * time.Millisecond // of sleep
)

func (m *mutex) lock() {
	for range mutexSpins {
		if atomic.CompareAndSwapUint32(&m.state, 0, 1) {
			return
		}
		seqlock.Pause(1)
	}
	for atomic.SwapUint32(&m.state, 2) != 0 {
		_ = sys.FutexWait(&m.state, 2, mutexSlice) // whatever it says, the lock is tried again
	}
}

func (m *mutex) unlock() {
	if atomic.SwapUint32(&m.state, 0) == 2 {
		_ = sys.FutexWake(&m.state)
	}
}

// put adds all of records, or none.
func (q *mutexQueue) put(records []Record) bool {
	q.mutex.lock()
	room := queueRecords-(q.tail-q.head) >= uint64(len(records))
	if room {
		for i := range records {
			q.records[q.tail%queueRecords] = records[i]
			q.tail++
		}
	}
	q.mutex.unlock()
	return room
}

// take moves as many records to buf as there are and fit.
func (q *mutexQueue) take(buf []Record) (n int) {
	q.mutex.lock()
	for ; n < len(buf) && q.head != q.tail; n++ {
		buf[n] = q.records[q.head%queueRecords]
		q.head++
	}
	q.mutex.unlock()
	return n
}

// NewMutexSender uses the beginning of some shared memory, of MutexQueueBytes.
func NewMutexSender(words []uint64) *MessageSender {
	q := lineOf[mutexQueue](words)
	return &MessageSender{send: func(records []Record) error {
		for !q.put(records) {
			seqlock.Pause(1)
		}
		return nil
	}}
}

// NewMutexReceiver uses the memory of a sender.
func NewMutexReceiver(words []uint64) *MessageReceiver {
	q := lineOf[mutexQueue](words)
	buf := make([]Record, maxMessage)
	return &MessageReceiver{
		ready: spinOnly,
		receive: func() ([]Record, error) {
			for {
				if n := q.take(buf); n > 0 {
					return buf[:n], nil
				}
				seqlock.Pause(1)
			}
		},
	}
}

func spinOnly(waits string) error {
	if waits != WaitSpin {
		return errWait
	}
	return nil
}
