"""Clients that never read and clients that dawdle, while others are served at a steady rate."""

import socket
import threading
import time

from harness.connection import encode
from harness.crowd import dawdle
from harness.figures import Figure
from harness.generators import pace
from harness.process import resident_kb

NAME = "hostile"
SLOW = 1000
RATE = 2000


def once(bench):
    bench.freshen()
    requests = bench.file("read.requests", bench.dataset.write_reads)
    seconds = max(4, bench.seconds)
    calm = pace(bench.pace, bench.server.pid, bench.server.port, requests, 16, seconds, RATE)
    bench.add("calm_p99", calm.p99 / 1000)
    for name, client in (("pipeline", _pipeline), ("slow", _slow)):
        before = resident_kb(bench.server.pid)
        stop, found = threading.Event(), {}
        thread = threading.Thread(target=client, args=(bench, stop, found))
        thread.start()
        highest = []
        watch = threading.Thread(target=_watch, args=(bench.server.pid, stop, highest))
        watch.start()
        time.sleep(1)
        try:
            others = pace(bench.pace, bench.server.pid, bench.server.port, requests, 16,
                          seconds, RATE)
        finally:
            stop.set()
            thread.join()
            watch.join()
        if found.get("error"):
            raise RuntimeError(f"{name}: {found['error']}")
        bench.add(f"{name}_growth", (max(highest) - before) / 1024)
        bench.add(f"{name}_p99", others.p99 / 1000)
        bench.add(f"{name}_unserved", others.wrong)
        bench.notes[name] = found["said"]


def _watch(pid, stop, highest):
    while not stop.is_set():
        highest.append(resident_kb(pid))
        time.sleep(0.05)


def _pipeline(bench, stop, found):
    """Sends requests without end and reads no answer."""
    block = encode("GET", "/v1/performances?limit=20", token=bench.accounts[0].token) * 200
    sent = 0
    client = socket.create_connection(("127.0.0.1", bench.server.port), 10)
    client.setblocking(False)
    try:
        while not stop.is_set():
            try:
                sent += client.send(block[sent % len(block):])
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                break  # the server may give up on such a client
    finally:
        client.close()
    found["said"] = f"{sent // (len(block) // 200):,} requests taken in, none of the answers read"


def _slow(bench, stop, found):
    """A thousand slow clients; those whom the server drops come back."""
    dawdle(SLOW, bench.server.port, bench.accounts, stop, found)
    found["said"] = f"{SLOW:,} slow clients (half heads, a quarter bodies, a quarter answers), " \
                    f"{found['dropped']:,} dropped and come back"


def figures(bench):
    rows = bench.samples
    found = [Figure(NAME, f"{RATE:,} reads a second undisturbed, p99", "ms", rows["calm_p99"])]
    for name, what in (("pipeline", "a client that pipelines and never reads"),
                       ("slow", "1,000 slow clients")):
        found += [
            Figure(NAME, f"{what}: memory grows by", "MB", rows[f"{name}_growth"], ("<=", 16),
                   bench.notes[name]),
            Figure(NAME, f"{what}: p99 of the others", "ms", rows[f"{name}_p99"], ("<=", 100)),
            Figure(NAME, f"{what}: others not served", "", rows[f"{name}_unserved"], ("<=", 0)),
        ]
    return found
