"""Structured arrays."""

from __future__ import annotations

import importlib.util
import sys
import unittest
from unittest import mock

from support import Case, Large, large, require, trade

from tickring import Lapped, RecordMismatch, Schema, TradingData


class Numpy(Case):
    def setUp(self) -> None:
        if importlib.util.find_spec("numpy") is None:
            require(self, "numpy", "numpy is not installed")
        import numpy

        self.numpy = numpy

    def test_dtype(self) -> None:
        dtype = Schema.of(TradingData).dtype()
        self.assertEqual(dtype.names, ("price", "timestamp", "volume", "valid"))
        self.assertEqual((dtype.itemsize, dtype["volume"].str, dtype.fields["valid"][1]), (24, "<i4", 20))
        self.assertEqual(Schema.of(Large).dtype()["words"].shape, (68,))

    def test_arrays_are_read(self) -> None:
        writer, reader = self.ring(slots=64)
        self.assertEqual(len(reader.poll_batch_numpy(5)), 0)
        writer.publish_batch(map(trade, range(20)))
        got = reader.poll_batch_numpy(5)
        self.assertEqual([tuple(r) for r in got.tolist()], [trade(n) for n in range(5)])
        out = self.numpy.zeros(64, reader.schema.dtype())
        self.assertEqual(reader.poll_batch_into(out), 15)
        self.assertEqual(out["timestamp"][:15].tolist(), [trade(n).timestamp for n in range(5, 20)])
        writer.publish_batch(map(trade, range(100)))
        with self.assertRaises(Lapped):
            reader.poll_batch_numpy(5)

    def test_arrays_are_published(self) -> None:
        writer, reader = self.ring(slots=64)
        array = self.numpy.array([trade(n) for n in range(40)], dtype=reader.schema.dtype())
        self.assertEqual(writer.publish_batch(array), 0)
        self.assertEqual(writer.publish_batch(array[::4]), 40)
        self.assertEqual(reader.poll_batch(50), [trade(n) for n in (*range(40), *range(0, 40, 4))])

    def test_arrays_of_arrays(self) -> None:
        writer, reader = self.ring(record=Large)
        array = self.numpy.array([large(n) for n in range(3)], dtype=reader.schema.dtype())
        writer.publish_batch(array)
        self.assertEqual(reader.poll(), large(0))
        got = reader.poll_batch_numpy(9)
        self.assertEqual(got["words"].tolist(), [list(large(n).words) for n in (1, 2)])

    def test_another_dtype(self) -> None:
        writer, reader = self.ring()
        writer.publish(trade(0))
        wrong = self.numpy.zeros(4, dtype=[("price", "<f8"), ("timestamp", "<u8"), ("volume", "<f4"), ("valid", "?")])
        for use in (reader.poll_batch_into, writer.publish_batch):
            with self.assertRaises(RecordMismatch):
                use(wrong)
        octets = self.numpy.zeros(48, dtype="u1")
        self.assertEqual(reader.poll_batch_into(octets), 1)


class WithoutNumpy(Case):
    def test_it_is_said_what_is_missing(self) -> None:
        _, reader = self.ring()
        with mock.patch.dict(sys.modules, {"numpy": None}):
            with self.assertRaisesRegex(ImportError, "numpy is not installed"):
                reader.poll_batch_numpy(1)


if __name__ == "__main__":
    unittest.main()
