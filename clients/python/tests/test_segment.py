"""Segments by name: making, attaching, taking over, removing, and what else can lie there."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
import tempfile
import time
import unittest
from functools import partial
from pathlib import Path
from typing import Callable, ContextManager, List, NamedTuple
from unittest import mock

from support import Case, object_of, patch, reseal, require, trade

import tickring
from tickring import Reader, Segment, TradingData, Writer
from tickring import _ring_file as ring_files

OPENERS = {"attach": Segment.attach, "take over": Writer.take_over}


def mappings(path: str) -> List[str]:
    """What this process has mapped of a file."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(path)]


class Errors(Case):
    def failing(self, error: type, op: str, name: str, *arguments: object) -> BaseException:
        call = {"create": Writer.create, "unlink": tickring.unlink, **OPENERS}[op]
        with self.assertRaises(error) as caught:
            call(name, *arguments)
        text = str(caught.exception)
        self.assertTrue(text.startswith(f"tickring: {op} /{name.lstrip('/')}: "), text)
        self.assertNotIn("\n", text)
        self.assertGreater(len(text.split(": ")), 3, text)  # problem and what to do
        return caught.exception

    def test_missing(self) -> None:
        name = self.segment_name()
        for op in (*OPENERS, "unlink"):
            error = self.failing(tickring.SegmentNotFound, op, name)
            self.assertIsInstance(error, FileNotFoundError)
            self.assertEqual(error.errno, errno.ENOENT)  # type: ignore[attr-defined]

    def test_taken(self) -> None:
        name = self.segment_name()
        self.writer(name)
        before = object_of(name).read_bytes()
        error = self.failing(tickring.SegmentExists, "create", name, TradingData, 64)
        self.assertIsInstance(error, FileExistsError)
        with mock.patch("os.path.lexists", return_value=False):  # and when somebody comes in between
            with self.assertRaises(FileExistsError):
                Writer.create(name, TradingData, 64, doorbell=True)
        self.assertEqual(object_of(name).read_bytes(), before)
        self.assertEqual(list(Path("/dev/shm").glob(name[1:] + ".*")), [])

    def test_names(self) -> None:
        for name in ("", "/", ".", "/..", "/a/b", "a b", "/a\n", "/\x1b[2J", "/é", "/" + 201 * "x", "/x.bell"):
            for op in (*OPENERS, "unlink"):
                with self.assertRaises(tickring.InvalidName) as caught:
                    {"unlink": tickring.unlink, **OPENERS}[op](name)
                self.assertIsInstance(caught.exception, ValueError)
                self.assertTrue(str(caught.exception).isascii() and str(caught.exception).isprintable())
        name = self.segment_name()
        self.writer(name[1:])  # the slash may be left out
        self.assertEqual(Segment.attach(name).name, name)

    def test_not_regular(self) -> None:
        name, target = self.segment_name(), self.segment_name()
        path = object_of(name)
        self.writer(target)

        def listen() -> None:
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(str(path))

        for make, remove in (
            (path.mkdir, path.rmdir),
            (lambda: path.symlink_to(object_of(target)), path.unlink),
            (lambda: os.mkfifo(path), path.unlink),
            (listen, path.unlink),
        ):
            make()
            for op in OPENERS:
                self.failing(tickring.NotRegular, op, name)
            remove()

    def test_foreign(self) -> None:
        name = self.segment_name()
        for data, error in (
            (bytes(24), tickring.BareSegment),
            (b"", tickring.TruncatedSegment),
            (bytes(8), tickring.TruncatedSegment),
            (bytes(4096), tickring.NotASegment),
        ):
            object_of(name).write_bytes(data)
            for op in OPENERS:
                self.failing(error, op, name)

    def test_permission(self) -> None:
        name = self.segment_name()
        self.writer(name)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if os.geteuid() == 0:
                    os.seteuid(65534)
                else:
                    object_of(name).chmod(0)
                error = self.failing(tickring.AccessDenied, "attach", name)
                self.failing(tickring.AccessDenied, "take over", name)
                status = 0 if isinstance(error, PermissionError) else 2
            finally:
                os._exit(status)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_another_record(self) -> None:
        class Other(NamedTuple):
            price: tickring.f64
            timestamp: tickring.u64
            volume: tickring.u32
            valid: bool

        name = self.segment_name()
        self.writer(name).detach()
        for use in (Reader, Writer.take_over):
            with self.assertRaises(tickring.RecordMismatch) as caught:
                use(name, Other)
            self.assertEqual(caught.exception.field, "volume")
            self.assertIsInstance(caught.exception, TypeError)
            self.assertIn("segment has volume i32 @16, program has volume u32 @16", str(caught.exception))
        with self.assertRaises(tickring.RecordMismatch):
            Writer.take_over(name, tickring.Schema.of(Other))
        self.assertFalse(Segment.attach(name).writer_alive())

    def test_no_room(self) -> None:
        name = self.segment_name()
        error = self.failing(tickring.StorageExhausted, "create", name, TradingData, 1 << 40)
        self.assertEqual(error.errno, errno.ENOSPC)  # type: ignore[attr-defined]
        self.assertFalse(object_of(name).exists())

    def test_mode(self) -> None:
        name = self.segment_name()
        mask = os.umask(0o777)
        self.addCleanup(os.umask, mask)
        self.writer(name, mode=0o640, doorbell=True)
        modes = {path.name: path.stat().st_mode & 0o777 for path in Path("/dev/shm").glob(name[1:] + "*")}
        self.assertEqual(sorted(modes.values()), [0o600, 0o640])
        with self.assertRaises(ValueError):
            Writer.create(self.segment_name(), TradingData, 64, mode=0o755)


class Writers(Case):
    def test_one_at_a_time(self) -> None:
        name = self.segment_name()
        first = self.writer(name)
        with self.assertRaises(tickring.WriterExists) as caught:
            Writer.take_over(name)
        self.assertIn(f"process {os.getpid()}", str(caught.exception))
        self.assertEqual(caught.exception.errno, errno.EBUSY)
        first.publish(trade(0))
        first.detach()
        second = Writer.create_or_take_over(name, TradingData, 64)
        self.addCleanup(second.detach)
        self.assertEqual((second.head, second.segment.geometry.slots), (1, 8))

    def test_create_or_take_over_creates(self) -> None:
        name = self.segment_name()
        with Writer.create_or_take_over(name, TradingData, 64) as writer:
            self.assertEqual(writer.segment.geometry.slots, 64)
        with mock.patch.object(Writer, "create", side_effect=tickring.SegmentExists("x")):
            with self.assertRaises(tickring.SegmentNotFound):
                Writer.create_or_take_over(self.segment_name(), TradingData, 64)

    def test_identity_for_people(self) -> None:
        writer = self.writer(self.segment_name())
        words = writer.segment.words
        start = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
        self.assertEqual((words.load(400), words.load(408)), (os.getpid(), start))
        words.store(512, 0)
        writer.heartbeat()
        self.assertLessEqual(words.load(512), time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        self.assertGreater(words.load(512), 0)

    def test_storage_is_reserved(self) -> None:
        name = self.segment_name()
        self.writer(name, slots=1 << 12)
        self.assertGreaterEqual(object_of(name).stat().st_blocks * 512, 4096 + (1 << 12) * 32)

    def test_a_later_layout_is_not_taken_over(self) -> None:
        name = self.segment_name()
        self.writer(name).detach()
        patch(name, 72, 2, "<I", seal=True)
        with self.assertRaises(tickring.UnsupportedVersion):
            Writer.take_over(name)
        self.assertEqual(Segment.attach(name).geometry.version, 2)

    def test_a_name_that_was_given_away_meanwhile(self) -> None:
        name = self.segment_name()
        self.writer(name, doorbell=True).detach()
        with self._before("fill_holes", lambda: object_of(name).unlink(missing_ok=True)):
            with self.assertRaises(tickring.Replaced):
                Writer.take_over(name)
        self.assertEqual(list(Path("/dev/shm").glob(name[1:] + "*")), [])

    @staticmethod
    def _before(call: str, happens: Callable[[], object]) -> ContextManager[object]:
        """Something happens right before a call of the system."""
        system = tickring._segment._system  # type: ignore[attr-defined]
        real = getattr(system, call)

        def replaced(*args: int) -> object:
            happens()
            return real(*args)

        return mock.patch.object(system, call, replaced)

    def test_a_takeover_of_what_is_cut_short(self) -> None:
        """Between the look at the object and the lock, or behind both, it is truncated: it is not made whole again with
        zeros, on which a writer would go on that no reader can find."""
        for size, refusal in ((0, tickring.TruncatedSegment), (24, tickring.BareSegment), (4096, tickring.TruncatedSegment)):
            with self.subTest(size=size):
                name = self.segment_name()
                self.writer(name).detach()
                with self._before("try_lock", partial(os.truncate, object_of(name), size)):
                    with self.assertRaises(refusal):
                        Writer.take_over(name)
                self.assertEqual(object_of(name).stat().st_size, size)
        self.writer(name := self.segment_name()).detach()
        with self._before("fill_holes", lambda: os.truncate(object_of(name), 4096)):
            Segment.take_over(name).close()
        self.assertEqual(object_of(name).stat().st_size, 4096)

    def test_a_takeover_of_what_is_overwritten(self) -> None:
        """Between the look at the object and the lock, another segment is written over it."""
        name, other = self.segment_name(), self.segment_name()
        self.writer(name).detach()
        self.writer(other).detach()
        with self._before("try_lock", lambda: shutil.copyfile(object_of(other), object_of(name))):
            with self.assertRaises(tickring.Replaced):
                Writer.take_over(name)

    def test_a_forked_child_is_no_writer(self) -> None:
        name = self.segment_name()
        writer = self.writer(name)
        writer.publish(trade(0))
        pid = os.fork()
        if pid == 0:
            try:
                writer.publish(trade(1))
            except ValueError:
                os._exit(7)
            os._exit(1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 7)
        self.assertTrue(Segment.attach(name).writer_alive())
        self.assertEqual(writer.publish(trade(1)), 1)

    def test_a_child_does_not_keep_the_lock(self) -> None:
        name = self.segment_name()
        writer = self.writer(name)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            os.read(reading, 1)  # until the parent has looked
            os._exit(0)
        writer.detach()
        alive = Segment.attach(name).writer_alive()
        os.close(writing)
        os.close(reading)
        os.waitpid(pid, 0)
        self.assertFalse(alive)


class Memory(Case):
    def test_readers_cannot_write(self) -> None:
        name = self.segment_name()
        self.writer(name)
        segment = Segment.attach(name)
        with self.assertRaises(TypeError):
            segment.words.store(256, 1)
        with self.assertRaises(TypeError):
            self.reader(name)._ring.publish(bytes(24))
        self.assertTrue(any(" r--s " in line for line in mappings(name)))

    def test_it_is_unmapped_when_nobody_needs_it(self) -> None:
        name = self.segment_name()
        self.writer(name).detach()
        segment = Segment.attach(name)
        reader = Reader(segment)
        segment.close()
        self.assertEqual(len(mappings(name)), 1)
        self.assertIsNone(reader.poll())
        reader.close()
        self.assertEqual(mappings(name), [])
        self.assertNotIn(f"/dev/shm{name}", [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()])
        with self.assertRaises(ValueError):
            segment.head
        with self.assertRaises(ValueError):
            Reader(segment)


class Unlink(Case):
    def test_doorbells(self) -> None:
        name = self.segment_name()
        self.writer(name, doorbell=True)
        young, old = (f"/dev/shm{name}.{created:016x}.bell" for created in (time.time_ns(), 12345))
        other = f"/dev/shm{name}.12345.bell"
        for path in (young, old, other):
            Path(path).touch()
        tickring.unlink(name)
        left = {str(path) for path in Path("/dev/shm").glob(name[1:] + "*")}
        self.assertEqual(left, {young, other})  # the young one may be of a segment that is just being made
        Path(old).touch()
        with self.assertRaises(FileNotFoundError):
            tickring.unlink(name)
        left = {str(path) for path in Path("/dev/shm").glob(name[1:] + "*")}
        self.assertEqual(left, {young, other})
        object_of(name).write_bytes(b"unreadable")
        tickring.unlink(name)
        self.assertEqual({str(path) for path in Path("/dev/shm").glob(name[1:] + "*")}, {other})

    def test_a_doorbell_is_made_anew(self) -> None:
        name = self.segment_name()
        writer = self.writer(name, doorbell=True)
        assert writer.segment.doorbell is not None
        bell = Path(writer.segment.doorbell.path)
        writer.detach()
        bell.unlink()
        with self.assertRaises(tickring.NoDoorbell) as caught:
            Reader(name, wait=tickring.BLOCK)
        self.assertIsInstance(caught.exception, ValueError)
        second = Writer.take_over(name)
        self.addCleanup(second.detach)
        self.assertEqual(struct.unpack("<Q", bell.read_bytes()[:8])[0], 0x4C4C45424B434954)
        self.reader(name, wait=tickring.BLOCK)
        for damage in (b"", bytes(4096)):
            bell.write_bytes(damage)
            self.assertIsNone(Segment.attach(name).doorbell)
        if os.geteuid() == 0:  # another user's could be truncated under the writer
            bell.write_bytes(struct.pack("<Q", 0x4C4C45424B434954).ljust(4096, b"\0"))
            self.assertIsNotNone(Segment.attach(name).doorbell)
            os.chown(bell, 65534, 65534)
            self.assertIsNone(Segment.attach(name).doorbell)


class RingFile(Case):
    """A segment with backing 1, put together by hand; the file lies where the tests may write."""

    def backed(self, directory: str, page: int = 4096) -> str:
        name = self.segment_name()
        writer = self.writer(name)
        created, segment = writer.segment.geometry.created, writer.segment
        writer.publish(trade(0))
        self.path = Path(directory) / f"{name[1:]}.{created:016x}.ring"
        header = bytearray(object_of(name).read_bytes())
        slots = bytes(header[4096:])
        del header[4096:]
        del segment
        writer.detach()
        with open(self.path, "w+b") as file:
            self.addCleanup(self.path.unlink, missing_ok=True)
            file.truncate(page)
            memory = tickring._segment._system.map_file(file.fileno(), page, True)  # type: ignore[attr-defined]
            memory[: len(slots)] = slots
        struct.pack_into("<I", header, 120, 1)
        struct.pack_into("<2Q", header, 104, 0, 4096)
        header[2048 : 2048 + len(str(self.path))] = str(self.path).encode()
        struct.pack_into("<2I", header, 140, 2048, len(str(self.path)))
        reseal(header)
        object_of(name).unlink()
        object_of(name).write_bytes(header)
        return name

    def temporary(self) -> str:
        directory = tempfile.mkdtemp(prefix="tickring-test-")
        self.addCleanup(shutil.rmtree, directory)
        return directory

    def on_hugetlbfs(self) -> object:
        """Lets a file of another file system pass for one of a hugetlbfs."""
        return mock.patch.object(ring_files._system, "HUGETLBFS", self.kind)

    @property
    def kind(self) -> int:
        with open(self.path, "rb") as file:
            return tickring._segment._system.file_system(file.fileno())[0]  # type: ignore[attr-defined]

    def test_of_another_file_system(self) -> None:
        name = self.backed(self.temporary())
        for use in (Reader, Writer.take_over):
            with self.assertRaises(tickring.NotRegular) as caught:
                use(name)
            self.assertIn("not on a hugetlbfs", str(caught.exception))
        tickring.unlink(name)
        self.assertTrue(self.path.exists(), "not ours to remove")

    def test_whole_life(self) -> None:
        name = self.backed(self.temporary())
        with self.on_hugetlbfs():  # type: ignore[attr-defined]
            self._whole_life(name)

    def test_whole_life_on_a_hugetlbfs(self) -> None:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in (fields[1] for fields in mounts if fields[2] == "hugetlbfs"):
            try:
                name = self.backed(mount, os.statvfs(mount).f_bsize)
            except (OSError, PermissionError):
                continue
            return self._whole_life(name)
        require(self, "hugetlbfs", "no hugetlbfs with a free page is mounted that this user may write to")

    def _whole_life(self, name: str) -> None:
        reader = self.reader(name, TradingData)
        self.assertEqual(reader.poll(), trade(0))
        writer = Writer.take_over(name, TradingData)
        self.addCleanup(writer.detach)
        writer.publish(trade(1))
        self.assertRaises(tickring.Restarted, lambda: (reader.poll(), reader.poll()))  # or the record first
        self.assertEqual(reader.latest(), (1, trade(1)))
        reader.close()
        writer.close()
        self.assertEqual(mappings(str(self.path)), [])
        tickring.unlink(name)
        self.assertFalse(self.path.exists())
        self.assertFalse(object_of(name).exists())

    def test_refused(self) -> None:
        name = self.backed(self.temporary())
        kind = self.on_hugetlbfs()
        moved = self.path.with_suffix(".moved")
        with kind:  # type: ignore[attr-defined]
            with mock.patch.object(ring_files.os, "fstat", self._owned_by(os.getuid() + 1)):
                with self.assertRaises(PermissionError):
                    Reader(name)
                tickring._ring_file.unlink(name, Segment._open(name, False).geometry, os.getuid())  # type: ignore
                self.assertTrue(self.path.exists())
            os.truncate(self.path, 100)
            with self.assertRaises(tickring.TruncatedSegment):
                Reader(name)
            self.path.rename(moved)
            with self.assertRaises(tickring.RingFileNotFound) as caught:
                Reader(name)
            self.assertIsInstance(caught.exception, FileNotFoundError)
            self.path.symlink_to(moved)
            with self.assertRaises(tickring.NotRegular):
                Reader(name)
            tickring.unlink(name)
            self.assertTrue(self.path.is_symlink() and moved.exists())

    @staticmethod
    def _owned_by(user: int) -> object:
        def fstat(fd: int) -> os.stat_result:
            info = os.stat(fd)
            if not os.path.realpath(f"/proc/self/fd/{fd}").endswith(".ring"):
                return info
            return os.stat_result((*info[:4], user, *info[5:]))

        return fstat

    def test_of_another_name(self) -> None:
        name = self.backed(self.temporary())
        renamed = self.segment_name()
        object_of(name).rename(object_of(renamed))
        with self.on_hugetlbfs():  # type: ignore[attr-defined]
            with self.assertRaises(tickring.ImpossibleGeometry):
                Reader(renamed)
            tickring.unlink(renamed)
        self.assertTrue(self.path.exists())


class System(Case):
    def test_a_signal_during_the_reservation(self) -> None:
        """Where fallocate gives up when a signal comes, it goes on in steps as small as are done before the next one."""
        system = tickring._segment._system  # type: ignore[attr-defined]

        whole = system._libc.fallocate

        def interrupted(fd: int, mode: int, offset: int, length: int) -> int:
            if length > 16384:
                system.ctypes.set_errno(errno.EINTR)
                return -1
            return int(whole(fd, mode, offset, length))

        with tempfile.TemporaryFile(dir="/dev/shm") as file:
            with mock.patch.object(system._libc, "fallocate", interrupted):
                system.reserve(file.fileno(), (8 << 20) + 4096)
            self.assertEqual(os.fstat(file.fileno()).st_blocks * 512, (8 << 20) + 4096)


if __name__ == "__main__":
    unittest.main()
