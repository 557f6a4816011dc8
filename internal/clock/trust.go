package clock

import (
	"fmt"
	"os"
	"strings"
)

// Trusted returns nil if stamps of the cycle counter can be compared across the cores and processes
// of this machine, and else the reason why not. It goes by what the kernel goes by: a processor
// whose counter neither stops nor changes pace, and a kernel that keeps its own time with it, as it
// does only while it finds the cores in step.
func Trusted() error {
	if counter == ClockGettime {
		return fmt.Errorf("%w: this build has no cycle counter", ErrSource)
	}
	var cpuinfo []byte
	if counter == TSC {
		var err error
		if cpuinfo, err = os.ReadFile("/proc/cpuinfo"); err != nil {
			return fmt.Errorf("clock: %w", err)
		}
	}
	kernel, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	if err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return judge(counter, string(cpuinfo), strings.TrimSpace(string(kernel)))
}

// judge is Trusted without the machine.
func judge(counter Source, cpuinfo, kernel string) error {
	want := "arch_sys_counter" // invariant by architecture
	if counter == TSC {
		want = "tsc"
		claimed := flags(cpuinfo)
		for _, flag := range []string{"constant_tsc", "nonstop_tsc"} {
			if !claimed[flag] {
				return fmt.Errorf("clock: the processor does not claim %s", flag)
			}
		}
	}
	if kernel != want {
		return fmt.Errorf("clock: the kernel keeps time with %q, not %q", kernel, want)
	}
	return nil
}

// flags are those of the first processor listed.
func flags(cpuinfo string) map[string]bool {
	set := make(map[string]bool)
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			for _, flag := range strings.Fields(value) {
				set[flag] = true
			}
			break
		}
	}
	return set
}
