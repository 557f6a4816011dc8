// Package mounts reads the mount table of this process.
package mounts

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Mount is a mounted file system.
type Mount struct {
	Dir, Type string
	ReadOnly  bool
	Options   map[string]string // of the file system; a word without a value has an empty one
}

// In returns what is mounted and not hidden by a later mount on the same place, from the mount table in the
// /proc of a tree; [os.DirFS]("/") is this machine's.
func In(root fs.FS) ([]Mount, error) {
	table, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	var all []Mount
	for line := range strings.Lines(string(table)) {
		m, ok := parse(line)
		if !ok {
			continue
		}
		all = slices.DeleteFunc(all, func(hidden Mount) bool { return hidden.Dir == m.Dir })
		all = append(all, m)
	}
	return all, nil
}

// At returns what is mounted at dir; ok is false if nothing is.
func At(all []Mount, dir string) (m Mount, ok bool) {
	i := slices.IndexFunc(all, func(m Mount) bool { return m.Dir == dir })
	if i < 0 {
		return Mount{}, false
	}
	return all[i], true
}

// parse reads a line as proc(5) has it: … (5) mount point (6) mount options … "-" type source super-options.
func parse(line string) (m Mount, ok bool) {
	before, after, _ := strings.Cut(line, " - ")
	fields, super := strings.Fields(before), strings.Fields(after)
	if len(fields) < 6 || len(super) < 3 {
		return m, false
	}
	m = Mount{Dir: unescape(fields[4]), Type: super[0], Options: map[string]string{}}
	for _, option := range strings.Split(super[2], ",") {
		key, value, _ := strings.Cut(option, "=")
		m.Options[key] = value
	}
	_, readOnly := m.Options["ro"]
	m.ReadOnly = readOnly || slices.Contains(strings.Split(fields[5], ","), "ro")
	return m, true
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
