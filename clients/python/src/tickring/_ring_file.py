"""The file on a hugetlbfs that holds the slots of a segment with backing 1.

Its path comes from the segment's header: whatever lies there is checked, without opening it, before it is opened.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import Iterator, Optional

from . import _system
from ._header import Geometry
from .errors import AccessDenied, ImpossibleGeometry, NotRegular, RingFileNotFound, TruncatedSegment


def attach(name: str, g: Geometry, owner: int, writable: bool) -> memoryview:
    """Maps the slots of the segment name, which belongs to owner."""
    if os.path.basename(g.ring_file) != basename(name, g):
        raise ImpossibleGeometry(f"ring file {g.ring_file} is not this segment's {basename(name, g)}")
    need = g.ring_offset + g.ring_size
    try:
        with _looked_at(g.ring_file, None) as fd:
            _check(fd, g.ring_file, owner)
            size = os.fstat(fd).st_size
            if size < need:
                raise TruncatedSegment(f"ring file {g.ring_file} has {size} bytes, header says {need}")
            page = _system.file_system(fd)[1]
            # Without waiting for whoever has a lease on it.
            flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NONBLOCK
            opened = os.open(f"/proc/self/fd/{fd}", flags)
    except FileNotFoundError:
        raise RingFileNotFound(f"its ring file {g.ring_file} is gone") from None
    try:
        memory = _system.map_file(opened, -(-need // page) * page, writable)
    finally:
        os.close(opened)
    return memory[g.ring_offset : need]


def basename(name: str, g: Geometry) -> str:
    """The last element that the path of the ring file of segment name must have."""
    return f"{name.lstrip('/')}.{g.created:016x}.ring"


def unlink(name: str, g: Geometry, owner: int) -> None:
    """Removes the ring file of a segment, if that is what lies at its path."""
    directory, last = os.path.split(g.ring_file)
    if last != basename(name, g):
        return
    try:
        # What is checked and what is removed lie in one directory, whatever becomes of its name meanwhile.
        at = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        with _looked_at(last, at) as fd:
            _check(fd, g.ring_file, owner)
            os.unlink(last, dir_fd=at)
    except (FileNotFoundError, NotRegular, AccessDenied):
        pass  # gone, or not ours to remove
    finally:
        os.close(at)


@contextmanager
def _looked_at(path: str, directory: Optional[int]) -> Iterator[int]:
    """A descriptor with which nothing but looking can be done."""
    fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        yield fd
    finally:
        os.close(fd)


def _check(fd: int, path: str, owner: int) -> None:
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        raise NotRegular(f"ring file {path} is no regular file")
    if _system.file_system(fd)[0] != _system.HUGETLBFS:
        raise NotRegular(f"ring file {path} is not on a hugetlbfs")
    if info.st_uid != owner:
        raise AccessDenied(f"ring file {path} belongs to user {info.st_uid}, the segment to user {owner}")
