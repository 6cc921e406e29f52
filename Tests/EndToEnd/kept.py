"""A client that keeps its connection, for tests that send many thousand requests."""

import http.client
import json

from client import MISSING, Answer, Client, check


class Kept(Client):
    """Like `Client`, for one thread."""

    def __init__(self, port, token=None, session=None):
        super().__init__(port, token, session)
        self.connection = None

    def request(self, method, path, body=MISSING, headers=None, token=MISSING, raw=None):
        fields = {}
        token = self.token if token is MISSING else token
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        data = raw if body is MISSING else json.dumps(body).encode()
        if data is not None:
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        for attempt in range(2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.connection.request(method, path, data, fields)
                response = self.connection.getresponse()
                answer = Answer(response.status, response.getheaders(), response.read())
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # An idle connection may be closed at any time; one that is new may not.
                self.close()
                if attempt:
                    raise
        if answer.headers.get("connection") == "close":
            self.close()
        return check(answer, method)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
