package doctor

import (
	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/mounts"
)

// Facts is what a host is like. What could not be read is nil, or empty where that means nothing else.
type Facts struct {
	Readers int // that spin, besides one writer

	Kernel      string
	X86         *bool
	CPUFlags    []string // x86
	Hypervisor  *bool
	StealShare  *float64 // of the time since boot, that the hypervisor gave to others
	ReadOnlySys bool     // /proc/sys or /sys is mounted read-only: it is set on the host

	Topology  *host.Topology
	Governors map[string][]int // CPUs by governor
	Driver    string           // of the frequency
	Boost     *bool
	SMT       string // of smt/control: on, off, forceoff, notsupported, notimplemented
	Clock     string // the clocksource
	Clocks    []string

	Pools        []hugepages.Pool // nil: the kernel has none, or they cannot be read
	HugeMounts   []HugeMount
	Mounts       bool   // the mount table could be read
	Shm          *Mount // /dev/shm
	THP          string // always, madvise, never
	Defrag       string
	ShmemEnabled string

	UID          *int
	Capabilities *uint64 // effective
	MemLock      *Limit  // bytes
	RTPrio       *Limit
	RTRuntime    *int64 // µs in each period
	RTPeriod     *int64
	RTGroup      *int64 // µs of the control group; nil if groups have none of their own

	Swaps      []string // nil if unknown
	Swappiness *int
	Autogroup  *int
	Balancing  *int // NUMA

	CPUGroups    bool // the process's control group, or one above it, could be seen
	MemoryGroups bool
	CPUQuota     *Quota // the tightest on the way up
	MemoryMax    *MemoryMax

	Seccomp *int // 0 none, 1 strict, 2 filter
	// Probed is what became of calls that were tried: nil if permitted. Empty if none was.
	Probed map[string]error
}

// Names in Facts.Probed.
const (
	probeFIFO    = "sched_setattr (SCHED_FIFO)"
	probeBind    = "mbind"
	probeBarrier = "membarrier"
)

// Mount is a mounted file system, and what system calls say of it.
type Mount struct {
	mounts.Mount
	Total, Free *uint64
	Writable    *bool // by this user
}

// HugeMount is a mounted hugetlbfs.
type HugeMount struct {
	hugepages.Mount
	Writable *bool // by this user
}

// Limit is one of setrlimit's. Unlimited is the highest number.
type Limit struct{ Soft, Hard uint64 }

// Quota is CPU time that a control group may use in a period, after which it stands still.
type Quota struct {
	File      string // to write to
	Version   int
	CPUs      float64
	Throttled *int64 // periods so far
}

// MemoryMax is what a control group may use. Shared memory counts.
type MemoryMax struct {
	File      string
	Version   int
	Max, Used uint64
}
