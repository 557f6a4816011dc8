package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tickring/tickring/hugepages"
)

// reservation is a pool, or a NUMA node's part of one, before and after it was set.
type reservation struct {
	PageBytes uint64 `json:"page_bytes"`
	Node      *int   `json:"node"`    // null: the whole pool
	Before    uint64 `json:"before"`  // pages
	Wanted    uint64 `json:"wanted"`  // pages
	Got       uint64 `json:"got"`     // pages
	Surplus   uint64 `json:"surplus"` // above that, in use; they go back when they are released
}

func (r *reservation) String() string {
	text := fmt.Sprintf("%s has %d pages of %s (before: %d)",
		r.where(), r.Got, hugepages.FormatSize(r.PageBytes), r.Before)
	if r.Surplus > 0 {
		text += fmt.Sprintf("; %d more are in use, and go back when they are released", r.Surplus)
	}
	return text
}

func (r *reservation) where() string {
	if r.Node == nil {
		return "the pool"
	}
	return fmt.Sprintf("NUMA node %d", *r.Node)
}

// reservePages sets the pool. What the kernel says afterwards counts: writing succeeds whatever it gives.
func (f *hugeFlags) reservePages() (*reservation, error) {
	r := &reservation{PageBytes: f.size.value, Wanted: f.reserve}
	if f.given("node") {
		r.Node = &f.node
	}
	tree := os.DirFS(f.root)
	dir, err := r.dir(tree)
	if err != nil {
		return nil, err
	}
	if r.Before, _, err = poolPages(tree, dir); err != nil {
		return nil, err
	}
	if left := memoryLeft(tree); r.Wanted > r.Before && r.Wanted-r.Before > left/r.PageBytes {
		return nil, &advised{
			fmt.Errorf("%d pages of %s are not in this host: the pool has %d, and %s of memory are left",
				r.Wanted, hugepages.FormatSize(r.PageBytes), r.Before, bytesText(left)),
			"reserve fewer, or free memory first",
		}
	}
	if err := write(filepath.Join(f.root, dir, "nr_hugepages"), r.Wanted); err != nil {
		return nil, r.refused(err)
	}
	if r.Got, r.Surplus, err = poolPages(tree, dir); err != nil {
		return nil, err
	}
	if r.Got != r.Wanted {
		err = r.refused(fmt.Errorf("of %d pages of %s that were wanted, %s has %d (before: %d)",
			r.Wanted, hugepages.FormatSize(r.PageBytes), r.where(), r.Got, r.Before))
	}
	return r, err
}

// refused adds to an error what helps when the kernel finds no pages.
func (r *reservation) refused(err error) error {
	if errors.Is(err, fs.ErrPermission) || r.Wanted < r.Got {
		return err
	}
	node := ""
	if r.Node != nil {
		node = fmt.Sprintf("%d:", *r.Node)
	}
	return &advised{err, fmt.Sprintf("memory is fragmented, or in use: as root: echo 1 >/proc/sys/vm/compact_memory, "+
		"or echo 3 >/proc/sys/vm/drop_caches, and try again; "+
		"or reserve at boot, by the kernel's command line: hugepagesz=%s hugepages=%s%d",
		hugepages.FormatSize(r.PageBytes), node, r.Wanted)}
}

// dir is where the kernel shows the pool, in a tree.
func (r *reservation) dir(tree fs.FS) (string, error) {
	var sizes []string
	for _, p := range hugepages.PoolsIn(tree) {
		sizes = append(sizes, hugepages.FormatSize(p.PageBytes))
	}
	parent := "sys/kernel/mm"
	if r.Node != nil {
		parent = fmt.Sprintf("sys/devices/system/node/node%d", *r.Node)
		if _, err := fs.Stat(tree, parent); err != nil {
			return "", &advised{fmt.Errorf("this host has no NUMA node %d: %w", *r.Node, err),
				"ls -d /sys/devices/system/node/node* shows its nodes"}
		}
	}
	dir := path.Join(parent, "hugepages", fmt.Sprintf("hugepages-%dkB", r.PageBytes>>10))
	if _, err := fs.Stat(tree, dir); err != nil {
		return "", &advised{fmt.Errorf("this host has no huge pages of %s: %w", hugepages.FormatSize(r.PageBytes), err),
			"give a --size that it has: " + cmp.Or(strings.Join(sizes, ", "), "it shows none")}
	}
	return dir, nil
}

// poolPages reads how many pages a pool is set to, and how many are above that.
func poolPages(tree fs.FS, dir string) (set, surplus uint64, err error) {
	total, err := readNumber(tree, path.Join(dir, "nr_hugepages"))
	if err != nil {
		return 0, 0, err
	}
	surplus, err = readNumber(tree, path.Join(dir, "surplus_hugepages"))
	return total - min(surplus, total), surplus, err
}

func readNumber(tree fs.FS, file string) (uint64, error) {
	b, err := fs.ReadFile(tree, file)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s: %w", file, err)
	}
	return n, nil
}

// write writes to a file of the kernel, which must be there.
func write(file string, n uint64) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d\n", n)
	return errors.Join(err, f.Close())
}

// memoryLeft is what programs can still have without swapping; no limit if the kernel does not tell.
func memoryLeft(tree fs.FS) uint64 {
	b, _ := fs.ReadFile(tree, "proc/meminfo")
	_, rest, _ := strings.Cut(string(b), "MemAvailable:")
	var kilobytes uint64
	if n, _ := fmt.Sscan(rest, &kilobytes); n == 0 {
		return math.MaxUint64
	}
	return kilobytes << 10
}
