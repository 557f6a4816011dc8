"""The header of a segment: encoded from, and decoded into, private memory.

Whatever lies in /dev/shm is untrusted: each byte is fetched once, the copy is checked, and only the copy is used.
"""

from __future__ import annotations

import os
import struct
import sys
from dataclasses import dataclass
from typing import Callable, List, Tuple

from ._layout import (
    BACKING_HUGETLBFS,
    BACKING_OBJECT,
    BACKING_OFFSET,
    BYTE_ORDER_MARK,
    BYTE_ORDER_OFFSET,
    CHECKSUM_OFFSET,
    CREATED_OFFSET,
    FALLBACK_OFFSET_OFFSET,
    FALLBACK_SIZE,
    FALLBACK_SIZE_OFFSET,
    FLAGS_OFFSET,
    HEADER_SIZE_OFFSET,
    IDENTITY_OFFSET,
    IDENTITY_SIZE,
    MAGIC,
    MAGIC_OFFSET,
    MAX_FIELDS,
    MAX_HEADER_SIZE,
    MAX_PATH_SIZE,
    MAX_RECORD_SIZE,
    MAX_SLOTS,
    MIN_READER_VERSION,
    MIN_READER_VERSION_OFFSET,
    MIN_SLOTS,
    NAME_SIZE,
    PAGE_SIZE,
    RECORD_SIZE_OFFSET,
    RING_FILE_OFFSET_OFFSET,
    RING_FILE_SIZE_OFFSET,
    RING_OFFSET_OFFSET,
    SCHEMA_OFFSET,
    SCHEMA_OFFSET_OFFSET,
    SCHEMA_SIZE_OFFSET,
    SEGMENT_SIZE_OFFSET,
    SHARING_DISTANCE,
    SLOT_HEADER,
    SLOT_STRIDE_OFFSET,
    SLOTS_OFFSET,
    VERSION,
    VERSION_OFFSET,
    VIEW_OFFSET,
    VIEW_OFFSET_OFFSET,
    VIEW_RECORD_SIZE,
    VIEW_VERSION_OFFSET,
    VIEW_VERSION_OFFSET_OFFSET,
)
from ._schema import Field, Kind, Schema
from .errors import (
    ChecksumMismatch,
    ForeignByteOrder,
    ImpossibleGeometry,
    InvalidSchema,
    NotASegment,
    TruncatedSegment,
    UnsupportedVersion,
)

_FLAG_DOORBELL = 1
_ENTRY = struct.Struct(f"<{NAME_SIZE}s4I")  # of the schema: its heading, and each field
_MAX_RING_OFFSET = 1 << 40


@dataclass(frozen=True)
class Geometry:
    """A segment's shape, as its header says. One that came from decode, or from new_geometry, is valid."""

    record: Schema
    slots: int
    """a power of two"""
    slot_stride: int
    """bytes from one slot to the next"""
    header_size: int
    """bytes of the object before anything of the ring"""
    ring_offset: int
    """of slot 0, in the object or in the ring file"""
    segment_size: int
    """bytes of the object"""
    view_offset: int
    view_version_offset: int
    backing: int = BACKING_OBJECT
    ring_file: str = ""
    """path of the file that holds the slots; empty with backing 0"""
    doorbell: bool = False
    version: int = VERSION
    created: int = 0
    """ns since the Unix epoch"""
    fallback: str = ""
    """why the maker did not get the huge pages that it preferred"""

    @property
    def ring_size(self) -> int:
        """Bytes of all slots."""
        return self.slots * self.slot_stride


def new_geometry(record: Schema, slots: int) -> Geometry:
    """The shape of a new segment. Raises InvalidSchema or ImpossibleGeometry."""
    record.validate()
    if not _possible(slots):
        raise ImpossibleGeometry(f"{slots} slots: give a power of two from {MIN_SLOTS} to {MAX_SLOTS}")
    end = SCHEMA_OFFSET + _ENTRY.size * (1 + len(record.fields)) + FALLBACK_SIZE
    view, view_version = VIEW_OFFSET, VIEW_VERSION_OFFSET
    if record.size > VIEW_RECORD_SIZE:
        # The first 24 bytes stay zero: a program from before the ring reads "not valid" there.
        view_version = _round_up(end, SHARING_DISTANCE)
        view = view_version + 8
        end = view + 8 * record.words
    header = _round_up(end, PAGE_SIZE)
    slot = SLOT_HEADER + 8 * record.words
    # A slot of up to a cache line stays within one, a larger one on lines of its own.
    stride = 1 << (slot - 1).bit_length() if slot <= 64 else _round_up(slot, 64)
    return Geometry(record, slots, stride, header, header, header + slots * stride, view, view_version)


def encode(g: Geometry) -> bytes:
    """The first header_size bytes of a new segment: identity and schema, everything else zero."""
    schema = _encode_schema(g.record)
    header = bytearray(g.header_size)
    header[SCHEMA_OFFSET : SCHEMA_OFFSET + len(schema)] = schema
    for offset, value in (
        (MAGIC_OFFSET, MAGIC),
        (SLOTS_OFFSET, g.slots),
        (RING_OFFSET_OFFSET, g.ring_offset),
        (SEGMENT_SIZE_OFFSET, g.segment_size),
        (CREATED_OFFSET, g.created),
    ):
        struct.pack_into("<Q", header, offset, value)
    for offset, value in (
        (VERSION_OFFSET, VERSION),
        (MIN_READER_VERSION_OFFSET, MIN_READER_VERSION),
        (BYTE_ORDER_OFFSET, BYTE_ORDER_MARK),
        (HEADER_SIZE_OFFSET, g.header_size),
        (RECORD_SIZE_OFFSET, g.record.size),
        (SLOT_STRIDE_OFFSET, g.slot_stride),
        (BACKING_OFFSET, g.backing),
        (VIEW_OFFSET_OFFSET, g.view_offset),
        (VIEW_VERSION_OFFSET_OFFSET, g.view_version_offset),
        (SCHEMA_OFFSET_OFFSET, SCHEMA_OFFSET),
        (SCHEMA_SIZE_OFFSET, len(schema)),
        (FLAGS_OFFSET, _FLAG_DOORBELL if g.doorbell else 0),
        (FALLBACK_OFFSET_OFFSET, SCHEMA_OFFSET + len(schema)),  # of no bytes: plain pages were asked for
    ):
        struct.pack_into("<I", header, offset, value)
    struct.pack_into("<Q", header, CHECKSUM_OFFSET, _checksum(header, schema))
    return bytes(header)


def decode(size: int, read: Callable[[int, int], bytes]) -> Geometry:
    """Checks the header of an object of size bytes and returns its geometry.

    read(offset, n) fetches n bytes, fewer at the object's end. Raises an InvalidSegment of one kind or another.
    """

    def fetch(offset: int, n: int) -> bytes:
        data = read(offset, n)
        if len(data) < n:
            raise TruncatedSegment(f"it ends at {offset + len(data)}, in the middle of its header")
        return data

    b = fetch(0, min(size, IDENTITY_OFFSET + IDENTITY_SIZE))

    def u32(offset: int) -> int:
        return int.from_bytes(b[offset : offset + 4], "little")

    def u64(offset: int) -> int:
        return int.from_bytes(b[offset : offset + 8], "little")

    if len(b) < MAGIC_OFFSET + 8:
        raise TruncatedSegment(f"{size} bytes, less than a header")
    if u64(MAGIC_OFFSET) != MAGIC:
        raise NotASegment(f"magic {u64(MAGIC_OFFSET):#018x}, want {MAGIC:#018x}")
    if len(b) < IDENTITY_OFFSET + IDENTITY_SIZE:
        raise TruncatedSegment(f"{size} bytes, less than a header")
    if u32(BYTE_ORDER_OFFSET) != BYTE_ORDER_MARK:
        raise ForeignByteOrder(f"mark {u32(BYTE_ORDER_OFFSET):#010x}, want {BYTE_ORDER_MARK:#010x}")
    if sys.byteorder != "little":
        raise ForeignByteOrder("segments are little-endian")
    version, oldest = u32(VERSION_OFFSET), u32(MIN_READER_VERSION_OFFSET)
    if version < 1 or oldest > VERSION:
        raise UnsupportedVersion(
            f"segment has version {version} for readers of version {oldest} or later, this program reads {VERSION}"
        )
    header_size = u32(HEADER_SIZE_OFFSET)
    if not SCHEMA_OFFSET <= header_size <= MAX_HEADER_SIZE:
        raise ImpossibleGeometry(f"header of {header_size} bytes")
    if header_size > size:
        raise TruncatedSegment(f"{size} bytes, less than the header's {header_size}")
    texts: List[Tuple[int, int]] = []

    def part(offset_at: int, size_at: int) -> bytes:
        offset, n = u32(offset_at), u32(size_at)
        if n == 0:
            return b""
        if offset < SCHEMA_OFFSET or offset + n > header_size:
            raise ImpossibleGeometry(f"{n} bytes at {offset} are not within the header of {header_size}")
        texts.append((offset, offset + n))
        return fetch(offset, n)

    schema = part(SCHEMA_OFFSET_OFFSET, SCHEMA_SIZE_OFFSET)
    ring_file = part(RING_FILE_OFFSET_OFFSET, RING_FILE_SIZE_OFFSET)
    fallback = part(FALLBACK_OFFSET_OFFSET, FALLBACK_SIZE_OFFSET)
    computed = _checksum(b, schema, ring_file, fallback)
    if computed != u64(CHECKSUM_OFFSET):
        raise ChecksumMismatch(f"computed {computed:#018x}, header says {u64(CHECKSUM_OFFSET):#018x}")
    record = _decode_schema(schema)
    if u32(RECORD_SIZE_OFFSET) != record.size:
        raise ImpossibleGeometry(f"record of {u32(RECORD_SIZE_OFFSET)} bytes, schema of {record.size}")
    g = Geometry(
        record=record,
        slots=u64(SLOTS_OFFSET),
        slot_stride=u32(SLOT_STRIDE_OFFSET),
        header_size=header_size,
        ring_offset=u64(RING_OFFSET_OFFSET),
        segment_size=u64(SEGMENT_SIZE_OFFSET),
        view_offset=u32(VIEW_OFFSET_OFFSET),
        view_version_offset=u32(VIEW_VERSION_OFFSET_OFFSET),
        backing=u32(BACKING_OFFSET),
        ring_file=_printable(ring_file),
        doorbell=bool(u32(FLAGS_OFFSET) & _FLAG_DOORBELL),
        version=version,
        created=u64(CREATED_OFFSET),
        fallback=_printable(fallback),
    )
    _check(g, ring_file)
    if size < g.segment_size:
        raise TruncatedSegment(f"{size} bytes, header says {g.segment_size}")
    for start, end in texts:  # else a publish would write over what the checksum vouches for
        if end > g.view_version_offset and start < _view_end(g):
            raise ImpossibleGeometry(f"the view at {g.view_offset} lies in the text at {start}")
    return g


def _check(g: Geometry, ring_file: bytes) -> None:
    """Holds a decoded geometry to what the rest of the package relies on."""
    if not _possible(g.slots):
        raise ImpossibleGeometry(f"{g.slots} slots are not a power of two from {MIN_SLOTS} to {MAX_SLOTS}")
    slot = SLOT_HEADER + 8 * g.record.words
    if g.slot_stride % 8 or not slot <= g.slot_stride <= 2 * MAX_RECORD_SIZE:
        raise ImpossibleGeometry(f"slot stride {g.slot_stride} for a record of {g.record.size} bytes")
    if g.backing not in (BACKING_OBJECT, BACKING_HUGETLBFS):
        raise UnsupportedVersion(f"ring backing {g.backing} is unknown to this program")
    first = g.header_size if g.backing == BACKING_OBJECT else 0
    if g.ring_offset % PAGE_SIZE or not first <= g.ring_offset <= _MAX_RING_OFFSET:
        raise ImpossibleGeometry(f"ring at {g.ring_offset} behind a header of {g.header_size} bytes")
    small = g.view_offset == VIEW_OFFSET and g.view_version_offset == VIEW_VERSION_OFFSET >= _view_end(g)
    large = g.view_offset % 8 == 0 and g.view_version_offset == g.view_offset - 8 >= SCHEMA_OFFSET
    if not small and not (large and _view_end(g) <= g.header_size):
        raise ImpossibleGeometry(
            f"view of {g.record.size} bytes at {g.view_offset}, its version at {g.view_version_offset}"
        )
    if g.backing == BACKING_HUGETLBFS:
        if g.segment_size < g.header_size or g.segment_size % PAGE_SIZE:
            raise ImpossibleGeometry(f"segment of {g.segment_size} bytes for a header of {g.header_size}")
        suffix = f".{g.created:016x}.ring"
        name = g.ring_file.rpartition("/")[2]
        plain = g.ring_file.encode() == ring_file and len(ring_file) <= MAX_PATH_SIZE
        plain = plain and g.ring_file.startswith("/") and not g.ring_file.startswith("//")
        plain = plain and os.path.normpath(g.ring_file) == g.ring_file
        if not plain or not name.endswith(suffix) or name == suffix:
            raise ImpossibleGeometry(f"ring file {g.ring_file!a} is not /.../NAME{suffix}")
    elif g.segment_size != g.ring_offset + g.ring_size:
        raise ImpossibleGeometry(
            f"segment of {g.segment_size} bytes for a ring of {g.ring_size} at {g.ring_offset}"
        )


def _possible(slots: int) -> bool:
    return MIN_SLOTS <= slots <= MAX_SLOTS and slots & (slots - 1) == 0


def _view_end(g: Geometry) -> int:
    return g.view_offset + 8 * g.record.words


def _round_up(n: int, to: int) -> int:
    return -(-n // to) * to


def _encode_schema(s: Schema) -> bytes:
    entries = [_ENTRY.pack(s.name.encode(), s.size, len(s.fields), 0, 0)]
    entries += [_ENTRY.pack(f.name.encode(), f.kind, f.count, f.offset, 0) for f in s.fields]
    return b"".join(entries)


def _decode_schema(b: bytes) -> Schema:
    if len(b) % _ENTRY.size or not 1 <= len(b) // _ENTRY.size <= 1 + MAX_FIELDS:
        raise InvalidSchema(f"{len(b)} bytes of schema")
    (name, size, count, _, _), *entries = _ENTRY.iter_unpack(b)
    if count != len(entries):
        raise InvalidSchema(f"{count} fields in {len(b)} bytes of schema")
    fields = []
    for field, kind, elements, offset, _ in entries:
        try:
            fields.append(Field(_text(field), Kind(kind), elements, offset))
        except ValueError:
            raise InvalidSchema(f"field {_text(field)!a} has unknown kind {kind}") from None
    schema = Schema(_text(name), size, tuple(fields))
    schema.validate()
    return schema


def _text(b: bytes) -> str:
    return b.partition(b"\0")[0].decode("latin-1")  # any bytes; what is no ASCII is refused as a name


def _printable(text: bytes) -> str:
    """Keeps a text from shared memory from steering the terminal that it is shown on."""
    return "".join(c if " " <= c <= "~" else "?" for c in text.decode("utf-8", "surrogateescape"))


def _checksum(header: bytes, *parts: bytes) -> int:
    """FNV-1a 64 of the identity before the checksum, and of the parts."""
    h = 0xCBF29CE484222325
    for c in b"".join((header[IDENTITY_OFFSET:CHECKSUM_OFFSET], *parts)):
        h = (h ^ c) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h
