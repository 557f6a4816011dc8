"""Named segments in /dev/shm: created whole, attached read-only, owned by one writer at a time."""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Optional, Tuple

from . import _doorbell, _ring, _ring_file, _system
from ._codec import Codec, R
from ._doorbell import Doorbell
from ._header import Geometry, decode, encode
from ._layout import (
    BACKING_HUGETLBFS,
    BARE_SIZE,
    EPOCH_OFFSET,
    HEAD_OFFSET,
    HEARTBEAT_OFFSET,
    PID_OFFSET,
    START_TIME_OFFSET,
    STATE_OFFSET,
    VERSION,
)
from .errors import (
    BareSegment,
    ForeignOwner,
    InvalidName,
    NoDoorbell,
    NotRegular,
    ReadLocked,
    Replaced,
    SegmentExists,
    TickringError,
    UnsupportedVersion,
    WriterExists,
    operation,
)

if TYPE_CHECKING:
    from ._pure import Ring, Words

DIR = "/dev/shm"

_MAX_NAME = 200  # leaves room for the doorbell's suffix within NAME_MAX
_STATES = ("created", "open", "closed")


def canonical(name: str) -> str:
    """The name with its slash."""
    return name if name.startswith("/") else "/" + name


def path_of(name: str) -> str:
    """Path of the object of a POSIX name, of which the slash may be left out. Raises InvalidName."""
    base = name[1:] if name.startswith("/") else name
    if not base:
        problem = "is empty"
    elif base in (".", "..") or "/" in base:
        problem = f"would leave {DIR}: a name has one slash, in front"
    elif len(base.encode("utf-8", "surrogateescape")) > _MAX_NAME:
        problem = f"is longer than {_MAX_NAME} bytes"
    elif base.endswith(_doorbell.SUFFIX):
        problem = f"ends in {_doorbell.SUFFIX}, as doorbells do"
    elif not all(" " < c <= "~" for c in base):
        problem = "has other than printable ASCII characters"
    else:
        return f"{DIR}/{base}"
    raise InvalidName(problem)


def open_object(name: str, writable: bool) -> Tuple[int, os.stat_result]:
    """Opens the regular file of a name, and says what fstat says of it."""
    fd = _system.open_object(path_of(name), writable)
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        os.close(fd)
        raise NotRegular
    return fd, info


def read_geometry(fd: int, size: int) -> Geometry:
    """Validates the header of an object, from a private copy of it."""
    if size == BARE_SIZE:
        raise BareSegment
    return decode(size, lambda offset, n: _system.read_at(fd, offset, n))


class Segment:
    """A mapped segment. Made by Segment.attach, and by a Writer.

    Whoever may write to the object may also truncate it, and the next access to memory that is gone ends the process
    (SIGBUS), as with any mapped file. Several readers may use one Segment, in any threads.
    """

    name: str
    """the segment's, with its slash"""
    geometry: Geometry
    writable: bool
    """whether it holds the writer's lock"""
    doorbell: Optional[Doorbell]

    def __init__(self, name: str, fd: int, owner: int, geometry: Geometry, writable: bool) -> None:
        self.name, self.geometry, self.writable = canonical(name), geometry, writable
        self.doorbell = None
        self._fd, self._owner = fd, owner
        self._mapped: Optional[Tuple[memoryview, memoryview]] = None
        self._words: Optional[Words] = None

    @classmethod
    def attach(cls, name: str) -> Segment:
        """Maps a segment read-only; it may have a writer or not.

        Raises SegmentNotFound, AccessDenied, NotRegular, InvalidName, or an InvalidSegment that says what is wrong
        with it.
        """
        with operation("attach", canonical(name)):
            segment = cls._open(name, False)
            try:
                segment._map()
            except BaseException:
                segment.close()
                raise
            if segment.geometry.doorbell:
                try:
                    segment.doorbell = _doorbell.attach(path_of(name), segment.geometry.created, segment._owner)
                except (OSError, TickringError) as error:
                    # One that is gone, or another user's, costs a reader no more than blocking on it.
                    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                        segment.close()
                        raise
            return segment

    @classmethod
    def create(cls, name: str, geometry: Geometry, mode: int, doorbell: bool) -> Segment:
        """Makes a segment and becomes its writer. It appears under its name complete, or not at all."""
        with operation("create", canonical(name)):
            path = path_of(name)
            if mode & ~0o666:
                raise ValueError(f"tickring: create {canonical(name)}: mode {mode:#o} is not of read and write bits")
            if os.path.lexists(path):
                raise SegmentExists("the name is taken")  # early: nothing needs to be reserved for that answer
            fd = _system.open_unnamed(DIR, mode)
            geometry = replace(geometry, doorbell=doorbell, created=time.time_ns())
            segment = cls(name, fd, os.geteuid(), geometry, True)
            try:
                _system.write_at(fd, encode(geometry), 0)
                segment._lock()
                _system.reserve(fd, geometry.segment_size)
                segment._own()
                if doorbell:
                    segment.doorbell = _doorbell.create(DIR, path, geometry.created)
                _system.link(fd, path)  # complete, and only now with a name
            except BaseException:
                if segment.doorbell is not None:
                    os.unlink(segment.doorbell.path)
                segment.close()
                raise
            return segment

    @classmethod
    def take_over(cls, name: str, owner: Optional[int] = None) -> Segment:
        """Becomes the writer of a segment whose writer closed it, died, or never came.

        It must be this user's, root's, or that of the user owner, whom this process trusts; else it is ForeignOwner.
        """
        with operation("take over", canonical(name)):
            segment = cls._open(name, True)
            try:
                if segment.owner not in (os.geteuid(), 0, owner):
                    raise ForeignOwner(f"user {segment.owner}")
                segment._take_over()
            except BaseException:
                segment.close()
                raise
            return segment

    @classmethod
    def _open(cls, name: str, writable: bool) -> Segment:
        fd, info = open_object(name, writable)
        try:
            return cls(name, fd, info.st_uid, read_geometry(fd, info.st_size), writable)
        except BaseException:
            os.close(fd)
            raise

    def _map(self) -> None:
        g = self.geometry
        memory = _system.map_file(self._fd, g.segment_size, self.writable)
        header = memory[: g.header_size // 8 * 8]
        if g.backing == BACKING_HUGETLBFS:
            slots = _ring_file.attach(self.name, g, self._owner, self.writable)
        else:
            slots = memory[g.ring_offset :]
        self._mapped = header, slots
        self._words = _ring.words(header, self.writable)

    def _own(self) -> None:
        """Maps the segment, which this process has locked, and says who the writer is."""
        self._map()
        self.words.store(PID_OFFSET, os.getpid())
        self.words.store(START_TIME_OFFSET, _system.start_time(os.getpid()))
        self.words.store(HEARTBEAT_OFFSET, _system.boottime())

    def _lock(self) -> None:
        for _ in range(3):  # for a writer that goes between the two looks
            if _system.try_lock(self._fd):
                return
            if _system.locked(self._fd):
                pid = int.from_bytes(_system.read_at(self._fd, PID_OFFSET, 8), "little")
                raise WriterExists(f"process {pid}")
        raise ReadLocked

    def _take_over(self) -> None:
        g, path = self.geometry, path_of(self.name)
        if g.version != VERSION:
            raise UnsupportedVersion(f"segment has version {g.version}, this program writes version {VERSION}")
        self._lock()
        self._look_again()
        _system.fill_holes(self._fd, self.geometry.segment_size)  # a copy of a segment may have some
        self._own()
        if g.doorbell:
            self.doorbell = _doorbell.reopen(DIR, path, g.created, self._owner)
        try:  # somebody may have given the name to another object meanwhile
            same = os.path.samestat(os.lstat(path), os.fstat(self._fd))
        except FileNotFoundError:
            same = False
        if not same:
            if self.doorbell is not None:
                os.unlink(self.doorbell.path)  # nobody else would any more
            raise Replaced

    def _look_again(self) -> None:
        """Looks, now that this process has the lock, whether the object is still what it was: the writer before may have
        ended because it was cut short, or overwritten in place."""
        geometry = read_geometry(self._fd, os.fstat(self._fd).st_size)
        if geometry.created != self.geometry.created:
            raise Replaced
        self.geometry = geometry

    def ring(self, codec: Codec[R]) -> Ring:
        """Access to the slots, for one reader or the writer."""
        if self._mapped is None:
            raise self._closed()
        return _ring.ring(*self._mapped, self.geometry, codec, self.writable)

    @property
    def words(self) -> Words:
        """Access to the words of the header."""
        if self._words is None:
            raise self._closed()
        return self._words

    def _closed(self) -> ValueError:
        return ValueError(f"tickring: segment {self.name} is closed")

    @property
    def owner(self) -> int:
        """The user who has the object, and so may rewrite it, truncate it, or let others in: any user can make a segment
        of a name that is free."""
        return self._owner

    @property
    def head(self) -> int:
        """Number of records published so far, by all writers: the number of the next one."""
        return self.words.load(HEAD_OFFSET)

    @property
    def epoch(self) -> int:
        """Number of writers so far; 0 before the first."""
        return self.words.load(EPOCH_OFFSET)

    @property
    def state(self) -> str:
        """What the last writer said: "created" (there was none yet), "open", or "closed"."""
        state = self.words.load(STATE_OFFSET)
        return _STATES[state] if state < len(_STATES) else "invalid"

    def writer_alive(self) -> bool:
        """Whether a process holds the writer's lock. One system call."""
        if self.writable:
            return True
        with operation("look for the writer of", self.name):
            return _system.locked(self._fd)

    def needs_doorbell(self) -> Doorbell:
        """The doorbell. Raises NoDoorbell."""
        if self.doorbell is None:
            with operation("block on", self.name):
                raise NoDoorbell
        return self.doorbell

    def close(self) -> None:
        """Gives up the segment and, in the writer, its lock; the object stays. A second close does nothing.

        The memory is unmapped when the last reader or writer of it is gone.
        """
        if self.writable:
            _system.unlock(self._fd)
        self.forget()

    def forget(self) -> None:
        """Closes it without giving up the lock, which in a forked child is the parent's."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self.writable = False
        self.doorbell = self._mapped = self._words = None
