"""Reads and writes Tickring segments: a ring of records in shared memory, one writer, any number of readers.

    from tickring import Reader

    with Reader("/trading_data") as reader:
        for trade in reader:
            print(trade.price, trade.volume)

docs/PYTHON.md of the project is the guide.
"""

from ._consumer import SharedMemoryConsumer
from ._header import Geometry
from ._position import NEWEST, OLDEST, OLDEST_SAFE, Position, at, newest_minus
from ._reader import Events, Reader
from ._ring import native
from ._schema import Array, Field, Kind, Schema, TradingData, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64
from ._segment import Segment
from ._unlink import unlink
from ._wait import BLOCK, SPIN, Wait, backoff, every
from ._writer import Writer
from .errors import (
    AccessDenied,
    BareSegment,
    ChecksumMismatch,
    Closed,
    Corrupt,
    Event,
    Exhausted,
    ForeignByteOrder,
    ForeignOwner,
    ImpossibleGeometry,
    InvalidName,
    InvalidSchema,
    InvalidSegment,
    Lapped,
    NeedsExtension,
    NoDoorbell,
    NotASegment,
    NotRegular,
    Overtaken,
    ReadLocked,
    RecordMismatch,
    Replaced,
    Restarted,
    RingFileNotFound,
    SegmentExists,
    SegmentNotFound,
    StorageExhausted,
    SystemFailure,
    TickringError,
    TruncatedSegment,
    UnsupportedVersion,
    WriterDead,
    WriterExists,
)

__version__ = "0.1.0"

__all__ = [
    "BLOCK",
    "NEWEST",
    "OLDEST",
    "OLDEST_SAFE",
    "SPIN",
    "AccessDenied",
    "Array",
    "BareSegment",
    "ChecksumMismatch",
    "Closed",
    "Corrupt",
    "Event",
    "Events",
    "Exhausted",
    "Field",
    "ForeignByteOrder",
    "ForeignOwner",
    "Geometry",
    "ImpossibleGeometry",
    "InvalidName",
    "InvalidSchema",
    "InvalidSegment",
    "Kind",
    "Lapped",
    "NeedsExtension",
    "NoDoorbell",
    "NotASegment",
    "NotRegular",
    "Overtaken",
    "Position",
    "ReadLocked",
    "Reader",
    "RecordMismatch",
    "Replaced",
    "Restarted",
    "RingFileNotFound",
    "Schema",
    "Segment",
    "SegmentExists",
    "SegmentNotFound",
    "SharedMemoryConsumer",
    "StorageExhausted",
    "SystemFailure",
    "TickringError",
    "TradingData",
    "TruncatedSegment",
    "UnsupportedVersion",
    "Wait",
    "Writer",
    "WriterDead",
    "WriterExists",
    "at",
    "backoff",
    "every",
    "f32",
    "f64",
    "i8",
    "i16",
    "i32",
    "i64",
    "native",
    "newest_minus",
    "u8",
    "u16",
    "u32",
    "u64",
    "unlink",
]
