package sys

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Mount mounts a new file system of a kind at dir, which needs root; what is there before is hidden.
func Mount(kind, dir, options string) error {
	return unix.Mount(kind, dir, kind, unix.MS_NOSUID|unix.MS_NODEV, options)
}

// Unmount undoes [Mount]; EBUSY while somebody uses what is there.
func Unmount(dir string) error { return unix.Unmount(dir, unix.UMOUNT_NOFOLLOW) }

// Owner says whose a file or directory is, and its mode.
func Owner(path string) (uid, gid uint32, mode fs.FileMode, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, 0, err
	}
	st := info.Sys().(*syscall.Stat_t)
	return st.Uid, st.Gid, info.Mode(), nil
}
