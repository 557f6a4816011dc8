"""Where a reader starts, and where it resumes after it was lapped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MAX_NUMBER = 2**63 - 2
"""Highest number that a record can have: its version is a u64. No head is above it by more than one."""


class Kind(Enum):
    OLDEST_SAFE = "oldest-safe"
    OLDEST = "oldest"
    NEWEST_MINUS = "newest-minus"
    AT = "at"


@dataclass(frozen=True)
class Position:
    """Says which record is read next. Use OLDEST_SAFE, OLDEST, NEWEST, newest_minus(n) or at(n)."""

    kind: Kind
    n: int = 0

    def resolve(self, slots: int, head: int) -> int:
        """The record's number in a ring of slots in which head records are finished."""
        first = max(head - slots, 0)
        newest = max(head, 1) - 1
        if self.kind is Kind.OLDEST:
            return first
        if self.kind is Kind.NEWEST_MINUS:
            return max(first, newest - self.n)
        if self.kind is Kind.AT:
            return self.n
        if head <= slots:
            return first  # no slot was ever used twice: nothing to keep a distance from
        # The record in flight already has the place of the oldest, hence at least one.
        return min(newest, first + max(1, slots // 4))


OLDEST_SAFE = Position(Kind.OLDEST_SAFE)
"""The oldest record that the ring holds plus a quarter of the ring: a reader there is not lapped again at once."""

OLDEST = Position(Kind.OLDEST)
"""The oldest record that the ring holds. While the writer is busy it may be gone before it is read: then lapped."""

NEWEST = Position(Kind.NEWEST_MINUS)
"""The newest finished record; in an empty ring, the first."""


def newest_minus(n: int) -> Position:
    """The record n before the newest finished one, or the oldest if the ring does not reach back so far. n is 0 or
    more."""
    return Position(Kind.NEWEST_MINUS, _checked(n, 2**64 - 1))


def at(n: int) -> Position:
    """Record n, from 0. One that is gone makes the reader lapped at its first poll, with the exact range; one that is
    not yet published is waited for. As a resume policy it means OLDEST_SAFE."""
    return Position(Kind.AT, _checked(n, MAX_NUMBER))


def _checked(n: int, most: int) -> int:
    if not 0 <= n <= most:
        raise ValueError(f"tickring: {n} is not from 0 to {most}")
    return n
