"""The consumer of the programs from before the ring."""

from __future__ import annotations

import math
import os
import re
import struct
import unittest
from pathlib import Path
from unittest import mock

from support import PROJECT, TESTS, Case, Large, Process, object_of, packed, patch, trade


from tickring import BareSegment, NotRegular, SharedMemoryConsumer, TradingData

OLD = PROJECT / "test" / "legacy" / "testdata" / "old_consumer.py"


class Consumer(Case):
    def consumer(self, name: str) -> SharedMemoryConsumer:
        consumer = SharedMemoryConsumer(name)
        self.addCleanup(consumer.close)
        return consumer

    def test_bare(self) -> None:
        name = self.segment_name()
        path = object_of(name)
        path.write_bytes(bytes(24))
        consumer = self.consumer(name)
        self.assertIs(consumer.connect(), True)
        self.assertEqual(consumer.read_trading_data(), (0.0, 0, 0, False))
        for record in (
            TradingData(148.91, 1_700_000_000_000_000_000, 283, True),
            TradingData(-0.1, 2**64 - 1, -(2**31), False),
            TradingData(math.inf, 1, 2**31 - 1, True),
        ):
            with open(path, "r+b") as file:
                file.write(struct.pack(SharedMemoryConsumer.FORMAT, *record))
            self.assertEqual(consumer.read_trading_data(), record)

    def test_larger_objects_of_other_programs(self) -> None:
        for more in (8, 40, 100, 4072):
            name = self.segment_name()
            object_of(name).write_bytes(packed(5) + bytes(more))
            consumer = self.consumer(name)
            self.assertTrue(consumer.connect())
            self.assertEqual(consumer.read_trading_data(), trade(5))

    def test_a_ring(self) -> None:
        name = self.segment_name()
        writer = self.writer(name)
        consumer = self.consumer(name)
        self.assertTrue(consumer.connect())
        self.assertEqual(consumer.read_trading_data(), (0.0, 0, 0, False))
        for n in range(20):
            writer.publish(trade(n))
            self.assertEqual(consumer.read_trading_data(), trade(n))
        # A writer that is stopped in mid-publish leaves the view half written; the ring has the newest record whole.
        writer.detach()
        patch(name, 0, 12345)
        patch(name, 24, 2 * 20 + 1)
        patch(name, 4096 + 20 % 8 * 32, 2 * 20 + 1)
        self.assertEqual(consumer.read_trading_data(), trade(19))

    def test_never_torn(self) -> None:
        name = self.segment_name()
        self.writer(name, slots=64).detach()
        writer = Process(str(TESTS / "roles.py"), "write", name, "trade")
        self.addCleanup(writer.kill)
        writer.line()
        consumer = self.consumer(name)
        self.assertTrue(consumer.connect())
        seen = set()
        while len(seen) < 2000:
            record = consumer.read_trading_data()
            if record.timestamp:
                n = record.timestamp - trade(0).timestamp
                self.assertEqual(record, trade(n))
                seen.add(n)

    def test_errors(self) -> None:
        name = self.segment_name()
        consumer = self.consumer(name)
        self.assertIs(consumer.connect(), False)
        self.assertIsInstance(consumer.error, FileNotFoundError)
        with self.assertRaises(ValueError):
            consumer.read_trading_data()
        with mock.patch("os.open", side_effect=PermissionError(13, "no")):
            self.assertIs(consumer.connect(), False)
        self.assertIsInstance(consumer.error, PermissionError)
        for data in (b"", bytes(8), bytes(23)):
            object_of(name).write_bytes(data)
            self.assertTrue(consumer.connect())
            self.assertIsNone(consumer.error)
            with self.assertRaises(struct.error):
                consumer.read_trading_data()

    def test_a_record_whose_name_goes_to_something_else(self) -> None:
        name = self.segment_name()
        path = object_of(name)
        takers = {
            "link": lambda: path.symlink_to("/dev/zero"),
            "fifo": lambda: os.mkfifo(path),
            "directory": path.mkdir,
        }
        for what, take in takers.items():

            def attach(_: str) -> None:  # finds a record, and then it is gone
                take()
                raise BareSegment

            with self.subTest(what), mock.patch("tickring.Segment.attach", side_effect=attach):
                with self.assertRaisesRegex(NotRegular, f"attach {name}: "):
                    self.consumer(name).connect()
            path.rmdir() if what == "directory" else path.unlink()

    def test_another_format(self) -> None:
        name = self.segment_name()
        self.writer(name, Large).detach()
        consumer = self.consumer(name)
        self.assertTrue(consumer.connect())
        with self.assertRaisesRegex(struct.error, "record type does not match"):
            consumer.read_trading_data()
        damaged = self.segment_name()
        self.writer(damaged).detach()
        patch(damaged, 96, 3)
        with SharedMemoryConsumer(damaged) as consumer:
            self.assertTrue(consumer.connect())
            with self.assertRaisesRegex(struct.error, "checksum"):
                consumer.read_trading_data()

    def test_a_truncated_segment_is_no_record(self) -> None:
        name = self.segment_name()
        writer = self.writer(name, slots=1024)
        writer.publish(trade(1))
        writer.detach()
        with open(object_of(name), "r+b") as file:
            file.truncate(4096)
        consumer = self.consumer(name)
        self.assertTrue(consumer.connect())
        with self.assertRaises(struct.error):
            consumer.read_trading_data()

    def test_the_old_program_with_another_import(self) -> None:
        source = OLD.read_text()
        classes = re.search(r"class TradingData.*?(?=\ndef finished)", source, re.DOTALL)
        assert classes is not None
        changed = source.replace(classes[0], "from tickring import SharedMemoryConsumer\n\n")
        program = Path(self.enterTemporary()) / "consumer.py"
        program.write_text(changed)
        name = self.segment_name()
        missing = Process(str(program), name, "0.001")
        self.assertEqual((missing.line(), missing.end()), ("FileNotFoundError", 1))
        object_of(name).write_bytes(bytes(8))
        short = Process(str(program), name, "0.001")
        self.assertEqual((short.line(), short.end()), ("struct.error", 1))
        object_of(name).unlink()
        writer = self.writer(name)
        for script in (program, OLD):
            consumer = Process(str(script), name, "0.0005")
            self.addCleanup(consumer.kill)
            for n in range(100, 120):
                writer.publish(trade(n))
                while (line := consumer.line()) != self._line(trade(n)):
                    self.assertTrue(script is OLD or n == 100, f"{line} is neither the last nor the newest")
            self.assertEqual(consumer.end(), 0)

    @staticmethod
    def _line(record: TradingData) -> str:
        (bits,) = struct.unpack("<Q", struct.pack("<d", record.price))
        return f"{bits} {record.timestamp} {record.volume} {int(record.valid)}"

    def enterTemporary(self) -> str:
        import tempfile

        directory = tempfile.TemporaryDirectory(prefix="tickring-test-")
        self.addCleanup(directory.cleanup)
        return directory.name


if __name__ == "__main__":
    unittest.main()
