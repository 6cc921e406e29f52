"""Ten thousand keep-alive connections that have each had one answer and then say nothing."""

import selectors
import socket
import time

from harness.figures import Figure
from harness.process import resident_kb

NAME = "idle"
CONNECTIONS = 10000
REQUEST = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def once(bench):
    bench.restart()
    time.sleep(1)
    before = resident_kb(bench.server.pid)
    sockets = []
    try:
        for start in range(0, CONNECTIONS, 200):
            sockets += _open(bench.server.port, min(200, CONNECTIONS - start))
        time.sleep(1)
        after = resident_kb(bench.server.pid)
        alive = sum(1 for each in sockets[::100] if _still_open(each))
        if alive != len(sockets[::100]):
            raise RuntimeError("the server closed idle connections at once")
    finally:
        for each in sockets:
            each.close()
    bench.add("idle_kb", (after - before) / CONNECTIONS)
    bench.freshen()


def _open(port, count):
    """Opens connections, sends one request on each and waits for the answers."""
    opened = []
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            each = socket.create_connection(("127.0.0.1", port), 10)
            each.sendall(REQUEST)
            each.setblocking(False)
            selector.register(each, selectors.EVENT_READ)
            opened.append(each)
        waiting, deadline = count, time.monotonic() + 20
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{waiting} connections got no answer")
            for key, _ in selector.select(1):
                if not key.fileobj.recv(65536).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError("a connection was not served")
                selector.unregister(key.fileobj)
                waiting -= 1
    return opened


def _still_open(each):
    try:
        return each.recv(1) != b""
    except BlockingIOError:
        return True


def figures(bench):
    return [Figure(NAME, f"memory of one of {CONNECTIONS:,} idle connections", "KB",
                   bench.samples["idle_kb"], ("<=", 3))]
