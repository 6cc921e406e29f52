"""Many connections at once: those that dawdle, and those that say nothing any more."""

import random
import selectors
import socket
import time

from .connection import encode

REQUEST = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
KINDS = ["head", "head", "body", "answer"]


class Dawdler:
    """One slow client: of the head, of the body, or of the answer; or deaf, one that reads none."""

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
        elif kind == "deaf":
            self.socket.sendall(encode("GET", "/v1/performances?limit=50", token=token) * 4)
        else:
            self.socket.sendall(encode("GET", "/v1/performances?limit=50", token=token))
        if kind != "body":
            self.at = 0

    def step(self):
        """Sends or reads a little; False when the server has hung up."""
        try:
            if self.kind == "answer":
                return self.socket.recv(16) != b""
            if self.kind == "deaf":  # what it does not read is no news of the other side's end
                return not self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self.at += self.socket.send(self.bytes[self.at:self.at + 2])
            try:
                return self.socket.recv(65536) != b""
            except BlockingIOError:
                return self.at < len(self.bytes)
        except BlockingIOError:
            return True
        except OSError:
            return False


def dawdle(count, port, accounts, stop, found, kinds=KINDS):
    """Keeps `count` slow clients going until `stop`; those whom the server drops come back.

    `found` gets `open` when all are there, `dropped` at the end, and `error` where one fails.
    """
    chance, dropped, clients = random.Random(4), 0, []
    try:
        for number in range(count):
            clients.append(Dawdler(kinds[number % len(kinds)], port, accounts[number].token))
        found["open"] = count
        while not stop.is_set():
            for index, client in enumerate(clients):
                if stop.is_set():
                    break
                if not client.step():
                    client.socket.close()
                    dropped += 1
                    clients[index] = Dawdler(chance.choice(kinds), port, accounts[index].token)
                if index % 50 == 0:
                    time.sleep(0.02)
    except OSError as error:
        found["error"] = f"a slow client could not connect: {error}"
    finally:
        for client in clients:
            client.socket.close()
    found["dropped"] = dropped


def open_idle(port, count):
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


def still_open(each):
    try:
        return each.recv(1) != b""
    except BlockingIOError:
        return True
