package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tickring/tickring/internal/sys"
)

// Values of --pin besides a list.
const (
	pinAuto = "auto"
	pinNone = "none"
)

// noCPU leaves a thread to the kernel.
const noCPU = -1

// placement says where the hot threads run.
type placement struct {
	Pinned  bool   `json:"pinned"`
	Writer  *int   `json:"writer_cpu"` // null if not pinned
	Readers []int  `json:"reader_cpus"`
	Shared  bool   `json:"shared"` // some of them share a CPU, where all of them run
	Note    string `json:"note,omitempty"`
}

// place decides by the --pin flag. allowed are the CPUs that the process may use.
func place(pin string, readers int, allowed []int) (placement, error) {
	threads := readers + 1
	switch pin {
	case pinNone:
		p := placement{Shared: len(allowed) < threads, Note: "not pinned: --pin none"}
		return p, nil
	case pinAuto:
		if len(allowed) < 2 {
			return placement{Shared: true, Note: fmt.Sprintf("not pinned: %d processes, %d CPU", threads, len(allowed))}, nil
		}
		cpus := spread(allowed, min(threads, len(allowed)), coreOf)
		// The writer does not wait for readers, so it can be measured as long as it has its CPU to itself.
		for own := len(cpus) - 1; len(cpus) < threads; {
			cpus = append(cpus, cpus[len(cpus)-own])
		}
		p := pinned(cpus)
		if p.Shared {
			p.Note = fmt.Sprintf("with %d readers, they share %d CPUs; the writer has its own", readers, len(allowed)-1)
		}
		return p, nil
	}
	cpus, err := parseCPUs(pin)
	if err != nil {
		return placement{}, err
	}
	if len(cpus) != threads {
		return placement{}, fmt.Errorf("--pin %s: %d CPUs for the writer and %d readers: give %d", pin, len(cpus), readers, threads)
	}
	for _, cpu := range cpus {
		if !slices.Contains(allowed, cpu) {
			return placement{}, fmt.Errorf("--pin %s: CPU %d is not one of those that this process may use: %v", pin, cpu, allowed)
		}
	}
	return pinned(cpus), nil
}

func pinned(cpus []int) placement {
	distinct := slices.Compact(slices.Sorted(slices.Values(cpus)))
	return placement{Pinned: true, Writer: &cpus[0], Readers: cpus[1:], Shared: len(distinct) < len(cpus)}
}

func parseCPUs(list string) ([]int, error) {
	var cpus []int
	for _, s := range strings.Split(list, ",") {
		cpu, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || cpu < 0 {
			return nil, fmt.Errorf("--pin %s: it takes auto, none, or the numbers of CPUs, the writer's first, like 2,3", list)
		}
		cpus = append(cpus, cpu)
	}
	return cpus, nil
}

// spread picks n of the CPUs: as far as there are enough, no two of one core, and none of the first
// core, which serves most interrupts.
func spread(allowed []int, n int, coreOf func(cpu int) string) []int {
	first := coreOf(allowed[0])
	var fresh, ofFirst, siblings []int
	used := map[string]bool{}
	for _, cpu := range allowed {
		switch core := coreOf(cpu); {
		case used[core]:
			siblings = append(siblings, cpu)
		case core == first:
			ofFirst = append(ofFirst, cpu)
			used[core] = true
		default:
			fresh = append(fresh, cpu)
			used[core] = true
		}
	}
	return slices.Concat(fresh, ofFirst, siblings)[:n]
}

// coreOf names the core that a CPU belongs to, by the CPUs that it consists of.
func coreOf(cpu int) string {
	siblings := readLine(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu))
	if siblings == "" {
		return strconv.Itoa(cpu)
	}
	return siblings
}

// shares tells whether the first so many readers share CPUs, with each other or with the writer.
func (p placement) shares(readers int) bool {
	if !p.Pinned {
		return p.Shared
	}
	cpus := append([]int{*p.Writer}, p.Readers[:readers]...)
	slices.Sort(cpus)
	return len(slices.Compact(cpus)) <= readers
}

// cpu returns the CPU of thread i, the writer's being 0.
func (p placement) cpu(i int) int {
	switch {
	case !p.Pinned:
		return noCPU
	case i == 0:
		return *p.Writer
	}
	return p.Readers[i-1]
}

// allowedCPUs are those that this process may use.
func allowedCPUs() ([]int, error) {
	cpus, err := sys.ThreadCPUs()
	if err != nil {
		return nil, fmt.Errorf("find out which CPUs this process may use: %w", err)
	}
	return cpus, nil
}
