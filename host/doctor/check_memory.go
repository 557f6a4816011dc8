package doctor

import (
	"fmt"
	"strings"
)

const (
	smallRing = 4 << 20   // holds a segment of the default size, with its doorbell
	roomy     = 128 << 20 // room for some large ones
)

func checkShm(f *Facts) Finding {
	r := Finding{ID: "shm", Why: "every segment lies in /dev/shm, whole, from the moment it is made"}
	grow := f.asRoot("mount -o remount,size=1G /dev/shm") + "; for a container: --shm-size 1g"
	m := f.Shm
	switch {
	case m == nil && !f.Mounts:
		return r.verdict(Unknown, "", "the mount table cannot be read")
	case m == nil:
		return r.verdict(Bad, f.asRoot("mkdir -p /dev/shm && mount -t tmpfs -o mode=1777,size=1G tmpfs /dev/shm"), "nothing is mounted there")
	case m.Type != "tmpfs":
		return r.verdict(Bad, f.asRoot("mount -t tmpfs -o mode=1777,size=1G tmpfs /dev/shm"), "a %s, where memory belongs", m.Type)
	case m.ReadOnly:
		return r.verdict(Bad, f.asRoot("mount -o remount,rw /dev/shm"), "mounted read-only")
	case m.Writable != nil && !*m.Writable:
		return r.verdict(Bad, f.asRoot("chmod 1777 /dev/shm"), "this user may not write there")
	case m.Total == nil:
		if size, limited := m.Options["size"]; limited {
			return r.verdict(Unknown, "", "size=%s; how much is free is unknown", size)
		}
		return r.verdict(Unknown, "", "how much is free is unknown")
	case *m.Total == 0:
		return r.verdict(OK, "", "without a limit")
	}
	found := fmt.Sprintf("%s free of %s", sizeText(*m.Free), sizeText(*m.Total))
	switch {
	case *m.Free < smallRing:
		return r.verdict(Bad, grow, "%s", found)
	case *m.Free < roomy:
		return r.verdict(Warn, grow, "%s", found)
	}
	return r.verdict(OK, "", "%s", found)
}

const whyHuge = "On 4 KiB pages, a reader that lags far behind in a large ring misses the TLB every 128 records"

func checkShmHuge(f *Facts) Finding {
	r := Finding{ID: "shm-huge", Why: "a ring has huge pages only if /dev/shm is mounted with huge=. " + whyHuge}
	if f.Shm == nil || f.ShmemEnabled == "" {
		return r.verdict(Unknown, "", "/dev/shm, or the kernel's transparent huge pages, cannot be seen")
	}
	huge := f.Shm.Options["huge"]
	found := "mounted with huge=" + huge
	if huge == "" || huge == "never" {
		found = "mounted without huge="
	}
	switch {
	case f.ShmemEnabled == "deny":
		return r.verdict(Warn, f.setting("never", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"), "%s, and shmem_enabled denies it", found)
	case f.ShmemEnabled == "force":
		return r.verdict(OK, "", "shmem_enabled forces huge pages")
	case huge == "" || huge == "never":
		return r.verdict(Warn, f.asRoot("mount -o remount,huge=advise /dev/shm"), "%s", found)
	}
	return r.verdict(OK, "", "%s", found)
}

func checkTHP(f *Facts) Finding {
	r := Finding{ID: "thp", Why: "with always, the kernel makes huge pages of any program's memory, and stops the program while it does"}
	switch f.THP {
	case "":
		return r.verdict(Unknown, "", "the kernel shows no transparent huge pages")
	case "always":
		return r.verdict(Warn, f.setting("madvise", "/sys/kernel/mm/transparent_hugepage/enabled"), "always")
	}
	return r.verdict(OK, "", "%s", f.THP)
}

func checkDefrag(f *Facts) Finding {
	r := Finding{ID: "thp-defrag", Why: "with always, a page fault waits while the kernel moves memory about to find a huge page"}
	switch f.Defrag {
	case "":
		return r.verdict(Unknown, "", "the kernel shows no transparent huge pages")
	case "always":
		return r.verdict(Warn, f.setting("madvise", "/sys/kernel/mm/transparent_hugepage/defrag"), "always")
	}
	return r.verdict(OK, "", "%s", f.Defrag)
}

// lockable is how much of a ring this process can lock.
func (f *Facts) lockable() (n uint64, known bool) {
	switch {
	case f.capable(capIPCLock):
		return ^uint64(0), true
	case f.MemLock == nil || f.Capabilities == nil:
		return 0, false
	}
	return f.MemLock.Soft, true
}

func checkSwap(f *Facts) Finding {
	r := Finding{ID: "swap", Why: "a page of /dev/shm that was swapped out costs its next access milliseconds"}
	if f.Swaps == nil {
		return r.verdict(Unknown, "", "/proc/swaps cannot be read")
	}
	if len(f.Swaps) == 0 {
		return r.verdict(OK, "", "off")
	}
	found := "on: " + strings.Join(f.Swaps, ", ")
	if f.Swappiness != nil {
		found += fmt.Sprintf("; swappiness %d", *f.Swappiness)
	}
	off := f.outside(f.asRoot("swapoff -a"))
	if n, known := f.lockable(); known && n < smallRing {
		return r.verdict(Bad, off, "%s; and a ring cannot be locked in memory", found)
	}
	return r.verdict(Warn, off+"; or lock the ring in memory with host.Lock", "%s", found)
}

func checkMemLock(f *Facts) Finding {
	r := Finding{ID: "memlock", Why: "a ring can be locked in memory only up to this limit"}
	n, known := f.lockable()
	switch {
	case !known:
		return r.verdict(Unknown, "", "the limit, or the capabilities, cannot be read")
	case f.capable(capIPCLock):
		return r.verdict(OK, "", "no limit (CAP_IPC_LOCK)")
	case n == ^uint64(0):
		return r.verdict(OK, "", "no limit")
	}
	fix := f.limit(f.MemLock, roomy, "l", 1<<10, "MEMLOCK", "-1")
	if n < roomy {
		return r.verdict(Warn, fix, "%s (hard limit %s)", sizeText(n), limitText(f.MemLock.Hard, sizeText))
	}
	return r.verdict(OK, "", "%s", sizeText(n))
}

func limitText(n uint64, text func(uint64) string) string {
	if n == ^uint64(0) {
		return "unlimited"
	}
	return text(n)
}

func checkMemoryMax(f *Facts) Finding {
	r := Finding{ID: "cgroup-memory", Why: "a ring counts as memory of the control group that makes it, and a group that has too much is killed"}
	m := f.MemoryMax
	if m == nil && !f.MemoryGroups {
		return r.verdict(Unknown, "", "the control group cannot be seen")
	}
	if m == nil {
		return r.verdict(OK, "", "no limit")
	}
	none := any("max")
	if m.Version == 1 {
		none = -1
	}
	fix := f.setting(none, m.File) + "; for a container: without --memory, or with more"
	found := fmt.Sprintf("%s used of %s (%s)", sizeText(m.Used), sizeText(m.Max), m.File)
	switch {
	case m.left() < smallRing:
		return r.verdict(Bad, fix, "%s", found)
	case m.left() < roomy:
		return r.verdict(Warn, fix, "%s", found)
	}
	return r.verdict(OK, "", "%s", found)
}

func checkBalancing(f *Facts) Finding {
	r := Finding{ID: "numa-balancing", Why: "to see who uses a page, the kernel takes it away now and then: the next access is a fault"}
	nodes := 0
	if f.Topology != nil {
		nodes = len(f.Topology.Nodes)
	}
	switch {
	case f.Balancing != nil && *f.Balancing == 0:
		return r.verdict(OK, "", "off")
	case nodes == 1:
		return r.verdict(OK, "", "one NUMA node")
	case f.Balancing == nil:
		return r.verdict(Unknown, "", "kernel.numa_balancing cannot be read")
	case nodes == 0:
		return r.verdict(Unknown, "", "on; how many NUMA nodes there are is unknown")
	}
	return r.verdict(Warn, f.sysctl("kernel.numa_balancing", 0), "on, with %d NUMA nodes", nodes)
}
