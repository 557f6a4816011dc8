"""Record types: their description in the header, and the Python types that go with it."""

from __future__ import annotations

import keyword
import re
import struct
from collections import namedtuple
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, Any, Dict, List, NamedTuple, Tuple, Type, get_type_hints

from ._layout import MAX_FIELDS, MAX_RECORD_SIZE, NAME_SIZE
from .errors import InvalidSchema, RecordMismatch


class Kind(IntEnum):
    """Type of a field's elements, as stored in the header."""

    BOOL = 1
    I8 = 2
    I16 = 3
    I32 = 4
    I64 = 5
    U8 = 6
    U16 = 7
    U32 = 8
    U64 = 9
    F32 = 10
    F64 = 11

    @property
    def code(self) -> str:
        """The struct module's character for it."""
        return "?bhiqBHIQfd"[self - 1]

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return struct.calcsize("<" + self.code)

    def __str__(self) -> str:
        return self.name.lower()


class Array(NamedTuple):
    """Says in an annotation that a field is an array: Annotated[Tuple[int, ...], Array(Kind.U32, 2)]."""

    kind: Kind
    count: int


i8 = Annotated[int, Kind.I8]
i16 = Annotated[int, Kind.I16]
i32 = Annotated[int, Kind.I32]
i64 = Annotated[int, Kind.I64]
u8 = Annotated[int, Kind.U8]
u16 = Annotated[int, Kind.U16]
u32 = Annotated[int, Kind.U32]
u64 = Annotated[int, Kind.U64]
f32 = Annotated[float, Kind.F32]
f64 = Annotated[float, Kind.F64]

_PLAIN = {bool: Kind.BOOL, float: Kind.F64}  # an int has no size


@dataclass(frozen=True)
class Field:
    """One field of a record: count elements (1, or the length of an array) at offset, in bytes."""

    name: str
    kind: Kind
    count: int
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the whole field."""
        return self.kind.size * self.count

    def __str__(self) -> str:
        array = "" if self.count == 1 else f"[{self.count}]"
        return f"{self.name} {self.kind}{array} @{self.offset}"


@dataclass(frozen=True)
class Schema:
    """Describes a record: its name, its size in bytes, padding included, and its fields in order of their offsets."""

    name: str
    size: int
    fields: Tuple[Field, ...]

    def __str__(self) -> str:
        return f"{self.name}{{{'; '.join(map(str, self.fields))}}}"

    @property
    def words(self) -> int:
        """Number of 8-byte words that hold one record."""
        return (self.size + 7) // 8

    @property
    def mask(self) -> bytes:
        """A record with all bits of fields set and those of padding clear, filled up to whole words."""
        mask = bytearray(8 * self.words)
        for f in self.fields:
            mask[f.offset : f.offset + f.size] = b"\xff" * f.size
        return bytes(mask)

    @property
    def names(self) -> Tuple[str, ...]:
        """The fields' names as Python identifiers: "bids[0].price" is bids_0_price."""
        names: List[str] = []
        for f in self.fields:
            name = unique = _identifier(f.name, "field")
            n = 1
            while unique in names:
                n += 1
                unique = f"{name}_{n}"
            names.append(unique)
        return tuple(names)

    def record_type(self) -> Type[Tuple[Any, ...]]:
        """A NamedTuple type of the fields, the same for equal schemas; arrays are tuples."""
        return _record_type(self)

    def validate(self) -> None:
        """Raises InvalidSchema if no segment can have such records."""
        if not 1 <= self.size <= MAX_RECORD_SIZE:
            raise InvalidSchema(f"record size {self.size} is not in 1...{MAX_RECORD_SIZE}")
        if not 1 <= len(self.fields) <= MAX_FIELDS:
            raise InvalidSchema(f"{len(self.fields)} fields, not 1...{MAX_FIELDS}")
        if not _valid_name(self.name):
            raise InvalidSchema(f"record name {self.name!a} is not 1...{NAME_SIZE} printable ASCII characters")
        end = 0
        named = set()
        for f in self.fields:
            if not _valid_name(f.name):
                raise InvalidSchema(f"field name {f.name!a} is not 1...{NAME_SIZE} printable ASCII characters")
            if f.name in named:
                raise InvalidSchema(f"two fields are named {f.name}")
            if not 1 <= f.count <= self.size or f.offset < end or f.offset + f.size > self.size:
                raise InvalidSchema(f"field {f} overlaps another or leaves the record of {self.size} bytes")
            end = f.offset + f.size
            named.add(f.name)

    def check(self, program: Schema) -> None:
        """Raises RecordMismatch if the record of a program differs. The records' names may differ."""
        for mine, other in zip(self.fields, program.fields):
            if mine != other:
                raise RecordMismatch(mine.name, str(mine), str(other))
        n = min(len(self.fields), len(program.fields))
        for f in self.fields[n:]:
            raise RecordMismatch(f.name, str(f), "no such field")
        for f in program.fields[n:]:
            raise RecordMismatch(f.name, "no such field", str(f))
        if self.size != program.size:
            raise RecordMismatch("(size)", f"{self.size} bytes", f"{program.size} bytes")

    @staticmethod
    def of(record: Type[Tuple[Any, ...]]) -> Schema:
        """The schema of a NamedTuple class, laid out as C would.

        Fields are annotated with i8 ... u64, f32, f64 (or float), bool, or Annotated[Tuple[int, ...],
        Array(Kind.U32, 2)] for an array. Raises InvalidSchema for anything else: an int has no size.
        """
        hints: Dict[str, Any] = get_type_hints(record, include_extras=True)
        fields = []
        end, alignment = 0, 1
        for name in getattr(record, "_fields", ()):
            kind, count = _kind_of(name, hints.get(name))
            offset = -(-end // kind.size) * kind.size
            fields.append(Field(name, kind, count, offset))
            end = offset + kind.size * count
            alignment = max(alignment, kind.size)
        name = record.__name__ if _valid_name(record.__name__) else "record"
        schema = Schema(name, -(-end // alignment) * alignment, tuple(fields))
        schema.validate()
        return schema

    def dtype(self) -> Any:
        """The numpy dtype of a record, with its padding. Raises ImportError without numpy."""
        try:
            import numpy
        except ImportError as error:
            raise ImportError("tickring: numpy is not installed: pip install numpy, or use poll_batch") from error
        formats = [("<" + f.kind.code, (f.count,) if f.count > 1 else ()) for f in self.fields]
        offsets = [f.offset for f in self.fields]
        return numpy.dtype(
            {"names": list(self.names), "formats": formats, "offsets": offsets, "itemsize": self.size}  # type: ignore
        )

    def check_dtype(self, dtype: Any) -> None:
        """Raises RecordMismatch if a numpy array of a dtype does not hold such records."""
        if dtype != self.dtype():
            raise RecordMismatch("(dtype)", str(self.dtype()), str(dtype))


@lru_cache(maxsize=64)
def _record_type(schema: Schema) -> Type[Tuple[Any, ...]]:
    return namedtuple(_identifier(schema.name, "Record"), schema.names)  # type: ignore[misc]


def _identifier(name: str, prefix: str) -> str:
    name = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    if not name.isidentifier():  # empty, or it begins with a digit
        name = f"{prefix}_{name}".rstrip("_")
    return name + "_" if keyword.iskeyword(name) else name


def struct_format(fields: Tuple[Tuple[str, int, int], ...], size: int) -> str:
    """The struct format of a record with fields of (code, count, offset): little-endian, padding explicit."""
    text, end = "<", 0
    for code, count, offset in fields:
        text += f"{offset - end}x{count}{code}"
        end = offset + count * struct.calcsize("<" + code)
    return f"{text}{size - end}x"


def _kind_of(name: str, hint: Any) -> Tuple[Kind, int]:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Kind):
            return extra, 1
        if isinstance(extra, Array):
            return Kind(extra.kind), extra.count
    if hint in _PLAIN:
        return _PLAIN[hint], 1
    raise InvalidSchema(f"field {name} is annotated {hint}: use i8 ... u64, f32, f64, bool or an Array of them")


def _valid_name(name: str) -> bool:
    return 1 <= len(name) <= NAME_SIZE and all(" " < c <= "~" for c in name)


class TradingData(NamedTuple):
    """One trade: 24 bytes, as the programs from before the ring lay it out."""

    price: f64
    """in the quote currency"""
    timestamp: u64
    """of the trade at the exchange, nanoseconds since the Unix epoch"""
    volume: i32
    """whole units: contracts or shares"""
    valid: bool
    """False: this trade was broken (cancelled) by the exchange"""
