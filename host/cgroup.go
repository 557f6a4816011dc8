package host

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ControlGroups lists the directories of the control groups that bind this process for a controller, such
// as cpu, from its own up to the root, as paths in root. Those of version 1 come first, if it has them; one
// that does not exist is left out: in a container a group's path is often not to be seen, but its files are in
// the root.
func ControlGroups(root fs.FS, controller string) []string {
	table, _ := tree{root}.text("proc/self/cgroup")
	var dirs []string
	for line := range strings.Lines(table) {
		// cgroups(7): number:controllers:path; without controllers it is version 2.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		base := "sys/fs/cgroup"
		switch {
		case slices.Contains(strings.Split(fields[1], ","), controller):
			base += "/" + controller
		case fields[1] != "":
			continue
		}
		for at := path.Clean("/" + fields[2]); ; at = path.Dir(at) {
			if dir := path.Join(base, at); (tree{root}).exists(dir) {
				dirs = append(dirs, dir)
			}
			if at == "/" {
				break
			}
		}
	}
	return dirs
}
