"""Clients that never read and clients that dawdle, while others are served at a steady rate."""

import random
import socket
import threading
import time

from harness.connection import encode
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


class _Dawdler:
    """One slow client: of the head, of the body, or of the answer."""

    def __init__(self, kind, port, token):
        self.kind = kind
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        if kind == "head":
            self.bytes = encode("GET", "/v1/performances", token=token)[:-4] + b"\r\nX-Slow: "
            self.bytes += b"a" * 10000
        elif kind == "body":
            body = b'{"notes":"' + b"a" * 10000
            self.bytes = encode("POST", "/v1/performances", body, token)
            self.at = self.bytes.index(b"{")
            self.socket.sendall(self.bytes[:self.at])
        else:
            self.socket.sendall(encode("GET", "/v1/performances?limit=50", token=token))
        if kind != "body":
            self.at = 0

    def step(self):
        """Sends or reads a little; False when the server has hung up."""
        try:
            if self.kind == "answer":
                return self.socket.recv(16) != b""
            self.at += self.socket.send(self.bytes[self.at:self.at + 2])
            try:
                return self.socket.recv(65536) != b""
            except BlockingIOError:
                return self.at < len(self.bytes)
        except BlockingIOError:
            return True
        except OSError:
            return False


def _slow(bench, stop, found):
    """A thousand slow clients; those whom the server drops come back."""
    chance, kinds = random.Random(4), ["head", "head", "body", "answer"]
    port, dropped = bench.server.port, 0
    clients = []
    try:
        for number in range(SLOW):
            clients.append(_Dawdler(kinds[number % 4], port, bench.accounts[number].token))
        while not stop.is_set():
            for index, client in enumerate(clients):
                if stop.is_set():
                    break
                if not client.step():
                    client.socket.close()
                    dropped += 1
                    clients[index] = _Dawdler(
                        chance.choice(kinds), port, bench.accounts[index].token)
                if index % 50 == 0:
                    time.sleep(0.02)
    except OSError as error:
        found["error"] = f"a slow client could not connect: {error}"
    finally:
        for client in clients:
            client.socket.close()
    found["said"] = f"{SLOW:,} slow clients (half heads, a quarter bodies, a quarter answers), " \
                    f"{dropped:,} dropped and come back"


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
