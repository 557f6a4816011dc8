"""The object beside a segment on which its readers sleep.

A reader does: take the ticket; mark that it waits; barrier; poll; sleep while the ticket is the one taken. The writer
does: publish; look at the mark; if it is set, clear it, count the ticket up, wake. The barrier is one on the writer's
CPU as well (membarrier), so either the poll finds the record or the writer sees the mark: no wake-up is lost, and a
publish needs no fence. segment/doorbell.go of the project has the whole argument.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct

from . import _ring, _system
from ._layout import DOORBELL_MAGIC, DOORBELL_SIZE, DOORBELL_TICKET_OFFSET, DOORBELL_WAITING_OFFSET
from .errors import AccessDenied, NotASegment, TruncatedSegment

SUFFIX = ".bell"


def path_of(segment: str, created: int) -> str:
    """Path of the doorbell of the segment at a path."""
    return f"{segment}.{created:016x}{SUFFIX}"


class Doorbell:
    """A mapped doorbell."""

    def __init__(self, path: str, fd: int) -> None:
        memory = _system.map_file(fd, DOORBELL_SIZE, True)
        self.path = path
        self.waiting = memory[DOORBELL_WAITING_OFFSET : DOORBELL_WAITING_OFFSET + 4].cast("I")
        """One word, not zero while a reader may be asleep."""
        self._words = _ring.words(memory, True)
        self._futex = ctypes.c_uint32.from_buffer(memory, DOORBELL_TICKET_OFFSET)

    def ring(self) -> None:
        """Wakes all who wait. For the writer, who is alone in counting the ticket up."""
        self._words.store32(DOORBELL_WAITING_OFFSET, 0)
        ticket = self._words.load32(DOORBELL_TICKET_OFFSET)
        self._words.store32(DOORBELL_TICKET_OFFSET, (ticket + 1) & 0xFFFFFFFF)
        _system.futex_wake(ctypes.addressof(self._futex))

    def arm(self) -> int:
        """Announces a sleeper, who then polls once more, and returns the ticket for wait."""
        ticket = self._words.load32(DOORBELL_TICKET_OFFSET)
        self._words.store32(DOORBELL_WAITING_OFFSET, 1)
        _system.barrier()
        return ticket

    def wait(self, ticket: int, seconds: float) -> bool:
        """Sleeps until a ring after the arm that gave the ticket, or for a time; True if there was a ring."""
        _system.futex_wait(ctypes.addressof(self._futex), ticket, seconds)
        return self._words.load32(DOORBELL_TICKET_OFFSET) != ticket


def create(directory: str, segment: str, created: int) -> Doorbell:
    """Makes the doorbell of a segment, for this process to ring."""
    _system.register_barrier()
    path = path_of(segment, created)
    fd = _system.open_unnamed(directory, 0o600)
    try:
        _system.try_lock(fd)  # which the mapping then holds: who looks for what crashes left behind leaves it alone
        _system.reserve(fd, DOORBELL_SIZE)
        _system.write_at(fd, struct.pack("<Q", DOORBELL_MAGIC), 0)
        bell = Doorbell(path, fd)
        _system.link(fd, path)  # as the last step: nothing can be left behind
    finally:
        os.close(fd)
    return bell


def attach(segment: str, created: int, owner: int) -> Doorbell:
    """Opens a doorbell to sleep on. It must be of the segment's owner, or of this user: whoever else made it could
    truncate it under the writer."""
    path = path_of(segment, created)
    fd = _system.open_object(path, True)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size < DOORBELL_SIZE:
            raise TruncatedSegment(f"doorbell {path} is no object of {DOORBELL_SIZE} bytes")
        if info.st_uid not in (owner, os.geteuid()):
            raise AccessDenied(f"doorbell {path} was made by user {info.st_uid}")
        if _system.read_at(fd, 0, 8) != struct.pack("<Q", DOORBELL_MAGIC):
            raise NotASegment(f"doorbell {path} begins with something else")
        return Doorbell(path, fd)
    finally:
        os.close(fd)


def reopen(directory: str, segment: str, created: int, owner: int) -> Doorbell:
    """For a writer that takes over: makes the doorbell anew if somebody removed it."""
    _system.register_barrier()
    try:
        return attach(segment, created, owner)
    except FileNotFoundError:
        return create(directory, segment, created)
