"""The system calls that the package makes. Errors are bare OSErrors: the caller knows object and operation."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
import time
import weakref
from typing import Tuple

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_int64]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]

_PROT_READ, _PROT_WRITE = 1, 2
_MAP_SHARED, _MAP_POPULATE = 0x01, 0x8000
_MAP_FAILED = ctypes.c_void_p(-1).value

_OFD_GETLK = getattr(fcntl, "F_OFD_GETLK", 36)
_OFD_SETLK = getattr(fcntl, "F_OFD_SETLK", 37)
_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE
_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, pid

# futex(2) and membarrier(2) have no function in libc.
_SYS_FUTEX, _SYS_MEMBARRIER = {"x86_64": (202, 324), "aarch64": (98, 283)}.get(platform.machine(), (-1, -1))
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1  # the shared operations: the waiters are in other processes
_GLOBAL_EXPEDITED, _REGISTER_GLOBAL_EXPEDITED = 1 << 1, 1 << 2

_PR_SET_TIMERSLACK = 29

HUGETLBFS = 0x958458F6


def _failed() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def open_object(path: str, writable: bool) -> int:
    """Opens without following a link and without waiting for a peer of a fifo; closed on exec."""
    flags = os.O_RDWR if writable else os.O_RDONLY
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def open_unnamed(directory: str, mode: int) -> int:
    """Makes a file that has no name yet, and is gone if the process ends before link gives it one."""
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
    try:
        os.fchmod(fd, mode)  # whatever the umask says
    except OSError:
        os.close(fd)
        raise
    return fd


def link(fd: int, path: str) -> None:
    """Gives the file of open_unnamed its name."""
    # The directory makes os.link call linkat(2), which follows the link; an absolute path does not use it.
    try:
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
    except FileNotFoundError:
        if os.path.exists("/proc/self/fd"):
            raise
        raise OSError(errno.ENOSYS, "/proc is not mounted here") from None


def read_at(fd: int, offset: int, n: int) -> bytes:
    """Reads n bytes, or as many as there are."""
    data = b""
    while len(data) < n:
        more = os.pread(fd, n - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def write_at(fd: int, data: bytes, offset: int) -> None:
    """Writes all of data."""
    while data:
        n = os.pwrite(fd, data, offset)
        data, offset = data[n:], offset + n


def reserve(fd: int, n: int) -> None:
    """Gives a file the size n and the storage for all of it, so that no later access fails for want of memory."""
    _reserve(fd, 0, n)


def fill_holes(fd: int, n: int) -> None:
    """Reserves the storage for the first n bytes of a file that may be cut short meanwhile: it stays as short, where
    reserve would put zeros in the place of what was lost."""
    _reserve(fd, _KEEP_SIZE, n)


def _reserve(fd: int, mode: int, n: int) -> None:
    if n > 1 << 62:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if _libc.fallocate(fd, mode, 0, n) == 0:
        return
    if ctypes.get_errno() != errno.EINTR:
        raise _failed()
    # Kernels before 6.18 give up the whole of it when any signal comes: what was given up is tried at half its length.
    at, step = 0, 8 << 20
    while at < n:
        length = min(n - at, step)
        if _libc.fallocate(fd, mode, at, length) == 0:
            at += length
        elif ctypes.get_errno() == errno.EINTR:
            step = max(step // 2, 4096)
        else:
            raise _failed()


def map_file(fd: int, n: int, writable: bool) -> memoryview:
    """Maps the first n bytes, shared, and faults them in, unless the file has holes: that would reserve storage for all
    of what somebody may have made only to look large. They stay mapped for as long as the view, or one made of
    it, is referred to: nothing that reads the memory can outlive it."""
    protection = _PROT_READ | _PROT_WRITE if writable else _PROT_READ
    stored = os.fstat(fd).st_blocks * 512 >= n
    address = _libc.mmap(None, n, protection, _MAP_SHARED | (_MAP_POPULATE if stored else 0), fd, 0)
    if address == _MAP_FAILED:
        raise _failed()
    # A union, because the view of a ctypes array has a format that memoryview.cast does not take. The mmap module
    # would keep a copy of fd, and with it the writer's lock.
    mapped = type("Mapped", (ctypes.Union,), {"_fields_": [("bytes", ctypes.c_ubyte * n)]}).from_address(address)
    weakref.finalize(mapped, _libc.munmap, address, n).atexit = False
    view = memoryview(mapped).cast("B")
    return view if writable else view.toreadonly()


def try_lock(fd: int) -> bool:
    """Takes the writer's lock for the open file description; False if another has it. It ends with the process."""
    try:
        fcntl.fcntl(fd, _OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def unlock(fd: int) -> None:
    """Gives the writer's lock up at once: memory that is still mapped would keep it."""
    fcntl.fcntl(fd, _OFD_SETLK, struct.pack(_FLOCK, fcntl.F_UNLCK, os.SEEK_SET, 0, 1, 0))


def locked(fd: int) -> bool:
    """Whether another open file description has the writer's lock; fd may be read-only."""
    asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 1, 0)  # another reader's does not conflict
    told = struct.unpack(_FLOCK, fcntl.fcntl(fd, _OFD_GETLK, asked))
    return bool(told[0] == fcntl.F_WRLCK)


def file_system(fd: int) -> Tuple[int, int]:
    """Type and block size of the file system of fd; on a hugetlbfs the latter is the size of a page."""
    told = ctypes.create_string_buffer(256)
    if _libc.fstatfs(fd, told) != 0:
        raise _failed()
    kind, block = struct.unpack_from("qq", told)
    return kind, block


def boottime() -> int:
    """CLOCK_BOOTTIME in ns: one clock for all processes, which nobody sets."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot: with the number it names a process for good.

    It is for people: 0 if /proc is not there, or is that of another PID namespace.
    """
    try:
        with open(f"/proc/{pid}/task/{pid}/stat", "rb") as file:
            # Field 2 is the command's name in parentheses and may hold anything; field 22 is the start.
            return int(file.read().rpartition(b")")[2].split()[19])
    except FileNotFoundError:
        return 0


def sleep(seconds: float) -> None:
    """Suspends the thread."""
    if seconds < 100e-6:  # of which the default slack of 50 µs would be most
        _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    time.sleep(seconds)


def futex_wait(address: int, want: int, seconds: float) -> None:
    """Sleeps while the word is want, until futex_wake or for a time; it may return early."""
    limit = struct.pack("qq", int(seconds), int(seconds % 1 * 1e9))
    result = _libc.syscall(_SYS_FUTEX, ctypes.c_void_p(address), _FUTEX_WAIT, ctypes.c_uint(want), limit, None, 0)
    if result == -1 and ctypes.get_errno() not in (errno.EAGAIN, errno.ETIMEDOUT, errno.EINTR):
        raise _failed()


def futex_wake(address: int) -> None:
    """Wakes all who wait for the word."""
    if _libc.syscall(_SYS_FUTEX, ctypes.c_void_p(address), _FUTEX_WAKE, 1 << 30, None, None, 0) == -1:
        raise _failed()


def register_barrier() -> None:
    """Lets barrier, in any process, order the memory accesses of this one."""
    if _libc.syscall(_SYS_MEMBARRIER, _REGISTER_GLOBAL_EXPEDITED, 0, 0) != 0:
        raise _failed()


def barrier() -> None:
    """A full memory barrier on every thread of the processes that called register_barrier, and on the caller."""
    if _libc.syscall(_SYS_MEMBARRIER, _GLOBAL_EXPEDITED, 0, 0) != 0:
        raise _failed()
