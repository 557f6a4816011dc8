package host

import (
	"io/fs"
	"strconv"
	"strings"
)

// tree is a root directory with /proc and /sys in it. What cannot be read is not there: every fact is
// optional, in containers above all.
type tree struct{ fs.FS }

func (t tree) text(path string) (string, bool) {
	b, err := fs.ReadFile(t.FS, path)
	return strings.TrimSpace(string(b)), err == nil
}

// number is unknown where there is none; the kernel writes -1 for the same.
func (t tree) number(path string) int {
	text, _ := t.text(path)
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return Unknown
	}
	return n
}

func (t tree) cpus(path string) (cpus []int, ok bool) {
	text, ok := t.text(path)
	if !ok {
		return nil, false
	}
	cpus, err := ParseCPUs(text)
	return cpus, err == nil
}

func (t tree) exists(path string) bool {
	_, err := fs.Stat(t.FS, path)
	return err == nil
}

// statusField is a field of /proc/PID/status.
func (t tree) statusField(path, name string) (string, bool) {
	text, _ := t.text(path)
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}
