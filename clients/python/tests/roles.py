"""What other processes do in the tests: roles.py ROLE NAME …"""

from __future__ import annotations

import sys
from typing import Any, Callable

from support import Large, TradingData, large, trade

import tickring


def write(name: str, record: str) -> None:
    """Takes a segment over and publishes until its input ends or it is killed, one by one and in batches by turns."""
    made: Any = {"trade": (TradingData, trade), "large": (Large, large)}
    kind, of = made[record]
    writer = tickring.Writer.take_over(name, kind)
    print("writing", writer.head, flush=True)
    while True:
        for _ in range(20):
            writer.publish(of(writer.head))
        for _ in range(20):
            head = writer.head
            writer.publish_batch([of(head + i) for i in range(7)])


def echo(forth: str, back: str) -> None:
    """Answers each record with the same, asleep on the doorbell in between, until the ring is closed."""
    with tickring.Reader(forth, TradingData, start=tickring.at(0), wait=tickring.BLOCK) as reader:
        with tickring.Writer.take_over(back, TradingData) as writer:
            print("ready", flush=True)
            for record in reader:
                writer.publish(record)


def block(name: str) -> None:
    """Says that it waits, waits on the doorbell, and says what came."""
    with tickring.Reader(name, TradingData, wait=tickring.BLOCK) as reader:
        print("waiting", flush=True)
        for record in reader:
            print(record.timestamp, flush=True)


ROLES: "dict[str, Callable[..., None]]" = {"write": write, "echo": echo, "block": block}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
