package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tickring/tickring/hugepages"
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

// hugeSize is the page size to reserve: 2 MiB, or what comes nearest.
func (f *Facts) hugeSize() uint64 {
	for _, p := range f.Pools {
		if p.PageBytes >= 2<<20 {
			return p.PageBytes
		}
	}
	return f.Pools[len(f.Pools)-1].PageBytes
}

// reserve is the command that makes a pool larger by roomy.
func (f *Facts) reserve(pageBytes, have uint64) string {
	return f.setting(have+max(1, roomy/pageBytes), fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages", pageBytes>>10))
}

func checkPools(f *Facts) Finding {
	r := Finding{ID: "huge-page-pool", Why: "only reserved huge pages are certain. " + whyHuge}
	if len(f.Pools) == 0 {
		return r.verdict(Unknown, "", "no pools in /sys/kernel/mm/hugepages: the kernel has no huge pages to reserve, or does not show them")
	}
	var found []string
	var total, available uint64
	for _, p := range f.Pools {
		text := fmt.Sprintf("%s: %d of %d free", sizeText(p.PageBytes), p.Free, p.Total)
		if p.Reserved > 0 {
			text += fmt.Sprintf(", %d of them promised", p.Reserved)
		}
		if p.Overcommit > 0 {
			text += fmt.Sprintf(", up to %d more if the kernel finds them", p.Overcommit)
		}
		found = append(found, text)
		total += p.Total
		available += p.Available()
	}
	text := strings.Join(found, "; ")
	size := f.hugeSize()
	i := slices.IndexFunc(f.Pools, func(p hugepages.Pool) bool { return p.PageBytes == size })
	fix := f.reserve(size, f.Pools[i].Total)
	switch {
	case total == 0:
		return r.verdict(Warn, fix, "none reserved (%s)", text)
	case available == 0:
		return r.verdict(Warn, fix, "all in use (%s)", text)
	}
	return r.verdict(OK, "", "%s", text)
}

func checkHugetlbfs(f *Facts) Finding {
	r := Finding{ID: "hugetlbfs", Why: "huge pages that are reserved are obtained through a file on a hugetlbfs mount"}
	if !f.Mounts {
		return r.verdict(Unknown, "", "the mount table cannot be read")
	}
	if len(f.HugeMounts) == 0 {
		if len(f.Pools) == 0 {
			return r.verdict(Unknown, "", "none mounted; whether the kernel has huge pages to reserve is unknown")
		}
		group := "mode=1777"
		return r.verdict(Warn, f.asRoot("mkdir -p /dev/hugepages && mount -t hugetlbfs -o pagesize=%dM,%s hugetlbfs /dev/hugepages", max(1, f.hugeSize()>>20), group), "none mounted")
	}
	status, fix := Warn, ""
	var found []string
	for _, m := range f.HugeMounts {
		text := fmt.Sprintf("%s (%s)", m.Dir, sizeText(m.PageBytes))
		i := slices.IndexFunc(f.Pools, func(p hugepages.Pool) bool { return p.PageBytes == m.PageBytes })
		switch {
		case m.ReadOnly:
			text += " read-only"
			fix = f.asRoot("mount -o remount,rw %s", word(m.Dir))
		case m.Writable != nil && !*m.Writable:
			text += " not writable by this user"
			fix = f.asRoot("chmod 1777 %s", word(m.Dir))
		case i >= 0 && f.Pools[i].Total+f.Pools[i].Overcommit == 0:
			text += " of which there are no pages"
			fix = f.reserve(m.PageBytes, 0)
		case m.Writable == nil:
			status = Unknown
			text += ", whether this user may write there is unknown"
		default:
			status = OK
		}
		found = append(found, text)
		if status == OK {
			break // one is enough
		}
	}
	return r.verdict(status, fix, "%s", strings.Join(found, "; "))
}

// hasHugetlb reports whether a huge page could be had from hugetlbfs, by this user.
func (f *Facts) hasHugetlb() bool {
	for _, m := range f.HugeMounts {
		for _, p := range f.Pools {
			if p.PageBytes == m.PageBytes && p.Available() > 0 && !m.ReadOnly && (m.Writable == nil || *m.Writable) {
				return true
			}
		}
	}
	return false
}

func checkShmHuge(f *Facts) Finding {
	r := Finding{ID: "shm-huge", Why: "without hugetlbfs, a ring has huge pages only if /dev/shm is mounted with huge=. " + whyHuge}
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
		return f.unlessHugetlb(r, f.setting("never", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"), found+", and shmem_enabled denies it")
	case f.ShmemEnabled == "force":
		return r.verdict(OK, "", "shmem_enabled forces huge pages")
	case huge == "" || huge == "never":
		return f.unlessHugetlb(r, f.asRoot("mount -o remount,huge=advise /dev/shm"), found)
	}
	return r.verdict(OK, "", "%s", found)
}

func (f *Facts) unlessHugetlb(r Finding, fix, found string) Finding {
	if f.hasHugetlb() {
		return r.verdict(OK, "", "%s; hugetlbfs has huge pages", found)
	}
	return r.verdict(Warn, fix, "%s", found)
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
	fix := f.setting(none, word(m.File)) + "; for a container: without --memory, or with more"
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
