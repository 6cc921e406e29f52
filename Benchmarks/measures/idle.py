"""Ten thousand keep-alive connections that have each had one answer and then say nothing."""

import time

from harness.crowd import open_idle, still_open
from harness.figures import Figure
from harness.process import resident_kb

NAME = "idle"
CONNECTIONS = 10000


def once(bench):
    bench.restart()
    time.sleep(1)
    before = resident_kb(bench.server.pid)
    sockets = []
    try:
        for start in range(0, CONNECTIONS, 200):
            sockets += open_idle(bench.server.port, min(200, CONNECTIONS - start))
        time.sleep(1)
        after = resident_kb(bench.server.pid)
        alive = sum(1 for each in sockets[::100] if still_open(each))
        if alive != len(sockets[::100]):
            raise RuntimeError("the server closed idle connections at once")
    finally:
        for each in sockets:
            each.close()
    bench.add("idle_kb", (after - before) / CONNECTIONS)
    bench.freshen()


def figures(bench):
    return [Figure(NAME, f"memory of one of {CONNECTIONS:,} idle connections", "KB",
                   bench.samples["idle_kb"], ("<=", 3))]
