package hugepages_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/hugepages"
	"github.com/tickring/tickring/internal/testkit"
)

// lagSetting is a kind of pages for a ring, in a process whose /dev/shm is its own: nothing of it can stay behind.
type lagSetting struct {
	Name      string
	Policy    hugepages.Policy
	Shm       string // mount options of /dev/shm
	Hugetlbfs string // of a hugetlbfs; empty: none is mounted
	Slots     uint64
	Want      hugepages.Report // what both mappings must be on: a figure from other pages is none
}

// lagResult is what one process found.
type lagResult struct {
	Unavailable string // why this machine has no such pages
	Uncounted   string // why TLB misses were not counted
	Costs       []lagCost
}

// lagCost is what a record cost: nanoseconds, dTLB load misses, page faults.
type lagCost struct {
	Name                        string
	Nanoseconds, Misses, Faults float64
}

// lagSettings are the plain pages that the others are compared with, the same again, which shows the noise, and
// every kind of huge pages that there may be.
func lagSettings(ringBytes uint64) []lagSetting {
	slots, plain := ringBytes/32, uint64(os.Getpagesize())
	size := fmt.Sprintf("size=%d", ringBytes+16<<20)
	off := lagSetting{
		Name: hugepages.FormatSize(plain), Policy: hugepages.Off, Shm: size, Slots: slots,
		Want: hugepages.Report{Backing: "tmpfs", PageBytes: int(plain)},
	}
	again := off
	again.Name += "-again"
	all := []lagSetting{off, again, {
		Name: "2M-tmpfs", Policy: hugepages.Require, Shm: size + ",huge=advise", Slots: slots,
		Want: hugepages.Report{Backing: "tmpfs", PageBytes: huge, HugeBytes: ringBytes},
	}}
	for _, p := range hugepages.Pools() {
		whole := (ringBytes + p.PageBytes - 1) / p.PageBytes * p.PageBytes
		text := hugepages.FormatSize(p.PageBytes)
		all = append(all, lagSetting{
			Name: text + "-hugetlbfs", Policy: hugepages.Require, Shm: "size=16m", Hugetlbfs: "pagesize=" + text, Slots: slots,
			Want: hugepages.Report{Backing: "hugetlbfs", PageBytes: int(p.PageBytes), HugeBytes: whole},
		})
	}
	return all
}

// run runs a setting in a process of its own.
func (s lagSetting) run(t testing.TB) (r lagResult) {
	t.Helper()
	mounted, _ := hugepages.Mounts()
	if os.Geteuid() != 0 && s.Policy != hugepages.Off && (s.Hugetlbfs != "" || len(mounted) > 0) {
		return lagResult{Unavailable: "only root mounts and unmounts a hugetlbfs"}
	}
	task, err := json.Marshal(s)
	require.NoError(t, err)
	p := testkit.StartWith(t, "lag", testkit.OwnMounts(t), string(task))
	line := p.Line()
	require.NoError(t, p.Wait(), s.Name)
	require.NoError(t, json.Unmarshal([]byte(line), &r))
	return r
}

// Every way of reading finds the right records, on the pages that its setting has the name of.
func TestRandomLag(t *testing.T) {
	if testkit.Emulated() {
		t.Skip("the pages of an emulated program are not its own")
	}
	const ringBytes = 2 * huge
	for _, s := range lagSettings(ringBytes) {
		if s.Want.PageBytes > ringBytes {
			continue // spans no two of them
		}
		t.Run(s.Name, func(t *testing.T) {
			r := s.run(t)
			if r.Unavailable != "" {
				testkit.Require(t, map[string]string{"tmpfs": "thp", "hugetlbfs": "hugetlbfs"}[s.Want.Backing], r.Unavailable)
			}
			assert.Len(t, r.Costs, 5)
		})
	}
}

// BenchmarkRandomLag reads a large ring at random places, as readers do that lag and catch up, on plain and on huge
// pages: a process for each kind, in rounds, in another order each time. Give it -benchtime 30x.
func BenchmarkRandomLag(b *testing.B) {
	ringBytes := lagRingBytes(b)
	var settings []lagSetting
	var without []string
	for _, s := range lagSettings(ringBytes) { // a first round, to see which there are
		if r := s.run(b); r.Unavailable != "" {
			without = append(without, "no "+s.Name+": "+r.Unavailable)
		} else {
			settings = append(settings, s)
		}
	}
	if len(settings) == 2 {
		testkit.Require(b, "thp", strings.Join(without, "; "))
	}
	before := loadAverage()
	results := make([][]lagResult, len(settings))
	for round := 0; b.Loop(); round++ {
		for place := range settings {
			i := (place + round) % len(settings)
			if round%2 == 1 {
				i = len(settings) - 1 - i
			}
			r := settings[i].run(b)
			require.Empty(b, r.Unavailable)
			for _, c := range r.Costs {
				require.Less(b, c.Faults, 0.001, "%s of %s: it was page faults that were timed", c.Name, settings[i].Name)
			}
			results[i] = append(results[i], r)
		}
	}
	fmt.Printf("\n%s\nload %s before, %s after; a ring of %s, records of 24 bytes in slots of 32; %d rounds\n",
		machine(), before, loadAverage(), hugepages.FormatSize(ringBytes), len(results[0]))
	for _, s := range settings {
		fmt.Printf("%s: writer's and reader's mapping had %v in every round, %s of each huge\n",
			s.Name, s.Want, hugepages.FormatSize(s.Want.HugeBytes))
	}
	for _, reason := range without {
		fmt.Println(reason)
	}
	if reason := results[0][0].Uncounted; reason != "" {
		fmt.Println("dTLB load misses are not countable here:", reason)
	}
	printLag(b, settings, results)
	b.ReportMetric(0, "ns/op") // of a round, which says nothing
}

// printLag prints for each way of reading what a record costs, and how many times as long the first setting takes:
// the ratio of the medians, and in which range the ratios of the rounds are, but for a tenth at each end.
func printLag(b *testing.B, settings []lagSetting, results [][]lagResult) {
	b.Helper()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	first := settings[0].Name
	fmt.Fprintf(table, "\tpages\tns/record\t%s takes\t10%%\tto 90%%\tdTLB load misses/record\t\n", first)
	for i, cost := range results[0][0].Costs {
		for n, s := range settings {
			column := func(n int, pick func(lagCost) float64) (all []float64) {
				for _, r := range results[n] {
					all = append(all, pick(r.Costs[i]))
				}
				return all
			}
			time := func(c lagCost) float64 { return c.Nanoseconds }
			plain, its := column(0, time), column(n, time)
			ratios := make([]float64, len(its))
			for round := range its {
				ratios[round] = plain[round] / its[round]
			}
			ratio := quantile(plain, 5) / quantile(its, 5)
			misses := "-"
			if results[n][0].Uncounted == "" {
				misses = fmt.Sprintf("%.3f", quantile(column(n, func(c lagCost) float64 { return c.Misses }), 5))
			}
			fmt.Fprintf(table, "%s\t%s\t%.2f\t× %.2f\t%.2f\t%.2f\t%s\t\n", cost.Name, s.Name,
				quantile(its, 5), ratio, quantile(ratios, 1), quantile(ratios, 9), misses)
			if n > 0 {
				b.ReportMetric(ratio, fmt.Sprintf("%s/%s:%s", first, s.Name, strings.ReplaceAll(cost.Name, " ", "-")))
			}
		}
	}
	require.NoError(b, table.Flush())
}

// quantile is that of so many tenths.
func quantile(all []float64, tenths int) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)*tenths/10]
}

// lagRingBytes is 512 MiB, or half of that where it would take more than half of the memory that is free.
func lagRingBytes(b *testing.B) uint64 {
	b.Helper()
	var free uint64
	for line := range strings.Lines(read("/proc/meminfo")) {
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &free); err == nil {
			break
		}
	}
	for _, size := range []uint64{512 << 20, 256 << 20} {
		if size <= free<<10/2 {
			return size
		}
	}
	testkit.Require(b, "memory", fmt.Sprintf("%d KiB are free, 512 MiB wanted", free))
	return 0
}

func read(file string) string {
	b, _ := os.ReadFile(file)
	return strings.TrimSpace(string(b))
}

func loadAverage() string {
	return cmp.Or(strings.Join(strings.Fields(read("/proc/loadavg"))[:3], " "), "unknown")
}

// machine is what figures depend on, as far as a table can say it. In a virtual machine, what lies under its huge
// pages is the host's affair, and cannot be seen.
func machine() string {
	info := read("/proc/cpuinfo")
	model := "unknown"
	for line := range strings.Lines(info) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kind := ""
	if strings.Contains(info, " hypervisor ") {
		kind = ", a virtual machine"
	}
	return fmt.Sprintf("%s, %d CPUs, Linux %s%s", model, runtime.NumCPU(), read("/proc/sys/kernel/osrelease"), kind)
}
