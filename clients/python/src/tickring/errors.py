"""What can go wrong, and what can happen to a reader.

Every exception of the package is a TickringError, and also the built-in exception that a Python programmer would
catch. Its text names the operation, the segment, the problem, and what to do next.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import ClassVar, Dict, Iterator, Type


class TickringError(Exception):
    """Base of all exceptions of the package. op and name say which operation on which segment it was."""

    summary: ClassVar[str] = ""
    hint: str = ""

    op = ""
    name = ""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        where = f"{self.op} {ascii(self.name)[1:-1]}" if self.op else ""
        return ": ".join(part for part in ("tickring", where, self.summary, self.detail, self.hint) if part)


class InvalidName(TickringError, ValueError):
    """The name is not one of a shared memory object."""

    summary = "invalid segment name"
    hint = "use one like /trading_data"


# What the system says.


class SystemFailure(TickringError, OSError):
    """A system call failed; errno has its error."""

    code: ClassVar[int] = errno.EIO

    def __init__(self, detail: str = "", code: int = 0) -> None:
        OSError.__init__(self, code or self.code, detail or self.summary)
        self.detail = detail


class SegmentNotFound(SystemFailure, FileNotFoundError):
    """No segment has this name, or a part of it is gone."""

    code = errno.ENOENT
    hint = "no segment has this name: is the writer running?"


class RingFileNotFound(SystemFailure, FileNotFoundError):
    """The segment is there, but not the file that holds its slots."""

    code = errno.ENOENT
    hint = "the segment is of no use without it: remove it and create it anew"


class AccessDenied(SystemFailure, PermissionError):
    """This user may not open the segment, or must not trust a part of it."""

    code = errno.EACCES
    hint = "it belongs to another user: ask its owner for a mode that lets you in"


class SegmentExists(SystemFailure, FileExistsError):
    """The name is taken."""

    code = errno.EEXIST
    hint = "take it over, or remove it first"


class StorageExhausted(SystemFailure):
    """The storage of a segment cannot be had."""

    code = errno.ENOSPC
    hint = "/dev/shm is too small or too full: fewer slots, or a larger tmpfs (mount -o remount,size=...)"


class NotRegular(SystemFailure):
    """A directory, a symbolic link, a socket, … lies under the name."""

    code = errno.EINVAL
    summary = "not a shared memory object"
    hint = "give the name of a shared memory object, or remove what lies there; a symbolic link is never followed"


class WriterExists(SystemFailure):
    """Another process is the segment's writer."""

    code = errno.EBUSY
    summary = "another writer has the segment"
    hint = "a segment has one writer: end that one first, or read"


class ReadLocked(SystemFailure):
    """No process is the segment's writer, but one that may read it holds a lock on it."""

    code = errno.EBUSY
    summary = "no writer has the segment, but a process that may read it holds a lock on it"
    hint = "end that process (lslocks shows it), or remove the segment and create it anew with a mode that keeps it out"


class ForeignOwner(AccessDenied):
    """The segment was made by another user, who could rewrite or truncate it."""

    summary = "made by another user, who could rewrite or truncate it"
    hint = "have its owner or root remove it, or say by owner= that you trust that user"


class Replaced(SystemFailure):
    """The name was given to another object while this one was being opened."""

    code = errno.ESTALE
    summary = "the name was given to another object meanwhile"
    hint = "open it again"


# What the bytes say.


class InvalidSegment(TickringError, ValueError):
    """The object is no segment that this program can use."""

    hint = "the object is damaged or another program's: look at it, then remove it and create it anew"


class NotASegment(InvalidSegment):
    """The object begins with something else."""

    summary = "not a Tickring segment"


class BareSegment(InvalidSegment):
    """The 24 bytes of a program from before the ring."""

    summary = "a 24-byte segment of a program from before the ring, without a version"
    hint = "read it with SharedMemoryConsumer; only the program that made it can write it"


class UnsupportedVersion(InvalidSegment):
    """Another version of the layout, or a backing that this program does not know."""

    summary = "layout version not supported"
    hint = "it was made by another version of this program: use that one, or create it anew"


class ForeignByteOrder(InvalidSegment):
    """Made on a machine of the other byte order, or this machine has it."""

    summary = "byte order differs from this machine's"
    hint = "create it anew on this machine"


class ChecksumMismatch(InvalidSegment):
    """The header was damaged."""

    summary = "header checksum does not match"


class TruncatedSegment(InvalidSegment):
    """The object is shorter than it says."""

    summary = "segment truncated"


class ImpossibleGeometry(InvalidSegment):
    """The header contradicts itself, or a segment of such a shape cannot be made."""

    summary = "impossible geometry"


class InvalidSchema(InvalidSegment):
    """The description of the record is not valid."""

    summary = "record schema invalid"


class RecordMismatch(TickringError, TypeError):
    """A program's record type differs from the segment's record; field is the first that does."""

    summary = "record type does not match the segment"
    hint = "use the segment's record type"

    def __init__(self, field: str, segment: str, program: str) -> None:
        super().__init__(f"field {field}: segment has {segment}, program has {program}")
        self.field, self.segment, self.program = field, segment, program


# What this machine, or this segment, cannot do.


class NoDoorbell(TickringError, ValueError):
    """The reader is to block, but the segment has no doorbell that it may use."""

    summary = "no doorbell to block on"
    hint = "create the segment with one, or wait in another way"


class NeedsExtension(TickringError, NotImplementedError):
    """Pure Python cannot promise untorn records on this machine."""

    summary = "the pure Python reader is sound only in CPython on x86-64"
    hint = "install with a C compiler and Python's headers present, so that tickring._native is built"


# What can happen to a reader.


class Event(TickringError):
    """What a reader reports besides records. The reader stays usable: the next call goes on behind the event."""


class Lapped(Event):
    """The writer overtook the reader by a whole lap.

    The records from first up to, not including, next are lost: count of them. The reader has resumed at next.
    """

    summary = "lapped"

    def __init__(self, first: int, next: int) -> None:
        super().__init__(f"lost {next - first} records, {first} to {next - 1}")
        self.first, self.next = first, next

    @property
    def count(self) -> int:
        """Number of records lost, at least one."""
        return self.next - self.first


class Restarted(Event):
    """Another writer took the ring over. Nothing was lost by that.

    epoch is the new writer's, first the number of the first record that it published or will publish.
    """

    summary = "another writer took over"

    def __init__(self, epoch: int, first: int) -> None:
        super().__init__(f"epoch {epoch}, from record {first} on")
        self.epoch, self.first = epoch, first


class WriterDead(Event):
    """The writer went without closing the ring, and all that it published was read. Told once for each writer."""

    summary = "the writer is gone without closing the ring"


class Closed(Event, EOFError):
    """The writer closed the ring, and all that it published was read."""

    summary = "the writer closed the ring"


class Overtaken(Event):
    """The writer overtook every attempt to copy the newest record. Nothing is lost by that."""

    summary = "the writer overtook every attempt to copy the newest record"
    hint = "try again, or give the ring more slots"


class Corrupt(Event, ValueError):
    """The memory contradicts itself: a reader does not go on, and a ring like this is not taken over."""

    summary = "slot versions, the head and the epoch contradict each other: the memory is damaged"
    hint = "remove the segment and create it anew"


class Exhausted(TickringError, OverflowError):
    """Fewer than 2**56 record numbers are left of 2**63: only damage or 290 years bring that about."""

    summary = "the record numbers are used up"
    hint = "remove the segment and create it anew"


_BY_ERRNO: Dict[int, Type[SystemFailure]] = {
    errno.ENOENT: SegmentNotFound,
    errno.EACCES: AccessDenied,
    errno.EPERM: AccessDenied,
    errno.EEXIST: SegmentExists,
    errno.ENOSPC: StorageExhausted,
    errno.ELOOP: NotRegular,
    errno.EISDIR: NotRegular,
    errno.ENXIO: NotRegular,  # a socket
}

_HINTS = {
    errno.EMFILE: "this process has too many files open (ulimit -n)",
    errno.ENFILE: "this machine has too many files open (sysctl fs.file-max)",
    errno.ENOMEM: "memory is short: fewer slots, or a higher limit (ulimit -v, ulimit -l, vm.max_map_count)",
    errno.EFBIG: "this process may not make files that large: fewer slots, or a higher limit (ulimit -f)",
    errno.EROFS: "the file system is mounted read-only, which is enough to read alone",
    errno.EOPNOTSUPP: "/dev/shm has to be a tmpfs: as root: mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
    errno.ENOSYS: "mount /proc, as root: mount -t proc proc /proc",
}

_HINTS_OF = {
    ("create", errno.ENOENT): "is there a /dev/shm?",
    ("create", errno.EACCES): "this user may not use /dev/shm: as root: chmod 1777 /dev/shm",
    ("unlink", errno.EACCES): "it belongs to another user: only its owner and root can remove it",
    ("unlink", errno.EPERM): "it belongs to another user: only its owner and root can remove it",
}


@contextmanager
def operation(op: str, name: str) -> Iterator[None]:
    """Gives what goes wrong inside the operation's and the segment's name, and system errors their class."""
    try:
        yield
    except TickringError as error:
        if not error.op:
            error.op, error.name = op, name
        raise
    except OSError as system:
        code = system.errno or errno.EIO
        error = _BY_ERRNO.get(code, SystemFailure)(system.strerror or os.strerror(code), code)
        error.hint = _HINTS_OF.get((op, code)) or _HINTS.get(code) or error.hint
        error.op, error.name = op, name
        raise error from None
