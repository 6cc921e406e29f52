"""From the start of the process to its ready line and a 200 of /health/ready, with all rows."""

import time

from harness.figures import Figure
from harness.process import resident_kb

NAME = "ready"


def once(bench):
    bench.restart()  # whatever the load left in the write-ahead log is written back here
    for _ in range(5):
        bench.add("ready", bench.restart() * 1000)
    time.sleep(1)
    bench.add("restart_rss", resident_kb(bench.server.pid) / 1024)
    bench.freshen()


def figures(bench):
    return [
        Figure(NAME, "ready", "ms", bench.samples["ready"], ("<=", 300)),
        Figure(NAME, "memory after a restart", "MB", bench.samples["restart_rss"], ("<=", 40)),
    ]
