package feed

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkSymbol refuses names that only damage explains. Names outside ASCII are in use.
func checkSymbol(s string) error {
	damaged := func(r rune) bool { return r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) }
	if s == "" || strings.ContainsFunc(s, damaged) {
		return fmt.Errorf("symbol %q is empty or not printable", s)
	}
	return nil
}
