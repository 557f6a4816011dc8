package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/sys"
	"github.com/tickring/tickring/ring"
	"github.com/tickring/tickring/segment"
	"github.com/tickring/tickring/test/internal/ptrace"
	"github.com/tickring/tickring/test/internal/records"
)

// publisher is the role that is killed, also as a reader: it does what it is told, line by line, on one thread. Argument: the kind of
// record.
func publisher(args []string) error {
	switch args[0] {
	case records.Trade:
		return serve(records.Trades)
	case records.Level:
		return serve(records.Levels)
	case records.Legs:
		return serve(records.Legged)
	}
	return records.Unknown(args[0])
}

// receipts is the page, shared with the test, on which a publisher says what it has done: it outlives a SIGKILL, and costs
// no system call.
type receipts struct{ memory []byte }

const receiptsFD = 3 // the first of exec.Cmd.ExtraFiles

func mapReceipts(fd int) (receipts, error) {
	memory, err := syscall.Mmap(fd, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return receipts{memory}, err
}

func (r receipts) word(i int) *uint64 { return (*uint64)(unsafe.Pointer(&r.memory[8*i])) }

// returned counts the records whose numbers Publish has returned.
func (r receipts) returned() *uint64 { return r.word(0) }

// tried is when the last takeover that came about was begun, in ns of CLOCK_BOOTTIME: its ring was free.
func (r receipts) tried() *uint64 { return r.word(2) }

// first is when the last takeover had published its first record, in ns of CLOCK_BOOTTIME.
func (r receipts) first() *uint64 { return r.word(1) }

type publishing[T comparable] struct {
	form     records.Form[T]
	receipts receipts
	s        *segment.Segment
	w        *ring.Writer[T]
	r        *ring.Reader[T]
	epoch    uint64
}

func serve[T comparable](f records.Form[T]) error {
	page, err := mapReceipts(receiptsFD)
	if err != nil {
		return err
	}
	p := &publishing[T]{form: f, receipts: page}
	return ptrace.OffMainThread(func() error {
		fmt.Println(syscall.Gettid())
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if err := p.obey(strings.Fields(in.Text())); err != nil {
				return err
			}
		}
		return nil
	})
}

// marker is the signal that a thread sends itself before and after what is traced.
const marker = syscall.SIGUSR1

func mark() error { return syscall.Tgkill(syscall.Getpid(), syscall.Gettid(), marker) }

// obey does what a line says, between two marks if it begins with "traced", and answers.
func (p *publishing[T]) obey(line []string) error {
	traced := line[0] == "traced"
	if traced {
		line = line[1:]
	}
	do, err := p.prepare(line)
	if err != nil {
		return err
	}
	if traced {
		err = mark()
	}
	result := do()
	if traced {
		err = errors.Join(err, mark())
	}
	switch {
	case err != nil:
		return err
	case errors.Is(result, segment.ErrWriterExists):
		fmt.Println("lost")
		return nil
	case result != nil:
		return result
	}
	return p.answer()
}

// answer says how the ring is: the epoch, its first record, the number of the next record.
func (p *publishing[T]) answer() error {
	var st segment.Status
	if p.s != nil {
		var err error
		if st, err = p.s.Status(); err != nil {
			return err
		}
	}
	p.epoch = st.Epoch
	_, err := fmt.Println("done", st.Epoch, st.EpochFirst, st.Head)
	return err
}

// prepare returns what does a command, with all that can be ready before.
func (p *publishing[T]) prepare(line []string) (func() error, error) {
	var count int
	var o options
	switch line[0] {
	case "publish", "batch":
		if _, err := fmt.Sscan(line[1], &count); err != nil {
			return nil, err
		}
	case "create", "start":
		if _, err := fmt.Sscan(strings.Join(line[2:], " "), &o.slots, &o.bell, &o.huge); err != nil {
			return nil, err
		}
	}
	switch line[0] {
	case "create":
		return p.opening(func() (*segment.Segment, error) { return segment.Create(line[1], shapeOf[T](o.slots), o.segment()) }), nil
	case "start":
		return p.opening(func() (*segment.Segment, error) {
			return segment.CreateOrTakeOver(line[1], shapeOf[T](o.slots), o.segment())
		}), nil
	case "takeover":
		return p.opening(func() (*segment.Segment, error) { return segment.OpenWriter(line[1]) }), nil
	case "contend":
		epoch, err := strconv.ParseUint(line[2], 10, 64)
		return p.contend(line[1], epoch), err
	case "succeed":
		return p.succeed(line[1]), nil
	case "follow":
		return func() error { return p.follow(line[1]) }, nil
	case "poll":
		return p.poll, nil
	case "latest":
		return p.latest, nil
	case "next":
		return p.next, nil
	case "publish":
		recs := p.records(count)
		return func() error {
			for i := range recs {
				p.returned(p.w.Publish(&recs[i]))
			}
			return nil
		}, nil
	case "batch":
		recs := p.records(count)
		return func() error {
			p.returned(p.w.PublishBatch(recs) + uint64(count) - 1)
			return nil
		}, nil
	case "flood":
		return p.flood, nil
	case "close":
		return p.w.Close, nil
	case "leave":
		return func() error {
			err := p.s.Close()
			p.s = nil
			return err
		}, nil
	case "unlink":
		return func() error { return segment.Unlink(line[1]) }, nil
	}
	return nil, fmt.Errorf("no command %q", line)
}

// options are what segments differ in.
type options struct {
	slots      uint64
	bell, huge bool
}

func (o options) segment() segment.Options {
	pages := hugepages.Prefer
	if o.huge {
		pages = hugepages.Require
	}
	return segment.Options{Doorbell: o.bell, Pages: pages}
}

func shapeOf[T any](slots uint64) ring.Geometry {
	g, err := ring.GeometryOf[T](slots)
	if err != nil {
		panic(err)
	}
	return g
}

// opening makes the process the writer of what open opens.
func (p *publishing[T]) opening(open func() (*segment.Segment, error)) func() error {
	return func() (err error) {
		if p.s, err = open(); err != nil {
			return err
		}
		p.w, err = ring.NewWriter[T](p.s)
		return err
	}
}

// contend tries to take over a ring that is in an epoch until it has it, or another has: then the error is ErrWriterExists.
func (p *publishing[T]) contend(name string, epoch uint64) func() error {
	take := p.opening(func() (*segment.Segment, error) { return segment.OpenWriter(name) })
	return func() error {
		watched, err := segment.Attach(name)
		if err != nil {
			return err
		}
		defer watched.Close()
		for {
			atomic.StoreUint64(p.receipts.tried(), segment.Heartbeat())
			if err := take(); !errors.Is(err, segment.ErrWriterExists) {
				return err
			}
			if now, err := watched.Status(); err != nil || now.Epoch != epoch {
				return errors.Join(err, segment.ErrWriterExists)
			}
			sys.Sleep(records.PollInterval) // who dies needs a CPU, too
		}
	}
}

// succeed takes a ring over as soon as its writer is gone, and publishes.
func (p *publishing[T]) succeed(name string) func() error {
	return func() error {
		watched, err := segment.Attach(name)
		if err != nil {
			return err
		}
		before, err := watched.Status()
		if err := errors.Join(err, watched.Close()); err != nil {
			return err
		}
		if err := p.contend(name, before.Epoch)(); err != nil {
			return err
		}
		if n := atomic.LoadUint64(p.receipts.returned()); n > p.w.Head() {
			return fmt.Errorf("Publish had returned %d, and the ring goes on with %d", n-1, p.w.Head())
		}
		st, err := p.s.Status()
		if err != nil {
			return err
		}
		rec := p.form.Of(p.w.Head(), st.Epoch)
		p.returned(p.w.Publish(&rec))
		atomic.StoreUint64(p.receipts.first(), segment.Heartbeat())
		return nil
	}
}

// follow makes the process a reader as well.
func (p *publishing[T]) follow(name string) (err error) {
	if p.s, err = segment.Attach(name); err != nil {
		return err
	}
	wait := ring.Backoff(0)
	if p.s.Waiting() != nil {
		wait = ring.Block()
	}
	p.r, err = ring.NewReader[T](p.s, ring.ReaderOptions{Start: ring.Oldest(), Wait: wait})
	return err
}

// poll, latest and next each read in their way; that there is nothing is no error.
func (p *publishing[T]) poll() error {
	var rec T
	for range 3 {
		p.r.Poll(&rec)
	}
	return nil
}

func (p *publishing[T]) latest() error {
	var rec T
	p.r.Latest(&rec)
	return nil
}

func (p *publishing[T]) next() error {
	var rec T
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	for {
		if _, err := p.r.Next(ctx, &rec); err != nil {
			return nil
		}
	}
}

func (p *publishing[T]) records(count int) []T {
	recs := make([]T, count)
	p.fill(recs)
	return recs
}

func (p *publishing[T]) fill(recs []T) {
	for i := range recs {
		recs[i] = p.form.Of(p.w.Head()+uint64(i), p.epoch)
	}
}

func (p *publishing[T]) returned(n uint64) { atomic.StoreUint64(p.receipts.returned(), n+1) }

// flood publishes as fast as it can, singly and in batches by turns, until the process is killed.
func (p *publishing[T]) flood() error {
	if _, err := fmt.Println("flooding"); err != nil {
		return err
	}
	batch := make([]T, 100)
	for {
		for range 500 {
			rec := p.form.Of(p.w.Head(), p.epoch)
			p.returned(p.w.Publish(&rec))
		}
		p.fill(batch)
		p.returned(p.w.PublishBatch(batch) + uint64(len(batch)) - 1)
	}
}
