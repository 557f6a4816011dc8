"""Writers: one at a time for each ring."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Iterable, Optional, Sequence, Type, Union

from ._codec import Codec, R
from ._header import new_geometry
from ._layout import (
    EPOCH_FIRST_OFFSET,
    EPOCH_OFFSET,
    HEAD_OFFSET,
    HEARTBEAT_OFFSET,
    STATE_CLOSED,
    STATE_OFFSET,
    STATE_OPEN,
)
from ._position import MAX_NUMBER
from ._ring import closed
from ._schema import Schema
from ._segment import Segment, canonical
from ._system import boottime
from .errors import Corrupt, Exhausted, Replaced, SegmentExists, SegmentNotFound, TickringError, operation

if TYPE_CHECKING:
    from ._pure import Ring

_ROOM = 2**56  # how many numbers a writer must find left, so that publishing need not look: two years of nanoseconds

_TAKE_OVER_TRIES = 16  # bounds how often somebody may remove the segment between the two steps


class Writer(Generic[R]):
    """Publishes records to a segment, of which it is the one writer for as long as it lives.

    Make one with create, take_over or create_or_take_over. It has one user at a time. As a context manager it closes
    the ring at the end of the block, but if the block ends by an exception it detaches: readers are then told that the
    writer is gone, and not that the stream came to its end. In a forked child it is closed; the parent's stays open.

    In a ring that was written before it goes on: finished records are kept, one that was cut short is written again
    under its number, and readers are told that the writer restarted.
    """

    def __init__(self, segment: Segment, record: Optional[Type[R]] = None) -> None:
        """Goes on in a Segment of which this process is the writer already. Closes it if that fails."""
        self._segment = segment
        self._ring: Ring = closed
        try:
            with operation("write", segment.name):
                codec = Codec(segment.geometry.record, record)
                ring = segment.ring(codec)
                _recover(segment, ring)
        except BaseException:
            segment.close()
            raise
        self._ring, self._pack = ring, codec.pack
        self._bell = segment.doorbell
        self._waiting = None if self._bell is None else self._bell.waiting
        self._wake()  # those who sleep learn of the restart
        _writers.add(self)

    @classmethod
    def create(
        cls,
        name: str,
        record: Union[Type[R], Schema],
        slots: int,
        *,
        mode: int = 0o600,
        doorbell: bool = False,
    ) -> Writer[R]:
        """Makes a new segment.

        record is a NamedTuple class (see Schema.of) or a Schema; slots, a power of two from 2. mode is the object's,
        regardless of the umask: whoever may read it may attach, whoever may write it can do anything to the segment.
        With a doorbell readers of the same user can block.

        Raises SegmentExists, StorageExhausted, AccessDenied, InvalidName, InvalidSchema, ImpossibleGeometry, ValueError
        for a mode with other than read and write bits, and NeedsExtension.
        """
        with operation("create", canonical(name)):
            geometry = new_geometry(record if isinstance(record, Schema) else Schema.of(record), slots)
        segment = Segment.create(name, geometry, mode, doorbell)
        return cls(segment, None if isinstance(record, Schema) else record)

    @classmethod
    def take_over(
        cls, name: str, record: Union[Type[R], Schema, None] = None, *, owner: Optional[int] = None
    ) -> Writer[R]:
        """Becomes the writer of a segment whose writer closed it, died, or never came.

        Raises WriterExists if it has a living one, ReadLocked, Replaced, RecordMismatch, Corrupt if its versions
        contradict its head, Exhausted, and what Segment.attach raises; ForeignOwner for a segment that is neither this user's nor
        root's nor that of the user owner, whom this process trusts.
        """
        segment = Segment.take_over(name, owner)
        if isinstance(record, Schema):
            try:
                with operation("write", segment.name):
                    segment.geometry.record.check(record)
            except BaseException:
                segment.close()
                raise
            record = None
        return cls(segment, record)

    @classmethod
    def create_or_take_over(
        cls,
        name: str,
        record: Union[Type[R], Schema],
        slots: int,
        *,
        mode: int = 0o600,
        doorbell: bool = False,
    ) -> Writer[R]:
        """A new segment if there is none of that name, else the one that there is, with its own shape: what a writer
        wants that is started again after a crash."""
        gone: Optional[TickringError] = None
        for _ in range(_TAKE_OVER_TRIES):
            try:
                return cls.create(name, record, slots, mode=mode, doorbell=doorbell)
            except SegmentExists:
                pass
            try:
                return cls.take_over(name, record)
            except (SegmentNotFound, Replaced) as error:
                gone = error
        assert gone is not None
        raise gone

    @property
    def segment(self) -> Segment:
        """What it writes to."""
        return self._segment

    @property
    def head(self) -> int:
        """Number of records published so far, by all writers of the ring: the number of the next one."""
        return self._ring.next

    def publish(self, record: Sequence[Any]) -> int:
        """Publishes a record, a NamedTuple or another sequence of its fields' values, and returns its number.

        No system call, unless a reader sleeps on the doorbell. Raises struct.error, and publishes nothing, if a value
        does not fit; ValueError on a closed writer.
        """
        number = self._ring.publish(self._pack(record))
        if self._waiting is not None and self._waiting[0]:
            self._wake()
        return number

    def publish_batch(self, records: Iterable[Sequence[Any]]) -> int:
        """Publishes records, or a numpy structured array of the schema's dtype, and returns the number of the first.

        Readers may read each as soon as it is written; the one-record view and the head are brought up to date once
        per half ring or 256 records. Raises as publish does, RecordMismatch for another dtype.
        """
        array: Any = records
        if hasattr(array, "dtype"):
            self._segment.geometry.record.check_dtype(array.dtype)
            return self.publish_bytes(array if array.flags.c_contiguous else array.copy())
        return self.publish_bytes(b"".join(map(self._pack, records)))

    def publish_bytes(self, data: Any) -> int:
        """Publishes the records in a contiguous buffer, one behind the other, and returns the number of the first.

        Padding is stored as zero. Raises ValueError if the bytes are no whole records.
        """
        number = self._ring.publish(data)
        if self._waiting is not None and self._waiting[0]:
            self._wake()
        return number

    def heartbeat(self) -> None:
        """Says that the writer's loop turns. For people, and for when it is idle: a writer that publishes shows by its
        head that it lives."""
        self._segment.words.store(HEARTBEAT_OFFSET, boottime())

    def finish(self) -> None:
        """Tells the readers that no record follows, and keeps the segment. A second call does nothing."""
        if self._ring is closed:
            return
        self._ring = closed
        # After the head of the last publish: a reader that sees "closed" sees every record.
        self._segment.words.store(STATE_OFFSET, STATE_CLOSED)
        self._wake()

    def detach(self) -> None:
        """Gives up the segment without closing the ring, as if the process had ended: another writer may take over."""
        self._segment.close()
        self._forget()

    def _forget(self) -> None:
        self._segment.forget()
        self._ring = closed
        self._bell = self._waiting = None

    def close(self) -> None:
        """Tells the readers that no record follows, and gives up the segment, which stays to be read and to be taken
        over. A second close does nothing."""
        self.finish()
        self.detach()

    def _wake(self) -> None:
        if self._bell is not None:
            try:
                self._bell.ring()
            except OSError:
                pass  # those who sleep look again by themselves

    def __enter__(self) -> Writer[R]:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if error is None:
            self.close()
        else:
            self.detach()


def _recover(segment: Segment, ring: Ring) -> None:
    """Makes a ring consistent whose writer may have stopped between any two of its stores, and opens a new epoch.

    A writer stores a slot, more slots of a batch, the view, the head. So it can have left slots from head on that are
    finished, which readers may have read and which keep their numbers; then one that is odd, which nobody has read; and
    a view that is odd or behind. Readers go on meanwhile. Nothing is stored in a ring that is refused.
    """
    g, words = segment.geometry, segment.words
    head = words.load(HEAD_OFFSET)
    if head > 0 and ring.version(head - 1) != 2 * head:
        raise Corrupt(f"the head is {head}, but the slot of record {head - 1} has version {ring.version(head - 1)}")
    ring.next = n = ring.finished_head(0)
    if ring.version(n) > 2 * n + 2:
        raise Corrupt(f"the head is {head}, but the slot of record {n} has version {ring.version(n)}")
    if max(head, n) > MAX_NUMBER + 1 - _ROOM:
        raise Exhausted(f"the next record would be {n}, and {MAX_NUMBER} is the last")
    view_version = words.load(g.view_version_offset)
    if n > 0 and view_version != 2 * n:
        ring.mend_view(n - 1)
    elif n == 0 and view_version != 0:  # by no crash: the slot of record 0 comes before its view
        for i in range(g.record.words):
            words.store(g.view_offset + 8 * i, 0)
        words.store(g.view_version_offset, 0)
    words.store(HEAD_OFFSET, n)
    # Readers take the state before the epoch, so "open" must not come later than the new epoch, and the epoch must not
    # come before its first record.
    words.store(EPOCH_FIRST_OFFSET, n)
    words.store(STATE_OFFSET, STATE_OPEN)
    words.store(EPOCH_OFFSET, words.load(EPOCH_OFFSET) + 1)


# Two processes that publish to one ring would destroy it, and the child's copy of the descriptor would keep the lock.
_writers: weakref.WeakSet[Writer[Any]] = weakref.WeakSet()


def _forget_all() -> None:
    for writer in list(_writers):
        writer._forget()


os.register_at_fork(after_in_child=_forget_all)
