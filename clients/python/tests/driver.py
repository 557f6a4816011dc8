"""The Python driver of the project's interop suite: test/interop/README.md has the commands and their answers."""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import time
from itertools import repeat
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, NamedTuple, Optional, Tuple

sys.path.append(str(Path(__file__).parent.parent / "src"))  # behind an installed package, which may have the extension

import tickring  # noqa: E402
from tickring import Array, Kind, Reader, Segment, TradingData, Writer, f64, u8, u64  # noqa: E402
from tickring._codec import Codec  # noqa: E402


class Quote(NamedTuple):
    bid: f64
    ask: f64
    sizes: Annotated[Tuple[int, ...], Array(Kind.U32, 2)]
    sequence: u64
    venue: u8


RECORDS: Dict[str, Any] = {"TradingData": TradingData, "Quote": Quote}

BATCH = 64  # records in a call whose rate is measured
FOLLOWED = 4096  # records that follow asks for at once

POSITIONS = {"oldest": tickring.OLDEST, "oldest-safe": tickring.OLDEST_SAFE, "newest": tickring.NEWEST}

ERRORS = (
    (FileNotFoundError, "not-found"),
    (PermissionError, "permission"),
    (FileExistsError, "exists"),
    (tickring.InvalidName, "name"),
    (tickring.NotRegular, "not-regular"),
    (tickring.BareSegment, "bare"),
    (tickring.NotASegment, "magic"),
    (tickring.UnsupportedVersion, "version"),
    (tickring.ForeignByteOrder, "byte-order"),
    (tickring.ChecksumMismatch, "checksum"),
    (tickring.TruncatedSegment, "truncated"),
    (tickring.ImpossibleGeometry, "geometry"),
    (tickring.InvalidSchema, "schema"),
    (tickring.RecordMismatch, "schema"),
    (tickring.WriterExists, "writer-exists"),
    (tickring.Corrupt, "corrupt"),
    (tickring.Exhausted, "exhausted"),
    (tickring.NoDoorbell, "no-doorbell"),
)


class Usage(Exception):
    """A command that is unknown, or has nothing to work on."""


def error_of(error: Exception) -> str:
    for kind, name in ERRORS:
        if isinstance(error, kind):
            return f"error {name}"
    return f"error other {type(error).__name__} {error}".replace("\n", " ")


def status_of(event: tickring.Event) -> str:
    if isinstance(event, tickring.Lapped):
        return f"lapped {event.first} {event.next}"
    if isinstance(event, tickring.Restarted):
        return f"restarted {event.epoch} {event.first}"
    names = {tickring.Closed: "closed", tickring.Corrupt: "corrupt", tickring.WriterDead: "dead"}
    return names.get(type(event), "lapped")


def position_of(text: str) -> tickring.Position:
    kind, _, n = text.partition(":")
    if text in POSITIONS:
        return POSITIONS[text]
    if n.isdigit() and kind in ("newest-minus", "at"):
        return tickring.newest_minus(int(n)) if kind == "newest-minus" else tickring.at(int(n))
    raise Usage


def record_of(name: str) -> Any:
    if name not in RECORDS:
        raise Usage
    return RECORDS[name]


class Driver:
    def __init__(self) -> None:
        self.attached: Optional[Segment] = None
        self._reader: Optional[Reader[Any]] = None
        self._writer: Optional[Writer[Any]] = None
        self._finished = False
        self._pack: Callable[[Any], bytes] = bytes

    @property
    def segment(self) -> Segment:
        if self.attached is not None:
            return self.attached
        return self.writer.segment

    @property
    def reader(self) -> Reader[Any]:
        if self._reader is None:
            raise Usage
        return self._reader

    @property
    def writer(self) -> Writer[Any]:
        if self._writer is None:
            raise Usage
        return self._writer

    @property
    def publisher(self) -> Writer[Any]:
        if self._finished:
            raise Usage
        return self.writer

    @property
    def size(self) -> int:
        return self.segment.geometry.record.size

    # Segments.

    def attach(self, name: str, record: str) -> str:
        program = tickring.Schema.of(record_of(record))
        segment = Segment.attach(name)
        try:
            segment.geometry.record.check(program)
        except tickring.RecordMismatch:
            segment.close()
            raise
        self._drop_reader()
        self.attached = segment
        return "ok"

    def create(self, name: str, record: str, slots: str) -> str:
        return self._write(Writer.create(name, record_of(record), int(slots), doorbell=True))

    def takeover(self, name: str, record: str) -> str:
        return self._write(Writer.take_over(name, record_of(record)))

    def _write(self, writer: Writer[Any]) -> str:
        if self._writer is not None:
            self._writer.detach()
        self._writer, self._finished = writer, False
        return "ok"

    def detach(self) -> str:
        self._drop_reader()
        if self._writer is not None:
            self._writer.detach()
        self._writer = None
        return "ok"

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self.attached is not None:
            self.attached.close()
        self._reader = self.attached = None

    def remove(self, name: str) -> str:
        tickring.unlink(name)
        return "ok"

    def schema(self) -> str:
        record = self.segment.geometry.record
        fields = [f"{f.name}:{f.kind}{f'[{f.count}]' if f.count > 1 else ''}@{f.offset}" for f in record.fields]
        return " ".join([record.name, str(record.size), *fields])

    def shape(self) -> str:
        g = self.segment.geometry
        return (
            f"slots={g.slots} stride={g.slot_stride} backing={g.backing} doorbell={int(g.doorbell)} "
            f"fallback={g.fallback}"
        )

    def view(self) -> str:
        return struct.pack("<3Q", *(self.segment.words.load(offset) for offset in (0, 8, 16))).hex()

    def head(self) -> str:
        return str(self.segment.head)

    def epoch(self) -> str:
        return str(self.segment.epoch if self._reader is None else self._reader.epoch[0])

    def state(self) -> str:
        return self.segment.state

    def alive(self) -> str:
        return "yes" if self.segment.writer_alive() else "no"

    # Reading.

    def start_reader(self, start: str, resume: str) -> str:
        segment = self.segment
        wait = tickring.backoff() if segment.doorbell is None else tickring.BLOCK
        self._pack = Codec(segment.geometry.record, None).pack
        self._reader = Reader(segment, start=position_of(start), resume=position_of(resume), wait=wait)
        return "ok"

    def _ready(self, number: int, record: Any) -> str:
        return f"ready {number} {self._pack(record).hex()}"

    def poll(self) -> str:
        record = self.reader.poll()
        return "empty" if record is None else self._ready(self.reader.position - 1, record)

    def batch(self, most: str) -> str:
        out = bytearray(int(most) * self.size)
        count = self.reader.poll_batch_into(out)
        if count == 0:
            return "empty"
        digest = hashlib.sha256(out[: count * self.size]).hexdigest()
        return f"ready {self.reader.position - count} {count} {digest}"

    def latest(self) -> str:
        newest = self.reader.latest()
        return "empty" if newest is None else self._ready(*newest)

    def next(self, milliseconds: str) -> str:
        self.segment.needs_doorbell()
        reader = self.reader
        try:
            record = reader.next(int(milliseconds) / 1000)
        except TimeoutError:
            return "timeout"
        return self._ready(reader.position - 1, record)

    def position(self) -> str:
        return str(self.reader.position)

    def missed(self) -> str:
        return str(self.reader.missed)

    def received(self) -> str:
        return str(self.reader.received)

    def follow(self, path: str) -> str:
        reader, size = self.reader, self.size
        data = Path(path).read_bytes()
        length = len(data) // size
        wanted = data[: length * size] * (FOLLOWED // length + 2)
        out = bytearray(FOLLOWED * size)
        digest = hashlib.sha256()
        gaps = wrong = 0
        while True:
            try:
                count = reader.poll_batch_into(out)
            except tickring.Lapped:
                gaps += 1
                continue
            except tickring.Restarted:
                continue
            except (tickring.Closed, tickring.Corrupt) as event:
                totals = f"received={reader.received} missed={reader.missed} gaps={gaps} wrong={wrong}"
                return f"{status_of(event)} {totals} sha256={digest.hexdigest()}"
            if count == 0:
                os.sched_yield()
                continue
            got = bytes(out[: count * size])
            digest.update(got)
            first = (reader.position - count) % length * size
            if got != wanted[first : first + len(got)]:
                wrong += sum(
                    got[at : at + size] != wanted[first + at : first + at + size] for at in range(0, len(got), size)
                )

    # Writing.

    def publish(self, *records: str) -> str:
        writer = self.publisher
        data = [bytes.fromhex(record) for record in records]
        if any(len(record) != writer.segment.geometry.record.size for record in data):
            raise Usage
        return str(writer.publish_bytes(b"".join(data)))

    def close(self) -> str:
        self.writer.finish()
        self._finished = True
        return "ok"

    def replay(self, path: str, loops: str, batch: str) -> str:
        writer, most = self.publisher, int(batch)
        size = writer.segment.geometry.record.size
        data = Path(path).read_bytes()
        length = len(data) // size
        data = data[: length * size] * (most // length + 2)
        publish = writer.publish_bytes
        first = writer.head % length
        left = total = length * int(loops)
        if most == 1:
            records = [data[at * size : (at + 1) * size] for at in range(first, first + length)]
            for _ in range(int(loops)):
                for record in records:
                    publish(record)
            left = 0
        while left > 0:
            count = min(left, most)
            publish(data[first * size : (first + count) * size])
            first = (first + count) % length
            left -= count
        return f"published {total}"

    # Rates.

    def rate(self, call: str, count: str) -> str:
        measures: Dict[str, Callable[[int], int]] = {
            "publish": lambda n: self._rate_publish(n, 1),
            "publish-batch": lambda n: self._rate_publish(n, BATCH),
            "poll": self._rate_poll,
            "poll-batch": self._rate_poll_batch,
        }
        if call not in measures or int(count) < 1:
            raise Usage
        return str(measures[call](int(count)))

    def _rate_publish(self, count: int, batch: int) -> int:
        publish = self.publisher.publish_bytes
        size = self.writer.segment.geometry.record.size
        data, rest = bytes(size * batch), bytes(size * (count % batch))
        start = time.perf_counter_ns()
        for one in repeat(data, count // batch):
            publish(one)
        publish(rest)
        return time.perf_counter_ns() - start

    def _rate_poll(self, count: int) -> int:
        self._must_hold(count)
        poll = self.reader.poll
        missing = 0
        start = time.perf_counter_ns()
        for _ in repeat(None, count):
            if poll() is None:
                missing += 1
        return self._measured(start, missing)

    def _rate_poll_batch(self, count: int) -> int:
        self._must_hold(count)
        poll = self.reader.poll_batch_into
        out, rest = bytearray(BATCH * self.size), bytearray(count % BATCH * self.size)
        got = 0
        start = time.perf_counter_ns()
        for _ in repeat(None, count // BATCH):
            got += poll(out)
        got += poll(rest)
        return self._measured(start, count - got)

    def _must_hold(self, count: int) -> None:
        reader = self.reader
        head, slots = reader.head, self.segment.geometry.slots
        if not max(head - slots, 0) <= reader.position <= head - count:
            raise Usage

    def _measured(self, start: int, missing: int) -> int:
        took = time.perf_counter_ns() - start
        if missing:
            raise Usage
        return took

    def answer(self, line: str) -> str:
        """The answer to a command, which is never an exception."""
        words = line.split()
        command = COMMANDS.get(words[0]) if words else None
        if command is None:
            return "error usage"
        method, least, most = command
        if not least <= len(words) - 1 <= most:
            return "error usage"
        try:
            return method(self, *words[1:])
        except Usage:
            return "error usage"
        except tickring.Event as event:
            reading = words[0] in ("poll", "batch", "latest", "next")
            return status_of(event) if reading else error_of(event)
        except Exception as error:
            return error_of(error)


COMMANDS: Dict[str, Tuple[Callable[..., str], int, int]] = {
    "attach": (Driver.attach, 2, 2),
    "create": (Driver.create, 3, 3),
    "takeover": (Driver.takeover, 2, 2),
    "detach": (Driver.detach, 0, 0),
    "remove": (Driver.remove, 1, 1),
    "schema": (Driver.schema, 0, 0),
    "shape": (Driver.shape, 0, 0),
    "reader": (Driver.start_reader, 2, 2),
    "poll": (Driver.poll, 0, 0),
    "batch": (Driver.batch, 1, 1),
    "latest": (Driver.latest, 0, 0),
    "next": (Driver.next, 1, 1),
    "view": (Driver.view, 0, 0),
    "position": (Driver.position, 0, 0),
    "missed": (Driver.missed, 0, 0),
    "received": (Driver.received, 0, 0),
    "head": (Driver.head, 0, 0),
    "epoch": (Driver.epoch, 0, 0),
    "state": (Driver.state, 0, 0),
    "alive": (Driver.alive, 0, 0),
    "publish": (Driver.publish, 1, sys.maxsize),
    "close": (Driver.close, 0, 0),
    "replay": (Driver.replay, 3, 3),
    "follow": (Driver.follow, 1, 1),
    "rate": (Driver.rate, 2, 2),
}


def main() -> None:
    driver = Driver()
    for line in sys.stdin:
        print(driver.answer(line), flush=True)
    driver.detach()


if __name__ == "__main__":
    main()
