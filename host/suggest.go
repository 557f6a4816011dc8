package host

import (
	"cmp"
	"fmt"
	"slices"
)

// Pinning is where one writer and its readers run.
type Pinning struct {
	Writer      int        `json:"writer"`
	Readers     []int      `json:"readers"`
	Distances   []Distance `json:"distances"`   // of each reader from the writer
	Unplaced    int        `json:"unplaced"`    // readers for which there is no CPU: let them sleep, not spin
	Idle        []int      `json:"idle"`        // CPUs on the cores of these threads, to be left without work
	Compromises []string   `json:"compromises"` // what is less than good, and cannot be better here
}

// Suggest picks CPUs for a writer and readers that spin.
//
// The writer gets an isolated core if there is one, near to others. The readers get cores of their own: of the same L3
// first, then of the same socket. The siblings of a core in use, and CPU 0, which does the
// machine's housekeeping, come last.
func (t *Topology) Suggest(readers int) Pinning {
	writer := slices.MinFunc(t.CPUs, func(a, b CPU) int { return t.compareWriters(a, b, readers) })
	p := Pinning{Writer: writer.ID, Readers: []int{}, Distances: []Distance{}, Idle: []int{}, Compromises: []string{}}
	used := []CPU{writer}
	for range readers {
		var next *CPU
		for i := range t.CPUs {
			c := &t.CPUs[i]
			if slices.ContainsFunc(used, func(u CPU) bool { return u.ID == c.ID }) {
				continue
			}
			if next == nil || compareReaders(*c, *next, used) < 0 {
				next = c
			}
		}
		if next == nil {
			p.Unplaced++
			continue
		}
		used = append(used, *next)
		p.Readers = append(p.Readers, next.ID)
		p.Distances = append(p.Distances, between(writer, *next))
	}
	for _, u := range used {
		for _, s := range u.Siblings {
			if !slices.ContainsFunc(used, func(u CPU) bool { return u.ID == s }) && !slices.Contains(p.Idle, s) {
				p.Idle = append(p.Idle, s)
			}
		}
	}
	slices.Sort(p.Idle)
	p.Compromises = append(p.Compromises, t.compromises(&p, used)...)
	return p
}

// housekeeping CPUs serve interrupts, timers and kernel threads that have no other place.
func housekeeping(c CPU) bool { return c.ID == 0 }

// burdened CPUs share their core with one of those.
func burdened(c CPU) bool { return housekeeping(c) || slices.Contains(c.Siblings, 0) }

// compareWriters is negative if a is the better place for a writer.
func (t *Topology) compareWriters(a, b CPU, readers int) int {
	return cmp.Or(
		falseFirst(!a.Isolated, !b.Isolated),
		falseFirst(housekeeping(a), housekeeping(b)),
		falseFirst(burdened(a), burdened(b)),
		cmp.Compare(min(t.neighbours(b, true), readers), min(t.neighbours(a, true), readers)),
		cmp.Compare(min(t.neighbours(b, false), readers), min(t.neighbours(a, false), readers)),
		falseFirst(!a.NohzFull, !b.NohzFull),
		cmp.Compare(a.ID, b.ID),
	)
}

// neighbours counts the other cores at the same L3 that readers could have.
func (t *Topology) neighbours(c CPU, isolated bool) int {
	cores := map[int]bool{}
	for _, other := range t.CPUs {
		if between(c, other) == SameL3 && !burdened(other) && (other.Isolated || !isolated) {
			cores[other.Core] = true
		}
	}
	return len(cores)
}

// compareReaders is negative if a is the better place for another reader.
func compareReaders(a, b CPU, used []CPU) int {
	writer := used[0]
	shares := func(c CPU) bool {
		return slices.ContainsFunc(used[1:], func(u CPU) bool { return between(c, u) == SameCore })
	}
	return cmp.Or(
		falseFirst(between(writer, a) == SameCore, between(writer, b) == SameCore),
		falseFirst(housekeeping(a), housekeeping(b)),
		falseFirst(shares(a), shares(b)),
		falseFirst(burdened(a), burdened(b)),
		cmp.Compare(rank(writer, a), rank(writer, b)),
		falseFirst(!a.Isolated, !b.Isolated),
		falseFirst(!a.NohzFull, !b.NohzFull),
		cmp.Compare(a.ID, b.ID),
	)
}

// rank orders CPUs by how far they are from the writer; what is not known may be near.
func rank(writer, c CPU) int {
	d := between(writer, c)
	if d == UnknownDistance {
		return int(SameSocket)
	}
	return int(d)
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// compromises says what is wrong with a pinning; used has the writer first.
func (t *Topology) compromises(p *Pinning, used []CPU) []string {
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	role := func(i int) string {
		if i == 0 {
			return "the writer"
		}
		return fmt.Sprintf("reader %d", i)
	}
	var shared []int
	for i, c := range used {
		if !c.Isolated {
			shared = append(shared, c.ID)
		}
		if housekeeping(c) {
			say("%s is on CPU 0, which does the machine's housekeeping", role(i))
		} else if burdened(c) {
			say("%s shares its core with CPU 0", role(i))
		}
		for j, other := range used[:i] {
			if between(c, other) == SameCore {
				say("%s shares the core of %s: they take turns", role(i), role(j))
			}
		}
		if i == 0 {
			continue
		}
		switch p.Distances[i-1] {
		case SameSocket:
			say("%s has another L3 than the writer", role(i))
		case CrossSocket:
			say("%s is on another socket than the writer", role(i))
		case UnknownDistance:
			say("how far %s is from the writer is unknown", role(i))
		}
	}
	if len(shared) > 0 {
		slices.Sort(shared)
		say("not isolated, so the kernel may run others there: CPU %s", FormatCPUs(shared))
	}
	if p.Unplaced > 0 {
		say("no CPU is left for %d of the readers: let them sleep instead of spin", p.Unplaced)
	}
	if len(used) == len(t.CPUs) {
		say("no CPU is left for anything else, the Go runtime's other threads included")
	}
	return said
}
