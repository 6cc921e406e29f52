"""A client that checks what every answer must keep, whatever the request was."""

import http.client
import json
import socket
import urllib.parse

MISSING = object()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __getitem__(self, key):
        return self.json[key]

    @property
    def pointers(self):
        """The places that a problem document names, in its order."""
        return [issue["pointer"] for issue in self.json.get("errors", [])]

    @property
    def issues(self):
        """Place and code of each issue."""
        return {issue["pointer"]: issue["code"] for issue in self.json.get("errors", [])}

    def __repr__(self):
        return f"<{self.status} {self.body[:800]!r}>"


def check(answer, method="GET"):
    """What holds for each answer: an id, no fault of the server, whole problem documents."""
    assert answer.headers.get("x-request-id"), f"no X-Request-Id: {answer} {answer.headers}"
    assert answer.status < 500 or answer.status in (501, 503, 505, 507), f"server fault: {answer}"
    if answer.status >= 400 and method != "HEAD":
        kind = answer.headers.get("content-type", "")
        assert kind.startswith("application/problem+json"), f"{kind}: {answer}"
        problem = answer.json
        for key, type_ in (("type", str), ("title", str), ("status", int), ("detail", str),
                           ("requestId", str)):
            assert isinstance(problem.get(key), type_), f"no {key}: {problem}"
        assert problem["status"] == answer.status, problem
        assert problem["requestId"] == answer.headers["x-request-id"], problem
        for issue in problem.get("errors", []):
            assert set(issue) == {"pointer", "code", "message"}, issue
            assert issue["code"] and issue["message"], issue
    return answer


class Client:
    """Requests of one caller; `token` is the bearer's, or None for nobody's."""

    def __init__(self, port, token=None, session=None):
        self.port = port
        self.token = token
        self.session = session

    @property
    def id(self):
        return self.session["user"]["id"]

    def request(self, method, path, body=MISSING, headers=None, token=MISSING, raw=None):
        """`body` is sent as JSON, `raw` as it is."""
        fields = {}
        token = self.token if token is MISSING else token
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        data = raw
        if body is not MISSING:
            data = json.dumps(body).encode()
        if data is not None:
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, data, fields)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        return check(answer, method)

    def get(self, path, headers=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.request("GET", path, headers=headers)

    def post(self, path, body=MISSING, headers=None):
        return self.request("POST", path, body, headers)

    def patch(self, path, body=MISSING, headers=None):
        return self.request("PATCH", path, body, headers)

    def delete(self, path, headers=None):
        return self.request("DELETE", path, headers=headers)

    def create(self, collection, **fields):
        """A record that must be taken; gives it decoded."""
        answer = self.post(f"/v1/{collection}", fields)
        assert answer.status == 201, answer
        return answer.json


def anonymous(port):
    """A client with a new anonymous account."""
    answer = Client(port).post("/v1/auth/anonymous", {})
    assert answer.status == 201, answer
    return Client(port, answer["accessToken"], answer.json)


def administrator(port, link):
    """A client of a new account that takes the one-time link which `roost admin` printed."""
    person = Client(port).post(
        "/v1/auth/register",
        {"email": "ada@example.org", "password": "an old oak by the river"})
    client = Client(port, person["accessToken"], person.json)
    answer = client.post("/v1/admin/claim", {"token": link.strip().rsplit("#", 1)[1]})
    assert answer.status == 204, answer
    return client


class Raw:
    """A connection on which bytes are sent as they are."""

    def __init__(self, port, seconds=30):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self, method="GET"):
        """The next answer; its body by Content-Length."""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        length = int(dict((n.lower(), v) for n, v in headers).get("content-length", 0))
        if method == "HEAD" or status in (204, 304):
            length = 0
        while len(self.received) < length:
            self._receive()
        body, self.received = self.received[:length], self.received[length:]
        return Answer(status, headers, body)

    def _receive(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {self.received!r}")
        self.received += piece

    def is_closed(self):
        """Whether the server closes the connection; waits for it."""
        try:
            return self.received == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
