"""A client that keeps its connection, for tests that send many thousand requests."""

import json

from client import MISSING, Client, Raw, check


class Kept(Client):
    """Like `Client`, for one thread; reads answers by `Raw`, which takes a third of the time."""

    def __init__(self, port, token=None, session=None):
        super().__init__(port, token, session)
        self.connection = None

    def request(self, method, path, body=MISSING, headers=None, token=MISSING, raw=None):
        token = self.token if token is MISSING else token
        fields = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        data = raw if body is MISSING else json.dumps(body).encode()
        if data is not None:
            fields.setdefault("Content-Type", "application/json")
        if data is not None or method in ("POST", "PATCH", "PUT"):
            fields["Content-Length"] = str(len(data or b""))
        assert path.isascii() and not set(path) & set(" \r\n"), path
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields.items())
        answer = self.exchange((head + "\r\n").encode("latin-1") + (data or b""), method)
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return check(answer, method)

    def exchange(self, message, method):
        for attempt in range(2):
            is_new = self.connection is None
            if is_new:
                self.connection = Raw(self.port, seconds=60)
            try:
                return self.connection.send(message).answer(method)
            except (ConnectionError, BrokenPipeError):
                # An idle connection may be closed at any time; one that is new may not.
                self.close()
                if is_new or attempt:
                    raise
        raise AssertionError("not reached")

    def close(self):
        if self.connection is not None:
            self.connection.socket.close()
            self.connection = None
