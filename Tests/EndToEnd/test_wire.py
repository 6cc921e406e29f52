"""HTTP/1.1 itself: what is malformed, too large or ambiguous is refused and the connection closed."""

import http.client

from cases import ServedCase
from client import Client, Raw, check

HOST = b"Host: 127.0.0.1\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST


class WireTests(ServedCase):
    app = "types"

    def answer(self, data):
        with Raw(self.server.port) as raw:
            raw.send(data)
            answer = check(raw.answer())
            closed = raw.is_closed() if answer.status >= 400 else None
        return answer, closed

    def refuse(self, status, data):
        answer, closed = self.answer(data)
        self.assertEqual(answer.status, status, (data[:80], answer))
        self.assertTrue(closed, f"the connection stays open after {data[:80]!r}")

    def test_malformed_heads_are_answered_400_and_the_connection_closed(self):
        for data in (
            b"GET /health/live HTTP/1.1\n" + b"Host: a\n\n",
            b"GET /health/live HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
            LIVE + b"X: a\r\n b\r\n\r\n",
            LIVE + b"X : a\r\n\r\n",
            LIVE + b": a\r\n\r\n",
            LIVE + b"X: a\x00b\r\n\r\n",
            LIVE + HOST + b"\r\n",
            b"GET /health/live HTTP/1.1\r\n\r\n",
            b"GET  /health/live HTTP/1.1\r\n" + HOST + b"\r\n",
            b"GET /health/live\r\n" + HOST + b"\r\n",
            b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
            b"G\x01T /health/live HTTP/1.1\r\n" + HOST + b"\r\n",
            b"GET /health/live HTTP/x\r\n" + HOST + b"\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        ):
            with self.subTest(data=data[:80]):
                self.refuse(400, data)

    def test_ambiguous_lengths_are_refused(self):
        head = b"POST /v1/auth/anonymous HTTP/1.1\r\n" + HOST
        for fields in (
            b"Content-Length: 2\r\nContent-Length: 3\r\n",
            b"Content-Length: 2, 3\r\n",
            b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            b"Content-Length: -2\r\n", b"Content-Length: +2\r\n", b"Content-Length: 0x2\r\n",
            b"Content-Length: 2 2\r\n", b"Content-Length: \r\n",
            b"Content-Length: 99999999999999999999\r\n",
            b"Transfer-Encoding: chunked, chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ):
            with self.subTest(fields=fields):
                answer, closed = self.answer(head + fields + b"\r\n{}")
                self.assertIn(answer.status, (400, 413), answer)
                self.assertTrue(closed)

    def test_malformed_chunks_are_refused(self):
        head = (b"POST /v1/auth/anonymous HTTP/1.1\r\n" + HOST
                + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for body in (b"x\r\n{}\r\n0\r\n\r\n", b"-2\r\n{}\r\n", b"2\n{}\n0\n\n", b"2\r\n{}X\r\n",
                     b"fffffffffffffffff\r\n{}"):
            with self.subTest(body=body):
                answer, closed = self.answer(head + body)
                self.assertIn(answer.status, (400, 413), answer)
                self.assertTrue(closed)

    def test_a_chunked_body_is_read(self):
        head = (b"POST /v1/auth/anonymous HTTP/1.1\r\n" + HOST
                + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        with Raw(self.server.port) as raw:
            raw.send(head + b"1\r\n{\r\n1;a=b\r\n}\r\n0\r\n\r\n")
            self.assertEqual(raw.answer().status, 201)

    def test_large_heads_are_refused(self):
        for fields in (b"X: " + b"a" * 17_000 + b"\r\n",
                       b"".join(b"X-%d: a\r\n" % i for i in range(120))):
            with self.subTest(fields=fields[:20]):
                self.refuse(431, LIVE + fields + b"\r\n")
        answer, _ = self.answer(LIVE + b"X: " + b"a" * 8000 + b"\r\n\r\n")
        self.assertEqual(answer.status, 200)
        self.refuse(414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")

    def test_a_declared_body_beyond_the_limit_is_refused_before_it_is_sent(self):
        self.refuse(413, b"POST /v1/auth/anonymous HTTP/1.1\r\n" + HOST
                    + b"Content-Type: application/json\r\nContent-Length: 1048577\r\n\r\n")

    def test_a_chunked_body_beyond_the_limit_is_refused(self):
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        with Raw(self.server.port) as raw:
            raw.send(b"POST /v1/auth/anonymous HTTP/1.1\r\n" + HOST
                     + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                for _ in range(20):
                    raw.send(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertEqual(check(raw.answer()).status, 413)

    def test_other_versions_are_refused(self):
        answer, closed = self.answer(b"GET /health/live HTTP/2.0\r\n" + HOST + b"\r\n")
        self.assertEqual((answer.status, closed), (505, True))

    def test_pipelined_requests_are_answered_in_order(self):
        with Raw(self.server.port) as raw:
            for number in range(20):
                raw.send(LIVE + b"X-Request-Id: pipelined-%d\r\n\r\n" % number)
            for number in range(20):
                answer = raw.answer()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["x-request-id"], f"pipelined-{number}")

    def test_a_request_in_single_bytes_is_answered(self):
        with Raw(self.server.port) as raw:
            for byte in LIVE + b"\r\n":
                raw.send(bytes([byte]))
            self.assertEqual(raw.answer().status, 200)

    def test_expect_continue_is_answered_before_the_body(self):
        with Raw(self.server.port) as raw:
            raw.send(b"POST /v1/auth/anonymous HTTP/1.1\r\n" + HOST
                     + b"Content-Type: application/json\r\nContent-Length: 2\r\n"
                     + b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(raw.answer().status, 100)
            raw.send(b"{}")
            self.assertEqual(raw.answer().status, 201)

    def test_head_is_get_without_its_body(self):
        with Raw(self.server.port) as raw:
            raw.send(b"HEAD /health/live HTTP/1.1\r\n" + HOST + b"\r\n" + LIVE + b"\r\n")
            head, get = raw.answer("HEAD"), raw.answer()
            self.assertEqual((head.status, get.status), (200, 200))
            self.assertEqual(head.headers.get("content-length"), get.headers["content-length"])
        person = self.person()
        thing = person.create("things", label="a")
        get = person.get(f"/v1/things/{thing['id']}")
        head = person.request("HEAD", f"/v1/things/{thing['id']}")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["etag"], get.headers["etag"])

    def test_unknown_routes_and_methods_are_problem_documents(self):
        person = self.person()
        for path in ("/", "/nothing", "/v1", "/v1/", "/v1/nothings", "/v2/things", "/v1/hiddens/x/y/z",
                     "/v1//things", "/v1/things/not-a-uuid", "/v1/Things", "/v1/things/"):
            with self.subTest(path=path):
                self.expect(404, person.get(path), code="not_found")
        for path in ("/v1/../things", "/v1/%2e%2e/things", "/v1/%00", "/v1/%ff", "/v1/a%2fb",
                     "/v1/%zz", "/v1/%"):
            with self.subTest(path=path):
                self.expect(400, person.get(path), code="malformed")
        for method, path in (("PUT", "/v1/things"), ("DELETE", "/v1/things"),
                             ("POST", "/health/live"), ("PUT", "/v1/auth/login"),
                             ("PATCH", "/metrics")):
            with self.subTest(method=method, path=path):
                answer = person.request(method, path)
                self.expect(405, answer, code="method_not_allowed")
                self.assertTrue(answer.headers.get("allow"), "no Allow")
        answer = person.request("BREW", "/v1/things")
        self.assertIn(answer.status, (405, 501), answer)

    def test_request_ids_are_unique_or_the_callers_own(self):
        first, second = (self.nobody.get("/health/live") for _ in range(2))
        self.assertNotEqual(first.headers["x-request-id"], second.headers["x-request-id"])
        for given, kept in (("abc-123", True), ("a" * 300, False), ("a b", False), ('"><x', False)):
            with self.subTest(given=given):
                answer = self.nobody.get("/health/live", headers={"X-Request-Id": given})
                self.assertEqual(answer.headers["x-request-id"] == given, kept)

    def test_a_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        for _ in range(50):
            connection.request("GET", "/health/live")
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, 200)
        connection.close()

    def test_a_client_that_leaves_early_harms_nobody(self):
        for _ in range(30):
            with Raw(self.server.port) as raw:
                raw.send(LIVE[:20])
            with Raw(self.server.port) as raw:
                raw.send(LIVE + b"\r\n")
        self.assertEqual(Client(self.server.port).get("/health/live").status, 200)
