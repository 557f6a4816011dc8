package main

import (
	"os"
	"runtime"
	"strings"

	"github.com/tickring/tickring/host/doctor"
)

// host is what one must know of a machine to judge its figures.
type host struct {
	CPU         string `json:"cpu"`
	CPUs        int    `json:"cpus"`        // that this process may use
	Cores       int    `json:"cores"`       // that they belong to
	SMT         bool   `json:"smt"`         // some of them share a core
	Virtualised string `json:"virtualised"` // by what; "no"; "unknown"
	Governor    string `json:"governor"`    // of the CPU frequency; "unknown"
	Isolated    string `json:"isolated"`    // CPUs that the scheduler leaves alone (isolcpus)
	Load        string `json:"load"`        // processes that wanted to run, on average of a minute, before the start
	Kernel      string `json:"kernel"`
	Arch        string `json:"arch"`
	Go          string `json:"go"`

	Doctor   doctor.Counts    `json:"doctor"`   // what ringctl doctor finds, for so many readers
	Findings []doctor.Finding `json:"findings"` // those of them that are bad, or warnings
	short    string
}

func describeHost(allowed []int, readers int) host {
	findings := doctor.Check(doctor.Examine(readers))
	worth := []doctor.Finding{}
	for _, f := range findings {
		if f.Status == doctor.Bad || f.Status == doctor.Warn {
			worth = append(worth, f)
		}
	}
	info := readFile("/proc/cpuinfo")
	cores := map[string]bool{}
	for _, cpu := range allowed {
		cores[coreOf(cpu)] = true
	}
	load, _, _ := strings.Cut(readLine("/proc/loadavg"), " ")
	return host{
		CPU:         cpuModel(info),
		CPUs:        len(allowed),
		Cores:       len(cores),
		SMT:         len(cores) < len(allowed),
		Virtualised: virtualised(info, readLine("/sys/hypervisor/type"), readLine("/sys/class/dmi/id/sys_vendor")),
		Governor:    orUnknown(readLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
		Isolated:    orNone(readLine("/sys/devices/system/cpu/isolated")),
		Load:        orUnknown(load),
		Kernel:      orUnknown(readLine("/proc/sys/kernel/osrelease")),
		Arch:        runtime.GOARCH,
		Go:          runtime.Version(),
		Doctor:      doctor.Count(findings),
		Findings:    worth,
		short:       doctor.Short(findings),
	}
}

// cpuModel is the name of the processor. Arm does not say one in cpuinfo: then it is the numbers of the
// maker and the part.
func cpuModel(info string) string {
	if name := field(info, "model name"); name != "" {
		return name
	}
	if part := field(info, "CPU part"); part != "" {
		return "Arm implementer " + field(info, "CPU implementer") + " part " + part
	}
	return "unknown"
}

// virtualised tells what the machine runs on. kind is what the kernel says of the hypervisor, vendor
// who made the machine.
func virtualised(info, kind, vendor string) string {
	flags := field(info, "flags")
	switch virtual := strings.Contains(" "+flags+" ", " hypervisor "); {
	case kind != "":
		return kind
	case virtual && vendor != "":
		return "yes (" + vendor + ")"
	case virtual:
		return "yes"
	case flags == "":
		return "unknown" // only x86 tells
	}
	return "no"
}

// field is the first value of a name in /proc/cpuinfo.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// readFile is empty where there is nothing to be read: every fact about the host is optional.
func readFile(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

func readLine(path string) string { return strings.TrimSpace(readFile(path)) }

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
