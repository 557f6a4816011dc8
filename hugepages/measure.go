package hugepages

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/tickring/tickring/internal/sys"
)

// Report says which pages a mapping really has in this process.
type Report struct {
	Backing   string `json:"backing"`            // "tmpfs" or "hugetlbfs"
	PageBytes int    `json:"page_bytes"`         // size of the pages that hold at least half of the mapping
	HugeBytes uint64 `json:"huge_bytes"`         // of the mapping, how much lies on huge pages
	Fallback  string `json:"fallback,omitempty"` // why not all of it does, if that was wanted
}

func (r Report) String() string {
	s := fmt.Sprintf("%s, %d KiB pages", r.Backing, r.PageBytes>>10)
	if r.Fallback != "" {
		s += " (" + r.Fallback + ")"
	}
	return s
}

// Measure reads from /proc/self/smaps which pages hold the mapping that starts at b, which must be
// mapped and touched.
func Measure(b []byte) (Report, error) {
	if len(b) == 0 {
		return Report{}, fmt.Errorf("hugepages: empty mapping")
	}
	fields, err := mapping(address(b))
	if err != nil {
		return Report{}, fmt.Errorf("hugepages: %w", err)
	}
	return report(fields, uint64(len(b))), nil
}

// report is what the fields of a mapping of n bytes say.
func report(fields map[string]uint64, n uint64) Report {
	r := Report{Backing: "tmpfs", PageBytes: int(fields["KernelPageSize"])}
	if r.PageBytes > os.Getpagesize() {
		r.Backing = "hugetlbfs"
		r.HugeBytes = fields["Shared_Hugetlb"] + fields["Private_Hugetlb"]
		return r
	}
	r.HugeBytes = fields["ShmemPmdMapped"] + fields["FilePmdMapped"] + fields["AnonHugePages"]
	if r.HugeBytes*2 >= n {
		r.PageBytes = transparentSize()
	}
	return r
}

// mapping returns the fields of the mapping at address start, in bytes.
func mapping(start uintptr) (map[string]uint64, error) {
	f, err := sys.Root.Open("proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fields, err := fieldsIn(f, start)
	if err != nil {
		return nil, fmt.Errorf("/proc/self/smaps: %w", err)
	}
	return fields, nil
}

// numberBits is what a number of kilobytes may have: a sum of some, in bytes, then fits into an int.
const numberBits = 51

// fieldsIn finds the mapping in a text such as smaps, as [mapping] does.
func fieldsIn(smaps io.Reader, start uintptr) (map[string]uint64, error) {
	prefix := fmt.Sprintf("%08x-", start)
	var fields map[string]uint64
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := strings.Fields(lines.Text())
		if len(line) == 0 {
			continue
		}
		name, isField := strings.CutSuffix(line[0], ":")
		switch {
		case !isField && fields != nil:
			return fields, nil // the next mapping
		case strings.HasPrefix(line[0], prefix):
			fields = map[string]uint64{}
		case fields != nil && len(line) == 3 && line[2] == "kB":
			n, err := strconv.ParseUint(line[1], 10, numberBits)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
			fields[name] = n << 10
		}
	}
	if err := lines.Err(); err != nil { // what follows may be some of the fields
		return nil, err
	}
	if fields == nil {
		return nil, fmt.Errorf("no mapping at %#x", start)
	}
	return fields, nil
}

// transparentSize is the size of a transparent huge page.
func transparentSize() int {
	b, _ := fs.ReadFile(sys.Root, "sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
	if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
		return n
	}
	return 2 << 20
}
