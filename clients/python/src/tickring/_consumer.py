"""The consumer of the programs from before the ring, with the same methods, results and errors.

On a segment of 24 bytes it does what it always did. On a segment with a ring it returns the newest finished record of
the ring, which is never torn.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Type, Union

from . import _ring, _system
from ._layout import BARE_SIZE, MAGIC_OFFSET
from ._reader import Reader
from ._schema import TradingData
from ._segment import DIR, canonical
from .errors import (
    BareSegment,
    InvalidSegment,
    NotASegment,
    NotRegular,
    RecordMismatch,
    TruncatedSegment,
    operation,
)

if TYPE_CHECKING:
    from ._pure import Words

_TRIES = 8


class SharedMemoryConsumer:
    """Reads the newest TradingData of a segment: connect, then read_trading_data as often as wanted.

    name is the segment's, with or without its slash. One user at a time.
    """

    FORMAT = "<dQi?3x"
    SIZE = struct.calcsize(FORMAT)

    def __init__(self, name: str) -> None:
        self.path = f"{DIR}/{name.lstrip('/')}"
        self.error: Optional[OSError] = None
        """why connect returned False"""
        self._source: Union[Reader[TradingData], _Bare, None] = None

    def connect(self) -> bool:
        """Attaches to the segment. If it is not there (FileNotFoundError: is the producer running?) or may not be read
        (PermissionError) the result is False, and error says why."""
        self.close()
        self.error = None
        try:
            self._source = self._open()
        except FileNotFoundError as error:
            self.error = FileNotFoundError(errno.ENOENT, str(error), self.path)
        except PermissionError as error:
            self.error = PermissionError(errno.EACCES, str(error), self.path)
        return self.error is None

    def _open(self) -> Union[Reader[TradingData], _Bare]:
        name = os.path.basename(self.path)
        try:
            return Reader(name, TradingData)
        except (BareSegment, NotASegment):
            return _Bare(self.path)  # whatever begins with a record is read, as ever
        except (InvalidSegment, RecordMismatch) as error:
            return _Bare(self.path, error)

    def read_trading_data(self) -> TradingData:
        """The newest record; before the first, one that is not valid.

        Raises struct.error if the segment holds something else, Overtaken if the writer overtook each of 4096 attempts
        at a ring of a few slots, and ValueError before connect.
        """
        source = self._source
        if source is None:
            raise ValueError(f"tickring: read {canonical(os.path.basename(self.path))}: connect first")
        if isinstance(source, _Bare):
            return source.read()
        newest = source.latest()
        return TradingData(0.0, 0, 0, False) if newest is None else newest[1]

    def close(self) -> None:
        """Gives up the segment. A second close does nothing."""
        if isinstance(self._source, Reader):
            self._source.close()
        self._source = None

    def __enter__(self) -> SharedMemoryConsumer:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class _Bare:
    """24 bytes without a version: each field is whole, the record need not be."""

    def __init__(self, path: str, error: Optional[Exception] = None) -> None:
        self._error = error
        self._words: Optional[Words] = None
        with operation("attach", canonical(os.path.basename(path))):  # it may be another object by now
            fd = _system.open_object(path, False)
            try:
                info = os.fstat(fd)
                if not stat.S_ISREG(info.st_mode):
                    raise NotRegular
                if isinstance(error, TruncatedSegment) and info.st_size < MAGIC_OFFSET + 8:
                    self._error = error = None  # it is too short to be a segment, not to be a record
                if error is None and info.st_size >= BARE_SIZE:
                    self._words = _ring.words(_system.map_file(fd, BARE_SIZE, False), False)
            finally:
                os.close(fd)

    def read(self) -> TradingData:
        """The record, read until two copies agree, a few times at the most: that makes a torn one rare."""
        if self._words is None:
            raise struct.error(f"tickring: no TradingData: {self._error or 'the object is too short'}") from self._error
        last = b""
        for _ in range(_TRIES):
            again = struct.pack("<3Q", *(self._words.load(offset) for offset in (0, 8, 16)))
            if again == last:
                break
            last = again
        return TradingData(*struct.unpack(SharedMemoryConsumer.FORMAT, last))
