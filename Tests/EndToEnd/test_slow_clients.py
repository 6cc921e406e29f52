"""Slow clients: heads and bodies that drip, answers that nobody reads; the others notice nothing."""

import socket
import time

from cases import ServedCase
from client import Raw

HEAD = b"POST /v1/auth/anonymous HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


class SlowClientTests(ServedCase):
    app = "types"
    environment = {"ROOST_SERVER_HEAD_SECONDS": "2", "ROOST_SERVER_IDLE_SECONDS": "3"}

    def drip(self, raw, data):
        """Sends a byte now and then until the server has had enough."""
        raw.socket.settimeout(0.2)
        for byte in data:
            try:
                raw.send(bytes([byte]))
                raw._receive()
                break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        raw.socket.settimeout(30)

    def test_a_head_that_drips_is_answered_408(self):
        with Raw(self.server.port) as raw:
            self.drip(raw, b"GET /health/live HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200)
            self.assertEqual(raw.answer().status, 408)
            self.assertTrue(raw.is_closed())

    def test_a_body_that_drips_is_answered_408(self):
        for fields, body in ((b"Content-Length: 1000\r\n", b" " * 200),
                             (b"Transfer-Encoding: chunked\r\n", b"3e8\r\n" + b" " * 200)):
            with self.subTest(fields=fields), Raw(self.server.port) as raw:
                raw.send(HEAD + fields + b"\r\n")
                self.drip(raw, body)
                self.assertEqual(raw.answer().status, 408)
                self.assertTrue(raw.is_closed())

    def test_a_connection_without_a_request_is_closed(self):
        with Raw(self.server.port) as raw:
            self.assertTrue(raw.is_closed())

    def test_a_thousand_slow_connections_leave_room_for_the_others(self):
        slow, beginnings = [], (
            b"", b"GET /health", b"GET /health/live HTTP/1.1\r\nHost: a\r\nX: ",
            HEAD + b"Content-Length: 1000\r\n\r\n{", HEAD + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{")
        try:
            for number in range(1000):
                each = socket.create_connection(("127.0.0.1", self.server.port), timeout=60)
                each.sendall(beginnings[number % len(beginnings)])
                slow.append(each)
            person = self.person()
            for number in range(50):
                person.create("things", label=f"t{number}")
                self.assertEqual(person.get("/v1/things", limit=1).status, 200)
            deadline = time.monotonic() + 60
            for each in slow:
                each.settimeout(max(1, deadline - time.monotonic()))
                try:
                    while each.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        finally:
            for each in slow:
                each.close()

    def test_answers_that_nobody_reads_do_not_grow_the_server(self):
        request = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
        before = self.memory()
        slow = []
        try:
            for _ in range(20):
                each = socket.create_connection(("127.0.0.1", self.server.port), timeout=1)
                slow.append(each)
                try:
                    for _ in range(200):
                        each.sendall(request * 50)
                except (TimeoutError, ConnectionError):
                    pass  # it reads no more
            self.assertEqual(self.nobody.get("/health/live").status, 200)
            self.assertLess(self.memory() - before, 100_000_000)
        finally:
            for each in slow:
                each.close()

    def memory(self):
        text = self.nobody.get("/metrics").body.decode()
        return next(float(line.split(" ")[1]) for line in text.splitlines()
                    if line.startswith("process_resident_memory_bytes "))
