package model

import "fmt"

// The properties. Each is a note of a program, taken in the program's order, or a judgement of the
// memory at the end; what they must remember is in ghost words, which no program reads.

// note looks at registers of a program, and says what is wrong.
type note = func(m *memory, x []uint8) (violation string)

// whole: the words a and b are those of record n, and the same record that anybody else got as n.
func whole(m *memory, n, a, b uint8) string {
	if a != b {
		return fmt.Sprintf("record %d is torn: %s, %s", n, recordName(a), recordName(b))
	}
	if a&15 != n+1 {
		return fmt.Sprintf("%s is taken for record %d", recordName(a), n)
	}
	if seen := m[ghostContent+n]; seen != 0 && seen != a {
		return fmt.Sprintf("record %d is once %s and once %s", n, recordName(seen), recordName(a))
	}
	m[ghostContent+n] = a
	return ""
}

func recordName(word uint8) string {
	if word == 0 {
		return "no record"
	}
	name := fmt.Sprintf("record %d", word&15-1)
	if writer := word >> 4; writer > 1 {
		name += fmt.Sprintf(" of writer %d", writer)
	}
	return name
}

// delivered: poll returned record x[0] with the words x[1], x[2].
func (c *code) delivered(thread int) note {
	return func(m *memory, x []uint8) string {
		if m[ghostNext+thread] != x[0] {
			return fmt.Sprintf("record %d is delivered where %d comes next", x[0], m[ghostNext+thread])
		}
		m[ghostNext+thread] = x[0] + 1
		return whole(m, x[0], x[1], x[2])
	}
}

// lost: poll reported the records from x[0] to before x[1] lost.
func (c *code) lost(thread int) note {
	return func(m *memory, x []uint8) string {
		if m[ghostNext+thread] != x[0] || x[1] <= x[0] {
			return fmt.Sprintf("records from %d to before %d are reported lost where %d comes next", x[0], x[1], m[ghostNext+thread])
		}
		m[ghostNext+thread] = x[1]
		for i := range c.slots {
			if m[slotVersions+i] >= odd(x[1]-1) {
				return ""
			}
		}
		return fmt.Sprintf("record %d is reported lost, which was never published", x[1]-1)
	}
}

// sawLatest: latest, or the view, returned record x[0] with the words x[1], x[2].
func (c *code) sawLatest(thread int) note {
	return func(m *memory, x []uint8) string {
		if x[0]+1 < m[ghostNewest+thread] || x[0]+1 < m[ghostNext+thread] {
			return fmt.Sprintf("latest goes back to record %d, behind record %d", x[0], max(m[ghostNewest+thread], m[ghostNext+thread])-1)
		}
		m[ghostNewest+thread] = x[0] + 1
		return whole(m, x[0], x[1], x[2])
	}
}

// sought: the reader went to record x[0], which is none that the ring has not come to.
func (c *code) sought(thread int, to policy) note {
	return func(m *memory, x []uint8) string {
		n := x[0]
		if to == newest && n+1 < m[ghostNext+thread] {
			return fmt.Sprintf("record %d is taken for the newest, behind record %d", n, m[ghostNext+thread]-1)
		}
		m[ghostNext+thread] = n
		for i := range c.slots {
			if n == 0 || m[slotVersions+i] >= finished(n-1) {
				return ""
			}
		}
		return fmt.Sprintf("the reader goes to record %d, which is far from published", n)
	}
}

func (c *code) sawNone(thread int) note {
	return func(m *memory, _ []uint8) string {
		if m[ghostNewest+thread] > 0 || m[ghostNext+thread] > 0 {
			return "latest finds no record, after there was one"
		}
		return ""
	}
}

// sawClosed: poll reported the end at record x[0] in epoch x[1]; the head was x[2] after that.
func (c *code) sawClosed(m *memory, x []uint8) string {
	end := m[ghostClosing+x[1]]
	switch {
	case end == 0:
		return fmt.Sprintf("writer %d is taken to have closed the ring", x[1])
	case end-1 != x[0]:
		return fmt.Sprintf("the end is reported at record %d, of %d published", x[0], end-1)
	case end-1 > x[2]:
		return fmt.Sprintf("closed, and yet the head counts %d records of %d", x[2], end-1)
	}
	return ""
}

// sawDead: poll reported the writer dead at record x[0].
func (c *code) sawDead(m *memory, x []uint8) string {
	for i := range c.slots {
		if v := m[slotVersions+i]; v >= finished(x[0]) {
			return fmt.Sprintf("the writer is reported dead at record %d, which it has finished", x[0])
		}
	}
	return ""
}

// restarted: a reader has come to epoch x[0], whose first record it takes for x[1]. That may be the first of
// a later epoch, to which it then comes next: see follower.loadEpoch.
func (c *code) restarted(m *memory, x []uint8) string {
	for e := x[0]; e <= maxThreads; e++ {
		if m[ghostFirsts+e] == x[1]+1 {
			return ""
		}
		if c.has(ownFirst) {
			break
		}
	}
	return fmt.Sprintf("epoch %d is taken to begin at record %d", x[0], x[1])
}

// counted: the head said that record x[0]-1 is finished; its slot then had version x[1].
func counted(_ *memory, x []uint8) string {
	if x[1] < finished(x[0]-1) {
		return fmt.Sprintf("the head counts record %d, and its slot has version %d", x[0]-1, x[1])
	}
	return ""
}

// bury remembers what a dead writer left finished: those records exist, and must keep their content.
func (c *code) bury(m *memory, _ []uint8) string {
	for i := range c.slots {
		if v := m[slotVersions+i]; v > 0 && v%2 == 0 {
			w := slotWords + i*maxWords
			if s := whole(m, v/2-1, m[w], m[w+1]); s != "" {
				return s
			}
		}
	}
	return ""
}

// sound judges a ring with count records that nobody writes to: nothing that ever was finished is lost
// or changed, and the view holds the newest.
func (c *code) sound(m *memory, count uint8) string {
	for n := range uint8(maxRecords) {
		if m[ghostContent+n] != 0 && n >= count {
			return fmt.Sprintf("record %d was finished, and is not among the %d that are counted", n, count)
		}
	}
	for n := count - min(count, c.slots); n < count; n++ {
		v := m[slotVersions+n%c.slots]
		if n+c.slots == count && v == odd(count) {
			continue // the dead writer was writing the record that follows in this slot
		}
		if v != finished(n) {
			return fmt.Sprintf("record %d is counted, and its slot has version %d", n, v)
		}
		w := slotWords + n%c.slots*maxWords
		if s := whole(m, n, m[w], m[w+1]); s != "" {
			return s
		}
	}
	switch {
	case m[viewVersion] != 2*count:
		return fmt.Sprintf("there are %d records, and the view has version %d", count, m[viewVersion])
	case count > 0:
		return whole(m, count-1, m[viewWords], m[viewWords+1])
	case m[viewWords] != 0 || m[viewWords+1] != 0:
		return "there is no record, and the view is not empty"
	}
	return ""
}
