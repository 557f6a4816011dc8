package hugepages

import (
	"cmp"
	"io/fs"
	"slices"
	"strconv"

	"github.com/tickring/tickring/internal/mounts"
	"github.com/tickring/tickring/internal/sys"
)

// Mount is a mounted hugetlbfs.
type Mount struct {
	Dir       string      `json:"dir"`
	PageBytes uint64      `json:"page_bytes"`
	SizeBytes uint64      `json:"size_bytes"` // what its files may have together; 0: no limit but the pool's
	MinBytes  uint64      `json:"min_bytes"`  // what of the pool is set aside for them
	ReadOnly  bool        `json:"read_only"`
	UID       uint32      `json:"uid"` // owner of its directory, as mounted
	GID       uint32      `json:"gid"`
	Mode      fs.FileMode `json:"mode"` // of its directory, as mounted
}

// Mounts returns the hugetlbfs mounts that this process sees, those with the smallest pages first.
func Mounts() ([]Mount, error) { return MountsIn(sys.Root) }

// MountsIn is [Mounts] of a tree with a machine's /proc and /sys.
func MountsIn(root fs.FS) ([]Mount, error) {
	all, err := mounts.In(root)
	var found []Mount
	for _, m := range all {
		if m.Type == "hugetlbfs" {
			found = append(found, describe(m))
		}
	}
	slices.SortStableFunc(found, func(a, b Mount) int { return cmp.Compare(a.PageBytes, b.PageBytes) })
	return found, err
}

// describe reads what the kernel shows of a hugetlbfs: a value that is not shown is the default.
func describe(m mounts.Mount) Mount {
	id := func(name string) uint32 {
		n, _ := strconv.ParseUint(m.Options[name], 10, 32)
		return uint32(n)
	}
	h := Mount{Dir: m.Dir, ReadOnly: m.ReadOnly, UID: id("uid"), GID: id("gid"), Mode: 0o755}
	h.PageBytes, _ = ParseSize(m.Options["pagesize"])
	h.SizeBytes, _ = ParseSize(m.Options["size"])
	h.MinBytes, _ = ParseSize(m.Options["min_size"])
	if bits, err := strconv.ParseUint(m.Options["mode"], 8, 12); err == nil {
		h.Mode = fs.FileMode(bits & 0o777)
		if bits&0o1000 != 0 {
			h.Mode |= fs.ModeSticky
		}
	}
	return h
}
