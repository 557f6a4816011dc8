package hugepages

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tickring/tickring/internal/sys"
)

// Pool is the huge pages of one size that the kernel keeps for hugetlbfs, in all NUMA nodes.
type Pool struct {
	PageBytes  uint64 `json:"page_bytes"`
	Total      uint64 `json:"total"`      // pages, those in use and surplus ones included
	Free       uint64 `json:"free"`       // of them, not in use
	Reserved   uint64 `json:"reserved"`   // of the free ones, promised to a mapping
	Surplus    uint64 `json:"surplus"`    // found on demand, above what was set
	Overcommit uint64 `json:"overcommit"` // how many may be found on demand, if memory has them
}

// Available is how many pages a new file can have for certain.
func (p Pool) Available() uint64 { return p.Free - min(p.Reserved, p.Free) }

// OnDemand is how many pages more the kernel may find for a new file.
func (p Pool) OnDemand() uint64 { return p.Overcommit - min(p.Surplus, p.Overcommit) }

// Pools returns this machine's pools by page size; none if the kernel has none, or does not show them.
func Pools() []Pool { return PoolsIn(sys.Root) }

// PoolsIn is [Pools] of a tree with a machine's /sys.
func PoolsIn(root fs.FS) []Pool {
	const dir = "sys/kernel/mm/hugepages"
	entries, _ := fs.ReadDir(root, dir)
	var pools []Pool
	for _, e := range entries {
		text, ok := strings.CutPrefix(e.Name(), "hugepages-")
		kilobytes, err := strconv.ParseUint(strings.TrimSuffix(text, "kB"), 10, 54)
		if !ok || err != nil {
			continue
		}
		of := func(name string) uint64 {
			b, _ := fs.ReadFile(root, path.Join(dir, e.Name(), name))
			n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
			return n
		}
		pools = append(pools, Pool{
			PageBytes: kilobytes << 10, Total: of("nr_hugepages"), Free: of("free_hugepages"),
			Reserved: of("resv_hugepages"), Surplus: of("surplus_hugepages"), Overcommit: of("nr_overcommit_hugepages"),
		})
	}
	slices.SortFunc(pools, func(a, b Pool) int { return cmp.Compare(a.PageBytes, b.PageBytes) })
	return pools
}

// poolOf returns the pool of a page size; an empty one if there is none.
func poolOf(pools []Pool, pageBytes uint64) Pool {
	i := slices.IndexFunc(pools, func(p Pool) bool { return p.PageBytes == pageBytes })
	if i < 0 {
		return Pool{PageBytes: pageBytes}
	}
	return pools[i]
}
