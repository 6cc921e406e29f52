"""A rolling restart: two servers on one database, one after the other replaced, nobody notices."""

import collections
import http.client
import json
import signal
import threading
import time
import unittest
import uuid

from balancer import Balancer
from client import anonymous
from postgres import POSTGRES, needs_postgres, psql
from server import Folder, Server

SCHEMA = """
type Note @collection @sync(tier: LIVE) @index(fields: ["owner", "title"])
  @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  title: String!
}
"""
CLIENTS = 8


class Client(threading.Thread):
    """Writes, reads back what it wrote at whichever server, and lists; keeps every answer."""

    def __init__(self, port, person, number):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.person, self.number = person, number
        self.stopping = threading.Event()
        self.statuses, self.faults, self.written = collections.Counter(), [], []

    def run(self):
        try:
            while not self.stopping.is_set():
                self._round()
        except (OSError, http.client.HTTPException) as error:
            self.faults.append(repr(error))
        finally:
            self.connection.close()

    def _round(self):
        title = f"{self.number}-{len(self.written)}"
        made = self.send("POST", "/v1/notes", {"title": title}, 201)
        if made is None:
            return
        self.written.append(made["id"])
        read = self.send("GET", f"/v1/notes/{made['id']}", None, 200)
        if read is not None and read != made:
            self.faults.append(f"read {read}, wrote {made}")
        self.send("PATCH", f"/v1/notes/{made['id']}", {"title": title + "!"}, 200)
        page = self.send("GET", "/v1/notes?sort=-createdAt&limit=5", None, 200)
        if page is not None and made["id"] not in [item["id"] for item in page["items"]]:
            self.faults.append(f"{made['id']} is not in the list that was read behind it")

    def send(self, method, path, body, expected):
        headers = {"Authorization": f"Bearer {self.person.token}"}
        data = None
        if body is not None:
            headers.update({"Content-Type": "application/json",
                            "Idempotency-Key": str(uuid.uuid4())})
            data = json.dumps(body)
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.statuses[answer.status] += 1
        if answer.status != expected:
            self.faults.append(f"{method} {path}: {answer.status} {text[:300]!r}")
            return None
        return json.loads(text)


@needs_postgres
class RollingTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        schema = "rolling_" + uuid.uuid4().hex[:12]
        self.environment = {"ROOST_DATABASE": POSTGRES, "ROOST_DATABASE_SCHEMA": schema}
        self.addCleanup(psql, f"SET client_min_messages = error; DROP SCHEMA {schema} CASCADE")
        self.count = 0

    def serve(self, balancer):
        self.count += 1
        server = Server(self.folder.path, data=self.folder.join(f"data{self.count}"),
                        environment=self.environment, command="serve")
        self.addCleanup(server.kill)
        server.start()
        balancer.add(server.port)
        return server

    @staticmethod
    def end(server, balancer):
        """SIGTERM: the server answers what it has received, and ends with 0."""
        server.stop()
        balancer.remove(server.port)

    def wait(self, condition, what):
        deadline = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def answering(self, balancer, server, clients):
        """Waits until a server has answered some of the load."""
        before = balancer.answers.get(server.port, 0)
        self.wait(lambda: balancer.answers.get(server.port, 0) >= before + 40
                  or any(client.faults for client in clients), "the server answers nothing")

    def test_no_request_fails(self):
        with Balancer() as balancer:
            old = [self.serve(balancer) for _ in range(2)]
            self.wait(lambda: len(balancer.ready) == 2, "the servers are not ready")
            clients = [Client(balancer.port, anonymous(balancer.port), number)
                       for number in range(CLIENTS)]
            for client in clients:
                client.start()
            for server in old:
                self.answering(balancer, server, clients)
                self.end(server, balancer)
                self.answering(balancer, self.serve(balancer), clients)
            for client in clients:
                client.stopping.set()
            for client in clients:
                client.join(60)
            self.assertEqual([fault for client in clients for fault in client.faults], [])
            self.assertEqual(len(balancer.answers), 4)
            for client in clients:
                left = client.person.get("/v1/notes?limit=1&count=exact")
                self.assertEqual(left["count"], len(client.written))

    def test_a_server_that_is_killed_is_noticed(self):
        """The clients of the other test would tell: what is not drained fails."""
        with Balancer() as balancer:
            servers = [self.serve(balancer) for _ in range(2)]
            self.wait(lambda: len(balancer.ready) == 2, "the servers are not ready")
            clients = [Client(balancer.port, anonymous(balancer.port), number)
                       for number in range(CLIENTS)]
            for client in clients:
                client.start()
            self.answering(balancer, servers[0], clients)
            # A handler that is stopped holds a request when the process ends.
            servers[0].process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            servers[0].kill()
            self.wait(lambda: any(client.faults for client in clients), "nobody noticed")
            for client in clients:
                client.stopping.set()
            for client in clients:
                client.join(60)
