package sys

import (
	"bytes"
	"fmt"
	"io/fs"
	"strconv"
)

// StartTime is when process pid started, in clock ticks since boot: with the number it names a
// process for good, where the number alone is used again.
func StartTime(pid int) (uint64, error) {
	// Of the first thread, which is the process's; an emulator may make up /proc/PID/stat.
	path := fmt.Sprintf("proc/%d/task/%d/stat", pid, pid)
	b, err := fs.ReadFile(Root, path)
	if err != nil {
		return 0, err
	}
	// Field 2 is the command's name in parentheses and may hold anything; field 22 is the start.
	_, rest, _ := bytes.Cut(b[bytes.LastIndexByte(b, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	if len(fields) < 20 {
		return 0, fmt.Errorf("/%s: %d fields", path, len(fields))
	}
	return strconv.ParseUint(string(fields[19]), 10, 64)
}
