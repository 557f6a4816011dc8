"""Reads and writes slots in pure Python: the stand-in for the extension _native, with the same classes.

Why this is sound, and where. seqlock/doc.go of the project has the protocol: a writer stores an odd version (W1), the
payload (W2), the even version (W3); a reader loads the version (R1), the payload (R2), the version again (R3). What it
takes is that these happen in the order in which they are written here, and that a version is read and written as one.

- CPython keeps the order. Each index or slice of a memoryview, and each call of a struct.Struct, is a call through a
  function pointer that the interpreter makes when it comes to it: no compiler sees two of them at once. An interpreter
  that compiles across them, such as PyPy's, may move one, and is refused.
- A version is one access. Indexing a memoryview of format "Q" copies 8 bytes, aligned, by a memcpy of constant size,
  which compilers turn into one MOV, and which is one in glibc's function too.
- x86-64 keeps the order. Loads are performed, and stores become visible, in program order (x86-TSO). Intel's and AMD's
  manuals make exceptions for string instructions and non-temporal stores, which memcpy may use for large blocks: for
  their stores among themselves. Their loads, and other stores around them, keep their places (glibc puts an SFENCE
  behind non-temporal stores). So a payload may be copied by whatever memcpy does, between two accesses of the version.
- Other machines order neither. There the package needs the extension.

A payload that was torn has been copied, or decoded into objects of this process, when R3 finds out; nobody sees it.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, Union

from ._layout import EPOCH_OFFSET, HEAD_OFFSET, STATE_CLOSED, STATE_OFFSET, VIEW_RECORD_SIZE
from ._position import MAX_NUMBER
from ._schema import struct_format

Fields = Tuple[Tuple[str, int, int], ...]

LATEST_TRIES = 4096  # a writer would have to overtake it that often in a row
MAX_RUN = 256  # records of a batch between two updates of view and head, and in a look at the versions of several


class Words:
    """Words of shared memory that change now and then."""

    def __init__(self, memory: memoryview, writable: bool) -> None:
        self._u64, self._u32 = memory.cast("Q"), memory.cast("I")

    def load(self, offset: int) -> int:
        """The u64 at an offset, a multiple of 8."""
        return self._u64[offset >> 3]

    def store(self, offset: int, value: int) -> None:
        """Stores a u64, after everything that was stored before."""
        self._u64[offset >> 3] = value

    def load32(self, offset: int) -> int:
        """The u32 at an offset, a multiple of 4."""
        return self._u32[offset >> 2]

    def store32(self, offset: int, value: int) -> None:
        """Stores a u32, after everything that was stored before."""
        self._u32[offset >> 2] = value


class Ring:
    """Slots, view and head of a ring, and where a reader or writer of them is.

    header and slots are memory of a segment that was validated. next is the number of the record that is read, or
    written, next; epoch is the one that a reader has come to.
    """

    def __init__(
        self,
        header: memoryview,
        slots: memoryview,
        count: int,
        stride: int,
        size: int,
        view: int,
        view_version: int,
        mask: bytes,
        fields: Fields,
        make: Callable[[Sequence[Any]], Any],
        writable: bool,
    ) -> None:
        self.next = self.epoch = 0
        self._header = header.cast("Q")
        self._bytes = slots[: count * stride]
        self._slots = self._bytes.cast("Q")
        self._count, self._mask = count, count - 1
        self._stride, self._step, self._size, self._words = stride, stride // 8, size, len(mask) // 8
        self._view, self._view_version = view // 8, view_version // 8
        self._fields = mask
        self._padded = any(byte != 0xFF for byte in mask)
        self._masked_records = self._masks = 0  # how many records the mask of the last publish is for
        self._run = min(count // 2, MAX_RUN)
        self._make, self._group = make, _grouping(fields)
        text = struct_format(fields, size)
        self._unpack = struct.Struct(text).unpack_from
        self._iter_unpack = struct.Struct(f"<8x{text[1:]}{stride - 8 - size}x").iter_unpack

    def version(self, n: int) -> int:
        """Version of the slot in which record n lies, lay, or will lie."""
        return self._slots[(n & self._mask) * self._step]

    def poll(self) -> Any:
        """The next record. None if it is not there and nothing else has happened; False if something may have."""
        n = self.next
        slot = (n & self._mask) * self._step
        version = self._slots[slot]  # R1
        if version == 2 * n + 2:
            values = self._unpack(self._bytes, slot * 8 + 8)  # R2
            version = self._slots[slot]  # R3
            if version == 2 * n + 2:
                self.next = n + 1
                return self._make(values if self._group is None else self._group(values))
        return None if self._quiet(version) else False

    def poll_batch(self, most: int) -> Union[List[Any], bool]:
        """As many of the next records as there are, up to most. Without any, [] or False, as for poll."""
        records: List[Any] = []
        for data in self._runs(most):
            values: Iterator[Sequence[Any]] = self._iter_unpack(data)
            if self._group is not None:
                values = map(self._group, values)
            records.extend(map(self._make, values))
        return records or (self._quiet(self.version(self.next)) and records)

    def poll_into(self, out: Any) -> int:
        """Copies the bytes of as many of the next records as there are, and fit. Without any, 0, or -1 as for poll."""
        with memoryview(_octets(out)) as view, view.cast("B") as room:
            if room.readonly:
                raise BufferError("the buffer is read-only")
            end = 0
            for data in self._runs(len(room) // self._size):
                part = b"".join([data[at : at + self._size] for at in range(8, len(data), self._stride)])
                room[end : end + len(part)] = part
                end += len(part)
        return end // self._size if end or self._quiet(self.version(self.next)) else -1

    def _runs(self, most: int) -> Iterator[bytes]:
        """Copies of slots with the next records, which follow each other; moves next."""
        while most > 0:
            n = self.next
            first = n & self._mask
            count = min(most, self._count - first, MAX_RUN)
            slots = slice(first * self._step, (first + count) * self._step)
            versions = self._slots[slots][:: self._step]
            whole = _agreeing(versions.tolist(), n)  # R1
            if whole == 0:
                return
            data = self._slots[slots.start : slots.start + whole * self._step].tobytes()  # R2
            whole = _agreeing(versions[:whole].tolist(), n)  # R3
            self.next = n + whole
            most -= whole
            if whole:
                yield data[: whole * self._stride]
            if whole < count:
                return

    def _quiet(self, version: int) -> bool:
        """Whether a version of the next record's slot says that it is not there yet, and no word that all is over."""
        header = self._header
        return (
            version < 2 * self.next + 2
            and header[EPOCH_OFFSET >> 3] == self.epoch
            and header[STATE_OFFSET >> 3] != STATE_CLOSED
        )

    def finished_head(self, floor: int) -> int:
        """Number of finished records: the head, or floor, or more, if a batch is under way or was cut short."""
        head = max(min(self._header[HEAD_OFFSET >> 3], MAX_NUMBER + 1), floor)
        for _ in range(self._count):
            if head > MAX_NUMBER or self.version(head) != 2 * head + 2:
                break
            head += 1
        return head

    def latest(self, floor: int) -> Union[Tuple[int, Any], bool, None]:
        """Number and record of the newest finished one; None if there is none yet; False if it was always overtaken."""
        for _ in range(LATEST_TRIES):
            head = self.finished_head(floor)
            if head == 0:
                if self.version(0) > 2:
                    continue  # a whole lap was published since the head was loaded
                return None
            values = self._load(head - 1)
            if values is not None:
                return head - 1, self._make(values)
        return False

    def _load(self, n: int) -> Optional[Sequence[Any]]:
        slot = (n & self._mask) * self._step
        if self._slots[slot] != 2 * n + 2:  # R1
            return None
        values = self._unpack(self._bytes, slot * 8 + 8)  # R2
        if self._slots[slot] != 2 * n + 2:  # R3
            return None
        return values if self._group is None else self._group(values)

    def publish(self, data: Any) -> int:
        """Publishes records, one behind the other, and returns the number of the first."""
        if type(data) is not bytes:
            data = bytes(_octets(data))
        records, rest = divmod(len(data), self._size)
        if rest:
            raise ValueError(f"{len(data)} bytes are not records of {self._size}")
        words = memoryview(self._masked(data, records)).cast("Q")
        # An exception from a signal handler may have cut the last publish short behind a slot that readers have read.
        while self._slots[(self.next & self._mask) * self._step] == 2 * self.next + 2:
            self.next += 1
        first = self.next
        run = self._run * self._words
        for at in range(0, len(words), run):
            self._publish_run(words[at : at + run])
        return first

    def _publish_run(self, words: memoryview) -> None:
        slots, record = self._slots, words
        for at in range(0, len(words), self._words):
            n = self.next
            record = words[at : at + self._words]
            slot = (n & self._mask) * self._step
            slots[slot] = 2 * n + 1  # W1
            slots[slot + 1 : slot + 1 + self._words] = record  # W2
            slots[slot] = 2 * n + 2  # W3
            self.next = n + 1
        self._store_view(self.next - 1, record)
        self._header[HEAD_OFFSET >> 3] = self.next

    def _masked(self, data: bytes, records: int) -> bytes:
        """data with each record filled up to whole words, and padding zero."""
        size, width = self._size, 8 * self._words
        if size < width:
            data = b"".join([data[at : at + size].ljust(width, b"\0") for at in range(0, len(data), size)])
        if not self._padded:
            return data
        if records != self._masked_records:
            self._masked_records = records
            self._masks = int.from_bytes(self._fields * records, "little")
        return (int.from_bytes(data, "little") & self._masks).to_bytes(len(data), "little")

    def _store_view(self, n: int, payload: memoryview) -> None:
        header, view = self._header, self._view
        header[self._view_version] = 2 * n + 1
        if len(payload) <= VIEW_RECORD_SIZE // 8:  # old programs count on it that each field is whole
            for i, word in enumerate(payload):
                header[view + i] = word
        else:
            header[view : view + len(payload)] = payload
        header[self._view_version] = 2 * n + 2

    def mend_view(self, n: int) -> None:
        """Makes the view hold record n, which is in its slot."""
        slot = (n & self._mask) * self._step + 1
        record = bytes(self._slots[slot : slot + self._words])[: self._size]
        self._store_view(n, memoryview(self._masked(record, 1)).cast("Q"))


def _octets(buffer: Any) -> Any:
    """What memoryview.cast can take: not a numpy array of records, but the same as an array of bytes."""
    return buffer.view("u1") if hasattr(buffer, "dtype") else buffer


def _agreeing(versions: List[int], n: int) -> int:
    """How many of the versions, from the first on, are those of records n, n+1, … when they are whole."""
    wanted = range(2 * n + 2, 2 * (n + len(versions)) + 2, 2)
    if versions == list(wanted):
        return len(versions)
    return next(i for i, (version, want) in enumerate(zip(versions, wanted)) if version != want)


def _grouping(fields: Fields) -> Optional[Callable[[Sequence[Any]], Sequence[Any]]]:
    """What makes tuples of the elements of arrays; None if there are none."""
    counts = [count for _, count, _ in fields]
    if max(counts) == 1:
        return None

    def group(values: Sequence[Any]) -> Sequence[Any]:
        rest = iter(values)
        return [next(rest) if count == 1 else tuple(islice(rest, count)) for count in counts]

    return group
