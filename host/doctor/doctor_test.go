package doctor

import (
	"errors"
	"maps"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// good is a host that lacks nothing: CPUs 1-15 are isolated.
var good = testkit.Machine{Sockets: 2, L3s: 2, Cores: 4, Threads: 1}

// live is what system calls would tell of it.
func live(f *Facts) {
	yes, total, free := true, uint64(8<<30), uint64(8<<30)
	f.Shm.Total, f.Shm.Free, f.Shm.Writable = &total, &free, &yes
	for i := range f.HugeMounts {
		f.HugeMounts[i].Writable = &yes
	}
	f.Probed = map[string]error{probeFIFO: nil, probeBind: nil, probeBarrier: nil}
}

func examine(tree fstest.MapFS) *Facts {
	f := ExamineTree(tree, 2)
	if f.Shm != nil {
		live(f)
	}
	return f
}

func byID(t *testing.T, findings []Finding) map[string]Finding {
	t.Helper()
	all := map[string]Finding{}
	for _, f := range findings {
		assert.NotContains(t, all, f.ID, "twice")
		all[f.ID] = f
	}
	return all
}

func TestGoodHost(t *testing.T) {
	findings := Check(examine(good.Tree()))
	for _, f := range findings {
		assert.Equal(t, OK, f.Status, "%+v", f)
		assert.NotEmpty(t, f.Found, f.ID)
		assert.NotEmpty(t, f.Why, f.ID)
		assert.Empty(t, f.Fix, f.ID)
	}
	assert.Equal(t, "host: 24 ok, 0 warn, 0 bad, 0 unknown", Short(findings))
}

// Each fault is put into a good host, alone. It is found, the fix is for what was found, and nothing else
// is blamed.
func TestEachFaultIsFound(t *testing.T) {
	const (
		cpu  = "sys/devices/system/cpu/"
		pool = "sys/kernel/mm/hugepages/hugepages-2048kB/"
		thp  = "sys/kernel/mm/transparent_hugepage/"
		kern = "proc/sys/kernel/"
		mnt  = "proc/self/mountinfo"
	)
	emptyPool := func(tree fstest.MapFS) {
		testkit.Change(tree, pool+"nr_hugepages", "0")
		testkit.Change(tree, pool+"free_hugepages", "0")
	}
	for name, tc := range map[string]struct {
		tree   func(fstest.MapFS)
		facts  func(*Facts)
		id     string
		status Status
		found  string
		fix    string
		also   []string // that follow from it
	}{
		"too few cores": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, cpu+"online", "0-1")
				testkit.Change(tree, cpu+"isolated", "1")
				testkit.Change(tree, cpu+"nohz_full", "1")
			},
			id: "cpus", status: Bad, found: "2 CPUs on 2 cores for 3 threads", fix: "4 cores",
		},
		"no core left": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, cpu+"online", "0-2") },
			id:   "cpus", status: Warn, found: "3 CPUs on 3 cores for 3 threads that spin: none is left", fix: "4 cores",
		},
		"quota": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "sys/fs/cgroup/trading/cpu.max", "200000 100000")
				testkit.Change(tree, "sys/fs/cgroup/trading/cpu.stat", "nr_periods 9\nnr_throttled 7")
			},
			id: "cgroup-cpu", status: Bad, found: "2 CPUs (/sys/fs/cgroup/trading/cpu.max), throttled in 7 periods",
			fix: "echo max | sudo tee /sys/fs/cgroup/trading/cpu.max",
		},
		"large quota": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, "sys/fs/cgroup/trading/cpu.max", "800000 100000") },
			id:   "cgroup-cpu", status: Warn, found: "8 CPUs", fix: "cpu.max",
		},
		"quota of version 1, above the group": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "proc/self/cgroup", "3:cpu,cpuacct:/a/b\n0::/trading")
				testkit.Change(tree, "sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1")
				testkit.Change(tree, "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "50000")
				testkit.Change(tree, "sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000")
			},
			id: "cgroup-cpu", status: Bad, found: "0.5 CPUs", fix: "echo -1 | sudo tee /sys/fs/cgroup/cpu/a/cpu.cfs_quota_us",
		},
		"virtual": {
			tree: func(tree fstest.MapFS) { testkit.Replace(tree, "proc/cpuinfo", "fpu", "fpu hypervisor") },
			id:   "virtualised", status: Warn, found: "0.00 %", fix: "bare metal", also: []string{"smt"},
		},
		"stolen from": {
			tree: func(tree fstest.MapFS) {
				testkit.Replace(tree, "proc/cpuinfo", "fpu", "fpu hypervisor")
				testkit.Change(tree, "proc/stat", "cpu  100 0 100 1000 0 0 0 50 0 0")
			},
			id: "virtualised", status: Bad, found: "4.00 %", fix: "vcpupin", also: []string{"smt"},
		},
		"nothing isolated": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, cpu+"isolated", "")
				testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0", "Cpus_allowed_list:\t0-15")
			},
			id: "isolated", status: Warn, found: "none",
			fix:  "isolcpus=managed_irq,domain,1-3 nohz_full=1-3 rcu_nocbs=1-3 /' /etc/default/grub && sudo update-grub && sudo reboot",
			also: []string{"rt-throttling"},
		},
		"everything ticks": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, cpu+"isolated", "")
				testkit.Change(tree, cpu+"nohz_full", "(null)")
				testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0", "Cpus_allowed_list:\t0-15")
			},
			id: "nohz-full", status: Warn, found: "none", fix: "nohz_full=1-3", also: []string{"isolated", "rt-throttling"},
		},
		"too few isolated": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, cpu+"isolated", "4")
				testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0", "Cpus_allowed_list:\t0-3,5-15")
			},
			id: "isolated", status: Warn, found: "CPU 4; 1 that this process may use, for 3 threads", fix: "isolcpus=managed_irq,domain,4-6",
		},
		"with a tick": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, cpu+"nohz_full", "4-15") },
			id:   "nohz-full", status: Warn, found: "isolated, but with a tick: CPU 1-3", fix: "nohz_full=1-15",
		},
		"powersave": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, cpu+"cpu7/cpufreq/scaling_governor", "powersave") },
			id:   "governor", status: Warn, found: "powersave on CPU 7 (intel_pstate)", fix: "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
		},
		"always the lowest frequency": {
			tree: func(tree fstest.MapFS) {
				for n := range good.CPUs() {
					of := cpu + "cpu" + decimal(uint64(n)) + "/cpufreq/"
					testkit.Change(tree, of+"scaling_governor", "powersave")
					testkit.Change(tree, of+"scaling_driver", "acpi-cpufreq")
				}
			},
			id: "governor", status: Bad, found: "powersave on CPU 0-15 (acpi-cpufreq)", fix: "echo performance",
		},
		"no turbo": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, cpu+"intel_pstate/no_turbo", "1") },
			id:   "boost", status: Warn, found: "off", fix: "echo 0 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
		},
		"no boost": {
			tree: func(tree fstest.MapFS) {
				testkit.Remove(tree, cpu+"intel_pstate")
				testkit.Change(tree, cpu+"cpufreq/boost", "0")
				for n := range good.CPUs() {
					testkit.Change(tree, cpu+"cpu"+decimal(uint64(n))+"/cpufreq/scaling_driver", "acpi-cpufreq")
				}
			},
			id: "boost", status: Warn, found: "off", fix: "echo 1 | sudo tee /sys/devices/system/cpu/cpufreq/boost",
		},
		"another clock": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet")
			},
			id: "tsc", status: Bad, found: "hpet, though tsc is there", fix: "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
		},
		"no TSC": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock")
				testkit.Change(tree, "sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock")
			},
			id: "tsc", status: Warn, found: "kvm-clock; tsc is not to be had", fix: "dmesg",
		},
		"counter that stops": {
			tree: func(tree fstest.MapFS) { testkit.Replace(tree, "proc/cpuinfo", " nonstop_tsc", "") },
			id:   "tsc", status: Warn, found: "without nonstop_tsc", fix: "invtsc",
		},
		"no /dev/shm": {
			tree: func(tree fstest.MapFS) { testkit.Replace(tree, mnt, "/dev/shm", "/dev/else") },
			id:   "shm", status: Bad, found: "nothing is mounted", fix: "sudo mkdir -p /dev/shm && sudo mount -t tmpfs",
			also: []string{"shm-huge", "hugetlbfs"},
		},
		"/dev/shm on a disk": {
			tree: func(tree fstest.MapFS) {
				testkit.Replace(tree, mnt, "tmpfs tmpfs rw,size=8388608k,huge=advise", "ext4 /dev/sda rw")
			},
			id: "shm", status: Bad, found: "a ext4", fix: "sudo mount -t tmpfs",
		},
		"full /dev/shm": {
			facts: func(f *Facts) { *f.Shm.Free = 100 << 10 },
			id:    "shm", status: Bad, found: "100 KiB free of 8 GiB", fix: "sudo mount -o remount,size=1G /dev/shm",
		},
		"/dev/shm as small as containers have it": {
			facts: func(f *Facts) { *f.Shm.Free, *f.Shm.Total = 64<<20, 64<<20 },
			id:    "shm", status: Warn, found: "64 MiB free of 64 MiB", fix: "--shm-size",
		},
		"/dev/shm not for this user": {
			facts: func(f *Facts) { no := false; f.Shm.Writable = &no },
			id:    "shm", status: Bad, found: "may not write", fix: "sudo chmod 1777 /dev/shm",
		},
		"no pool": {
			tree: emptyPool,
			id:   "huge-page-pool", status: Warn, found: "none reserved (2 MiB: 0 of 0 free; 1 GiB: 0 of 0 free)",
			fix: "echo 64 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", also: []string{"hugetlbfs"},
		},
		"emptied pool": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, pool+"free_hugepages", "0") },
			id:   "huge-page-pool", status: Warn, found: "all in use (2 MiB: 0 of 512 free", fix: "echo 576 |",
		},
		"promised pool": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, pool+"free_hugepages", "5")
				testkit.Change(tree, pool+"resv_hugepages", "5")
			},
			id: "huge-page-pool", status: Warn, found: "2 MiB: 5 of 512 free, 5 of them promised", fix: "echo 576 |",
		},
		"no hugetlbfs": {
			tree: func(tree fstest.MapFS) { testkit.Replace(tree, mnt, "- hugetlbfs", "- tmpfs") },
			id:   "hugetlbfs", status: Warn, found: "none mounted",
			fix: "sudo mkdir -p /dev/hugepages && sudo mount -t hugetlbfs -o pagesize=2M,mode=1777 hugetlbfs /dev/hugepages",
		},
		"hugetlbfs not for this user": {
			facts: func(f *Facts) { no := false; f.HugeMounts[0].Writable = &no },
			id:    "hugetlbfs", status: Warn, found: "/dev/hugepages (2 MiB) not writable by this user", fix: "sudo chmod 1777 /dev/hugepages",
		},
		"read-only hugetlbfs": {
			tree: func(tree fstest.MapFS) { testkit.Replace(tree, mnt, "hugetlbfs rw", "hugetlbfs ro") },
			id:   "hugetlbfs", status: Warn, found: "read-only", fix: "sudo mount -o remount,rw /dev/hugepages",
		},
		"hugetlbfs of another size": {
			tree: func(tree fstest.MapFS) { testkit.Replace(tree, mnt, "pagesize=2M", "pagesize=1024M") },
			id:   "hugetlbfs", status: Warn, found: "/dev/hugepages (1 GiB) of which there are no pages",
			fix: "echo 1 | sudo tee /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages",
		},
		"no huge pages of any kind": {
			tree: func(tree fstest.MapFS) {
				emptyPool(tree)
				testkit.Replace(tree, mnt, ",huge=advise", "")
			},
			id: "shm-huge", status: Warn, found: "mounted without huge=", fix: "sudo mount -o remount,huge=advise /dev/shm",
			also: []string{"huge-page-pool", "hugetlbfs"},
		},
		"huge pages denied": {
			tree: func(tree fstest.MapFS) {
				emptyPool(tree)
				testkit.Change(tree, thp+"shmem_enabled", "always within_size advise never [deny] force")
			},
			id: "shm-huge", status: Warn, found: "shmem_enabled denies it", fix: "echo never | sudo tee /sys/kernel/mm/transparent_hugepage/shmem_enabled",
			also: []string{"huge-page-pool", "hugetlbfs"},
		},
		"THP for all": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, thp+"enabled", "[always] madvise never") },
			id:   "thp", status: Warn, found: "always", fix: "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
		},
		"defrag for all": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, thp+"defrag", "[always] defer defer+madvise madvise never")
			},
			id: "thp-defrag", status: Warn, found: "always", fix: "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/defrag",
		},
		"swap": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2")
			},
			id: "swap", status: Warn, found: "on: /dev/sda2; swappiness 60", fix: "sudo swapoff -a; or lock",
		},
		"swap and no lock": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2")
				testkit.Replace(tree, "proc/self/limits", "memory  unlimited  unlimited", "memory  65536  65536")
			},
			id: "swap", status: Bad, found: "cannot be locked", fix: "sudo swapoff -a", also: []string{"memlock"},
		},
		"memlock": {
			tree: func(tree fstest.MapFS) {
				testkit.Replace(tree, "proc/self/limits", "memory  unlimited  unlimited", "memory  65536  65536")
			},
			id: "memlock", status: Warn, found: "64 KiB (hard limit 64 KiB)",
			fix: "sudo prlimit --pid $$ --memlock=unlimited:unlimited; in a systemd unit: LimitMEMLOCK=infinity; for a container: --ulimit memlock=-1",
		},
		"memlock that its owner may raise": {
			tree: func(tree fstest.MapFS) {
				testkit.Replace(tree, "proc/self/limits", "memory  unlimited  unlimited", "memory  65536  unlimited")
			},
			id: "memlock", status: Warn, found: "64 KiB (hard limit unlimited)", fix: "ulimit -S -l 131072",
		},
		"memory limit": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, "sys/fs/cgroup/trading/memory.max", "67108864") },
			id:   "cgroup-memory", status: Warn, found: "1 MiB used of 64 MiB (/sys/fs/cgroup/trading/memory.max)",
			fix: "echo max | sudo tee /sys/fs/cgroup/trading/memory.max",
		},
		"memory used up": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "proc/self/cgroup", "3:memory:/a\n0::/trading")
				testkit.Change(tree, "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1048576")
				testkit.Change(tree, "sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1048000")
				testkit.Change(tree, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
			},
			id: "cgroup-memory", status: Bad, found: "of 1 MiB", fix: "echo -1 | sudo tee /sys/fs/cgroup/memory/a/memory.limit_in_bytes",
		},
		"NUMA balancing": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, kern+"numa_balancing", "1") },
			id:   "numa-balancing", status: Warn, found: "on, with 2 NUMA nodes", fix: "sudo sysctl -w kernel.numa_balancing=0",
		},
		"rtprio": {
			tree: func(tree fstest.MapFS) {
				testkit.Replace(tree, "proc/self/limits", "priority  49  49", "priority  0  0")
			},
			facts: func(f *Facts) { f.Probed[probeFIFO] = syscall.EPERM },
			id:    "rtprio", status: Warn, found: "RLIMIT_RTPRIO is 0 (hard limit 0)",
			fix: "sudo prlimit --pid $$ --rtprio=49:49; in a systemd unit: LimitRTPRIO=49",
		},
		"rtprio that its owner may raise": {
			tree: func(tree fstest.MapFS) {
				testkit.Replace(tree, "proc/self/limits", "priority  49  49", "priority  0  99")
			},
			facts: func(f *Facts) { f.Probed[probeFIFO] = syscall.EPERM },
			id:    "rtprio", status: Warn, found: "hard limit 99", fix: "ulimit -S -r 49",
		},
		"rtprio refused all the same": {
			facts: func(f *Facts) { f.Probed[probeFIFO] = syscall.EPERM },
			id:    "rtprio", status: Warn, found: "refused", fix: "seccomp",
		},
		"group without real time": {
			tree:  func(tree fstest.MapFS) { testkit.Change(tree, "sys/fs/cgroup/trading/cpu.rt_runtime_us", "0") },
			facts: func(f *Facts) { f.Probed[probeFIFO] = syscall.EPERM },
			id:    "rtprio", status: Warn, found: "control group", fix: "cpu.rt_runtime_us",
		},
		"throttled": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, kern+"sched_rt_runtime_us", "950000") },
			id:   "rt-throttling", status: Warn, found: "950000 of 1000000", fix: "sudo sysctl -w kernel.sched_rt_runtime_us=-1",
		},
		"no real time at all": {
			tree: func(tree fstest.MapFS) { testkit.Change(tree, kern+"sched_rt_runtime_us", "0") },
			id:   "rt-throttling", status: Warn, found: "no time at all", fix: "sched_rt_runtime_us=950000",
		},
		"not throttled where it should be": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, cpu+"isolated", "")
				testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0", "Cpus_allowed_list:\t0-15")
			},
			id: "rt-throttling", status: Warn, found: "off, and no CPU is isolated", fix: "sched_rt_runtime_us=950000", also: []string{"isolated"},
		},
		"autogroup": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, kern+"sched_autogroup_enabled", "1")
				testkit.Change(tree, cpu+"isolated", "")
				testkit.Replace(tree, "proc/self/status", "Cpus_allowed_list:\t0", "Cpus_allowed_list:\t0-15")
			},
			id: "autogroup", status: Warn, found: "on", fix: "sudo sysctl -w kernel.sched_autogroup_enabled=0", also: []string{"isolated", "rt-throttling"},
		},
		"cpuset without the isolated": {
			tree: func(tree fstest.MapFS) {
				testkit.Change(tree, "sys/fs/cgroup/trading/cpuset.cpus.effective", "0-7")
			},
			id: "cpuset", status: Warn, found: "CPU 0-7 of 0-15; isolated, but not for this process: CPU 8-15", fix: "--cpuset-cpus 0-15",
		},
		"seccomp": {
			tree:  func(tree fstest.MapFS) { testkit.Replace(tree, "proc/self/status", "Seccomp:\t0", "Seccomp:\t2") },
			facts: func(f *Facts) { f.Probed[probeBind] = syscall.EPERM },
			id:    "seccomp", status: Warn, found: "a filter; refused: mbind", fix: "--cap-add SYS_NICE",
		},
		"old kernel": {
			facts: func(f *Facts) { f.Probed[probeBarrier] = errors.Join(errors.ErrUnsupported, syscall.ENOSYS) },
			id:    "seccomp", status: Warn, found: "no filter; refused: membarrier", fix: "seccomp profile",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := good.Tree()
			if tc.tree != nil {
				tc.tree(tree)
			}
			facts := examine(tree)
			if tc.facts != nil {
				tc.facts(facts)
			}
			findings := byID(t, Check(facts))
			f := findings[tc.id]
			assert.Equal(t, tc.status, f.Status, "%+v", f)
			assert.Contains(t, f.Found, tc.found)
			assert.Contains(t, f.Fix, tc.fix)
			delete(findings, tc.id)
			for _, id := range tc.also {
				assert.NotEqual(t, OK, findings[id].Status, "%+v", findings[id])
				delete(findings, id)
			}
			for id := range maps.Keys(findings) {
				assert.Equal(t, OK, findings[id].Status, "%+v", findings[id])
			}
		})
	}
}

func TestSMT(t *testing.T) {
	m := good
	m.Threads = 2
	smt := byID(t, Check(examine(m.Tree())))["smt"]
	assert.Equal(t, Warn, smt.Status)
	assert.Contains(t, smt.Fix, "echo 0 | sudo tee /sys/devices/system/cpu/cpu17/online; ")
	assert.Contains(t, smt.Fix, "echo off | sudo tee /sys/devices/system/cpu/smt/control")

	m.Offline = []int{16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
	tree := m.Tree()
	assert.Equal(t, OK, byID(t, Check(examine(tree)))["smt"].Status, "all siblings are offline")
	testkit.Change(tree, "sys/devices/system/cpu/smt/control", "notsupported")
	testkit.Replace(tree, "proc/cpuinfo", "fpu", "fpu hypervisor")
	assert.Equal(t, Unknown, byID(t, Check(examine(tree)))["smt"].Status, "the hypervisor may not tell")
}

func TestThrottlingSinceDeadlineServers(t *testing.T) {
	tree := good.Tree()
	testkit.Change(tree, "proc/sys/kernel/sched_rt_runtime_us", "950000")
	for release, want := range map[string]Status{"6.1.0-28-amd64": Warn, "6.11.9": Warn, "6.12": OK, "6.18.44-fc": OK, "7.0": OK, "": Warn} {
		testkit.Change(tree, "proc/sys/kernel/osrelease", release)
		assert.Equal(t, want, byID(t, Check(examine(tree)))["rt-throttling"].Status, release)
	}
	testkit.Change(tree, "sys/fs/cgroup/trading/cpu.rt_runtime_us", "950000")
	assert.Equal(t, Warn, byID(t, Check(examine(tree)))["rt-throttling"].Status, "groups are still throttled")
}

// Root's commands need no sudo, and a container cannot change its host.
func TestCommandsAreForWhoTypesThem(t *testing.T) {
	tree := good.Tree()
	testkit.Replace(tree, "proc/self/status", "Uid:\t1000\t1000", "Uid:\t0\t0")
	testkit.Change(tree, "sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
	testkit.Change(tree, "sys/devices/system/cpu/cpu7/cpufreq/scaling_governor", "powersave")
	testkit.Change(tree, "proc/sys/kernel/numa_balancing", "1")
	fixes := func() (thp, governor, balancing string) {
		all := byID(t, Check(examine(tree)))
		return all["thp"].Fix, all["governor"].Fix, all["numa-balancing"].Fix
	}
	thp, governor, balancing := fixes()
	assert.Equal(t, "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled", thp)
	assert.Equal(t, "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor", governor)
	assert.Equal(t, "sysctl -w kernel.numa_balancing=0", balancing)
	testkit.Replace(tree, "proc/self/mountinfo", "25 24", "24 1 0:20 / /sys ro,nosuid - sysfs sysfs ro\n25 24")
	for _, fix := range strings.Split(strings.Join([]string{thp, governor, balancing}, "\n"), "\n") {
		assert.NotContains(t, fix, "container")
	}
	thp, governor, balancing = fixes()
	for _, fix := range []string{thp, governor, balancing} {
		assert.True(t, strings.HasPrefix(fix, "on the host of this container: "), fix)
	}
}

// What is not to be read is unknown, and not blamed.
func TestNothingToRead(t *testing.T) {
	findings := Check(ExamineTree(fstest.MapFS{}, 1))
	require.Len(t, findings, 24)
	for id, f := range byID(t, findings) {
		assert.Equal(t, Unknown, f.Status, id)
		assert.Empty(t, f.Fix, id)
	}
	assert.NotPanics(t, func() { Check(&Facts{}) })
}

// Each file may be missing, as in some virtual machines and containers.
func TestAnyFileMayBeMissing(t *testing.T) {
	whole := good.Tree()
	for file := range whole {
		tree := good.Tree()
		delete(tree, file)
		assert.NotPanics(t, func() { Check(examine(tree)) }, file)
		testkit.Change(tree, file, "\xff nonsense -7")
		assert.NotPanics(t, func() { Check(examine(tree)) }, file)
	}
}

func TestLaterMountsHideEarlierOnes(t *testing.T) {
	tree := good.Tree()
	testkit.Change(tree, "proc/self/mountinfo", string(tree["proc/self/mountinfo"].Data)+
		`27 24 0:25 / /dev/shm ro - tmpfs tmpfs rw
28 24 0:26 / /mnt/huge\040pages rw shared:1 - hugetlbfs hugetlbfs rw,pagesize=1024M
bad line`)
	f := ExamineTree(tree, 1)
	assert.True(t, f.Shm.ReadOnly)
	require.Len(t, f.HugeMounts, 2)
	assert.Equal(t, "/mnt/huge pages", f.HugeMounts[1].Dir)
	assert.EqualValues(t, 1<<30, f.HugeMounts[1].PageBytes)
}

func TestShort(t *testing.T) {
	assert.Equal(t, "host: 1 ok, 2 warn, 1 bad, 1 unknown; ringctl doctor says what helps\nbad: d; warn: b, e",
		Short([]Finding{{ID: "a", Status: OK}, {ID: "b", Status: Warn}, {ID: "c", Status: Unknown}, {ID: "d", Status: Bad}, {ID: "e", Status: Warn}}))
}
