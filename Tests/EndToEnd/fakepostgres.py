"""A server that speaks enough of PostgreSQL's protocol to say what a test wants it to be."""

import socket
import struct
import threading


def message(kind, *parts):
    body = b"".join(parts)
    return kind + struct.pack("!I", len(body) + 4) + body


def text(value):
    return value.encode() + b"\0"


READY = message(b"Z", b"I")


def rows(*values):
    """The answer to a query: one row of texts."""
    fields = [text(f"c{number}") + struct.pack("!IHIhIh", 0, 0, 25, -1, 0xffffffff, 0)
              for number in range(len(values))]
    cells = [struct.pack("!I", len(value)) + value.encode() for value in values]
    return (message(b"T", struct.pack("!H", len(values)), *fields)
            + message(b"D", struct.pack("!H", len(values)), *cells)
            + message(b"C", text("SELECT 1")) + READY)


class FakePostgres:
    """Takes everybody in; `answers` maps a part of a query to the row that is given for it."""

    def __init__(self, version, answers=None):
        self.version, self.answers = version, answers or {}
        self.queries = []

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    self._serve(connection, connection.makefile("rb"))
                except OSError:
                    pass

    def _serve(self, connection, input):
        length, = struct.unpack("!I", input.read(4))
        input.read(length - 4)
        connection.sendall(
            message(b"R", struct.pack("!I", 0))
            + message(b"S", text("server_version"), text(self.version))
            + message(b"S", text("client_encoding"), text("UTF8"))
            + message(b"K", struct.pack("!II", 1, 1)) + READY)
        while (kind := input.read(1)) and kind != b"X":
            length, = struct.unpack("!I", input.read(4))
            query = input.read(length - 4).rstrip(b"\0").decode()
            self.queries.append(query)
            found = [row for part, row in self.answers.items() if part in query]
            connection.sendall(
                rows(*found[0]) if found else message(b"C", text("SET")) + READY)
