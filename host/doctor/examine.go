package doctor

import (
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/mounts"
	"github.com/tickring/tickring/internal/sys"
)

// Examine reads the facts of this host, as this process sees them.
func Examine(readers int) *Facts {
	f := ExamineTree(os.DirFS("/"), readers)
	if m := f.Shm; m != nil {
		if total, free, err := sys.Space(m.Dir); err == nil {
			m.Total, m.Free = &total, &free
		}
		m.Writable = ptr(sys.Writable(m.Dir) && !m.ReadOnly)
	}
	for i, m := range f.HugeMounts {
		f.HugeMounts[i].Writable = ptr(sys.Writable(m.Dir) && !m.ReadOnly)
	}
	f.Probed = map[string]error{
		probeFIFO:    sys.PermittedFIFO(1),
		probeBind:    sys.PermittedBind(),
		probeBarrier: sys.PermittedBarrier(),
	}
	return f
}

// ExamineTree reads the facts that stand in the /proc and /sys of a tree, such as a copy of another machine's. What
// only a system call tells stays unknown.
func ExamineTree(root fs.FS, readers int) *Facts {
	t := tree{root}
	f := &Facts{Readers: readers}
	f.Topology, _ = host.TopologyOf(root)
	t.machine(f)
	t.frequency(f)
	t.memory(f)
	t.mounts(f)
	t.process(f)
	t.scheduling(f)
	t.groups(f)
	return f
}

// tree has /proc and /sys in it.
type tree struct{ fs.FS }

func (t tree) text(name string) string {
	b, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (t tree) exists(name string) bool {
	_, err := fs.Stat(t.FS, name)
	return err == nil
}

func (t tree) number(name string) *int64 {
	n, err := strconv.ParseInt(t.text(name), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func (t tree) small(name string) *int {
	n := t.number(name)
	if n == nil {
		return nil
	}
	small := int(*n)
	return &small
}

func (t tree) unsigned(name string) uint64 {
	n, _ := strconv.ParseUint(t.text(name), 10, 64)
	return n
}

// chosen is the word in brackets.
func (t tree) chosen(name string) string {
	_, rest, _ := strings.Cut(t.text(name), "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// field is the first value of a name in a file of lines such as "name: value".
func (t tree) field(file, name string) (string, bool) {
	for line := range strings.Lines(t.text(file)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

func ptr[T any](v T) *T { return &v }

func (t tree) machine(f *Facts) {
	f.Kernel = t.text("proc/sys/kernel/osrelease")
	if flags, ok := t.field("proc/cpuinfo", "flags"); ok {
		f.X86, f.CPUFlags = ptr(true), strings.Fields(flags)
		f.Hypervisor = ptr(slices.Contains(f.CPUFlags, "hypervisor"))
	} else if _, arm := t.field("proc/cpuinfo", "CPU implementer"); arm {
		f.X86 = ptr(false)
	}
	if t.text("sys/hypervisor/type") != "" {
		f.Hypervisor = ptr(true)
	}
	// proc(5): cpu user nice system idle iowait irq softirq steal, in ticks
	first, _, _ := strings.Cut(t.text("proc/stat"), "\n")
	if fields := strings.Fields(first); len(fields) > 8 && fields[0] == "cpu" {
		var sum, steal float64
		for i, text := range fields[1:9] {
			ticks, _ := strconv.ParseFloat(text, 64)
			sum += ticks
			if i == 7 {
				steal = ticks
			}
		}
		if sum > 0 {
			f.StealShare = ptr(steal / sum)
		}
	}
	f.Clock = t.text("sys/devices/system/clocksource/clocksource0/current_clocksource")
	f.Clocks = strings.Fields(t.text("sys/devices/system/clocksource/clocksource0/available_clocksource"))
	f.SMT = t.text("sys/devices/system/cpu/smt/control")
}

func (t tree) frequency(f *Facts) {
	const dir = "sys/devices/system/cpu/"
	if f.Topology != nil {
		for _, cpu := range f.Topology.IDs() {
			of := dir + "cpu" + strconv.Itoa(cpu) + "/cpufreq/"
			if governor := t.text(of + "scaling_governor"); governor != "" {
				if f.Governors == nil {
					f.Governors = map[string][]int{}
				}
				f.Governors[governor] = append(f.Governors[governor], cpu)
				f.Driver = t.text(of + "scaling_driver")
			}
		}
	}
	if n := t.number(dir + "intel_pstate/no_turbo"); n != nil {
		f.Boost = ptr(*n == 0)
	} else if n := t.number(dir + "cpufreq/boost"); n != nil {
		f.Boost = ptr(*n != 0)
	}
}

func (t tree) memory(f *Facts) {
	f.Pools = hugepages.PoolsIn(t.FS)
	const thp = "sys/kernel/mm/transparent_hugepage/"
	f.THP, f.Defrag, f.ShmemEnabled = t.chosen(thp+"enabled"), t.chosen(thp+"defrag"), t.chosen(thp+"shmem_enabled")
	if t.exists("proc/swaps") {
		f.Swaps = []string{}
		for i, line := range strings.Split(t.text("proc/swaps"), "\n") {
			if fields := strings.Fields(line); i > 0 && len(fields) > 0 {
				f.Swaps = append(f.Swaps, fields[0])
			}
		}
	}
	f.Swappiness = t.small("proc/sys/vm/swappiness")
}

// mounts reads proc(5)'s mountinfo.
func (t tree) mounts(f *Facts) {
	all, err := mounts.In(t.FS)
	f.Mounts = err == nil && len(all) > 0
	if m, ok := mounts.At(all, "/dev/shm"); ok {
		f.Shm = &Mount{Mount: m}
	}
	for _, dir := range []string{"/proc/sys", "/sys"} {
		m, ok := mounts.At(all, dir)
		f.ReadOnlySys = f.ReadOnlySys || ok && m.ReadOnly
	}
	huge, _ := hugepages.MountsIn(t.FS)
	for _, m := range huge {
		f.HugeMounts = append(f.HugeMounts, HugeMount{Mount: m})
	}
}

func (t tree) process(f *Facts) {
	const status = "proc/self/status"
	if uids, ok := t.field(status, "Uid"); ok {
		if fields := strings.Fields(uids); len(fields) > 1 { // real, effective
			if uid, err := strconv.Atoi(fields[1]); err == nil {
				f.UID = &uid
			}
		}
	}
	if text, ok := t.field(status, "CapEff"); ok {
		if bits, err := strconv.ParseUint(text, 16, 64); err == nil {
			f.Capabilities = &bits
		}
	}
	if text, ok := t.field(status, "Seccomp"); ok {
		if mode, err := strconv.Atoi(text); err == nil {
			f.Seccomp = &mode
		}
	}
	for line := range strings.Lines(t.text("proc/self/limits")) {
		if rest, ok := strings.CutPrefix(line, "Max locked memory"); ok {
			f.MemLock = parseLimit(rest)
		}
		if rest, ok := strings.CutPrefix(line, "Max realtime priority"); ok {
			f.RTPrio = parseLimit(rest)
		}
	}
}

func parseLimit(text string) *Limit {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return nil
	}
	var n [2]uint64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseUint(fields[i], 10, 64); err != nil {
			n[i] = sys.Unlimited
		}
	}
	return &Limit{n[0], n[1]}
}

func (t tree) scheduling(f *Facts) {
	const kernel = "proc/sys/kernel/"
	f.RTRuntime, f.RTPeriod = t.number(kernel+"sched_rt_runtime_us"), t.number(kernel+"sched_rt_period_us")
	f.Autogroup, f.Balancing = t.small(kernel+"sched_autogroup_enabled"), t.small(kernel+"numa_balancing")
}

func (t tree) groups(f *Facts) {
	for _, dir := range host.ControlGroups(t.FS, "cpu") {
		f.CPUGroups = true
		if q := t.quota(dir); q != nil && (f.CPUQuota == nil || q.CPUs < f.CPUQuota.CPUs) {
			f.CPUQuota = q
		}
		if f.RTGroup == nil {
			f.RTGroup = t.number(dir + "/cpu.rt_runtime_us")
		}
	}
	for _, dir := range host.ControlGroups(t.FS, "memory") {
		f.MemoryGroups = true
		m := &MemoryMax{File: "/" + dir + "/memory.max", Version: 2}
		limit, used := t.text(dir+"/memory.max"), dir+"/memory.current"
		if limit == "" {
			m.File, m.Version = "/"+dir+"/memory.limit_in_bytes", 1
			limit, used = t.text(dir+"/memory.limit_in_bytes"), dir+"/memory.usage_in_bytes"
		}
		max, err := strconv.ParseUint(limit, 10, 64)
		if err != nil || max > math.MaxInt64-1<<20 { // version 1 writes none as the highest number of pages
			continue
		}
		m.Max, m.Used = max, t.unsigned(used)
		if f.MemoryMax == nil || m.left() < f.MemoryMax.left() {
			f.MemoryMax = m
		}
	}
}

func (m *MemoryMax) left() uint64 { return m.Max - min(m.Used, m.Max) }

func (t tree) quota(dir string) *Quota {
	q := &Quota{File: "/" + dir + "/cpu.max", Version: 2}
	fields := strings.Fields(t.text(dir + "/cpu.max"))
	if len(fields) == 0 {
		q.File, q.Version = "/"+dir+"/cpu.cfs_quota_us", 1
		fields = []string{t.text(dir + "/cpu.cfs_quota_us"), t.text(dir + "/cpu.cfs_period_us")}
	}
	if len(fields) < 2 {
		return nil
	}
	quota, err := strconv.ParseFloat(fields[0], 64)
	period, errPeriod := strconv.ParseFloat(fields[1], 64)
	if err != nil || errPeriod != nil || quota <= 0 || period <= 0 {
		return nil // max, or -1
	}
	q.CPUs = quota / period
	for line := range strings.Lines(t.text(dir + "/cpu.stat")) {
		if value, ok := strings.CutPrefix(line, "nr_throttled "); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
				q.Throttled = &n
			}
		}
	}
	return q
}
