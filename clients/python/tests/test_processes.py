"""Writers and readers in processes of their own: torn records, exact losses, kills and takeovers."""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Callable, List, Tuple

from support import TESTS, Case, Large, large, packed, trade

import tickring
from tickring import NEWEST, Lapped, Overtaken, TradingData, WriterDead

ROLES = str(TESTS / "roles.py")

RECORDS = 5_000  # that each way of reading checks
LAPS = 10  # and times that it must have been overtaken, or it was not put to the test


class Torn(Case):
    """A writer as fast as it can be, in a ring so small that readers are always about to be overtaken."""

    def test_trades(self) -> None:
        self._read(TradingData, trade, "trade", RECORDS)

    def test_large_records(self) -> None:
        self._read(Large, large, "large", RECORDS // 5)

    def _read(self, kind: Any, of: Callable[[int], Any], role: str, records: int) -> None:
        name = self.segment_name()
        self.writer(name, kind, slots=4).detach()
        writer = self.process(ROLES, "write", name, role)
        self.assertEqual(writer.line(), "writing 0")
        reader = self.reader(name, kind, resume=NEWEST)
        codec = tickring._reader.Codec(reader.schema, kind)  # type: ignore[attr-defined]
        out = bytearray(3 * reader.schema.size)

        def poll() -> List[Tuple[int, Any]]:
            record = reader.poll()
            return [] if record is None else [(reader.position - 1, record)]

        def batch() -> List[Tuple[int, Any]]:
            return list(enumerate(got := reader.poll_batch(3), reader.position - len(got)))

        def into() -> List[Tuple[int, Any]]:
            count = reader.poll_batch_into(out)
            parts = [bytes(out[i * reader.schema.size :][: reader.schema.size]) for i in range(count)]
            return list(enumerate(parts, reader.position - count))

        def latest() -> List[Tuple[int, Any]]:
            newest = reader.latest()
            return [] if newest is None else [newest]

        for read in (poll, batch, into, latest):
            with self.subTest(read.__name__):
                seen = laps = last = 0
                limit = time.monotonic() + 30
                while seen < records or laps < LAPS and read is not latest:
                    self.assertLess(time.monotonic(), limit, f"{seen} records, {laps} laps")
                    try:
                        got = read()
                    except Lapped:
                        laps += 1
                        continue
                    except Overtaken:
                        continue
                    for n, record in got:
                        want = codec.pack(of(n)) if read is into else of(n)
                        self.assertEqual(record, want, f"record {n} is torn or another")
                        self.assertGreaterEqual(n, last)
                        last = n
                    seen += len(got)
        writer.kill()


class Drivers(Case):
    """The drivers of the interop suite among themselves."""

    def file(self, records: int) -> Tuple[str, bytes]:
        data = b"".join(map(packed, range(records)))
        file = tempfile.NamedTemporaryFile(prefix="tickring-test-")
        self.addCleanup(file.close)
        Path(file.name).write_bytes(data)
        return file.name, data

    def test_everything_is_received(self) -> None:
        name, (path, data) = self.segment_name(), self.file(1000)
        writer, reader = self.driver(), self.driver()
        self.assertEqual(writer.ask(f"create {name} TradingData 4096"), "ok")
        self.assertEqual(reader.ask(f"attach {name} TradingData"), "ok")
        self.assertEqual(reader.ask("reader at:0 oldest"), "ok")
        for batch in (1, 64, 3000):
            self.assertEqual(writer.ask(f"replay {path} 1 {batch}"), "published 1000")
        self.assertEqual(writer.ask("close"), "ok")
        digest = hashlib.sha256(3 * data).hexdigest()
        self.assertEqual(
            reader.ask(f"follow {path}"), f"closed received=3000 missed=0 gaps=0 wrong=0 sha256={digest}"
        )

    def test_losses_are_exact(self) -> None:
        path, _ = self.file(1000)
        for slots, batch in ((64, 1), (64, 64), (1024, 64)):
            name = self.segment_name()
            writer, reader = self.driver(), self.driver()
            self.assertEqual(writer.ask(f"create {name} TradingData {slots}"), "ok")
            self.assertEqual(reader.ask(f"attach {name} TradingData"), "ok")
            self.assertEqual(reader.ask("reader at:0 oldest-safe"), "ok")
            reader.say(f"follow {path}")
            self.assertEqual(writer.ask(f"replay {path} 100 {batch}"), "published 100000")
            self.assertEqual(writer.ask("close"), "ok")
            counts = self._counts(reader.line(), "closed")
            self.assertEqual(counts["received"] + counts["missed"], 100_000)
            self.assertEqual(counts["wrong"], 0)
            self.assertEqual(counts["gaps"] > 0, counts["missed"] > 0)

    def _counts(self, line: str, status: str) -> "dict[str, int]":
        words = line.split()
        self.assertEqual(words[0], status)
        return {key: int(value) for key, _, value in (word.partition("=") for word in words[1:-1])}

    def test_what_is_wrong_is_counted(self) -> None:
        name, (path, _) = self.segment_name(), self.file(10)
        writer = self.driver()
        self.assertEqual(writer.ask(f"create {name} TradingData 64"), "ok")
        self.assertEqual(writer.ask(f"replay {path} 2 4"), "published 20")
        self.assertEqual(writer.ask(f"publish {packed(9).hex()} {packed(1).hex()}"), "20")
        self.assertEqual(writer.ask("close"), "ok")
        self.assertEqual(writer.ask("reader at:0 oldest"), "ok")
        self.assertEqual(self._counts(writer.ask(f"follow {path}"), "closed")["wrong"], 1)

    def test_killed_writers_are_followed_by_others(self) -> None:
        name, (path, _) = self.segment_name(), self.file(997)
        driver, reader = self.driver(), self.driver()
        self.assertEqual(driver.ask(f"create {name} TradingData 256"), "ok")
        self.assertEqual(reader.ask(f"attach {name} TradingData"), "ok")
        self.assertEqual(reader.ask("reader at:0 oldest"), "ok")
        reader.say(f"follow {path}")
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        with tickring.Reader(name) as watch:
            for _ in range(6):
                before = watch.head
                driver.say(f"replay {path} 1000000 {rng.choice((1, 7, 64))}")
                enough = before + rng.randrange(1, 5000)
                self.until(lambda enough=enough: watch.head >= enough)  # type: ignore[misc]
                driver.kill()
                self.assertFalse(watch.writer_alive())
                driver = self.driver()
                self.assertEqual(driver.ask(f"takeover {name} TradingData"), "ok", f"seed {seed}")
            self.assertEqual(driver.ask(f"replay {path} 1 64"), "published 997")
            total = watch.head
        self.assertEqual(driver.ask("close"), "ok")
        counts = self._counts(reader.line(), "closed")
        self.assertEqual((counts["received"] + counts["missed"], counts["wrong"]), (total, 0), f"seed {seed}")

    def test_commands(self) -> None:
        name = self.segment_name()
        driver, other = self.driver(), self.driver()
        record = packed(7).hex()
        for who, command, answer in (
            (driver, "nonsense", "error usage"),
            (driver, "", "error usage"),
            (driver, "poll", "error usage"),
            (driver, f"attach {name} TradingData", "error not-found"),
            (driver, f"attach {name}", "error usage"),
            (driver, "attach a/b TradingData", "error name"),
            (driver, f"create {name} TradingData 3", "error geometry"),
            (driver, f"create {name} TradingData 64", "ok"),
            (driver, f"create {name} TradingData 64", "error exists"),
            (other, f"takeover {name} TradingData", "error writer-exists"),
            (other, f"attach {name} Quote", "error schema"),
            (other, f"attach {name} TradingData", "ok"),
            (other, "schema", "TradingData 24 price:f64@0 timestamp:u64@8 volume:i32@16 valid:bool@20"),
            (other, "shape", "slots=64 stride=32 backing=0 doorbell=1 fallback="),
            (other, "reader nowhere oldest", "error usage"),
            (other, "reader oldest newest-minus:3", "ok"),
            (other, "poll", "empty"),
            (other, "latest", "empty"),
            (other, "next 1", "timeout"),
            (other, "batch 5", "empty"),
            (driver, f"publish {record}", "0"),
            (driver, f"publish {record} {record}", "1"),
            (driver, "publish 00", "error usage"),
            (other, "poll", f"ready 0 {record}"),
            (other, "batch 5", "ready 1 2 " + hashlib.sha256(2 * packed(7)).hexdigest()),
            (other, "latest", f"ready 2 {record}"),
            (other, "view", record),
            (other, "position", "3"),
            (other, "received", "3"),
            (other, "missed", "0"),
            (other, "head", "3"),
            (other, "epoch", "1"),
            (other, "state", "open"),
            (other, "alive", "yes"),
            (other, "rate poll 1", "error usage"),
            (driver, "publish " + " ".join(70 * [record]), "3"),
            (other, "poll", "lapped 3 69"),  # newest-minus:3
            (driver, "close", "ok"),
            (driver, f"publish {record}", "error usage"),
            (other, "alive", "yes"),
            (other, "batch 64", "ready 69 4 " + hashlib.sha256(4 * packed(7)).hexdigest()),
            (other, "poll", "closed"),
            (driver, "detach", "ok"),
            (other, "alive", "no"),
            (driver, f"takeover {name} TradingData", "ok"),
            (other, "poll", "restarted 2 73"),
            (driver, "detach", "ok"),
            (other, "next 5000", "dead"),
            (other, "detach", "ok"),
            (other, "head", "error usage"),
            (other, f"remove {name}", "ok"),
            (other, f"remove {name}", "error not-found"),
        ):
            self.assertEqual(who.ask(command), answer, command)
        self.assertEqual((driver.end(), other.end()), (0, 0))

    def test_rates(self) -> None:
        name = self.segment_name()
        driver = self.driver()
        self.assertEqual(driver.ask(f"create {name} Quote 1024"), "ok")
        for call in ("publish", "publish-batch"):
            self.assertGreater(int(driver.ask(f"rate {call} 500")), 0)
        self.assertEqual(driver.ask("reader at:0 oldest"), "ok")
        for call in ("poll", "poll-batch"):
            self.assertGreater(int(driver.ask(f"rate {call} 500")), 0)
        self.assertEqual(driver.ask("position"), "1000")
        self.assertEqual(driver.ask("rate poll 1"), "error usage")
        self.assertEqual(driver.ask("rate dance 1"), "error usage")


class Killed(Case):
    def test_what_a_reader_is_told(self) -> None:
        name = self.segment_name()
        self.writer(name, slots=1 << 16).detach()
        reader = self.reader(name, TradingData)
        with self.assertRaises(WriterDead):  # of the first epoch, which went without closing
            reader.next(10)
        for epoch in (2, 3):
            writer = self.process(ROLES, "write", name, "trade")
            start = int(writer.line().split()[1])
            for _ in range(3):
                self._until_record(reader)
            writer.kill()
            self._until_dead(reader)
            with self.assertRaises(TimeoutError):  # told once
                reader.next(0.12)
            self.assertEqual(reader.epoch, (epoch, start))
        with tickring.Writer.take_over(name) as writer:
            self.assertEqual(reader.received + reader.missed, writer.head)

    def _until_record(self, reader: Any) -> None:
        while True:
            try:
                n = reader.position
                self.assertEqual(reader.next(10), trade(n))
                return
            except (tickring.Restarted, Lapped):
                pass

    def _until_dead(self, reader: Any) -> None:
        while True:
            try:
                n = reader.position
                self.assertEqual(reader.next(10), trade(n))
            except (tickring.Restarted, Lapped):
                pass
            except WriterDead:
                return


if __name__ == "__main__":
    unittest.main()
