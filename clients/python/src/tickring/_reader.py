"""Readers: they follow a ring at their own pace, and nobody sees them."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Generic, List, Optional, Tuple, Type, Union, overload

from ._codec import Codec, R
from ._follower import Follower
from ._position import OLDEST_SAFE, Position
from ._ring import closed
from ._schema import Schema
from ._segment import Segment
from ._wait import BLOCK, Pause, Wait, backoff
from .errors import Closed, Lapped, Overtaken, Restarted, WriterDead, operation

_BURST = 64  # records that an asynchronous iteration hands out before it lets the event loop run


class Reader(Follower, Generic[R]):
    """Follows the ring of a segment, from a position on.

    name is the segment's, or a Segment, which then stays open when the reader is closed. record is a NamedTuple class
    for the records: if its fields are not the segment's it is a RecordMismatch that names the first that differs.
    Without one records are of a NamedTuple type made from the segment's schema. start and resume say where the reader
    starts and where it goes on after it was lapped; wait, what next and iteration do while nothing is new.

    Raises what Segment.attach raises, RecordMismatch, NoDoorbell, and NeedsExtension.

    A reader has one user at a time; any number of them may follow one ring, in any process or thread.

    What is no record comes as an exception, an Event, so that no loss can be overlooked:

    - Lapped: records were lost, exactly first ... next-1; the reader has resumed at next;
    - Restarted: another writer took over; nothing was lost;
    - WriterDead: from next and iteration, once for each writer: it went without closing;
    - Closed: the writer closed the ring, and all of it was read; iteration ends by it;
    - Corrupt: the memory contradicts itself.

    The reader can be used on after each of them: the next call goes on behind the event.
    """

    @overload
    def __init__(
        self: Reader[Any],
        name: Union[str, Segment],
        record: None = None,
        *,
        start: Position = ...,
        resume: Position = ...,
        wait: Wait = ...,
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: Union[str, Segment],
        record: Type[R],
        *,
        start: Position = ...,
        resume: Position = ...,
        wait: Wait = ...,
    ) -> None: ...

    def __init__(
        self,
        name: Union[str, Segment],
        record: Optional[Type[R]] = None,
        *,
        start: Position = OLDEST_SAFE,
        resume: Position = OLDEST_SAFE,
        wait: Wait = backoff(),
    ) -> None:
        self._own = not isinstance(name, Segment)
        segment = name if isinstance(name, Segment) else Segment.attach(name)
        try:
            with operation("read", segment.name):
                codec: Codec[R] = Codec(segment.geometry.record, record)
                self._wait, self._burst = wait, 0
                self._bell = segment.needs_doorbell() if wait == BLOCK else None
                self._dtype: Any = None
                super().__init__(segment, segment.ring(codec), start, resume)
        except BaseException:
            if self._own:
                segment.close()
            raise

    @property
    def schema(self) -> Schema:
        """Describes the records."""
        return self._segment.geometry.record

    def poll(self) -> Optional[R]:
        """The next record, or None if there is none yet; an Event if something else has happened.

        It returns at once, without a system call. The record's number is position - 1.
        """
        record: Any = self._ring.poll()
        if record is False:
            self._look()
            return None
        return record  # type: ignore[no-any-return]

    def poll_batch(self, most: int) -> List[R]:
        """As many of the next records as there are, up to most: [] if there are none yet, or an Event.

        They follow each other without a gap; the first has the number position - len(records).
        """
        records: Union[List[R], bool] = self._ring.poll_batch(most)
        if isinstance(records, bool):
            if most > 0:
                self._look()
            return []
        return records

    def poll_batch_into(self, out: Any) -> int:
        """Copies as many of the next records as there are, and fit, to out, and returns how many: 0, or an Event, if
        there are none yet.

        out is any writable contiguous buffer: a numpy array of the schema's dtype, which is checked, or of bytes; a
        bytearray. What lies behind the records that were copied is undefined. The first has the number position -
        count.
        """
        dtype = getattr(out, "dtype", None)
        if dtype is not None and dtype is not self._dtype:
            self._check_dtype(dtype)
        count = self._ring.poll_into(out)
        if count < 0:
            if memoryview(out).nbytes >= self.schema.size:
                self._look()
            return 0
        return count

    def poll_batch_numpy(self, most: int) -> Any:
        """poll_batch as a numpy structured array, of length 0 if there are none yet.

        Raises ImportError without numpy.
        """
        dtype = self.schema.dtype()
        import numpy

        out = numpy.empty(most, dtype)
        return out[: self.poll_batch_into(out)]

    def _check_dtype(self, dtype: Any) -> None:
        if dtype.itemsize > 1:
            self.schema.check_dtype(dtype)
        self._dtype = dtype

    def latest(self) -> Optional[Tuple[int, R]]:
        """Number and value of the newest finished record; None if there is none yet.

        It waits for nobody, does not move the reader, and never returns an older record than this reader has read. To
        follow on from it: seek(at(number + 1)). Raises Overtaken if the writer was faster 4096 times in a row, which
        takes a ring of a few slots.
        """
        newest: Any = self._ring.latest(self._floor())
        if newest is False:
            raise self._event(Overtaken())
        return newest  # type: ignore[no-any-return]

    def next(self, timeout: Optional[float] = None) -> R:
        """The next record, waiting for it as the reader's wait says, at most for timeout seconds.

        Raises an Event, or TimeoutError.
        """
        record = self.poll()
        if record is not None:
            return record
        pause = Pause(self, self._wait, self._bell, timeout)
        while record is None:
            pause.wait()
            record = self.poll()
        return record

    def __iter__(self) -> Reader[R]:
        return self

    def __next__(self) -> R:
        """The next record; an Event but for Closed, which ends the iteration. Iterate again to go on behind it."""
        try:
            return self.next()
        except Closed:
            raise StopIteration from None

    def __aiter__(self) -> Reader[R]:
        return self

    async def __anext__(self) -> R:
        """As __next__, and the event loop runs meanwhile, and at times even while there are records."""
        self._burst += 1
        if self._burst % _BURST == 0:
            await asyncio.sleep(0)
        try:
            record = self.poll()
            if record is not None:
                return record
            pause = Pause(self, self._wait, self._bell, None)
            while record is None:
                await pause.wait_async()
                record = self.poll()
            return record
        except Closed:
            raise StopAsyncIteration from None

    def events(self) -> Events[R]:
        """Iterates, also asynchronously, over records and what comes between them: Lapped, Restarted and WriterDead
        are items like the records. It ends when the writer closes the ring; Corrupt is raised."""
        return Events(self)

    def close(self) -> None:
        """Gives up the segment. A closed reader raises ValueError. A second close does nothing."""
        if self._own:
            self._segment.close()
        self._ring = self._words = closed
        self._bell = None

    def __enter__(self) -> Reader[R]:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class Events(Generic[R]):
    """What Reader.events returns."""

    def __init__(self, reader: Reader[R]) -> None:
        self._reader = reader

    def __iter__(self) -> Events[R]:
        return self

    def __next__(self) -> Union[R, Lapped, Restarted, WriterDead]:
        try:
            return next(self._reader)
        except (Lapped, Restarted, WriterDead) as event:
            return event.with_traceback(None)

    def __aiter__(self) -> Events[R]:
        return self

    async def __anext__(self) -> Union[R, Lapped, Restarted, WriterDead]:
        try:
            return await self._reader.__anext__()
        except (Lapped, Restarted, WriterDead) as event:
            return event.with_traceback(None)
