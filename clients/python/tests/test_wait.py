"""Waiting, in threads and in an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
import unittest
from typing import Any, Iterator, List
from unittest import mock

from support import TESTS, Case, trade

import tickring
from tickring import BLOCK, SPIN, Lapped, Restarted, TradingData, WriterDead, backoff, every

WAITS = {
    "spin": SPIN,
    "default": backoff(),
    "backoff": backoff(1e-3),
    "1 µs": every(1e-6),
    "1 ms": every(1e-3),
    "block": BLOCK,
}
ROLES = str(TESTS / "roles.py")


class Threads(Case):
    def pairs(self, **options: Any) -> "Iterator[tuple[Any, Any]]":
        for what, wait in WAITS.items():
            with self.subTest(what):
                name = self.segment_name()
                yield self.writer(name, doorbell=True, **options), self.reader(name, TradingData, wait=wait)

    def test_every_way(self) -> None:
        for forth, reader in self.pairs():
            back = self.writer(self.segment_name(), doorbell=True)
            answers = self.reader(back.segment.name, TradingData, wait=reader._wait)

            def echo(reader: Any = reader, back: Any = back) -> None:
                for record in reader:
                    back.publish(record)
                back.close()

            thread = threading.Thread(target=echo)
            thread.start()
            for n in range(50):
                forth.publish(trade(n))
                self.assertEqual(answers.next(20), trade(n))
            forth.close()
            thread.join()
            self.assertEqual(list(answers), [])

    def test_a_time_that_is_over(self) -> None:
        for _, reader in self.pairs():
            start = time.monotonic()
            for timeout in (0, 0.02):
                with self.assertRaises(TimeoutError):
                    reader.next(timeout)
            self.assertGreaterEqual(time.monotonic() - start, 0.02)
        reader = self.reader(self.writer(self.segment_name()).segment.name, wait=every(3600))
        with self.assertRaises(TimeoutError):  # or the test runs for an hour
            reader.next(0.01)

    def test_a_dead_writer_is_told_once(self) -> None:
        for writer, reader in self.pairs():
            writer.publish(trade(0))
            writer.detach()
            self.assertEqual(reader.next(20), trade(0), "what it published first")
            with self.assertRaises(WriterDead):
                reader.next(20)
            with self.assertRaises(TimeoutError):
                reader.next(0.11)
            second = tickring.Writer.take_over(writer.segment.name)
            self.addCleanup(second.detach)
            with self.assertRaises(Restarted):
                reader.next(20)
            second.publish(trade(1))
            self.assertEqual(reader.next(20), trade(1))
            second.detach()
            with self.assertRaises(WriterDead):
                reader.next(20)

    def test_published_before_it_died(self) -> None:
        """A record that comes between the poll and the look for the writer is not passed over."""
        name = self.segment_name()
        writer = self.writer(name)
        reader = self.reader(name, TradingData, wait=every(0.06))

        def dies() -> bool:
            writer.publish(trade(0))
            writer.detach()
            return False

        with mock.patch.object(reader._segment, "writer_alive", dies):
            self.assertEqual(reader.next(20), trade(0))

    def test_impossible_waits(self) -> None:
        for seconds in (0, -1, float("nan")):
            for make in (backoff, every):
                with self.assertRaises(ValueError):
                    make(seconds)


class Doorbell(Case):
    def test_processes_wake_each_other(self) -> None:
        forth, back = self.segment_name(), self.segment_name()
        writer = self.writer(forth, doorbell=True)
        self.writer(back, doorbell=True).detach()
        answers = self.reader(back, TradingData, wait=BLOCK)
        process = self.process(ROLES, "echo", forth, back)
        self.assertEqual(process.line(), "ready")
        with self.assertRaises((Restarted, WriterDead)):
            answers.next(20)
        start = time.monotonic()
        rounds = 200
        for n in range(rounds):
            writer.publish(trade(n))
            while True:
                try:
                    self.assertEqual(answers.next(20), trade(n))
                    break
                except (Restarted, WriterDead):
                    pass
        took = time.monotonic() - start
        self.assertLess(took, rounds * 0.1, "each round waited for a sleep to end by itself: nobody was woken")
        writer.close()
        self.assertEqual(process.end(), 0)

    def test_a_killed_reader_costs_nothing(self) -> None:
        name = self.segment_name()
        writer = self.writer(name, doorbell=True)
        bell = writer.segment.doorbell
        process = self.process(ROLES, "block", name)
        self.assertEqual(process.line(), "waiting")
        writer.publish(trade(0))
        self.assertEqual(process.line(), str(trade(0).timestamp))
        self.until(lambda: bell.waiting[0] != 0)
        process.kill()
        self.assertEqual([writer.publish(trade(n)) for n in (1, 2)], [1, 2])
        self.assertEqual(bell.waiting[0], 0, "one ring for nobody")

    def test_the_barrier_comes_behind_the_mark(self) -> None:
        bell = self.writer(self.segment_name(), doorbell=True).segment.doorbell
        marks = []
        with mock.patch("tickring._system.barrier", side_effect=lambda: marks.append(bell.waiting[0])):
            bell.arm()
        self.assertEqual(marks, [1])

    def test_a_writer_rings_only_for_who_sleeps(self) -> None:
        writer = self.writer(self.segment_name(), doorbell=True)
        bell = writer.segment.doorbell
        with mock.patch.object(bell, "ring", wraps=bell.ring) as ring:
            writer.publish(trade(0))
            self.assertEqual(ring.call_count, 0)
            ticket = bell.arm()
            writer.publish_batch([trade(1)])
            self.assertEqual(ring.call_count, 1)
            self.assertTrue(bell.wait(ticket, 100), "it was rung: no sleep begins")
            writer.publish_bytes(bytes(24))
            self.assertEqual(ring.call_count, 1)
            self.assertFalse(bell.wait(bell.arm(), 0.001))
            writer.finish()
            self.assertEqual(ring.call_count, 2)


class EventLoop(Case):
    def test_every_way(self) -> None:
        for what, wait in WAITS.items():
            with self.subTest(what):
                name = self.segment_name()
                writer = self.writer(name, doorbell=True)
                reader = self.reader(name, TradingData, wait=wait)
                self.assertEqual(asyncio.run(self._in_turns(writer, reader)), [trade(n) for n in range(30)])

    async def _in_turns(self, writer: Any, reader: Any) -> List[Any]:
        """Reads what another task of the same loop publishes, each record only when the one before was read."""
        got: List[Any] = []
        came = asyncio.Event()

        async def publish() -> None:
            for n in range(30):
                writer.publish(trade(n))
                await came.wait()
                came.clear()
            writer.close()

        task = asyncio.create_task(publish())
        async for record in reader:
            got.append(record)
            came.set()
        await task
        return got

    def test_other_tasks_run_while_there_are_records(self) -> None:
        name = self.segment_name()
        self.writer(name, slots=1024).publish_batch(map(trade, range(1000)))
        reader = self.reader(name, TradingData)

        async def run() -> int:
            ran = 0

            async def other() -> None:
                nonlocal ran
                while True:
                    ran += 1
                    await asyncio.sleep(0)

            task = asyncio.create_task(other())
            async for _ in reader:
                if reader.received == 1000:
                    break
            task.cancel()
            return ran

        self.assertGreater(asyncio.run(run()), 10)

    def test_cancelled(self) -> None:
        for what, wait in WAITS.items():
            with self.subTest(what):
                name = self.segment_name()
                writer = self.writer(name, doorbell=True)
                reader = self.reader(name, TradingData, wait=wait)

                async def run(reader: Any = reader, writer: Any = writer) -> Any:
                    with self.assertRaises(asyncio.TimeoutError):
                        await asyncio.wait_for(reader.__anext__(), 0.02)
                    writer.publish(trade(0))
                    return await reader.__anext__()

                self.assertEqual(asyncio.run(run()), trade(0))

    def test_events(self) -> None:
        name = self.segment_name()
        writer = self.writer(name, slots=4)
        reader = self.reader(name, TradingData)
        writer.publish_batch(map(trade, range(10)))
        writer.detach()

        async def run() -> List[Any]:
            got = []
            async for item in reader.events():
                got.append(item)
                if isinstance(item, WriterDead):
                    tickring.Writer.take_over(name).close()
            with self.assertRaises(StopAsyncIteration):
                await reader.__anext__()
            return got

        got = asyncio.run(run())
        self.assertEqual([type(item) for item in got], [Lapped] + 3 * [TradingData] + [WriterDead, Restarted])


if __name__ == "__main__":
    unittest.main()
