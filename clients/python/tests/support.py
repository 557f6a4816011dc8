"""What the tests share.

Importing it makes the package importable: the installed one, or one that is built for the run.
"""

from __future__ import annotations

import atexit
import importlib.util
import itertools
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Callable, List, NamedTuple, Optional

TESTS = Path(__file__).resolve().parent
CLIENT = TESTS.parent
PROJECT = CLIENT.parent.parent


def copy_source(to: Path) -> None:
    """Copies what the package is built from."""
    shutil.copytree(CLIENT, to, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))


def _make_importable() -> None:
    if importlib.util.find_spec("tickring"):
        return
    built = Path(tempfile.mkdtemp(prefix="tickring-"))
    atexit.register(shutil.rmtree, built, ignore_errors=True)
    source, lib = built / "source", built / "lib"
    copy_source(source)  # setuptools leaves files beside what it builds
    command = [sys.executable, "setup.py", "-q", "build", "--build-base", str(built), "--build-lib", str(lib)]
    done = subprocess.run(command, cwd=source, capture_output=True)
    path = str(lib if done.returncode == 0 else CLIENT / "src")
    sys.path.insert(0, path)
    os.environ["PYTHONPATH"] = path  # of the processes that the tests start


_make_importable()

import tickring  # noqa: E402
from tickring import TradingData, f64  # noqa: E402
from tickring._schema import Array, Kind  # noqa: E402

_numbers = itertools.count()


class Large(NamedTuple):
    """A record of eight cache lines and a half, which ends within a word."""

    words: tickring._schema.Annotated[tuple, Array(Kind.U64, 68)]  # type: ignore
    price: f64
    last: tickring.u32


def trade(n: int) -> TradingData:
    """Record n of these tests: every field tells n."""
    return TradingData(n / 4 + 100, 1_700_000_000_000_000_000 + n, n % (1 << 31), n % 3 != 0)


def large(n: int) -> Large:
    return Large(tuple((n * 0x9E3779B97F4A7C15 + i) % 2**64 for i in range(68)), n / 2, n % 2**32)


def packed(n: int) -> bytes:
    return struct.pack("<dQi?3x", *trade(n))


def require(test: unittest.TestCase, capability: str, missing: str) -> None:
    """Skips a test that needs what the machine lacks, or fails it where TICKRING_REQUIRE names the capability."""
    required = os.environ.get("TICKRING_REQUIRE", "").split(",")
    if capability in required or "all" in required:
        test.fail(f"{capability} is required: {missing}")
    test.skipTest(missing)


class Case(unittest.TestCase):
    """A test that leaves nothing behind in /dev/shm."""

    def segment_name(self) -> str:
        name = f"/tickring-test-{os.getpid()}-{next(_numbers)}"
        self.addCleanup(self._remove, name)
        return name

    @staticmethod
    def _remove(name: str) -> None:
        for path in Path("/dev/shm").glob(name[1:] + "*"):
            if path.name == name[1:] or path.name.startswith(name[1:] + "."):
                path.rmdir() if path.is_dir() else path.unlink()

    def writer(self, name: str, record: Any = TradingData, slots: int = 8, **options: Any) -> tickring.Writer[Any]:
        writer = tickring.Writer.create(name, record, slots, **options)
        self.addCleanup(writer.detach)
        return writer

    def reader(self, name: Any, record: Any = None, **options: Any) -> tickring.Reader[Any]:
        reader = tickring.Reader(name, record, **options)
        self.addCleanup(reader.close)
        return reader

    def ring(self, slots: int = 8, record: Any = TradingData, **options: Any) -> Any:
        """A new segment's writer and a reader of it."""
        name = self.segment_name()
        writer = self.writer(name, record, slots, **options)
        return writer, self.reader(name, record)

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for a condition, not for ever."""
        limit = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), limit, "it never came")

    def process(self, *arguments: str) -> Process:
        process = Process(*arguments)
        self.addCleanup(process.kill)
        return process

    def driver(self) -> Process:
        return self.process(str(TESTS / "driver.py"))


class Process:
    """A Python program that answers lines with lines; it is killed if a test forgets it for two minutes."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._limit = threading.Timer(120, self._process.kill)
        self._limit.daemon = True
        self._limit.start()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the process ended with status {self._process.wait()}")
        return line.rstrip("\n")

    def ask(self, line: str) -> str:
        self.say(line)
        return self.line()

    def end(self) -> int:
        """Closes its input and returns its exit status."""
        self._limit.cancel()
        self._process.communicate()
        return self._process.returncode

    def kill(self) -> None:
        """Ends it with SIGKILL, wherever it is."""
        self._limit.cancel()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def reseal(header: bytearray) -> None:
    """Gives a changed header the checksum that its parts now have, as docs/LAYOUT.md says, as far as they lie in it."""
    parts = [bytes(header[64:184])]
    for at in (132, 140, 160):
        offset, size = struct.unpack_from("<2I", header, at)
        parts.append(bytes(header[offset : offset + size]) if offset + size <= len(header) else b"")
    h = 0xCBF29CE484222325
    for byte in b"".join(parts):
        h = (h ^ byte) * 0x100000001B3 % 2**64
    struct.pack_into("<Q", header, 184, h)


def object_of(name: str) -> Path:
    return Path("/dev/shm") / name[1:]


def patch(name: str, offset: int, value: int, form: str = "<Q", seal: bool = False) -> None:
    """Changes a number in an object, behind everybody's back."""
    with open(object_of(name), "r+b") as file:
        data = bytearray(file.read())
        struct.pack_into(form, data, offset, value)
        if seal:
            reseal(data)
        file.seek(0)
        file.write(data)


def events(read: Any) -> List[Any]:
    """What read gives, records and events, until there is nothing new."""
    got: List[Any] = []
    while True:
        try:
            item: Optional[Any] = read()
        except tickring.Event as event:
            got.append(event)
            if isinstance(event, (tickring.Closed, tickring.Corrupt)):
                return got
            continue
        if item is None:
            return got
        got.append(item)


