package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tickring/tickring/host"
)

func checkCPUs(f *Facts) Finding {
	r := Finding{ID: "cpus", Why: "the writer and each reader that spins need a core of their own, and the rest of the machine one more: threads that share one wait for each other for milliseconds"}
	t := f.Topology
	if t == nil {
		return r.verdict(Unknown, "", "/sys/devices/system/cpu/online cannot be read")
	}
	cores := map[int]bool{}
	known := true
	for _, c := range t.CPUs {
		cores[c.Core] = true
		known = known && c.Core != host.Unknown
	}
	n := len(cores)
	found := fmt.Sprintf("%d CPUs on %d cores for %d threads that spin", len(t.CPUs), n, f.threads())
	if !known {
		n = len(t.CPUs)
		found = fmt.Sprintf("%d CPUs, on how many cores is unknown, for %d threads that spin", n, f.threads())
	}
	more := fmt.Sprintf("allow this process %d cores (taskset -c, --cpuset-cpus, more vCPUs), or let readers sleep: ringctl tail --wait block", f.threads()+1)
	switch {
	case n < f.threads():
		return r.verdict(Bad, more, "%s", found)
	case n == f.threads():
		return r.verdict(Warn, more, "%s: none is left for the others", found)
	}
	return r.verdict(OK, "", "%s", found)
}

func checkQuota(f *Facts) Finding {
	r := Finding{ID: "cgroup-cpu", Why: "a control group that has used its quota stands still until the period ends, for up to 100 ms; threads that spin use it up"}
	q := f.CPUQuota
	if q == nil && !f.CPUGroups {
		return r.verdict(Unknown, "", "the control group cannot be seen")
	}
	if q == nil {
		return r.verdict(OK, "", "no quota")
	}
	found := fmt.Sprintf("%g CPUs (%s)", q.CPUs, q.File)
	if q.Throttled != nil {
		found += fmt.Sprintf(", throttled in %d periods so far", *q.Throttled)
	}
	none := any("max")
	if q.Version == 1 {
		none = -1
	}
	fix := f.setting(none, word(q.File)) + "; or start the container without --cpus, and with --cpuset-cpus"
	if q.CPUs <= float64(f.threads()) {
		return r.verdict(Bad, fix, "%s, for %d threads that spin", found, f.threads())
	}
	return r.verdict(Warn, fix, "%s", found)
}

func checkVirtualised(f *Facts) Finding {
	r := Finding{ID: "virtualised", Why: "a hypervisor stops virtual CPUs when it likes, which no setting in here prevents, and interrupts cost several times as much"}
	fix := "none in here: ask for dedicated cores (virsh vcpupin), or for bare metal"
	steal := ""
	if f.StealShare != nil {
		steal = fmt.Sprintf(", which took %.2f %% of the time since boot for others", *f.StealShare*100)
	}
	switch {
	case f.Hypervisor == nil:
		return r.verdict(Unknown, "", "this processor does not tell")
	case !*f.Hypervisor:
		return r.verdict(OK, "", "no hypervisor")
	case f.StealShare != nil && *f.StealShare > 0.01:
		return r.verdict(Bad, fix, "under a hypervisor%s", steal)
	}
	return r.verdict(Warn, fix, "under a hypervisor%s", steal)
}

func checkIsolated(f *Facts) Finding {
	r := Finding{ID: "isolated", Why: "on other CPUs the kernel runs whatever comes, beside a thread that spins and instead of it"}
	if f.Topology == nil {
		return r.verdict(Unknown, "", "the topology cannot be read")
	}
	isolated := f.Topology.Isolated
	mine := slices.DeleteFunc(slices.Clone(isolated), func(cpu int) bool { _, ok := f.Topology.Find(cpu); return !ok })
	cpus := f.isolatable()
	fix := ""
	if len(cpus) > 0 {
		fix = f.boot(cpus)
	}
	switch {
	case len(isolated) == 0 && len(cpus) == 0:
		return r.verdict(Warn, "none: with more CPUs one could be isolated", "none, and none can be spared")
	case len(isolated) == 0:
		return r.verdict(Warn, fix, "none")
	case len(mine) < f.threads() && len(mine) < len(cpus):
		return r.verdict(Warn, fix, "CPU %s; %d that this process may use, for %d threads that spin", host.FormatCPUs(isolated), len(mine), f.threads())
	}
	return r.verdict(OK, "", "CPU %s", host.FormatCPUs(isolated))
}

func checkNohz(f *Facts) Finding {
	r := Finding{ID: "nohz-full", Why: "elsewhere a timer interrupts even a thread that is alone on its CPU, 100 to 1000 times a second"}
	if f.Topology == nil {
		return r.verdict(Unknown, "", "the topology cannot be read")
	}
	var ticking, quiet []int
	for _, c := range f.Topology.CPUs {
		switch {
		case c.NohzFull:
			quiet = append(quiet, c.ID)
		case c.Isolated:
			ticking = append(ticking, c.ID)
		}
	}
	fix := ""
	if cpus := f.isolatable(); len(cpus) > 0 {
		fix = f.boot(cpus)
	}
	switch {
	case len(ticking) > 0:
		return r.verdict(Warn, f.boot(f.Topology.Isolated), "isolated, but with a tick: CPU %s", host.FormatCPUs(ticking))
	case len(quiet) == 0:
		return r.verdict(Warn, fix, "none")
	}
	return r.verdict(OK, "", "CPU %s", host.FormatCPUs(quiet))
}

func checkGovernor(f *Facts) Finding {
	r := Finding{ID: "governor", Why: "other governors lower the frequency of a core that slept, and raise it only milliseconds after work has come"}
	fix := f.setting("performance", "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
	if f.root() { // a shell does not redirect to many files
		fix = f.outside("echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor")
	}
	if len(f.Governors) == 0 {
		why := "the kernel shows no frequency control"
		if f.Hypervisor != nil && *f.Hypervisor {
			why += ": it is the hypervisor's"
		}
		return r.verdict(Unknown, "", "%s", why)
	}
	var found []string
	status := OK
	for _, governor := range slices.Sorted(maps.Keys(f.Governors)) {
		found = append(found, fmt.Sprintf("%s on CPU %s", governor, host.FormatCPUs(f.Governors[governor])))
		switch {
		case governor == "performance":
		case governor == "powersave" && !strings.Contains(f.Driver, "pstate"):
			status = Bad // there it is the lowest frequency, always
		case status == OK:
			status = Warn
		}
	}
	return r.verdict(status, fix, "%s (%s)", strings.Join(found, ", "), orUnknown(f.Driver))
}

func checkBoost(f *Facts) Finding {
	r := Finding{ID: "boost", Why: "without it no core goes above its base frequency, however cool it is"}
	switch {
	case f.Boost == nil:
		return r.verdict(Unknown, "", "the kernel does not show it")
	case *f.Boost:
		return r.verdict(OK, "", "on")
	case f.Driver == "intel_pstate" || f.Driver == "intel_cpufreq":
		return r.verdict(Warn, f.setting(0, "/sys/devices/system/cpu/intel_pstate/no_turbo"), "off")
	}
	return r.verdict(Warn, f.setting(1, "/sys/devices/system/cpu/cpufreq/boost"), "off")
}

func checkSMT(f *Facts) Finding {
	r := Finding{ID: "smt", Why: "what runs on the sibling of a CPU that spins takes half of its core"}
	shared := f.Topology != nil && f.Topology.SMT()
	switch {
	case f.SMT == "on" && (shared || f.Topology == nil), shared:
		return r.verdict(Warn, f.smtFix(), "on")
	case f.Hypervisor != nil && *f.Hypervisor:
		return r.verdict(Unknown, "", "virtual CPUs: whether two of them share a core, the hypervisor does not tell (%s)", orUnknown(f.SMT))
	case f.SMT == "" || f.SMT == "notimplemented":
		if f.Topology != nil && !slices.ContainsFunc(f.Topology.CPUs, func(c host.CPU) bool { return c.Core == host.Unknown }) {
			return r.verdict(OK, "", "no CPU has a sibling")
		}
		return r.verdict(Unknown, "", "the kernel does not tell")
	}
	return r.verdict(OK, "", "%s", f.SMT)
}

// smtFix takes the siblings of the suggested CPUs out of use, if that is all it needs.
func (f *Facts) smtFix() string {
	all := f.setting("off", "/sys/devices/system/cpu/smt/control")
	if f.Topology == nil {
		return all
	}
	p := f.Topology.Suggest(f.Readers)
	idle := slices.DeleteFunc(p.Idle, func(cpu int) bool { return cpu == 0 })
	if len(idle) == 0 || len(idle) > 4 {
		return all
	}
	var commands []string
	for _, cpu := range idle {
		commands = append(commands, f.setting(0, fmt.Sprintf("/sys/devices/system/cpu/cpu%d/online", cpu)))
	}
	return strings.Join(commands, "; ") + "; or all of them: " + all
}

func checkTSC(f *Facts) Finding {
	r := Finding{ID: "tsc", Why: "with another clock source each time.Now is slower, with some of them a system call; without a constant counter stamps of two cores do not compare"}
	const file = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
	switch {
	case f.Clock == "":
		return r.verdict(Unknown, "", "the clock source cannot be read")
	case f.X86 != nil && !*f.X86 && f.Clock == "arch_sys_counter":
		return r.verdict(OK, "", "%s", f.Clock)
	case f.X86 == nil || !*f.X86:
		return r.verdict(Unknown, "", "%s", f.Clock)
	case f.Clock != "tsc":
		status := Bad
		if f.Clock == "kvm-clock" || strings.HasPrefix(f.Clock, "hyperv_clocksource_tsc") {
			status = Warn // read without a system call
		}
		if slices.Contains(f.Clocks, "tsc") {
			return r.verdict(status, f.setting("tsc", file), "%s, though tsc is there", f.Clock)
		}
		return r.verdict(status, "the kernel found the counter unstable, for a reason that dmesg | grep -i tsc gives; tsc=reliable on the kernel's command line overrules it", "%s; tsc is not to be had", f.Clock)
	}
	var missing []string
	for _, flag := range []string{"constant_tsc", "nonstop_tsc"} {
		if !slices.Contains(f.CPUFlags, flag) {
			missing = append(missing, flag)
		}
	}
	if len(missing) > 0 {
		return r.verdict(Warn, "none in here: the processor, or the hypervisor's CPU model, lacks it (QEMU: -cpu host,+invtsc)", "tsc, without %s", strings.Join(missing, " and "))
	}
	return r.verdict(OK, "", "tsc, constant and nonstop")
}

func checkCPUSet(f *Facts) Finding {
	r := Finding{ID: "cpuset", Why: "isolated CPUs are of no use to a process that may not run on them"}
	if f.Topology == nil {
		return r.verdict(Unknown, "", "the topology cannot be read")
	}
	mine := f.Topology.IDs()
	var out []int
	for _, cpu := range f.Topology.Isolated {
		if !slices.Contains(mine, cpu) {
			out = append(out, cpu)
		}
	}
	found := fmt.Sprintf("CPU %s of %s", host.FormatCPUs(mine), host.FormatCPUs(f.Topology.Online))
	if len(out) > 0 {
		all := slices.Sorted(slices.Values(slices.Concat(mine, out)))
		list := host.FormatCPUs(all)
		return r.verdict(Warn, fmt.Sprintf("taskset -cp %s $$; for a container: --cpuset-cpus %[1]s; in a systemd unit: AllowedCPUs=%[1]s", list),
			"%s; isolated, but not for this process: CPU %s", found, host.FormatCPUs(out))
	}
	return r.verdict(OK, "", "%s", found)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
