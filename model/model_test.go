package model

import (
	"strings"
	"testing"
)

var architectures = []*rules{&x86TSO, &armv8}

// TestShipped: the protocol as it is shipped has no violation.
func TestShipped(t *testing.T) {
	total := 0
	for i := range scenarios {
		s := &scenarios[i]
		for _, r := range architectures {
			t.Run(s.name+"/"+r.name, func(t *testing.T) {
				got := s.system(r, 0).explore()
				t.Logf("%d states: %s", got.states, s.what)
				total += got.states
				if got.violation != "" {
					t.Errorf("%s", got)
				}
				if got.clipped {
					t.Error("a window was too small: not every behaviour was followed")
				}
			})
		}
	}
	t.Logf("%d states in all", total)
}

func (r result) String() string {
	return r.violation + ":\n\t" + strings.Join(r.trace, "\n\t")
}
