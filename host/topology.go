package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
)

// Unknown is a number that the kernel does not tell.
const Unknown = -1

// CPU is a logical processor: what the kernel schedules threads on.
type CPU struct {
	ID       int   `json:"id"`
	Package  int   `json:"package"`  // the socket; or Unknown
	Node     int   `json:"node"`     // the NUMA node; or Unknown
	Core     int   `json:"core"`     // the first CPU of its core; or Unknown. The kernel's core_id is not unique
	Siblings []int `json:"siblings"` // the other CPUs of its core that are online (SMT)
	L3       int   `json:"l3"`       // the first CPU of those that share its third-level cache; NoCache; or Unknown
	Isolated bool  `json:"isolated"` // the scheduler puts nothing on it that does not ask for it
	NohzFull bool  `json:"nohz_full"`
}

// NoCache is the L3 of a CPU whose caches are known, and none of them is of the third level.
const NoCache = -2

// Topology is the CPUs that this process may use.
type Topology struct {
	CPUs     []CPU `json:"cpus"`     // in ascending order
	Online   []int `json:"online"`   // also those that the process may not use
	Isolated []int `json:"isolated"` // of those online
	Nodes    []int `json:"nodes"`    // NUMA nodes; empty if unknown
}

// ErrNoTopology: the CPUs of the machine cannot be found out.
var ErrNoTopology = errors.New("host: no CPU topology")

// ReadTopology reads the topology of this machine.
func ReadTopology() (*Topology, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w: %w", ErrNoTopology, errors.ErrUnsupported)
	}
	return TopologyOf(os.DirFS("/"))
}

// TopologyOf reads it from a tree with /proc and /sys in it, such as a copy of another machine's.
func TopologyOf(root fs.FS) (*Topology, error) {
	files := tree{root}
	online, ok := files.cpus("sys/devices/system/cpu/online")
	if !ok || len(online) == 0 {
		return nil, fmt.Errorf("%w: /sys/devices/system/cpu/online cannot be read", ErrNoTopology)
	}
	t := &Topology{Online: online, Isolated: files.isolated(online)}
	t.Nodes, _ = files.cpus("sys/devices/system/node/online")
	nohz, _ := files.cpus("sys/devices/system/cpu/nohz_full")
	nodeOf := map[int]int{}
	for _, node := range t.Nodes {
		cpus, _ := files.cpus(fmt.Sprintf("sys/devices/system/node/node%d/cpulist", node))
		for _, cpu := range cpus {
			nodeOf[cpu] = node
		}
	}
	for _, id := range files.usable(online, t.Isolated) {
		cpu := files.cpu(id)
		if node, ok := nodeOf[id]; ok {
			cpu.Node = node
		}
		cpu.Isolated, cpu.NohzFull = slices.Contains(t.Isolated, id), slices.Contains(nohz, id)
		t.CPUs = append(t.CPUs, cpu)
	}
	if len(t.CPUs) == 0 {
		return nil, fmt.Errorf("%w: this process may use none of the CPUs that are online, %s", ErrNoTopology, FormatCPUs(online))
	}
	return t, nil
}

func (t tree) cpu(id int) CPU {
	dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d/", id)
	c := CPU{ID: id, Package: t.number(dir + "topology/physical_package_id"), Node: Unknown, Core: Unknown, L3: t.l3(dir, id)}
	core, ok := t.cpus(dir + "topology/core_cpus_list")
	if !ok {
		core, ok = t.cpus(dir + "topology/thread_siblings_list") // before Linux 5.3
	}
	if ok && slices.Contains(core, id) {
		c.Core = core[0]
		c.Siblings = slices.DeleteFunc(core, func(other int) bool { return other == id })
	}
	return c
}

// l3 finds the third-level cache. Virtual machines may show no caches, or only some.
func (t tree) l3(dir string, id int) int {
	found := Unknown
	for index := 0; ; index++ {
		cache := fmt.Sprintf("%scache/index%d/", dir, index)
		level := t.number(cache + "level")
		switch {
		case level == Unknown && index == 0:
			return Unknown
		case level == Unknown:
			return found
		case level == 3:
			sharers, ok := t.cpus(cache + "shared_cpu_list")
			if !ok || !slices.Contains(sharers, id) {
				return Unknown
			}
			return sharers[0]
		}
		if level >= 2 {
			found = NoCache // the first level alone does not say that there is no third
		}
	}
}

// isolated are the CPUs set apart at boot or by a cpuset partition.
func (t tree) isolated(online []int) []int {
	atBoot, _ := t.cpus("sys/devices/system/cpu/isolated")
	partitioned, _ := t.cpus("sys/fs/cgroup/cpuset.cpus.isolated")
	return slices.DeleteFunc(slices.Clone(online), func(cpu int) bool {
		return !slices.Contains(atBoot, cpu) && !slices.Contains(partitioned, cpu)
	})
}

// usable are the CPUs that this process may pin its threads to, as far as its user has not narrowed them.
//
// A process starts on the CPUs that are not isolated, but is free to go to those: they are left out of its
// affinity, and not forbidden. They are taken in if the affinity is otherwise what a process starts with.
// Narrowed by taskset, it is taken as it is.
func (t tree) usable(online, isolated []int) []int {
	affinity, ok := t.affinity()
	if !ok {
		affinity = online
	}
	permitted, known := t.cpuset()
	if !known {
		permitted = online
	}
	narrowed, shunned := false, []int(nil)
	for _, cpu := range online {
		in := slices.Contains(affinity, cpu)
		switch {
		case !slices.Contains(permitted, cpu):
		case slices.Contains(isolated, cpu):
			if !in {
				shunned = append(shunned, cpu)
			}
		case !in:
			narrowed = true
		}
	}
	if !narrowed && known {
		affinity = slices.Concat(affinity, shunned)
	}
	return slices.DeleteFunc(slices.Clone(online), func(cpu int) bool {
		return !slices.Contains(affinity, cpu)
	})
}

// affinity is what any thread of the process may use: some may be pinned by now.
func (t tree) affinity() ([]int, bool) {
	statuses, _ := fs.Glob(t.FS, "proc/self/task/*/status")
	var all []int
	for _, status := range append(statuses, "proc/self/status") {
		text, _ := t.statusField(status, "Cpus_allowed_list")
		cpus, _ := ParseCPUs(text)
		all = append(all, cpus...)
	}
	return all, len(all) > 0
}

// cpuset is what the process's control group permits.
func (t tree) cpuset() ([]int, bool) {
	for _, file := range []string{"cpuset.cpus.effective", "cpuset.effective_cpus"} { // of version 2, and 1
		for _, dir := range ControlGroups(t.FS, "cpuset") {
			if cpus, ok := t.cpus(dir + "/" + file); ok && len(cpus) > 0 {
				return cpus, true
			}
		}
	}
	return nil, false
}

// Find returns a CPU that the process may use.
func (t *Topology) Find(id int) (CPU, bool) {
	for _, c := range t.CPUs {
		if c.ID == id {
			return c, true
		}
	}
	return CPU{}, false
}

// IDs are the numbers of the CPUs.
func (t *Topology) IDs() []int {
	ids := make([]int, len(t.CPUs))
	for i, c := range t.CPUs {
		ids[i] = c.ID
	}
	return ids
}

// SMT reports whether two CPUs of the topology, or their siblings that are not in it, share a core.
func (t *Topology) SMT() bool {
	return slices.ContainsFunc(t.CPUs, func(c CPU) bool { return len(c.Siblings) > 0 })
}
