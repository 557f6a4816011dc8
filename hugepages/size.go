package hugepages

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const units = "KMGT"

// ParseSize reads a number of bytes, such as "2M", "1G", "2048K" or "2097152".
func ParseSize(text string) (uint64, error) {
	number, shift := text, 0
	if i := strings.IndexByte(units, strings.ToUpper(text + " ")[max(len(text)-1, 0)]); i >= 0 {
		number, shift = text[:len(text)-1], 10*(i+1)
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || n > math.MaxUint64>>shift {
		return 0, fmt.Errorf("hugepages: %q is not a size such as 2M or 1G", text)
	}
	return n << shift, nil
}

// FormatSize writes a number of bytes as the kernel does, with the largest unit that divides it: "2M".
func FormatSize(n uint64) string {
	unit := ""
	for i := 0; i < len(units) && n != 0 && n%1024 == 0; i++ {
		n, unit = n/1024, units[i:i+1]
	}
	return strconv.FormatUint(n, 10) + unit
}
