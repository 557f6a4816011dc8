package sys

import (
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Root is the machine's tree of files. Unlike [os.DirFS] it does not start the Go runtime's poller, for which a process
// that has no descriptor left would be ended. What is missing in /proc is [ErrNoProc] if all of it is.
var Root fs.FS = root{}

type root struct{}

// Open implements [fs.FS].
func (root) Open(name string) (_ fs.File, err error) {
	path, fd := "/"+name, -1
	if err = fs.ErrInvalid; fs.ValidPath(name) {
		err = retry(func() (err error) {
			fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			return err
		})
	}
	if strings.HasPrefix(name, "proc/") {
		err = withoutProc(err)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
