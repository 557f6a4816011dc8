"""A Python client that does what client.cpp does; its categories are the classes of its errors."""

import os
import resource
import sys

import tickring

for line in iter(sys.stdin.readline, ""):
    what, name, *rest = line.split()
    if what == "limit":
        hard = resource.getrlimit(int(name))[1]
        resource.setrlimit(int(name), (hard if rest[0] == "none" else int(rest[0]), hard))
        print("ok", flush=True)
        continue
    if what == "become":
        os.setgroups([])
        os.setgid(int(name))
        os.setuid(int(name))
        print("ok", flush=True)
        continue
    try:
        if what == "create":
            tickring.Writer.create(name, tickring.TradingData, 1024, doorbell=True).detach()
        elif what == "attach":
            tickring.Segment.attach(name).close()
        else:
            tickring.Segment.take_over(name).close()
        print("ok", flush=True)
    except tickring.TickringError as error:
        print(type(error).__name__, getattr(error, "errno", 0), error, flush=True)
