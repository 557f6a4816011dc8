package model

import (
	"fmt"
	"strings"
	"testing"
)

var architectures = []*rules{&x86TSO, &armv8}

// TestShipped: the protocol as it is shipped has no violation. README.md has the states that were searched.
func TestShipped(t *testing.T) {
	var table strings.Builder
	table.WriteString("| | x86-TSO | Armv8 |\n|---|---|---|\n")
	total := 0
	for i := range scenarios {
		s := &scenarios[i]
		fmt.Fprintf(&table, "| %s: %s |", s.name, s.what)
		for _, r := range architectures {
			got := s.system(r, 0).explore()
			total += got.states
			fmt.Fprintf(&table, " %d |", got.states)
			if got.violation != "" {
				t.Errorf("%s, %s: %s", s.name, r.name, got)
			}
			if got.clipped {
				t.Errorf("%s, %s: a window was too small: not every behaviour was followed", s.name, r.name)
			}
		}
		table.WriteString("\n")
	}
	fmt.Fprintf(&table, "\n%d states in all.\n", total)
	t.Log(table.String())
	readme(t, "scenarios", table.String())
}

func (r result) String() string {
	return r.violation + ":\n\t" + strings.Join(r.trace, "\n\t")
}
