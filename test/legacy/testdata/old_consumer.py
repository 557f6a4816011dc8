"""A consumer from before the ring: prints the record whenever it has changed."""
import mmap
import os
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

    def __init__(self, name):
        self.name = name
        self.memory = None

    def connect(self):
        try:
            fd = os.open("/dev/shm" + self.name, os.O_RDONLY)
        except FileNotFoundError:
            print("error: the producer is not running", flush=True)
            return False
        except PermissionError:
            print("error: no permission", flush=True)
            return False
        try:
            self.memory = mmap.mmap(fd, struct.calcsize(self.FORMAT), mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(fd)
        return True

    def read_trading_data(self):
        return TradingData(*struct.unpack(self.FORMAT, self.memory[: struct.calcsize(self.FORMAT)]))


consumer = SharedMemoryConsumer(sys.argv[1])
if not consumer.connect():
    sys.exit(1)
print("ready", flush=True)
last = 0
while True:
    if consumer.read_trading_data().timestamp != last:
        time.sleep(0.001)  # nothing but time keeps an old consumer from reading in the middle of a store
        data = consumer.read_trading_data()
        last = data.timestamp
        print(f"{data.price:g} {data.timestamp} {data.volume} {data.valid:d}", flush=True)
    time.sleep(0.001)
