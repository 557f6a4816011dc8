"""The header: what is written, what is accepted, and what is refused, whatever lies there."""

from __future__ import annotations

import random
import struct
from typing import Any, Callable, Tuple, Type
from unittest import TestCase, main

from support import PROJECT, reseal

import tickring
from tickring import (
    ChecksumMismatch,
    ForeignByteOrder,
    ImpossibleGeometry,
    InvalidSchema,
    InvalidSegment,
    NotASegment,
    Schema,
    TradingData,
    TruncatedSegment,
    UnsupportedVersion,
)
from tickring._header import Geometry, decode, encode, new_geometry
from tickring._layout import SCHEMA_OFFSET

GOLDEN = PROJECT / "testdata" / "layout"
CREATED = 1_700_000_000_123_456_789
U32, U64 = "<I", "<Q"

Change = Callable[[bytearray], None]


def golden(name: str) -> bytearray:
    return bytearray((GOLDEN / f"{name}.golden").read_bytes())


def size_of(header: bytes) -> int:
    return int(struct.unpack_from("<Q", header, 112)[0])


def read(header: bytes, size: int = -1) -> Geometry:
    size = size_of(header) if size < 0 else size
    return decode(size, lambda offset, n: bytes(header[offset : offset + n]))


def put(offset: int, value: int, form: str = U32) -> Change:
    return lambda b: struct.pack_into(form, b, offset, value)


def both(*changes: Change) -> Change:
    def change(b: bytearray) -> None:
        for one in changes:
            one(b)

    return change


def text(offset: int, value: bytes) -> Change:
    def change(b: bytearray) -> None:
        b[offset : offset + len(value)] = value

    return change


def ring_file(path: bytes, **numbers: int) -> Change:
    """A header with backing 1, as a maker of one writes it: the path lies in the page behind the schema."""
    offset = 2048

    def change(b: bytearray) -> None:
        struct.pack_into("<I", b, 120, 1)
        struct.pack_into("<2I", b, 140, offset, len(path))
        b[offset : offset + len(path)] = path
        struct.pack_into("<Q", b, 104, numbers.get("ring", 0))
        struct.pack_into("<Q", b, 112, numbers.get("segment", 4096))

    return change


PATH = b"/dev/hugepages/sub/trades.%016x.ring" % CREATED

# What is wrong, where, and what it is. The header is sealed again: it is not the checksum that tells.
REFUSED: Tuple[Tuple[str, str, Change, Type[Exception]], ...] = (
    ("magic", "tradingdata_64", put(64, 1, U64), NotASegment),
    ("version 0", "tradingdata_64", put(72, 0), UnsupportedVersion),
    ("for later readers", "tradingdata_64", put(76, 2), UnsupportedVersion),
    ("byte order", "tradingdata_64", put(80, 0x0D0C0B0A), ForeignByteOrder),
    ("header of nothing", "tradingdata_64", put(84, 0), ImpossibleGeometry),
    ("header too large", "tradingdata_64", put(84, (1 << 22) + 1), ImpossibleGeometry),
    ("header beyond the object", "tradingdata_64", put(84, 1 << 20), TruncatedSegment),
    ("header beyond the ring", "tradingdata_64", put(84, 4096 + 8), ImpossibleGeometry),
    ("record size", "tradingdata_64", put(88, 32), ImpossibleGeometry),
    ("stride 0", "tradingdata_64", put(92, 0), ImpossibleGeometry),
    ("stride of a record", "tradingdata_64", put(92, 24), ImpossibleGeometry),
    ("stride not of words", "tradingdata_64", put(92, 36), ImpossibleGeometry),
    ("stride of 4 GiB", "tradingdata_64", put(92, 0xFFFFFFF8), ImpossibleGeometry),
    ("no slots", "tradingdata_64", put(96, 0, U64), ImpossibleGeometry),
    ("one slot", "tradingdata_64", put(96, 1, U64), ImpossibleGeometry),
    ("63 slots", "tradingdata_64", put(96, 63, U64), ImpossibleGeometry),
    ("too many slots", "tradingdata_64", put(96, 1 << 63, U64), ImpossibleGeometry),
    ("ring in the header", "tradingdata_64", put(104, 0, U64), ImpossibleGeometry),
    ("ring off the page", "tradingdata_64", put(104, 4096 + 32, U64), ImpossibleGeometry),
    ("ring at the end", "tradingdata_64", put(104, 2**64 - 4096, U64), ImpossibleGeometry),
    ("segment larger", "tradingdata_64", put(112, 1 << 20, U64), ImpossibleGeometry),
    ("unknown backing", "tradingdata_64", put(120, 2), UnsupportedVersion),
    ("view elsewhere", "tradingdata_64", put(124, 8), ImpossibleGeometry),
    ("view over the head", "tradingdata_64", both(put(124, 256), put(128, 248)), ImpossibleGeometry),
    ("view over the schema", "tradingdata_64", both(put(124, 648), put(128, 640)), ImpossibleGeometry),
    ("view off the word", "book_16", both(put(124, 2060), put(128, 2052)), ImpossibleGeometry),
    ("view over the end", "book_16", both(put(124, 4096 - 448), put(128, 4096 - 456)), ImpossibleGeometry),
    ("view over the last text", "book_16", both(put(124, 1736), put(128, 1728)), ImpossibleGeometry),
    ("schema in the identity", "tradingdata_64", put(132, 64), ImpossibleGeometry),
    ("schema in the ring", "tradingdata_64", put(132, 4096), ImpossibleGeometry),
    ("schema elsewhere", "tradingdata_64", put(132, 704), InvalidSchema),
    ("no schema", "tradingdata_64", put(136, 0), InvalidSchema),
    ("schema with half a field", "tradingdata_64", put(136, 96), InvalidSchema),
    ("schema of 4 GiB", "tradingdata_64", put(136, 0xFFFFFFFF), ImpossibleGeometry),
    ("fallback in the ring", "tradingdata_64", put(164, 4096), ImpossibleGeometry),
    ("record's name", "tradingdata_64", text(SCHEMA_OFFSET, b"\x1b[2J"), InvalidSchema),
    ("field's name", "tradingdata_64", text(SCHEMA_OFFSET + 128, b"price\0\0\0\0"), InvalidSchema),
    ("field's kind", "tradingdata_64", put(SCHEMA_OFFSET + 64 + 48, 12), InvalidSchema),
    ("field's count", "tradingdata_64", put(SCHEMA_OFFSET + 128 + 52, 2), InvalidSchema),
    ("field's offset", "tradingdata_64", put(SCHEMA_OFFSET + 256 + 56, 24), InvalidSchema),
    ("count of fields", "tradingdata_64", put(SCHEMA_OFFSET + 52, 3), InvalidSchema),
    ("no ring file", "tradingdata_64", ring_file(b""), ImpossibleGeometry),
    ("relative ring file", "tradingdata_64", ring_file(PATH[1:]), ImpossibleGeometry),
    ("ring file of nothing", "tradingdata_64", ring_file(b"/huge/.%016x.ring" % CREATED), ImpossibleGeometry),
    ("ring file of another", "tradingdata_64", ring_file(b"/huge/a.%016x.ring" % (CREATED + 1)), ImpossibleGeometry),
    ("ring file with more", "tradingdata_64", ring_file(PATH + b"x"), ImpossibleGeometry),
    ("ring file with a NUL", "tradingdata_64", ring_file(PATH.replace(b"sub", b"s\0b")), ImpossibleGeometry),
    ("ring file not ASCII", "tradingdata_64", ring_file(PATH.replace(b"sub", b"s\xffb")), ImpossibleGeometry),
    ("ring off the page in its file", "tradingdata_64", ring_file(PATH, ring=32), ImpossibleGeometry),
    ("object less than its header", "tradingdata_64", ring_file(PATH, segment=0), ImpossibleGeometry),
    ("object off the page", "tradingdata_64", ring_file(PATH, segment=4100), ImpossibleGeometry),
)


class Golden(TestCase):
    def test_headers_that_this_package_writes(self) -> None:
        for name, slots, doorbell in (("tradingdata_64", 64, False), ("tradingdata_64_doorbell", 64, True)):
            g = new_geometry(Schema.of(TradingData), slots)
            g = Geometry(**{**g.__dict__, "doorbell": doorbell, "created": CREATED})
            self.assertEqual(encode(g), golden(name), name)
            self.assertEqual(read(golden(name)), g)

    def test_headers_that_others_write(self) -> None:
        g = read(golden("book_16"))
        self.assertEqual((g.slots, g.record.name, g.record.size, len(g.record.fields)), (16, "Book", 452, 16))
        self.assertTrue(g.doorbell)
        self.assertIn("mount -o remount,huge=advise", g.fallback)
        self.assertEqual(new_geometry(g.record, 16).view_offset, g.view_offset)
        g = read(golden("tradingdata_1m_fallback"))
        self.assertEqual((g.slots, g.slot_stride), (1 << 20, 32))
        for name, slots in (("tradingdata_1m_hugetlbfs", 1 << 20), ("book_16_hugetlbfs", 16)):
            g = read(golden(name))
            self.assertEqual((g.backing, g.slots, g.ring_offset, g.segment_size), (1, slots, 0, g.header_size))
            self.assertEqual(g.ring_file, f"/dev/hugepages/trades.{CREATED:016x}.ring")
        self.assertEqual({path.stem for path in GOLDEN.iterdir()}, {
            "tradingdata_64", "tradingdata_64_doorbell", "tradingdata_1m_fallback", "tradingdata_1m_hugetlbfs",
            "book_16", "book_16_hugetlbfs",
        })

    def test_a_later_layout(self) -> None:
        header = golden("tradingdata_64")
        header += bytes(4096)
        header[5000 : 5000 + 320] = header[640:960]
        ring = both(put(104, 8192, U64), put(112, 8192 + 2048, U64))
        both(put(72, 2), put(84, 8192), ring, put(132, 5000), put(148, 0xFFFFFFFE))(header)
        reseal(header)
        g = read(header)
        self.assertEqual((g.version, g.header_size, g.record, g.doorbell), (2, 8192, Schema.of(TradingData), False))

    def test_backing_by_a_file(self) -> None:
        header = golden("tradingdata_64")
        ring_file(PATH, ring=4096)(header)
        reseal(header)
        g = read(header)
        self.assertEqual((g.backing, g.ring_file, g.ring_offset), (1, PATH.decode(), 4096))
        header[2048 + 5] ^= 1
        with self.assertRaises(ChecksumMismatch):
            read(header)

    def test_a_text_cannot_steer_a_terminal(self) -> None:
        header = golden("tradingdata_64")
        told = "\x1b[2Jgone\nforever é".encode() + b"\xff\xe2\x82"
        header[2048 : 2048 + len(told)] = told
        struct.pack_into("<2I", header, 160, 2048, len(told))
        reseal(header)
        self.assertEqual(read(header).fallback, "?[2Jgone?forever ????")


class Refused(TestCase):
    def test_each_number(self) -> None:
        for what, name, change, error in REFUSED:
            with self.subTest(what):
                header = golden(name)
                struct.pack_into("<Q", header, 152, CREATED)
                change(header)
                reseal(header)
                with self.assertRaises(error) as caught:
                    read(header, size_of(golden(name)))
                self.assertIs(type(caught.exception), error)

    def test_the_checksum_covers_what_does_not_change(self) -> None:
        covered = [*range(64, 192), *range(640, 640 + 17 * 64 + 94)]
        for at in range(0, 4096):
            header = golden("book_16")
            header[at] ^= 0x10
            if at in covered:
                with self.assertRaises(InvalidSegment):
                    read(header)
            else:
                read(header)

    def test_truncated_anywhere(self) -> None:
        header = golden("book_16")
        for size in [*range(72), *range(72, 4097, 61), size_of(header) - 1]:
            with self.assertRaises(TruncatedSegment):
                read(header[:size], size)
            if size < 640 + 17 * 64 + 94:
                with self.assertRaises(TruncatedSegment):
                    read(header[:size], size_of(header))
        for size in (72, 100, 191):
            with self.assertRaises(NotASegment):
                read(bytes(size), size)

    def test_any_bytes(self) -> None:
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        accepted = 0
        for _ in range(3000):
            header = golden(rng.choice(("tradingdata_64", "book_16", "tradingdata_64_doorbell")))
            for _ in range(rng.randint(1, 4)):
                at = rng.choice((rng.randrange(64, 192), rng.randrange(640, 1800)))
                header[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            reseal(header)
            size = rng.choice((size_of(golden("book_16")), len(header), rng.randrange(5000), 1 << 40))
            try:
                g = read(header, size)
            except InvalidSegment:
                continue
            except Exception as error:
                self.fail(f"seed {seed}: {error!r}")
            accepted += 1
            self._check(g, size, seed)
        self.assertGreater(accepted, 0)

    def _check(self, g: Geometry, size: int, seed: int) -> None:
        message = f"seed {seed}: {g}"
        self.assertTrue(g.slots >= 2 and g.slots & (g.slots - 1) == 0, message)
        self.assertTrue(g.slot_stride % 8 == 0 and g.slot_stride >= 8 + 8 * g.record.words, message)
        self.assertTrue(g.header_size <= size and g.segment_size <= size, message)
        self.assertTrue(g.view_offset + 8 * g.record.words <= g.header_size, message)
        self.assertEqual(len(g.record.record_type()._fields), len(g.record.fields))  # type: ignore[attr-defined]


class Shapes(TestCase):
    def test_strides(self) -> None:
        for words, stride in ((1, 16), (3, 32), (4, 64), (7, 64), (8, 128), (15, 128), (16, 192)):
            field = tickring.Field("words", tickring.Kind.U64, words, 0)
            self.assertEqual(new_geometry(Schema("R", 8 * words, (field,)), 8).slot_stride, stride)

    def test_slots_that_are_refused(self) -> None:
        for slots in (-2, 0, 1, 3, 1000, 1 << 41):
            with self.assertRaises(ImpossibleGeometry) as caught:
                new_geometry(Schema.of(TradingData), slots)
            self.assertIsInstance(caught.exception, ValueError)

    def test_records(self) -> None:
        self.assertEqual(
            str(Schema.of(TradingData)),
            "TradingData{price f64 @0; timestamp u64 @8; volume i32 @16; valid bool @20}",
        )
        book = read(golden("book_16")).record
        names = book.names
        self.assertEqual(names[2], "bids_price")
        self.assertEqual(names[8], "trades_0_price")
        self.assertEqual(len(set(names)), len(names))

        def odd(*fields: str) -> Any:
            kinds = tuple(tickring.Field(name, tickring.Kind.U8, 1, i) for i, name in enumerate(fields))
            return Schema("1st", len(fields), kinds).record_type()

        self.assertEqual(odd("a.b", "a_b", "class", "1", "[]")._fields, ("a_b", "a_b_2", "class_", "field_1", "field"))

    def test_what_a_record_cannot_be(self) -> None:
        from typing import NamedTuple

        class Unsized(NamedTuple):
            volume: int

        class Nothing(NamedTuple):
            pass

        for record in (Unsized, Nothing):
            with self.assertRaises(InvalidSchema):
                Schema.of(record)


if __name__ == "__main__":
    main()
