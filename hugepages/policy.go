package hugepages

import (
	"fmt"

	"github.com/tickring/tickring/internal/sys"
)

// Want is what the maker of a segment wants. The zero value prefers huge pages of any size.
type Want struct {
	Policy    Policy
	PageBytes uint64 // size of the huge pages, such as 2 << 20 or 1 << 30; 0: any

	// Prepare, if not nil, is called with each file once it has its size and before it has pages: to say on
	// which NUMA node they are to be. An error of it ends the making of the file.
	Prepare func(fd int, n uint64) error
}

// prepare gives a new file its size, and has it prepared.
func (w Want) prepare(fd int, n uint64) error {
	if w.Prepare == nil {
		return nil
	}
	if err := sys.Resize(fd, n); err != nil {
		return err
	}
	return w.Prepare(fd, n)
}

// Policy says how much a segment's maker wants huge pages.
type Policy uint8

// Policies.
const (
	Prefer  Policy = iota // try; fall back to plain pages and keep the reason
	Off                   // plain pages
	Require               // fail when they cannot be had
)

var names = [...]string{Prefer: "prefer", Off: "off", Require: "require"}

func (p Policy) String() string {
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// MarshalText implements [encoding.TextMarshaler].
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText takes "off", "prefer" or "require".
func (p *Policy) UnmarshalText(text []byte) error {
	for i, name := range names {
		if string(text) == name {
			*p = Policy(i)
			return nil
		}
	}
	return fmt.Errorf("hugepages: policy %q is not off, prefer or require", text)
}
