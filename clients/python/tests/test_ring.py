"""One ring in one process: order, laps, restarts, closing, what a stopped writer leaves."""

from __future__ import annotations

import random
import struct
import unittest
from typing import Any, List

from support import Case, Large, events, large, packed, patch, trade

import tickring
from tickring import NEWEST, OLDEST, OLDEST_SAFE, Closed, Corrupt, Lapped, Restarted, TradingData, at, newest_minus
from tickring._pure import Ring as PureRing


class Order(Case):
    def test_records_arrive_in_order(self) -> None:
        writer, reader = self.ring()
        self.assertIsNone(reader.poll())
        for n in range(100):  # many laps, never one behind
            self.assertEqual(writer.publish(trade(n)), n)
            self.assertEqual(reader.poll(), trade(n))
            self.assertEqual(reader.position, n + 1)
        self.assertIsNone(reader.poll())
        self.assertEqual((reader.received, reader.missed, reader.head, writer.head), (100, 0, 100, 100))

    def test_batches_wrap_around(self) -> None:
        for size in (1, 3, 7, 8, 9, 64, 1000):  # also more than a ring at once
            writer, _ = self.ring()
            self.assertEqual(writer.publish_batch(map(trade, range(size))), 0)
            self.assertEqual(writer.head, size)
            reader = self.reader(writer.segment.name, start=OLDEST)
            kept = min(size, 8)
            self.assertEqual(reader.poll_batch(2 * size), [trade(n) for n in range(size - kept, size)])
            self.assertEqual(reader.poll_batch(1), [])
            self.assertEqual(reader.poll_batch(0), [])

    def test_bytes(self) -> None:
        writer, reader = self.ring()
        writer.publish_bytes(packed(0) + packed(1))
        out = bytearray(24 * 8)
        self.assertEqual(reader.poll_batch_into(out), 2)
        self.assertEqual(out[:48], packed(0) + packed(1))
        self.assertEqual(reader.poll_batch_into(out), 0)
        self.assertEqual(reader.poll_batch_into(bytearray()), 0)
        for wrong in (packed(0)[1:], b"x"):
            with self.assertRaises(ValueError):
                writer.publish_bytes(wrong)
        with self.assertRaises(BufferError):
            reader.poll_batch_into(bytes(24))
        self.assertEqual(writer.publish_bytes(b""), 2)

    def test_padding_is_stored_as_zero(self) -> None:
        writer, reader = self.ring()
        writer.publish_bytes(2 * (packed(1)[:21] + b"\xff\xff\xff"))
        out = bytearray(48)
        reader.poll_batch_into(out)
        self.assertEqual(out, 2 * packed(1))
        self.assertEqual(struct.pack("<3Q", *map(writer.segment.words.load, (0, 8, 16))), packed(1))

    def test_records_that_do_not_fill_their_last_word(self) -> None:
        writer, reader = self.ring(record=Large)
        writer.publish_batch(map(large, range(3)))
        writer.publish(large(3))
        self.assertEqual(reader.schema.size, 560)
        untyped = self.reader(writer.segment.name)
        self.assertEqual(reader.poll(), large(0))
        self.assertEqual(reader.poll_batch(9), [large(n) for n in range(1, 4)])
        self.assertEqual(reader.latest(), (3, large(3)))
        self.assertEqual([tuple(r) for r in untyped.poll_batch(9)], [tuple(large(n)) for n in range(4)])

    def test_odd_sizes(self) -> None:
        fields = (tickring.Field("a", tickring.Kind.U8, 1, 0), tickring.Field("b", tickring.Kind.I8, 3, 1))
        for size in (4, 5, 8, 11, 13):
            schema = tickring.Schema("Odd", size, fields)
            name = self.segment_name()
            writer = self.writer(name, schema)
            reader = self.reader(name)
            writer.publish((1, (2, -3, 4)))
            writer.publish_bytes(bytes([9]) * 2 * size)
            self.assertEqual(reader.poll_batch(9), [(1, (2, -3, 4)), (9, (9, 9, 9)), (9, (9, 9, 9))])
            reader.seek(OLDEST)
            out = bytearray(3 * size)
            self.assertEqual(reader.poll_batch_into(out), 3)
            pad = bytes(size - 4)
            self.assertEqual(out, bytes([1, 2, 253, 4]) + pad + 2 * (bytes(4 * [9]) + pad))

    def test_a_record_that_does_not_fit_publishes_nothing(self) -> None:
        writer, reader = self.ring(record=Large)
        for wrong in ((1,), large(0)[:2], ((1, 2), 0.0, 1), (large(0)[0], "x", 1), (large(0)[0], 1.0, -1)):
            with self.assertRaises(struct.error):
                writer.publish(wrong)
        with self.assertRaises(struct.error):
            writer.publish_batch([large(0), ()])
        self.assertEqual(writer.head, 0)
        self.assertIsNone(reader.poll())

    def test_delivered_and_lost_are_everything(self) -> None:
        for policy in (OLDEST, OLDEST_SAFE, NEWEST, newest_minus(3), newest_minus(1000), at(5)):
            for slots in (2, 4, 64):
                seed = random.randrange(1 << 32)
                with self.subTest(policy=policy, slots=slots, seed=seed):
                    self._delivered_and_lost(policy, slots, random.Random(seed))

    def _delivered_and_lost(self, policy: tickring.Position, slots: int, rng: random.Random) -> None:
        name = self.segment_name()
        writer = self.writer(name, slots=slots)
        reader = self.reader(name, start=at(0), resume=policy)
        expected = 0

        def read(most: int) -> int:
            nonlocal expected
            try:
                if most == 1:
                    record = reader.poll()
                    got = [] if record is None else [record]
                else:
                    got = reader.poll_batch(most)
            except Lapped as lap:
                self.assertEqual(lap.first, expected)
                self.assertEqual((lap.first, lap.next), reader.gap)
                self.assertGreater(lap.count, 0)
                expected = lap.next
                return 1
            self.assertEqual(got, [trade(n) for n in range(expected, expected + len(got))])
            expected += len(got)
            return len(got)

        for _ in range(500):
            if rng.random() < 0.5:
                writer.publish_batch(map(trade, range(writer.head, writer.head + rng.randrange(2 * slots))))
            else:
                read(rng.choice((1, 1 + rng.randrange(15))))
        while read(3):
            pass
        self.assertEqual(expected, writer.head)
        self.assertEqual(reader.received + reader.missed, writer.head)


class Positions(Case):
    def test_resolved(self) -> None:
        for position, slots, head, want in (
            (OLDEST, 8, 0, 0), (OLDEST, 8, 8, 0), (OLDEST, 8, 9, 1), (OLDEST, 8, 100, 92),
            (OLDEST_SAFE, 8, 0, 0), (OLDEST_SAFE, 8, 8, 0), (OLDEST_SAFE, 8, 100, 94), (OLDEST_SAFE, 2, 100, 99),
            (OLDEST_SAFE, 64, 100, 52), (NEWEST, 8, 0, 0), (NEWEST, 8, 1, 0), (NEWEST, 8, 100, 99),
            (newest_minus(3), 8, 2, 0), (newest_minus(3), 8, 100, 96), (newest_minus(1000), 8, 100, 92),
            (at(7), 8, 100, 7), (at(700), 8, 100, 700),
        ):  # fmt: skip
            self.assertEqual(position.resolve(slots, head), want, (position, slots, head))

    def test_impossible(self) -> None:
        for make, n in ((at, -1), (at, 2**63 - 1), (newest_minus, -1)):
            with self.assertRaises(ValueError):
                make(n)

    def test_numbers_near_the_end(self) -> None:
        writer, _ = self.ring()
        name, head = writer.segment.name, 2**62 + 3
        for n in range(head - 8, head):
            slot = 4096 + n % 8 * 32
            patch(name, slot, 2 * n + 2)
            patch(name, slot + 16, n)
        patch(name, 256, head)
        reader = self.reader(name, start=OLDEST)
        self.assertEqual([r.timestamp for r in reader.poll_batch(9)], list(range(head - 8, head)))
        self.assertEqual(reader.latest()[0], head - 1)
        patch(name, 256, 2**64 - 1)  # which no writer comes to: a record that it counts is waited for
        reader = self.reader(name, start=NEWEST)
        self.assertEqual(reader.position, 2**63 - 2)
        self.assertIsNone(reader.poll())
        with self.assertRaises(tickring.Overtaken):
            reader.latest()

    def test_a_reader_that_is_ahead_waits(self) -> None:
        name = self.segment_name()
        writer = self.writer(name, slots=4)
        reader = self.reader(name, start=at(10))
        while writer.head < 10:
            writer.publish(trade(writer.head))
            self.assertIsNone(reader.poll())
            self.assertEqual(reader.latest()[0], writer.head - 1, "the position is no proof of a record")
        writer.publish(trade(10))
        self.assertEqual(reader.poll(), trade(10))
        self.assertEqual(reader.missed, 0)

    def test_latest_then_follow(self) -> None:
        writer, reader = self.ring()
        self.assertIsNone(reader.latest())
        writer.publish_batch(map(trade, range(100)))
        n, record = reader.latest()
        self.assertEqual((n, record), (99, trade(99)))
        reader.seek(at(n + 1))
        self.assertIsNone(reader.poll())
        writer.publish(trade(100))
        self.assertEqual(reader.poll(), trade(100))
        self.assertEqual((reader.received, reader.missed), (1, 0))

    def test_latest_is_never_older_than_what_was_polled(self) -> None:
        writer, reader = self.ring(slots=16)
        writer.publish_batch(map(trade, range(20)))
        writer.segment.words.store(256, 15)  # as it was before the batch
        self.assertEqual(reader.latest()[0], 19)
        events(reader.poll)
        self.assertEqual(reader.position, 20)
        for head in (15, 3):  # also one that the slots have left behind
            writer.segment.words.store(256, head)
            self.assertEqual(reader.latest()[0], 19)


class Ends(Case):
    def test_closed_comes_after_the_last_record(self) -> None:
        writer, reader = self.ring()
        writer.publish_batch(map(trade, range(3)))
        name = writer.segment.name
        writer.finish()
        writer.finish()
        with self.assertRaises(ValueError):
            writer.publish(trade(3))
        self.assertEqual(list(reader), [trade(n) for n in range(3)])
        for _ in range(2):
            with self.assertRaises(Closed) as closed:
                reader.poll()
            self.assertIsInstance(closed.exception, EOFError)
        self.assertEqual(reader.state, "closed")
        self.assertTrue(reader.writer_alive())
        writer.close()
        self.assertFalse(reader.writer_alive())

        again = tickring.Writer.take_over(name, TradingData)
        self.addCleanup(again.detach)
        self.assertEqual(again.head, 3, "numbers go on")
        with self.assertRaises(Restarted) as restarted:
            reader.poll()
        self.assertEqual((restarted.exception.epoch, restarted.exception.first, reader.epoch), (2, 3, (2, 3)))
        self.assertIsNone(reader.poll(), "told once")
        again.publish(trade(3))
        self.assertEqual(reader.poll(), trade(3))

    def test_a_record_that_came_just_before_the_end_is_not_passed_over(self) -> None:
        writer, reader = self.ring()
        words = reader._words

        class Late:
            """The last record and the end come between the look at the slot and the one at the state."""

            @staticmethod
            def load(offset: int) -> int:
                if offset == 416 and reader.state == "open":
                    writer.publish(trade(0))
                    writer.finish()
                return words.load(offset)

        reader._words = Late
        reader._look()
        self.assertEqual(reader.poll(), trade(0))
        with self.assertRaises(Closed):
            reader.poll()

    def test_a_restart_is_told_behind_the_records_before_it(self) -> None:
        writer, reader = self.ring()
        writer.publish_batch(map(trade, range(2)))
        writer.detach()
        second = tickring.Writer.take_over(writer.segment.name)
        self.addCleanup(second.detach)
        got = events(reader.poll)
        self.assertEqual(got[:2], [trade(0), trade(1)])
        self.assertIsInstance(got[2], Restarted)
        self.assertEqual(len(got), 3)

    def test_a_restart_is_not_told_before_a_record_that_came_just_before_it(self) -> None:
        writer, reader = self.ring()
        words = reader._words
        second: List[Any] = []

        class Late:
            """A record, and another writer, come between the look at the slot and the one at the epoch."""

            @staticmethod
            def load(offset: int) -> int:
                if not second:
                    writer.publish(trade(0))
                    writer.detach()
                    second.append(tickring.Writer.take_over(writer.segment.name))
                return words.load(offset)

        reader._words = Late
        reader._look()
        self.assertEqual(reader.poll(), trade(0))
        with self.assertRaises(Restarted):
            reader.poll()
        second[0].detach()

    def test_the_first_writer_is_no_restart(self) -> None:
        writer, _ = self.ring()
        words = writer.segment.words
        words.store(384, 0)
        words.store(416, 0)
        reader = self.reader(writer.segment.name)
        self.assertEqual((reader.state, reader.epoch), ("created", (0, 0)))
        self.assertIsNone(reader.poll())
        writer.detach()
        tickring.Writer.take_over(writer.segment.name).detach()
        self.assertIsNone(reader.poll())
        self.assertEqual(reader.epoch, (1, 0))

    def test_a_block_that_fails_does_not_close_the_ring(self) -> None:
        name = self.segment_name()
        with self.assertRaises(KeyError), self.writer(name) as writer:
            writer.publish(trade(0))
            raise KeyError
        with self.reader(name) as reader:
            self.assertEqual((reader.state, reader.writer_alive()), ("open", False))
        with tickring.Writer.take_over(name):
            pass
        with self.reader(name) as reader:
            self.assertEqual((reader.state, reader.poll()), ("closed", trade(0)))
        for use in (reader.poll, reader.latest, lambda: reader.seek(NEWEST), lambda: next(reader)):
            with self.assertRaises(ValueError):
                use()

    def test_events_are_items_for_those_who_want_them(self) -> None:
        writer, reader = self.ring(slots=4)
        writer.publish_batch(map(trade, range(10)))
        writer.close()
        got = list(reader.events())
        self.assertIsInstance(got[0], Lapped)
        self.assertEqual(got[1:], [trade(n) for n in range(got[0].next, 10)])


class Damage(Case):
    def test_a_writer_stopped_in_mid_publish_holds_nobody_up(self) -> None:
        writer, _ = self.ring()
        name = writer.segment.name
        writer.publish_batch(map(trade, range(20)))
        patch(name, 4096 + 20 % 8 * 32, 2 * 20 + 1)  # the odd mark of record 20
        patch(name, 24, 2 * 20 + 1)
        reader = self.reader(name, start=OLDEST)
        self.assertEqual(reader.latest(), (19, trade(19)))
        self.assertEqual(reader.poll_batch(20), [trade(n) for n in range(13, 20)])  # 12 is gone
        self.assertIsNone(reader.poll())

    def test_versions_that_contradict_the_head(self) -> None:
        writer, reader = self.ring()
        writer.publish(trade(0))
        name = writer.segment.name
        writer.detach()
        for version in (1 << 60, 2**64 - 1, 4, 2 * 8000 + 2):
            patch(name, 4096, version)
            for read in (reader.poll, lambda: reader.poll_batch(3), lambda: reader.poll_batch_into(bytearray(24))):
                with self.assertRaises(Corrupt):
                    read()
        for head, version in ((5, 2), (0, 2 * 8 + 2), (2**63, 2)):
            patch(name, 4096, version)
            patch(name, 256, head)
            with self.assertRaises(Corrupt) as corrupt:
                tickring.Writer.take_over(name)
            self.assertIn(name, str(corrupt.exception))
            self.assertFalse(tickring.Segment.attach(name).writer_alive())

    def test_an_epoch_that_goes_back(self) -> None:
        writer, reader = self.ring()
        name = writer.segment.name
        for wrong in (0, 2**64 - 1):
            patch(name, 384, wrong)
            with self.assertRaises(Restarted if wrong else Corrupt):
                reader.poll()
        self.assertEqual(reader.epoch[0], 2**64 - 1)

    def test_any_words(self) -> None:
        """Whatever the words that change hold, every call returns a record of the slot's, or an event."""
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        writer, _ = self.ring()
        words, slots = writer.segment.words, tickring._segment._system.map_file  # type: ignore[attr-defined]
        interesting = (0, 1, 2, 3, 17, 18, 19, 2**62, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1)
        with open(f"/dev/shm{writer.segment.name}", "r+b") as file:
            memory = slots(file.fileno(), 4096 + 8 * 32, True).cast("Q")
        for _ in range(300):
            for offset in (256, 384, 392, 416, *range(4096, 4096 + 256, 32)):
                memory[offset // 8] = rng.choice((*interesting, rng.randrange(2**64), rng.randrange(64)))
            position = rng.choice((OLDEST, OLDEST_SAFE, NEWEST, newest_minus(5), at(rng.choice((0, 7, 2**63 - 2)))))
            try:
                with tickring.Reader(writer.segment.name, start=position, resume=position) as reader:
                    for read in (reader.poll, reader.latest, lambda: reader.poll_batch(20), reader.poll):
                        try:
                            read()
                        except tickring.Event:
                            pass
                    before = reader.position
                    self.assertEqual(reader.received + reader.missed + reader._passed, before, f"seed {seed}")
            except Corrupt:
                pass
        self.assertGreaterEqual(words.load(256), 0)


class Stop(Exception):
    """The writer ends here."""


class Tripwire:
    """Memory that a writer can store to only so often."""

    def __init__(self, memory: memoryview, left: List[int]) -> None:
        self._memory, self._left = memory, left

    def __getitem__(self, at: Any) -> Any:
        return self._memory[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        if self._left[0] == 0:
            raise Stop
        self._left[0] -= 1
        self._memory[at] = value


class TakeOver(Case):
    def test_after_every_store(self) -> None:
        for before, batch in ((0, 1), (5, 1), (8, 1), (5, 3), (20, 4), (21, 7)):
            stores = 0
            while self._stopped_after(stores, before, batch):
                stores += 1
            self.assertGreater(stores, 5)

    def _stopped_after(self, stores: int, before: int, batch: int) -> bool:
        """Stops a writer behind so many stores of a batch; False if it comes to its end before."""
        writer, reader = self.ring()
        name = writer.segment.name
        writer.publish_batch(map(trade, range(before)))
        early = self.reader(name)
        segment = writer.segment
        assert segment._mapped is not None
        header, slots = segment._mapped
        mask = segment.geometry.record.mask
        ring = PureRing(header, slots, 8, 32, 24, 0, 24, mask, (("d", 1, 0),), tuple, True)
        left = [stores]
        ring.next = before
        ring._header = Tripwire(header.cast("Q"), left)  # type: ignore[assignment]
        ring._slots = Tripwire(slots.cast("Q"), left)  # type: ignore[assignment]
        stopped = False
        try:
            ring.publish(b"".join(map(packed, range(before, before + batch))))
        except Stop:
            stopped = True
        seen = events(early.poll)
        writer.detach()

        second = tickring.Writer.take_over(name)
        self.addCleanup(second.detach)
        self.assertGreaterEqual(second.head, early.position, "what was read keeps its number")
        newest = second.head - 1
        words = second.segment.words
        self.assertEqual(words.load(24), 2 * newest + 2 if second.head else 0)
        view = struct.pack("<3Q", *map(words.load, (0, 8, 16)))
        self.assertEqual(view, packed(newest) if second.head else bytes(24))
        self.assertEqual((words.load(256), words.load(384), words.load(392)), (second.head, 2, second.head))
        start = second.head
        for n in range(start, start + 4):
            second.publish(trade(n))
        seen += events(early.poll)
        numbers = {packed(n): n for n in range(before + batch + 8)}
        got = [numbers[struct.pack("<dQi?3x", *r)] for r in seen if not isinstance(r, tickring.Event)]
        self.assertEqual(got, sorted(set(got)), "each number once")
        self.assertEqual(early.received, len(got))
        self.assertEqual(early.received + early.missed + early._passed, start + 4)
        self.assertEqual([e.first for e in seen if isinstance(e, Restarted)], [start])
        for made in (reader, early):
            made.close()
        second.detach()
        return stopped

    def test_a_publish_that_a_signal_cut_short(self) -> None:
        """In pure Python an exception may come between any two stores of a writer that then goes on."""
        if tickring.native:
            self.skipTest("the extension is not interrupted")
        for stores in range(14):
            writer, reader = self.ring()
            writer.publish(trade(0))
            ring: Any = writer._ring
            header, slots, left = ring._header, ring._slots, [stores]
            ring._header, ring._slots = Tripwire(header, left), Tripwire(slots, left)
            try:
                writer.publish_bytes(packed(1) + packed(2))
            except Stop:
                pass
            got = events(reader.poll)
            ring._header, ring._slots = header, slots
            n = writer.publish(trade(9))
            self.assertGreaterEqual(n, reader.position, "what was read keeps its number")
            got += events(reader.poll)
            self.assertEqual(got, [*map(trade, range(n)), trade(9)])
            self.assertEqual((writer.segment.words.load(24), writer.segment.head), (2 * n + 2, n + 1))


if __name__ == "__main__":
    unittest.main()
