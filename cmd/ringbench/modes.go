package main

import (
	"slices"
	"time"

	"github.com/tickring/tickring/cmd/ringbench/transport"
)

const waitSpin, waitBlock = transport.WaitSpin, transport.WaitBlock

// mode is what ringbench measures.
type mode struct {
	name     string
	short    string
	long     string
	example  string
	duration time.Duration             // of each latency, unless --duration says otherwise
	budget   time.Duration             // after which no round begins, on a machine too busy for the duration; 0: none
	trials   func(*conductor) []*trial // nil: those of all modes
}

// modes are the subcommands. The first is what ringbench does without one.
func modes() []mode {
	return []mode{
		{name: "latency", duration: 1500 * time.Millisecond, budget: 12 * time.Second, trials: (*conductor).ordinary},
		{
			name: "rivals", duration: 4 * time.Second, trials: (*conductor).rivals,
			short: "Compare with everything else that hands records from one process to another",
			long: `Latency and throughput of the ring, in Go, in C++ and from one to the other, and of what programs use instead:
five sync/atomic stores, Unix datagram and stream sockets, a pipe, TCP over loopback, a POSIX message queue, a queue
behind a mutex in shared memory, and, within one process, a Go channel. All carry the same record, all that can spin do.

The limit is one cache line that is handed over with nothing in it but a number: no transport between the same two
CPUs can be faster, and what a transport takes is told as a multiple of it.`,
			example: "  ringbench rivals --json > rivals.json",
		},
		{
			name: "load", duration: time.Second, trials: (*conductor).load,
			short: "Latency against load: from 10,000 to 20 million records a second",
			long: `The latency at one rate tells nothing of another. This measures it at rates from 10,000 to 20 million records a
second. A rate that the writer cannot keep is reported as incomplete, once, and not tried again.`,
			example: "  ringbench load --duration 5s",
		},
		{
			name: "burst", duration: 2 * time.Second, trials: (*conductor).bursts,
			short: "Latency of records that come many at once",
			long: `Markets do not trade at a steady rate. Here many records are due at the same moment, and are published one by one:
the latency of the last contains the publishing of all before it, as it does in a market.`,
			example: "  ringbench burst --burst 1000 --interval 10ms",
		},
		{
			name: "low-rate", duration: 4 * time.Second, trials: (*conductor).lowRate,
			short: "Latency of a record each millisecond, with caches gone cold in between",
		},
		{
			name: "wait", duration: 2 * time.Second, trials: (*conductor).waits,
			short: "Latency by what the reader does while nothing is new: spin, back off, look now and then, block",
		},
		{
			name: "wakeup", duration: 2 * time.Second, trials: (*conductor).wakeups,
			short: "How long a reader takes that sleeps in the kernel when a record comes",
			long: `The reader sleeps in the kernel, and a record a millisecond wakes it up: of the ring by its doorbell, of pipes,
sockets and the message queue by a read that blocks.`,
		},
		{
			name: "fanout", duration: 1500 * time.Millisecond, trials: (*conductor).fanout,
			short: "Latency and throughput with 1, 2, 4 … readers",
			long: `Up to as many readers as there are CPUs for, and to four at least, or to as many as --readers says. Readers that share
a CPU wait for each other, which says more of the kernel's scheduling than of the ring: the rows say where they do.`,
		},
		{
			name: "throughput", duration: 2 * time.Second, trials: (*conductor).throughput,
			short: "As fast as the writer can, with what the readers missed; and as fast as a reader can that loses nothing",
			long: `One by one and in batches. The writer of a ring waits for nobody, and a reader that is slower misses records. In the
case "lossless" a loop of the benchmark's own has the writer wait for what the reader tells it, and nothing may be lost.`,
		},
		{
			name: "cost", duration: 2 * time.Second, trials: (*conductor).cost,
			short: "What publishing costs the writer, with no reader, one, four, and one that is stopped",
			long: `Each call would be too short for the clock, so groups of 16 are timed (of one batch, where batches are published), each
between two readings of the clock. A group contains one reading, whose own time is printed beside: nothing is
subtracted. The mean is of the whole loop.`,
		},
		{
			name: "calls", duration: 4 * time.Second, trials: (*conductor).calls,
			short: "What publish and poll take by themselves, in Go and in C++: by this the hot path is judged",
			long: `A process publishes into a ring of 4,096 slots, which stays in its cache, while nobody reads; then another polls the
records that are there, over and over. Neither waits for the other or for a line of the other's cache, and nothing is
done to a record: what is left is the calls. Each round has both languages, in changing order, and the ratio is of the
trimmed means of 960 calls (or 15 batches of 64) at a time. In Go it is TryPoll that polls, with Poll behind it where
that finds nothing. What was published is read back and compared, and every poll must find its record.`,
			example: "  ringbench calls --json > before.json   # change the hot path, then\n  ringbench calls --json > after.json && ringbench compare before.json after.json",
		},
		{
			name: "slow", duration: 1500 * time.Millisecond, trials: (*conductor).slow,
			short: "What a slow reader, and one that is stopped, cost the writer",
			long: `A reader that takes a microsecond for each record is lapped; one that is stopped (SIGSTOP) reads nothing. The
writer must not notice, and the reader must learn afterwards exactly what it missed.`,
		},
		{
			name:  "all",
			short: "Everything above, for a report; it takes some minutes",
		},
	}
}

// suite is trials that are measured in the same rounds.
type suite struct {
	rounds int
	trials []*trial
}

// plan makes the suites that the flags ask for. Each mode has rounds of its own, which are short: in a long one the
// machine would change. What several modes measure is measured in the first of them.
func (b *conductor) plan() (suites []suite) {
	modesOf := []mode{b.config.mode}
	if b.config.mode.trials == nil {
		modesOf = slices.DeleteFunc(modes(), func(m mode) bool { return m.trials == nil || m.name == "latency" })
		if b.config.source.Feed != "" && b.config.speed > 0 {
			modesOf = append(modesOf, mode{duration: time.Second, trials: (*conductor).feeds})
		}
	}
	seen := map[string]bool{}
	for _, m := range modesOf {
		p := suite{rounds: b.config.roundsOf(m)}
		for _, t := range m.trials(b) {
			key := t.key() + t.transport
			if !seen[key] && (b.config.rate != rateMax || !t.paced()) {
				p.trials = append(p.trials, t)
			}
			seen[key] = true
		}
		if len(p.trials) > 0 {
			suites = append(suites, p)
		}
	}
	return suites
}

func (b *conductor) ordinary() []*trial {
	if b.config.rate == rateMax {
		return b.throughput()
	}
	trials := b.latency(transportRing, transportCpp)
	if b.config.source.Feed != "" && b.config.speed > 0 {
		trials = b.feeds()
	}
	trials = append(trials, b.unthrottled()...)
	return append(trials, b.costTrial(1, 1), b.costTrial(1, b.config.batch))
}

func (b *conductor) latency(via ...string) (trials []*trial) {
	for _, v := range via {
		t := b.pacedTrial(caseLatency, v, b.someRate())
		if _, ring := rings[v]; ring {
			b.asConfigured(t)
		}
		if t.wait == waitSpin || v == transportRing { // the others' ends know no other wait
			trials = append(trials, t)
		}
	}
	return trials
}

// someRate is the rate, or that of a run that wants none.
func (b *conductor) someRate() rate {
	if b.config.rate == rateMax {
		return limitRate
	}
	return b.config.rate
}

// asConfigured gives a ring's trial the readers and the wait of the flags. Of C++ there is one reader.
func (b *conductor) asConfigured(t *trial) *trial {
	t.wait = b.config.wait
	if t.transport == transportRing {
		t.readers = b.config.readers
	}
	return t
}

func (b *conductor) feed(via ...string) (trials []*trial) {
	schedule := newReplay(b.tape, b.config.speed, b.config.slice, b.clock)
	for _, v := range append([]string{transportLimit}, via...) {
		t := b.pacedTrial(caseFeed, v, limitRate)
		t.schedule, t.rate, t.slice = schedule, 0, b.config.slice
		trials = append(trials, t)
	}
	return trials
}

// throughput is as fast as the writer can, and then as fast as the reader can take it.
func (b *conductor) throughput() []*trial {
	trials := b.unthrottled()
	for _, t := range b.unthrottled() {
		window := transport.WindowOf(b.config.slots, t.batch)
		if t.readers == 1 && t.wait == waitSpin && window > 0 {
			t.name, t.window = caseLossless, window
			trials = append(trials, t)
		}
	}
	return trials
}

func (b *conductor) unthrottled() (trials []*trial) {
	for _, batch := range []int{1, b.config.batch} {
		for _, v := range []string{transportRing, transportCpp} {
			t := b.asConfigured(b.fullTrial(caseThroughput, v, batch))
			if t.wait == waitSpin || v == transportRing {
				trials = append(trials, t)
			}
		}
		if b.config.batch == 1 {
			break
		}
	}
	return trials
}

// others are the transports that are neither a ring nor the limit.
var others = []string{
	transportAtomics, transportMutex, transportDatagram, transportStream, transportPipe, transportTCP, transportQueue, transportChannel,
}

func (b *conductor) rivals() []*trial {
	trials := b.latency(append([]string{transportRing, transportCpp, transportGoToCpp, transportCppToGo}, others...)...)
	for _, batch := range []int{1, minBatch} {
		for _, v := range append([]string{transportRing, transportCpp}, others...) {
			if batch == 1 || v == transportRing || v == transportCpp || rivals[v].batches {
				trials = append(trials, b.fullTrial(caseThroughput, v, batch))
			}
		}
	}
	return trials
}

var loads = []rate{10e3, 100e3, 500e3, 1e6, 2e6, 5e6, 10e6, 20e6}

func (b *conductor) load() (trials []*trial) {
	for _, r := range loads {
		for _, v := range []string{transportRing, transportCpp} {
			t := b.pacedTrial(caseLoad, v, r)
			t.slice = min(t.slice, time.Duration(float64(loadRecords)/float64(r)*1e9))
			t.schedule = newEven(r, t.slice, b.clock)
			trials = append(trials, t)
		}
	}
	return trials
}

// loadRecords is how many records a slice of a load has at most: more tell no more, and take memory.
const loadRecords = 1 << 19

func (b *conductor) bursts() (trials []*trial) {
	for _, v := range []string{transportRing, transportCpp} {
		t := b.pacedTrial(caseBurst, v, limitRate)
		t.rate, t.slice = 0, b.config.slice
		t.schedule = newBursts(b.config.burst, b.config.interval, t.slice, b.clock)
		trials = append(trials, t)
	}
	return trials
}

const (
	lowRate  = 1000
	lowSlice = 4 // times as long, for the sake of samples
)

func (b *conductor) lowRate() (trials []*trial) {
	for _, v := range []string{transportLimit, transportRing, transportCpp} {
		trials = append(trials, b.slowly(b.pacedTrial(caseLowRate, v, lowRate)))
	}
	return trials
}

// slowly makes the trial's slices long enough for a low rate.
func (b *conductor) slowly(t *trial) *trial {
	t.slice = lowSlice * b.config.slice
	t.schedule = newEven(t.rate, t.slice, b.clock)
	return t
}

func (b *conductor) waits() (trials []*trial) {
	for _, wait := range []string{waitSpin, "backoff", "every:50us", waitBlock} {
		t := b.pacedTrial(caseWait, transportRing, b.someRate())
		t.wait = wait
		trials = append(trials, t)
	}
	return trials
}

func (b *conductor) wakeups() (trials []*trial) {
	for _, v := range []string{transportRing, transportPipe, transportDatagram, transportStream, transportTCP, transportQueue} {
		t := b.slowly(b.pacedTrial(caseWakeup, v, lowRate))
		t.wait = waitBlock
		trials = append(trials, t)
	}
	return trials
}

func (b *conductor) fanout() (trials []*trial) {
	most := b.config.readers
	if most == 1 {
		if allowed, err := allowedCPUs(); err == nil {
			most = max(4, len(allowed)-1)
		}
	}
	for n := 1; n <= most; n *= 2 {
		t := b.pacedTrial(caseFanout, transportRing, b.someRate())
		full := b.fullTrial(caseFanout, transportRing, 1)
		t.readers, full.readers = n, n
		trials = append(trials, t, full)
	}
	return trials
}

const slowReader = time.Microsecond // a record

func (b *conductor) slow() []*trial {
	slow, stopped := b.costTrial(1, 1), b.costTrial(1, 1)
	slow.name, slow.slow = caseSlowReader, slowReader
	stopped.name, stopped.stop = caseStoppedReader, true
	return []*trial{b.costTrial(1, 1), slow, stopped}
}

func (b *conductor) costTrial(readers, batch int) *trial {
	t := b.fullTrial(caseWriterCost, transportRing, batch)
	t.readers, t.cost, t.group = readers, true, transport.CostGroup
	if batch > 1 {
		t.group = batch
	}
	return t
}

const (
	aloneSlots  = 4096 // 128 KiB: in the second-level cache
	alonePeriod = 960  // records that are timed at once
)

// calls are publish and poll alone, of as many records as make whole batches.
func (b *conductor) calls() (trials []*trial) {
	for _, name := range []string{casePublish, casePoll} {
		for _, batch := range []int{1, minBatch} {
			for _, v := range []string{transportRing, transportCpp} {
				t := b.fullTrial(name, v, batch)
				t.alone, t.cost, t.slots = true, true, aloneSlots
				t.group = min(alonePeriod, int(b.tape.period)) / batch * batch
				if t.group > 0 {
					trials = append(trials, t)
				}
			}
		}
	}
	return trials
}

func (b *conductor) cost() (trials []*trial) {
	for _, batch := range []int{1, minBatch} {
		for _, readers := range []int{0, 1, 4} {
			trials = append(trials, b.costTrial(readers, batch))
		}
		stopped := b.costTrial(1, batch)
		stopped.name, stopped.stop = caseStoppedReader, true
		cpp := b.costTrial(1, batch)
		cpp.transport = transportCpp
		trials = append(trials, stopped, cpp)
	}
	return trials
}

func (b *conductor) feeds() []*trial { return b.feed(transportRing, transportCpp) }

// needsCpp tells whether there is anything for the C++ client to do.
func (b *conductor) needsCpp() bool {
	return slices.ContainsFunc(b.trials, func(t *trial) bool { r := rings[t.transport]; return r.senderCpp || r.receiverCpp })
}
