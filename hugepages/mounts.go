package hugepages

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
)

// mountOption returns the value of an option of the file system mounted at dir; empty if it has none.
func mountOption(dir, option string) (string, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	value, found := "", false
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		// proc(5): … (5) mount point (6) mount options … "-" type source super-options
		mount, super, ok := strings.Cut(lines.Text(), " - ")
		fields, superFields := strings.Fields(mount), strings.Fields(super)
		if !ok || len(fields) < 5 || fields[4] != dir || len(superFields) < 3 {
			continue
		}
		value, found = "", true // a later mount on the same place hides the earlier
		for _, o := range strings.Split(superFields[2], ",") {
			if v, ok := strings.CutPrefix(o, option+"="); ok {
				value = v
			}
		}
	}
	if !found {
		return "", fmt.Errorf("nothing is mounted at %s", dir)
	}
	return value, nil
}
