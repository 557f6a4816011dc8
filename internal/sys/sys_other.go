//go:build !linux

package sys

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// Info is what fstat says of a file.
type Info struct {
	Device, Inode uint64
	Size          uint64
	Mode          fs.FileMode
	UID           uint32
}

// Root is the machine's tree of files.
var Root = os.DirFS("/")

const unsupported = "tickring shares memory on Linux only"

var errUnsupported = errors.Join(errors.New(unsupported), errors.ErrUnsupported)

// Open is for Linux.
func Open(string, bool) (int, error) { return -1, errUnsupported }

// OpenUnnamed is for Linux.
func OpenUnnamed(string, fs.FileMode) (int, error) { return -1, errUnsupported }

// CreateLocked is for Linux.
func CreateLocked(string, fs.FileMode) (int, error) { return -1, errUnsupported }

// OpenHuge is for Linux.
func OpenHuge(string, bool) (int, Info, uint64, error) { return -1, Info{}, 0, errUnsupported }

// Link is for Linux.
func Link(int, string) error { return errUnsupported }

// Close is for Linux.
func Close(int) {}

// Unlink is for Linux.
func Unlink(string) error { return errUnsupported }

// Stat is for Linux.
func Stat(int) (Info, error) { return Info{}, errUnsupported }

// StatName is for Linux.
func StatName(string) (Info, error) { return Info{}, errUnsupported }

// IsNamed is for Linux.
func IsNamed(int, string) (bool, error) { return false, errUnsupported }

// Same is for Linux.
func Same(Info, Info) bool { return false }

// Reserve is for Linux.
func Reserve(int, uint64) error { return errUnsupported }

// FillHoles is for Linux.
func FillHoles(int, uint64) error { return errUnsupported }

// ReadAt is for Linux.
func ReadAt(int, int, int) ([]byte, error) { return nil, errUnsupported }

// WriteAt is for Linux.
func WriteAt(int, []byte, int) error { return errUnsupported }

// Map is for Linux.
func Map(int, uint64, bool) ([]byte, error) { return nil, errUnsupported }

// MapBare is for Linux.
func MapBare(int, uint64) ([]byte, error) { return nil, errUnsupported }

// Unmap is for Linux.
func Unmap([]byte) error { return errUnsupported }

// Resize is for Linux.
func Resize(int, uint64) error { return errUnsupported }

// PopulateHuge is for Linux.
func PopulateHuge(int, uint64, func([]byte) error) error { return errUnsupported }

// Free is for Linux.
func Free(string) (uint64, error) { return 0, errUnsupported }

// TryLock is for Linux.
func TryLock(int) (bool, error) { return false, errUnsupported }

// Locked is for Linux.
func Locked(int) (bool, error) { return false, errUnsupported }

// ReadDir is for Linux.
func ReadDir(string) ([]string, error) { return nil, errUnsupported }

// Boottime is for Linux.
func Boottime() uint64 { return 0 }

// StartTime is for Linux.
func StartTime(int) (uint64, error) { return 0, errUnsupported }

// FutexWait is for Linux.
func FutexWait(*uint32, uint32, time.Duration) error { return errUnsupported }

// FutexWake is for Linux.
func FutexWake(*uint32) error { return errUnsupported }

// RegisterBarrier is for Linux.
func RegisterBarrier() error { return errUnsupported }

// Barrier is for Linux.
func Barrier() error { return errUnsupported }

// Sleep suspends the calling goroutine.
func Sleep(d time.Duration) { time.Sleep(d) }
