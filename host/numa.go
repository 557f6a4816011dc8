package host

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/tickring/tickring/internal/sys"
)

// Reasons for which memory cannot be placed, or its place not be seen.
var (
	ErrNoNode    = errors.New("this machine has no such NUMA node, or no memory on it that this process may use")
	ErrForbidden = errors.New("it is forbidden here")
)

// NodeError says what could not be done with a NUMA node.
type NodeError struct {
	Op     string
	Node   int   // or Unknown
	Reason error // one of those above, errors.ErrUnsupported, or nil
	Err    error // of the system
}

func (e *NodeError) Error() string {
	s := "host: " + e.Op
	if e.Node != Unknown {
		s += fmt.Sprintf(" node %d", e.Node)
	}
	switch {
	case errors.Is(e.Reason, ErrForbidden):
		return fmt.Sprintf("%s: %v: %v, as container runtimes do by seccomp: give the container --cap-add SYS_NICE", s, e.Err, e.Reason)
	case errors.Is(e.Reason, errors.ErrUnsupported):
		return fmt.Sprintf("%s: %v: this kernel knows no NUMA", s, e.Err)
	case e.Reason != nil:
		return fmt.Sprintf("%s: %v", s, e.Reason)
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

// Unwrap makes errors.Is hold for the reason and for the system's errno.
func (e *NodeError) Unwrap() []error { return present(e.Reason, e.Err) }

func nodeError(op string, node int, err error) *NodeError {
	e := &NodeError{Op: op, Node: node, Err: err}
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		e.Reason = ErrForbidden
	case errors.Is(err, syscall.EINVAL):
		e.Reason = ErrNoNode
	case errors.Is(err, errors.ErrUnsupported): // ENOSYS
		e.Reason = errors.ErrUnsupported
	}
	return e
}

// Bind makes the pages of a mapping come from one NUMA node. It is best called before anybody has touched
// them: what is there already is moved, but for pages that other processes have mapped too. What came
// of it, [PagesOf] tells.
//
// The binding of shared memory belongs to the object and holds for every process that maps it. b begins at
// a page.
func Bind(b []byte, node int) error {
	if len(b) == 0 {
		return errors.New("host: bind no memory")
	}
	err := sys.BindToNode(b, node)
	if err == nil {
		return nil
	}
	e := nodeError("bind to", node, err)
	if nodes, _ := (tree{sys.Root}).cpus("sys/devices/system/node/has_memory"); slices.Contains(nodes, node) && errors.Is(err, syscall.EINVAL) {
		e.Reason = nil // then it is b that is no good
	}
	return e
}

// CurrentNode is the NUMA node of the CPU that the calling goroutine runs on; it stays there only if it is pinned.
func CurrentNode() (int, error) {
	node, err := sys.CurrentNode()
	if err != nil {
		return Unknown, nodeError("find this thread's", Unknown, err)
	}
	return node, nil
}

// Pages says where the pages of a mapping are.
type Pages struct {
	ByNode map[int]uint64 `json:"by_node"` // bytes on each NUMA node
	Absent uint64         `json:"absent"`  // bytes not mapped in yet: wherever they are, their place is not to be seen
}

func (p Pages) String() string {
	var parts []string
	for _, node := range slices.Sorted(maps.Keys(p.ByNode)) {
		parts = append(parts, fmt.Sprintf("%d bytes on node %d", p.ByNode[node], node))
	}
	if p.Absent > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes not there yet", p.Absent))
	}
	return strings.Join(parts, ", ")
}

// PagesOf asks the kernel where the pages of a mapping are, as this process has them mapped. b begins at
// a page.
func PagesOf(b []byte) (Pages, error) {
	const batch = 4096
	size := os.Getpagesize()
	p := Pages{ByNode: map[int]uint64{}}
	for len(b) > 0 {
		count := min((len(b)+size-1)/size, batch)
		nodes := make([]int32, count)
		if err := sys.NodesOf(b, size, nodes); err != nil {
			return Pages{}, nodeError("see pages", Unknown, err)
		}
		for i, node := range nodes {
			bytes := uint64(min(size, len(b)-i*size))
			if node >= 0 {
				p.ByNode[int(node)] += bytes
			} else {
				p.Absent += bytes
			}
		}
		b = b[min(len(b), count*size):]
	}
	return p, nil
}
