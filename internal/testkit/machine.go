package testkit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"
)

// Machine describes one that this is not. Its CPUs are numbered as Linux numbers them on x86: first one of each
// core, socket by socket, then their siblings.
type Machine struct {
	Sockets, L3s, Cores, Threads int // L3s in each socket, cores at each L3, CPUs of each core
	Offline                      []int
}

// CPUs is how many there are, those offline included.
func (m Machine) CPUs() int { return m.Sockets * m.L3s * m.Cores * m.Threads }

func (m Machine) cores() int { return m.Sockets * m.L3s * m.Cores }

// Tree is the machine's /proc and /sys, with one NUMA node for each socket, tuned as well as can be: what a
// test wants to be different it changes with [Change].
func (m Machine) Tree() fstest.MapFS {
	t := fstest.MapFS{}
	var online []int
	for cpu := range m.CPUs() {
		if !slices.Contains(m.Offline, cpu) {
			online = append(online, cpu)
		}
	}
	// With the CPUs that are online and for which same holds.
	list := func(same func(core int) bool) string {
		var parts []string
		for _, cpu := range online {
			if same(cpu % m.cores()) {
				parts = append(parts, strconv.Itoa(cpu))
			}
		}
		return strings.Join(parts, ",")
	}
	socketOf := func(core int) int { return core / (m.L3s * m.Cores) }
	for _, cpu := range online {
		core := cpu % m.cores()
		dir := fmt.Sprintf("sys/devices/system/cpu/cpu%d/", cpu)
		Change(t, dir+"topology/physical_package_id", strconv.Itoa(socketOf(core)))
		Change(t, dir+"topology/core_id", strconv.Itoa(core%(m.L3s*m.Cores))) // the same in each socket
		Change(t, dir+"topology/core_cpus_list", list(func(c int) bool { return c == core }))
		for index, level := range []int{1, 1, 2, 3} {
			cache := fmt.Sprintf("%scache/index%d/", dir, index)
			Change(t, cache+"level", strconv.Itoa(level))
			sharers := list(func(c int) bool { return c == core })
			if level == 3 {
				sharers = list(func(c int) bool { return c/m.Cores == core/m.Cores })
			}
			Change(t, cache+"shared_cpu_list", sharers)
		}
		Change(t, dir+"cpufreq/scaling_governor", "performance")
		Change(t, dir+"cpufreq/scaling_driver", "intel_pstate")
	}
	all := list(func(int) bool { return true })
	nodes := make([]string, m.Sockets)
	for node := range nodes {
		nodes[node] = strconv.Itoa(node)
		Change(t, fmt.Sprintf("sys/devices/system/node/node%d/cpulist", node), list(func(c int) bool { return socketOf(c) == node }))
	}
	isolated := list(func(c int) bool { return c != 0 })
	for file, content := range map[string]string{
		"sys/devices/system/cpu/online":                                     all,
		"sys/devices/system/cpu/present":                                    "0-" + strconv.Itoa(m.CPUs()-1),
		"sys/devices/system/node/online":                                    strings.Join(nodes, ","),
		"sys/devices/system/cpu/isolated":                                   isolated,
		"sys/devices/system/cpu/nohz_full":                                  isolated,
		"sys/devices/system/cpu/smt/control":                                map[bool]string{true: "on", false: "off"}[m.Threads > 1],
		"sys/devices/system/cpu/intel_pstate/no_turbo":                      "0",
		"sys/devices/system/clocksource/clocksource0/current_clocksource":   "tsc",
		"sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc hpet acpi_pm",
		"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages":             "512",
		"sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages":           "512",
		"sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages":           "0",
		"sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages":        "0",
		"sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages":  "0",
		"sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages":          "0",
		"sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages":        "0",
		"sys/kernel/mm/transparent_hugepage/enabled":                        "always [madvise] never",
		"sys/kernel/mm/transparent_hugepage/defrag":                         "always defer defer+madvise [madvise] never",
		"sys/kernel/mm/transparent_hugepage/shmem_enabled":                  "always within_size advise [never] deny force",
		"sys/fs/cgroup/cpuset.cpus.effective":                               all,
		"sys/fs/cgroup/trading/cpuset.cpus.effective":                       all,
		"sys/fs/cgroup/trading/cpu.max":                                     "max 100000",
		"sys/fs/cgroup/trading/memory.max":                                  "max",
		"sys/fs/cgroup/trading/memory.current":                              "1048576",
		"proc/self/cgroup":                                                  "0::/trading",
		"proc/self/status":                                                  "Name:\tringctl\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nSeccomp:\t0\nCpus_allowed_list:\t" + list(func(c int) bool { return c == 0 }),
		"proc/self/limits":                                                  "Limit   Soft Limit   Hard Limit   Units\nMax locked memory  unlimited  unlimited  bytes\nMax realtime priority  49  49\n",
		"proc/self/mountinfo":                                               "25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=8388608k,huge=advise\n26 24 0:24 / /dev/hugepages rw,relatime - hugetlbfs hugetlbfs rw,pagesize=2M\n",
		"proc/cpuinfo":                                                      "processor\t: 0\nmodel name\t: Test\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n",
		"proc/stat":                                                         "cpu  100 0 100 1000 0 0 0 0 0 0\n",
		"proc/swaps":                                                        "Filename\tType\tSize\tUsed\tPriority\n",
		"proc/sys/vm/swappiness":                                            "60",
		"proc/sys/kernel/osrelease":                                         "6.1.0-28-amd64",
		"proc/sys/kernel/sched_rt_runtime_us":                               "-1",
		"proc/sys/kernel/sched_rt_period_us":                                "1000000",
		"proc/sys/kernel/sched_autogroup_enabled":                           "0",
		"proc/sys/kernel/numa_balancing":                                    "0",
	} {
		Change(t, file, content)
	}
	return t
}

// Change gives a file of a tree a content, with a newline as the kernel writes it.
func Change(t fstest.MapFS, file, content string) {
	t[file] = &fstest.MapFile{Data: []byte(content + "\n"), Mode: 0o444}
}

// Replace replaces text in a file of a tree; what is not there is a mistake of the test.
func Replace(t fstest.MapFS, file, before, after string) {
	content := string(t[file].Data)
	if !strings.Contains(content, before) {
		panic(fmt.Sprintf("%s has no %q", file, before))
	}
	t[file] = &fstest.MapFile{Data: []byte(strings.Replace(content, before, after, 1)), Mode: 0o444}
}

// Remove removes what begins so.
func Remove(t fstest.MapFS, prefix string) {
	for file := range t {
		if strings.HasPrefix(file, prefix) {
			delete(t, file)
		}
	}
}
