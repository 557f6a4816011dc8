package sys

import "golang.org/x/sys/unix"

// Space is the size of the file system of path, and what is left of it for this user; 0 of 0 for one
// without a limit.
func Space(path string) (total, free uint64, err error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(path, &st) }); err != nil {
		return 0, 0, err
	}
	return st.Blocks * uint64(st.Bsize), st.Bavail * uint64(st.Bsize), nil
}

// Writable reports whether this user may write to a file or directory.
func Writable(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS) == nil
}
