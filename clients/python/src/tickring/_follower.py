"""The part of a reader that does not depend on what its records are: where it is, and what it means when the next
record is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple

from ._layout import EPOCH_FIRST_OFFSET, EPOCH_OFFSET, HEAD_OFFSET, STATE_CLOSED, STATE_OFFSET, STATE_OPEN
from ._position import MAX_NUMBER, OLDEST_SAFE, Kind, Position
from ._segment import Segment
from .errors import Closed, Corrupt, Event, Lapped, Restarted, WriterDead

if TYPE_CHECKING:
    from ._pure import Ring


class Follower:
    """Follows a ring by number."""

    def __init__(self, segment: Segment, ring: Ring, start: Position, resume: Position) -> None:
        self._segment, self._ring, self._words = segment, ring, segment.words
        self._slots = segment.geometry.slots
        self._resume = OLDEST_SAFE if resume.kind is Kind.AT else resume
        self._origin = 0  # where seek last placed the reader
        self._passed = 0  # next, less what was received and missed: what seek passed over
        self._missed = 0
        self._dead_epoch = 0  # the epoch whose writer was reported dead
        self._gap: Optional[Tuple[int, int]] = None
        self._epoch, self._epoch_first = self._load_epoch()
        ring.epoch = self._epoch
        self.seek(start)

    def _load_epoch(self) -> Tuple[int, int]:
        # The writer stores the first record before the epoch that it belongs to. Should another takeover come between
        # the two loads, the record is of a later epoch, which the next call corrects.
        epoch = self._words.load(EPOCH_OFFSET)
        return epoch, self._words.load(EPOCH_FIRST_OFFSET)

    def seek(self, position: Position) -> None:
        """Moves the reader to a position of the ring as it is now.

        Records passed over this way count neither as received nor as missed.
        """
        head = self._ring.finished_head(self._floor())
        n = position.resolve(self._slots, head)
        if position.kind is Kind.OLDEST and head > 0 and self._ring.version(n) != 2 * n + 2:
            n += 1  # the record in flight has its place already
        self._passed += n - self._ring.next
        self._ring.next = self._origin = n

    def _floor(self) -> int:
        """What this reader has read is finished, whatever the head says."""
        return self._ring.next if self._ring.next > self._origin else 0

    def _event(self, event: Event) -> Event:
        event.op, event.name = "read", self._segment.name
        return event

    def _look(self) -> None:
        """Raises what it means that the next record is not there; nothing, if it is not there yet."""
        n = self._ring.next
        version = self._ring.version(n)
        if version > 2 * n + 2:
            raise self._lapped(version)
        epoch, first = self._load_epoch()
        if epoch < self._epoch:  # no writer counts down: zeros, where the object was cut short, or damage
            raise self._event(Corrupt(f"epoch {epoch} comes behind epoch {self._epoch}"))
        if epoch > self._epoch:
            started = self._epoch == 0  # the first writer came; that is no restart
            if not started and n < first:
                return  # records of the old epoch are still to be read
            self._epoch, self._epoch_first = epoch, first
            self._ring.epoch = epoch
            if not started:
                raise self._event(Restarted(epoch, first))
        if self._words.load(STATE_OFFSET) == STATE_CLOSED:
            # Every record was stored before that state. If this one was not, it never will be.
            if self._ring.version(n) < 2 * n + 2 and self._words.load(EPOCH_OFFSET) == self._epoch:
                raise self._event(Closed())

    def _lapped(self, version: int) -> Event:
        """Skips to where the policy resumes. The next record's slot has a version of another, later one."""
        n = self._ring.next
        taken = (version - 1) // 2  # everything before it is finished, or about to be
        head = min(self._words.load(HEAD_OFFSET), MAX_NUMBER + 1)
        # The head lags behind the slots by one run of records at the most, which is half a ring.
        if (taken - n) % self._slots or taken > head + self._slots:
            return self._event(Corrupt(f"the slot of record {n} has version {version}, the head is {head}"))
        to = max(n + 1, self._resume.resolve(self._slots, max(head, taken)))
        self._gap = n, to
        self._missed += to - n
        self._ring.next = to
        return self._event(Lapped(n, to))

    def check_writer(self) -> None:
        """Raises WriterDead if the writer of the reader's epoch went without closing: once an epoch."""
        if self._dead_epoch == self._epoch or self._words.load(STATE_OFFSET) != STATE_OPEN:
            return
        if self._segment.writer_alive():
            return
        # It may have published before it died, or somebody may have taken over since.
        n = self._ring.next
        if self._ring.version(n) >= 2 * n + 2 or self._words.load(STATE_OFFSET) != STATE_OPEN:
            return
        self._dead_epoch = self._epoch
        raise self._event(WriterDead())

    @property
    def gap(self) -> Optional[Tuple[int, int]]:
        """The records lost when the reader was last lapped: from the first number up to, not including, the second."""
        return self._gap

    @property
    def missed(self) -> int:
        """Number of records lost so far: exactly those of all gaps."""
        return self._missed

    @property
    def received(self) -> int:
        """Number of records read so far."""
        return self._ring.next - self._passed - self._missed

    @property
    def position(self) -> int:
        """Number of the record that is read next; the one just read has the number before it."""
        return self._ring.next

    @property
    def head(self) -> int:
        """Number of records that the ring's writers have published."""
        return self._words.load(HEAD_OFFSET)

    @property
    def epoch(self) -> Tuple[int, int]:
        """The epoch that the reader has come to, and its first record. Each writer of a ring has its own, from 1; 0 is
        a ring without a writer so far."""
        return self._epoch, self._epoch_first

    @property
    def state(self) -> str:
        """What the writer said last: "created" (there was none yet), "open", or "closed"."""
        return self._segment.state

    def writer_alive(self) -> bool:
        """Whether the ring has a writer at present. One system call."""
        return self._segment.writer_alive()
