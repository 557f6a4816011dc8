package doctor

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/tickring/tickring/host"
)

// Check judges facts. It returns one finding for each ID, always in the same order: what usually costs most
// comes first.
func Check(f *Facts) []Finding {
	checks := []func(*Facts) Finding{
		checkCPUs, checkQuota, checkVirtualised, checkIsolated, checkNohz, checkGovernor, checkBoost, checkSMT, checkTSC,
		checkShm, checkPools, checkHugetlbfs, checkShmHuge, checkTHP, checkDefrag, checkSwap, checkMemLock, checkMemoryMax, checkBalancing,
		checkRealTime, checkThrottling, checkAutogroup, checkCPUSet, checkSeccomp,
	}
	findings := make([]Finding, len(checks))
	for i, check := range checks {
		findings[i] = check(f)
		if findings[i].Status == OK {
			findings[i].Fix = ""
		}
		findings[i].Found, findings[i].Fix = printable(findings[i].Found), printable(findings[i].Fix)
	}
	return findings
}

// verdict fills in how a finding came out.
func (f Finding) verdict(status Status, fix, found string, args ...any) Finding {
	f.Status, f.Fix, f.Found = status, fix, fmt.Sprintf(found, args...)
	return f
}

// printable keeps what others chose, such as the name of a control group, from steering the terminal it is shown on.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}

// Commands are written for the user that is to type them.

// word is a path as one word of a command, whatever it holds.
func word(path string) string {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/._-:@+", c)
	}
	if strings.IndexFunc(path, func(c rune) bool { return !plain(c) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func (f *Facts) root() bool { return f.UID != nil && *f.UID == 0 }

// asRoot is a command that only root may give.
func (f *Facts) asRoot(format string, args ...any) string {
	command := fmt.Sprintf(format, args...)
	if f.root() {
		return command
	}
	return "sudo " + strings.ReplaceAll(command, " && ", " && sudo ")
}

// write writes to a file that only root may write to.
func (f *Facts) write(value any, file string) string {
	if f.root() {
		return fmt.Sprintf("echo %v > %s", value, file)
	}
	return fmt.Sprintf("echo %v | sudo tee %s", value, file)
}

// setting is a write to /sys or /proc/sys, which a container does not have the right to make.
func (f *Facts) setting(value any, file string) string { return f.outside(f.write(value, file)) }

func (f *Facts) sysctl(key string, value int) string {
	return f.outside(f.asRoot("sysctl -w %s=%d", key, value))
}

func (f *Facts) outside(command string) string {
	if f.ReadOnlySys {
		return "on the host of this container: " + command
	}
	return command
}

// limit raises a limit of this process.
func (f *Facts) limit(l *Limit, wanted uint64, letter string, unit uint64, name, unlimited string) string {
	if l.Hard >= wanted {
		return fmt.Sprintf("ulimit -S -%s %d", letter, wanted/unit)
	}
	long := strings.ToLower(name)
	return fmt.Sprintf("%s; in a systemd unit: Limit%s=%s; for a container: --ulimit %s=%s",
		f.asRoot("prlimit --pid $$ --%s=%[2]s:%[2]s", long, map[bool]string{true: "unlimited", false: unlimited}[unlimited == "-1"]),
		name, map[bool]string{true: "infinity", false: unlimited}[unlimited == "-1"], long, unlimited)
}

// Capabilities.
const (
	capIPCLock = 1 << 14
	capSysNice = 1 << 23
)

func (f *Facts) capable(bit uint64) bool { return f.Capabilities != nil && *f.Capabilities&bit != 0 }

// threads are those that spin.
func (f *Facts) threads() int { return 1 + f.Readers }

// worth isolating: what the suggested pinning uses, with siblings, but not the core of CPU 0.
func (f *Facts) isolatable() []int {
	if f.Topology == nil || len(f.Topology.CPUs) < 2 {
		return nil
	}
	p := f.Topology.Suggest(f.Readers)
	first, _ := f.Topology.Find(0)
	cpus := slices.Concat([]int{p.Writer}, p.Readers, p.Idle)
	slices.Sort(cpus)
	return slices.DeleteFunc(slices.Compact(cpus), func(cpu int) bool { return cpu == 0 || slices.Contains(first.Siblings, cpu) })
}

func (f *Facts) boot(cpus []int) string {
	return f.outside(f.asRoot(`sed -i 's/^GRUB_CMDLINE_LINUX="/&isolcpus=managed_irq,domain,%s nohz_full=%[1]s rcu_nocbs=%[1]s /' /etc/default/grub && update-grub && reboot`,
		host.FormatCPUs(cpus)))
}

func sizeText(n uint64) string {
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 1<<unit.shift {
			if n%(1<<unit.shift) == 0 {
				return fmt.Sprintf("%d %s", n>>unit.shift, unit.name)
			}
			return fmt.Sprintf("%.1f %s", float64(n)/float64(uint64(1)<<unit.shift), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
