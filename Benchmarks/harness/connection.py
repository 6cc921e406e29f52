"""One keep-alive HTTP/1.1 connection that never hides what happened to a request."""

import json
import socket
import ssl
import time


class Disconnected(Exception):
    """The connection ended before a whole answer came.

    `received` says how many bytes of the answer had arrived.
    """

    def __init__(self, reason, received=0):
        super().__init__(reason)
        self.received = received


class Answer:
    """A whole answer: status, headers by lower-case name, body as bytes."""

    __slots__ = ("status", "headers", "body")

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body) if self.body else None

    @property
    def ok(self):
        return 200 <= self.status < 300


def encode(method, path, body=None, token=None, headers=None):
    """The bytes of a request; a body that is not bytes is sent as JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body, separators=(",", ":")).encode()
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class Connection:
    """A client's connection; opened on first use and again after it was lost.

    Under TLS it takes any certificate: what is asked here is not who the server is.
    """

    def __init__(self, port, timeout=30, tls=False):
        self.port, self.timeout, self.tls = port, timeout, tls
        self.socket = None
        self.buffer = b""

    def open(self):
        self.close()
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                self.socket = ssl._create_unverified_context().wrap_socket(self.socket)
        except OSError as error:
            raise Disconnected(f"connect: {error}") from error

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.buffer = None, b""

    def send(self, data):
        if self.socket is None:
            self.open()
        try:
            self.socket.sendall(data)
        except OSError as error:
            self.close()
            raise Disconnected(f"send: {error}") from error

    def request(self, method, path, body=None, token=None, headers=None):
        """Sends a request and waits for its answer; raises Disconnected if none came."""
        self.send(encode(method, path, body, token, headers))
        return self.receive()

    def receive(self):
        """Waits for one whole answer."""
        received = len(self.buffer)
        try:
            while b"\r\n\r\n" not in self.buffer:
                received += self._fill(received)
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ", 2)[1])
            headers = {}
            for line in lines[1:]:
                name, value = line.split(":", 1)
                headers[name.lower()] = value.strip()
            if headers.get("transfer-encoding", "").lower() == "chunked":
                body = self._chunks(received)
            else:
                length = 0 if status in (204, 304) else int(headers.get("content-length", 0))
                body = self._take(length, received)
        except OSError as error:
            self.close()
            raise Disconnected(f"receive: {error}", received) from error
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    def _fill(self, received):
        data = self.socket.recv(65536)
        if not data:
            self.close()
            raise Disconnected("the server closed the connection", received)
        self.buffer += data
        return len(data)

    def _take(self, length, received):
        while len(self.buffer) < length:
            received += self._fill(received)
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return body

    def _chunks(self, received):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                received += self._fill(received)
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            size = int(size.split(b";")[0], 16)
            body += self._take(size, received)
            self._take(2, received)
            if size == 0:
                return body


def wait_until(condition, seconds, what):
    """Waits for a condition; raises TimeoutError naming what did not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f"{what} did not happen within {seconds} s")
