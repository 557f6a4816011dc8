package host

import "fmt"

// Distance names how far apart two CPUs are. It grows with what a line of memory has to cross.
type Distance uint8

// The distances.
const (
	SameCPU         Distance = iota
	SameCore                 // SMT siblings: they share everything, and take turns
	SameL3                   // other cores at one third-level cache
	SameSocket               // one socket, but not one third-level cache
	CrossSocket              // two sockets
	UnknownDistance          // the kernel does not tell; never guessed
)

var distances = [...]struct{ key, text string }{
	SameCPU:         {"same-cpu", "same CPU"},
	SameCore:        {"same-core", "same core (SMT)"},
	SameL3:          {"same-l3", "same L3"},
	SameSocket:      {"same-socket", "same socket"},
	CrossSocket:     {"cross-socket", "cross-socket"},
	UnknownDistance: {"unknown", "unknown"},
}

func (d Distance) String() string {
	if int(d) < len(distances) {
		return distances[d].text
	}
	return fmt.Sprintf("Distance(%d)", uint8(d))
}

// MarshalText implements [encoding.TextMarshaler]: same-cpu, same-core, same-l3, same-socket,
// cross-socket, unknown.
func (d Distance) MarshalText() ([]byte, error) {
	if int(d) < len(distances) {
		return []byte(distances[d].key), nil
	}
	return nil, fmt.Errorf("host: %v", d)
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Distance) UnmarshalText(text []byte) error {
	for i, name := range distances {
		if name.key == string(text) {
			*d = Distance(i)
			return nil
		}
	}
	return fmt.Errorf("host: %q is not a distance", text)
}

// Distance tells how far apart two CPUs are. It is unknown for those that the process may not use.
func (t *Topology) Distance(a, b int) Distance {
	p, okA := t.Find(a)
	q, okB := t.Find(b)
	if !okA || !okB {
		return UnknownDistance
	}
	return between(p, q)
}

func between(p, q CPU) Distance {
	switch {
	case p.ID == q.ID:
		return SameCPU
	case p.Core == Unknown || q.Core == Unknown:
		if p.Package != Unknown && q.Package != Unknown && p.Package != q.Package {
			return CrossSocket // whatever the cores are
		}
		return UnknownDistance
	case p.Core == q.Core:
		return SameCore
	case p.L3 >= 0 && p.L3 == q.L3:
		return SameL3
	case p.Package == Unknown || q.Package == Unknown:
		return UnknownDistance
	case p.Package != q.Package:
		return CrossSocket
	case p.L3 == Unknown || q.L3 == Unknown:
		return UnknownDistance
	}
	return SameSocket
}
