"""What a reader does while nothing is new."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Optional

from . import _system

if TYPE_CHECKING:
    from ._doorbell import Doorbell
    from ._follower import Follower

_SPIN_ROUNDS = 64  # polls before a reader that backs off or blocks stops spinning
_YIELD_ROUNDS = 64  # polls before one that backs off sleeps
_CHECK_ROUNDS = 512  # polls of a spinning reader between two looks at the time
_LIVENESS_PERIOD = 0.05  # of looks at whether the writer lives
_BLOCK_SLICE = 0.1  # bounds a sleep on the doorbell, and so how late a dead writer is noticed


class _Kind(Enum):
    BACKOFF = "backoff"
    SPIN = "spin"
    EVERY = "every"
    BLOCK = "block"


@dataclass(frozen=True)
class Wait:
    """Says how a reader waits. Use SPIN, backoff(limit), every(interval) or BLOCK."""

    kind: _Kind
    seconds: float = 0.0


SPIN = Wait(_Kind.SPIN)
"""Polls without a break: the lowest latency, at the cost of a core, and of the interpreter's lock most of the time."""

BLOCK = Wait(_Kind.BLOCK)
"""Sleeps in the kernel until the writer publishes: no CPU while idle, some ten microseconds to wake up. It needs a
segment with a doorbell, made by this user."""


def backoff(limit: float = 50e-6) -> Wait:
    """Spins for some microseconds, then lets other threads run, then sleeps: 1 µs at first and twice as long each time,
    up to limit seconds."""
    return Wait(_Kind.BACKOFF, _positive(limit))


def every(interval: float) -> Wait:
    """Sleeps for interval seconds between two polls."""
    return Wait(_Kind.EVERY, _positive(interval))


def _positive(seconds: float) -> float:
    if not seconds > 0:
        raise ValueError(f"tickring: {seconds} seconds are no time to wait")
    return seconds


class Pause:
    """One wait of a reader: it lets time pass between two polls. bell is given if it is to block on it."""

    def __init__(self, follower: Follower, how: Wait, bell: Optional[Doorbell], timeout: Optional[float]) -> None:
        self._follower, self._how, self._bell = follower, how, bell
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._rounds = 0
        self._ticket: Optional[int] = None
        self._looked: Optional[float] = None

    def wait(self) -> None:
        """Blocks the thread for a while. Raises WriterDead, and TimeoutError when the time is over."""
        self._rounds += 1
        kind = self._how.kind
        spins = kind is _Kind.SPIN or kind is not _Kind.EVERY and self._rounds <= _SPIN_ROUNDS
        if spins and self._rounds % _CHECK_ROUNDS:
            return
        left = self._check()
        if self._bell is not None:
            ticket = self._armed(self._bell)
            if ticket is not None and self._bell.wait(ticket, min(left, _BLOCK_SLICE)):
                self._ticket = None
        elif kind is _Kind.EVERY:
            _system.sleep(min(left, self._how.seconds))
        elif kind is _Kind.BACKOFF and self._rounds <= _SPIN_ROUNDS + _YIELD_ROUNDS:
            time.sleep(0)
        elif kind is _Kind.BACKOFF:
            _system.sleep(self._doubled(self._rounds - _SPIN_ROUNDS - _YIELD_ROUNDS))

    async def wait_async(self) -> None:
        """Lets the event loop run for a while. Raises WriterDead."""
        self._rounds += 1
        kind = self._how.kind
        self._check()
        if self._bell is not None:
            ticket = self._armed(self._bell)
            if ticket is not None:  # in a thread, which ends with the slice at the latest if nobody waits any more
                loop = asyncio.get_running_loop()
                if await loop.run_in_executor(None, self._bell.wait, ticket, _BLOCK_SLICE):
                    self._ticket = None
        elif kind is _Kind.EVERY:
            await asyncio.sleep(self._how.seconds)
        elif kind is _Kind.SPIN or self._rounds <= _SPIN_ROUNDS:
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(self._doubled(self._rounds - _SPIN_ROUNDS))

    def _armed(self, bell: Doorbell) -> Optional[int]:
        """Announces the sleep in one round, and returns the ticket in the next: the poll between them is the one that
        the doorbell asks for. A sleep that ended by itself needs no new announcement: nobody has rung."""
        ticket = self._ticket
        if ticket is None:
            self._ticket = bell.arm()
        return ticket

    def _doubled(self, sleeps: int) -> float:
        return min(self._how.seconds, 1e-6 * 2 ** min(sleeps - 1, 30))

    def _check(self) -> float:
        """Seconds left; looks now and then whether the writer lives."""
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline:
            raise TimeoutError("tickring: no record within the time given")
        if self._looked is None:
            self._looked = now  # a wait that is short never looks
        if now - self._looked >= _LIVENESS_PERIOD:
            self._looked = now
            self._follower.check_writer()
        return math.inf if self._deadline is None else self._deadline - now
