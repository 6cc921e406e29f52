"""Overload: what is refused before the queues collapse, and the limits of roost.yaml."""

import http.client
import json
import os
import threading
import time
import unittest

from client import Client, anonymous
from server import EXAMPLES, Folder, Server
from test_observability import VENUE, metric

BANDSTAND = os.path.join(EXAMPLES, "bandstand")
LIMITS = "limits:\n  address: 60 per minute, burst 8\n  account: 600 per hour, burst 4\n" \
         "  device: 3600 per hour, burst 3\n"


class Flood:
    """Connections that send one request after the other, and note status and Retry-After of each."""

    def __init__(self, port, token, connections, path="/v1/performances?limit=50", origin=None):
        self.answers, self.refused = [], []  # of what is refused also the fields and the body
        self.fields = {"Authorization": f"Bearer {token}", **({"Origin": origin} if origin else {})}
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(port, path), daemon=True)
            for _ in range(connections)]
        for thread in self.threads:
            thread.start()

    def _run(self, port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not self.stopping.is_set():
            connection.request("GET", path, headers=self.fields)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 503:
                self.refused.append((answer.headers, body))
            self.answers.append((answer.status, answer.getheader("Retry-After")))
        connection.close()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class OverloadTests(unittest.TestCase):
    def test_a_flood_is_shed_and_health_is_answered(self):
        # A wait of a millisecond is too long here, which a debug build on one loop surely has.
        server = Server(BANDSTAND, environment={
            "ROOST_SERVER_QUEUE_MILLISECONDS": "1", "ROOST_SERVER_LOOPS": "1"}).start()
        self.addCleanup(server.stop)
        person = anonymous(server.port)
        for _ in range(30):
            person.create("performances", date="2026-01-01T20:00:00.000Z", venue=VENUE,
                          duration="PT45M")
        flood = Flood(server.port, person.token, 64)
        degraded = None
        deadline = time.monotonic() + 30
        while not (degraded and any(status == 503 for status, _ in flood.answers)):
            answer = Client(server.port).get("/health/ready")
            self.assertEqual(answer.status, 200)
            parts = [part["part"] for part in answer.json.get("degraded", [])]
            if "requests" in parts:
                degraded = answer["degraded"]
                self.assertEqual(answer["status"], "degraded")
                page = Client(server.port).get("/status")
                self.assertEqual(page.status, 200)
            self.assertLess(time.monotonic(), deadline, flood.answers[-20:])
        flood.stop()
        self.assertTrue(all(part["reason"] for part in degraded), degraded)
        statuses = {status for status, _ in flood.answers}
        self.assertEqual(statuses, {200, 503}, statuses)
        for status, retry in flood.answers:
            self.assertEqual(retry, "1" if status == 503 else None)
        for fields, body in flood.refused[:200]:
            problem = json.loads(body)
            self.assertEqual(problem["type"], "urn:roost:problem:overloaded")
            self.assertEqual(problem["requestId"], fields["X-Request-Id"])
            self.assertEqual(fields["Content-Type"], "application/problem+json")
            self.assertNotIn("Connection", fields)
        self.assertGreater(
            metric(server.port, r'roost_http_shed_total\{priority="reads",queue="loop"\}'), 0)
        # It is over at once.
        deadline = time.monotonic() + 10
        while person.get("/v1/venues").status != 200:
            self.assertLess(time.monotonic(), deadline)
        while Client(server.port).get("/health/ready")["status"] != "ok":
            self.assertLess(time.monotonic(), deadline)

    def test_pages_can_read_that_they_are_refused(self):
        server = Server(BANDSTAND, environment={
            "ROOST_SERVER_QUEUE_MILLISECONDS": "1", "ROOST_SERVER_LOOPS": "1",
            "ROOST_CORS_ORIGINS": "https://a.example"}).start()
        self.addCleanup(server.stop)
        flood = Flood(server.port, anonymous(server.port).token, 64, "/v1/venues",
                      "https://a.example")
        deadline = time.monotonic() + 30
        while not flood.refused:
            self.assertLess(time.monotonic(), deadline, flood.answers[-20:])
            time.sleep(0.05)
        flood.stop()
        for fields, _ in flood.refused:
            self.assertEqual(fields["Access-Control-Allow-Origin"], "https://a.example")

    def test_one_who_asks_again_and_again_waits_for_nobody(self):
        server = Server(BANDSTAND, environment={
            "ROOST_SERVER_QUEUE_MILLISECONDS": "4", "ROOST_SERVER_LOOPS": "1"}).start()
        self.addCleanup(server.stop)
        person = anonymous(server.port)
        for _ in range(60):
            person.create("performances", date="2026-01-01T20:00:00.000Z", venue=VENUE,
                          duration="PT45M")
        # In a debug build such a list takes longer than the milliseconds above.
        flood = Flood(server.port, person.token, 1, "/v1/performances?limit=200&expand=venue")
        time.sleep(2)
        flood.stop()
        self.assertGreater(len(flood.answers), 10)
        self.assertEqual({status for status, _ in flood.answers}, {200})

    def test_without_a_bound_nobody_is_shed(self):
        server = Server(BANDSTAND, environment={
            "ROOST_SERVER_QUEUE_MILLISECONDS": "0", "ROOST_SERVER_LOOPS": "1"}).start()
        self.addCleanup(server.stop)
        person = anonymous(server.port)
        flood = Flood(server.port, person.token, 64)
        time.sleep(2)
        flood.stop()
        self.assertEqual({status for status, _ in flood.answers}, {200})


class LimitTests(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(BANDSTAND, "schema.graphql"), encoding="utf-8") as file:
            self.folder = Folder({"schema.graphql": file.read(), "roost.yaml": LIMITS})
        self.addCleanup(self.folder.remove)
        self.server = Server(self.folder.path).start()
        self.addCleanup(self.server.stop)

    def test_each_limit_counts_by_itself(self):
        person = anonymous(self.server.port)
        policy = '"address";q=8;w=8, "account";q=4;w=24, "device";q=3;w=3'
        left = []
        for _ in range(3):
            answer = person.get("/v1/venues")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.headers["ratelimit-policy"], policy)
            self.assertRegex(answer.headers["ratelimit"], r'^"device";r=\d;t=\d+$')
            left.append(int(answer.headers["ratelimit"].split("r=")[1][0]))
        self.assertEqual(left, sorted(left, reverse=True))
        statuses = []
        for _ in range(6):
            answer = person.get("/v1/venues")
            statuses.append(answer.status)
            if answer.status == 429:
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
                self.assertRegex(answer.headers["ratelimit"], r'r=0;t=\d+$')
        self.assertIn(429, statuses)
        self.assertGreater(metric(self.server.port, "roost_http_rate_limited_total"), 0)

    def test_an_address_is_limited_without_an_account(self):
        nobody = Client(self.server.port)
        statuses = [nobody.get("/schema.graphql").status for _ in range(20)]
        self.assertEqual(statuses[:8], [200] * 8)
        self.assertIn(429, statuses[8:])
        # How the server is is told to everybody, always.
        for _ in range(20):
            answer = nobody.get("/health/ready")
            self.assertEqual(answer.status, 200)
            self.assertNotIn("ratelimit", answer.headers)

    def test_without_limits_nothing_is_said_of_them(self):
        server = Server(BANDSTAND).start()
        self.addCleanup(server.stop)
        answer = Client(server.port).get("/schema.graphql")
        self.assertNotIn("ratelimit-policy", answer.headers)
        self.assertIsNone(metric(server.port, "roost_http_rate_limited_total"))


if __name__ == "__main__":
    unittest.main()
