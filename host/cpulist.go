package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxCPU is more than any kernel has. It keeps a broken list from filling the memory.
const maxCPU = 1 << 16

// ParseCPUs reads a list of CPUs (or NUMA nodes) as the kernel writes it, such as "0-3,8", into ascending
// order. The list may be empty.
func ParseCPUs(list string) ([]int, error) {
	list = strings.TrimSpace(list)
	if list == "" || list == "(null)" { // as some kernels write an empty nohz_full
		return nil, nil
	}
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(low)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(high)
		}
		if err != nil || first < 0 || last < first || last >= maxCPU {
			return nil, fmt.Errorf("host: %q is not a list of CPUs such as 0-3,8", list)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

// FormatCPUs writes CPUs in ascending order as the kernel does: "0-3,8".
func FormatCPUs(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		end := i
		for end+1 < len(cpus) && cpus[end+1] == cpus[end]+1 {
			end++
		}
		part := strconv.Itoa(cpus[i])
		if end > i {
			part += "-" + strconv.Itoa(cpus[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}
