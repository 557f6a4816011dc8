package main

import (
	"fmt"
	"os"
)

// isTerminal reports whether somebody looks at f: a character device other than /dev/null.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// bytesText is n for people, with the exact number where it was rounded.
func bytesText(n uint64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1<<10 && unit < len(units)-1 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB (%d bytes)", value, units[unit], n)
}

// rateText is a number of records per second for people.
func rateText(perSecond float64) string {
	switch {
	case perSecond >= 1e6:
		return fmt.Sprintf("%.1f M/s", perSecond/1e6)
	case perSecond >= 1e3:
		return fmt.Sprintf("%.1f k/s", perSecond/1e3)
	}
	return fmt.Sprintf("%.1f /s", perSecond)
}

// outputError is a failure to write to stdout, which has nothing to do with the segment.
type outputError struct{ error }

func (e outputError) Error() string { return "what was read could not be written: " + e.error.Error() }

func (e outputError) Unwrap() error { return e.error }

// stdout marks an error of writing to stdout as such.
func stdout(err error) error {
	if err == nil {
		return nil
	}
	return outputError{err}
}
