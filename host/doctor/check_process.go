package doctor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tickring/tickring/host"
)

func checkRealTime(f *Facts) Finding {
	r := Finding{ID: "rtprio", Why: "only a thread with real-time priority is not pushed aside by the others on its CPU, where CPUs are not isolated"}
	const wanted = host.MaxPriority
	err, tried := f.Probed[probeFIFO]
	if tried && err == nil {
		if f.capable(capSysNice) {
			return r.verdict(OK, "", "permitted (CAP_SYS_NICE)")
		}
		if f.RTPrio != nil {
			return r.verdict(OK, "", "permitted, up to priority %s", limitText(f.RTPrio.Soft, decimal))
		}
		return r.verdict(OK, "", "permitted")
	}
	if f.RTGroup != nil && *f.RTGroup == 0 {
		return r.verdict(Warn, "echo 950000 > cpu.rt_runtime_us in the directories of the process's group and of those above it", "the control group has no time for real-time threads")
	}
	if f.RTPrio == nil || f.Capabilities == nil {
		return r.verdict(Unknown, "", "the limit, or the capabilities, cannot be read")
	}
	if !f.capable(capSysNice) && f.RTPrio.Soft == 0 {
		return r.verdict(Warn, f.limit(f.RTPrio, wanted, "r", 1, "RTPRIO", strconv.Itoa(wanted)), "not permitted: RLIMIT_RTPRIO is 0 (hard limit %s), and CAP_SYS_NICE is missing",
			limitText(f.RTPrio.Hard, decimal))
	}
	if tried {
		return r.verdict(Warn, "allow sched_setattr in the container's seccomp profile", "refused, in spite of limit and capabilities: %v", err)
	}
	return r.verdict(OK, "", "permitted by limit or capability")
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func checkThrottling(f *Facts) Finding {
	r := Finding{ID: "rt-throttling", Why: "it stops a real-time thread that spins for some of each second; without it one that spins on a CPU which others need makes them hang"}
	if f.RTRuntime == nil || f.RTPeriod == nil {
		return r.verdict(Unknown, "", "kernel.sched_rt_runtime_us cannot be read")
	}
	isolated := f.Topology != nil && slices.ContainsFunc(f.Topology.CPUs, func(c host.CPU) bool { return c.Isolated })
	endless := *f.RTRuntime < 0 || *f.RTRuntime >= *f.RTPeriod
	share := fmt.Sprintf("%d of %d µs for real-time threads", *f.RTRuntime, *f.RTPeriod)
	switch {
	case *f.RTRuntime == 0:
		return r.verdict(Warn, f.sysctl("kernel.sched_rt_runtime_us", 950000), "no time at all for real-time threads")
	case endless && isolated:
		return r.verdict(OK, "", "off, and there are isolated CPUs to spin on")
	case endless:
		return r.verdict(Warn, f.sysctl("kernel.sched_rt_runtime_us", 950000), "off, and no CPU is isolated")
	case !isolated:
		return r.verdict(OK, "", "%s; without isolated CPUs that is right", share)
	case f.RTGroup == nil && kernelAtLeast(f.Kernel, 6, 12):
		return r.verdict(OK, "", "%s; since Linux 6.12 only while others would starve", share)
	}
	return r.verdict(Warn, f.sysctl("kernel.sched_rt_runtime_us", -1)+" (spin with SCHED_FIFO on isolated CPUs only)", "%s", share)
}

// kernelAtLeast is false for a release that it cannot read.
func kernelAtLeast(release string, major, minor int) bool {
	parts := strings.FieldsFunc(release, func(c rune) bool { return c < '0' || c > '9' })
	if len(parts) < 2 {
		return false
	}
	a, _ := strconv.Atoi(parts[0])
	b, _ := strconv.Atoi(parts[1])
	return a > major || a == major && b >= minor
}

func checkAutogroup(f *Facts) Finding {
	r := Finding{ID: "autogroup", Why: "it shares out CPU time by terminal session and not by thread, so that niceness works within a session only"}
	isolated := f.Topology != nil && slices.ContainsFunc(f.Topology.CPUs, func(c host.CPU) bool { return c.Isolated })
	switch {
	case f.Autogroup == nil:
		return r.verdict(Unknown, "", "kernel.sched_autogroup_enabled cannot be read")
	case *f.Autogroup == 0:
		return r.verdict(OK, "", "off")
	case isolated:
		return r.verdict(OK, "", "on; it does not matter on isolated CPUs")
	}
	return r.verdict(Warn, f.sysctl("kernel.sched_autogroup_enabled", 0), "on")
}

func checkSeccomp(f *Facts) Finding {
	r := Finding{ID: "seccomp", Why: "a container's filter may refuse what a tuned program asks for: mbind places a ring on a NUMA node, membarrier wakes readers that sleep"}
	var refused []string
	for _, call := range slices.Sorted(maps.Keys(f.Probed)) {
		err := f.Probed[call]
		if call != probeFIFO && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS)) {
			refused = append(refused, fmt.Sprintf("%s (%v)", call, err))
		}
	}
	filter := "unknown whether there is a filter"
	if f.Seccomp != nil {
		filter = "no filter"
		if *f.Seccomp != 0 {
			filter = "a filter"
		}
	}
	switch {
	case len(refused) > 0:
		return r.verdict(Warn, "for a container: --cap-add SYS_NICE, or a seccomp profile that allows these calls", "%s; refused: %s", filter, strings.Join(refused, ", "))
	case len(f.Probed) > 0:
		return r.verdict(OK, "", "%s; mbind and membarrier are permitted", filter)
	case f.Seccomp == nil || *f.Seccomp != 0:
		return r.verdict(Unknown, "", "%s, and what it refuses was not tried", filter)
	}
	return r.verdict(OK, "", "%s", filter)
}
