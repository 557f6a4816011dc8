"""old_consumer.py NAME SECONDS: polls the shared memory and prints each record that differs from the last:
price (as bits) timestamp volume valid. It ends with its standard input."""

import mmap
import os
import select
import struct
import sys
import time
from typing import NamedTuple


class TradingData(NamedTuple):
    price: float
    timestamp: int
    volume: int
    valid: bool


class SharedMemoryConsumer:
    FORMAT = "<dQi?3x"
    SIZE = struct.calcsize(FORMAT)

    def __init__(self, name):
        self.path = "/dev/shm/" + name.lstrip("/")
        self.memory = None
        self.error = None

    def connect(self):
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except (FileNotFoundError, PermissionError) as error:
            self.error = error
            return False
        try:
            self.memory = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(fd)
        return True

    def read_trading_data(self):
        return TradingData(*struct.unpack(self.FORMAT, self.memory[: self.SIZE]))


def finished():
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main():
    assert SharedMemoryConsumer.SIZE == 24
    consumer = SharedMemoryConsumer(sys.argv[1])
    interval = float(sys.argv[2])
    if not consumer.connect():
        print(type(consumer.error).__name__, flush=True)
        return 1
    last = None
    while not finished():
        try:
            now = consumer.read_trading_data()
        except struct.error:
            print("struct.error", flush=True)
            return 1
        if now != last:
            (bits,) = struct.unpack("<Q", struct.pack("<d", now.price))
            print(bits, now.timestamp, now.volume, int(now.valid), flush=True)
            last = now
        time.sleep(interval)
    return 0


if __name__ == "__main__":
    sys.exit(main())
