"""A reader of a segment with which others do what they like. Arguments: its name, and any of

look  it attaches, but reads nothing: what truncates would be its end, as docs/PYTHON.md says
true  record n has to be what truth(n) is, in test/hostile

It takes steps until it is told to end, and has had a record; then it says what it met. A step that hangs, or an error of no
kind, is its end.
"""

import faulthandler
import select
import struct
import sys
from collections import Counter

import tickring
from tickring import NEWEST, OLDEST, OLDEST_SAFE, Reader, Segment, SharedMemoryConsumer
from tickring import TickringError, TradingData, at, backoff, every

STUCK = 60  # seconds that no step takes
STARTS = (OLDEST, NEWEST, OLDEST_SAFE, at(7))
WAITS = (backoff(), tickring.BLOCK, tickring.SPIN, every(100e-6))


class Victim:
    def __init__(self, name, flags):
        self.name, self.looks, self.truth = name, "look" in flags, "true" in flags
        self.met = Counter()
        self.steps = self.records = 0

    def suffer(self):
        told = False
        while not told or self.records == 0 and not self.looks:
            faulthandler.dump_traceback_later(STUCK, exit=True)
            self.attempt(self.look if self.looks else self.read)
            self.steps += 1
            told = told or bool(select.select([sys.stdin], [], [], 0)[0])
        kinds = "; ".join(f"{n} × {kind}" for kind, n in sorted(self.met.items()))
        print(f"{self.steps} steps, {self.records} records: {kinds}", flush=True)

    def attempt(self, call, *arguments):
        """What a call returns; None if it raised what it may raise."""
        try:
            return call(*arguments)
        except TickringError as error:
            if self.name not in str(error):
                raise
            self.met[type(error).__name__] += 1
            assert not isinstance(error, OSError) or error.errno, error
        except TimeoutError:
            self.met["timeout"] += 1
        return None

    def look(self):
        Segment.attach(self.name).close()
        self.met["attached"] += 1

    def read(self):
        with SharedMemoryConsumer(self.name) as consumer:
            for _ in range(10 * consumer.connect()):
                try:
                    consumer.read_trading_data()
                    self.met["consumed"] += 1
                except struct.error:
                    self.met["consumed nothing"] += 1
        n = self.steps
        start, resume = STARTS[n // 4 % 4], STARTS[n // 16 % 3]
        with Reader(self.name, TradingData, start=start, resume=resume, wait=WAITS[n % 4]) as reader:
            out = bytearray(16 * 24)
            for _ in range(100):
                self.one(reader, self.attempt(reader.poll))
                records = self.attempt(reader.poll_batch, 16) or []
                for i, record in enumerate(records):
                    self.check(reader.position - len(records) + i, record)
                count = self.attempt(reader.poll_batch_into, out) or 0
                for i in range(count):
                    self.check(reader.position - count + i, TradingData(*struct.unpack_from("<dQi?", out, 24 * i)))
                newest = self.attempt(reader.latest)
                if newest is not None:
                    self.check(*newest)
            reader.seek(STARTS[n % 4])
            for _ in range(10):
                self.one(reader, self.attempt(reader.next, 2e-3))
            self.met["alive" if reader.writer_alive() else "no writer"] += 1
            self.met[reader.state] += 1

    def one(self, reader, record):
        if record is not None:
            self.check(reader.position - 1, record)

    def check(self, n, record):
        self.records += 1
        if self.truth:
            volume = (2 * n + 1 + 2**31) % 2**32 - 2**31
            price = struct.unpack("<d", struct.pack("<Q", 0x3FF0000000000001 | n << 1 & 0xFFFFFFFFFFFFF))[0]
            assert record == (price, 2 * n + 1, volume, True), f"record {n} is {record}"


if __name__ == "__main__":
    Victim(sys.argv[1], sys.argv[2:]).suffer()
