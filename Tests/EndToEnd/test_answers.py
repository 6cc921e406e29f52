"""Answers as they are packed, cut into ranges, and told apart by their tags."""

import gzip
import os
import unittest

from cases import ServedCase
from client import Client, Raw, check
from server import APPS, Server

PACKED = {"Accept-Encoding": "gzip"}


class PackedTests(ServedCase):
    app = "types"

    def test_large_text_is_packed_for_who_takes_it(self):
        plain = self.nobody.get("/openapi.json")
        self.assertNotIn("content-encoding", plain.headers)
        self.assertIn("Accept-Encoding", plain.headers["vary"])
        self.assertGreater(len(plain.body), 65_536)
        packed = self.nobody.get("/openapi.json", headers=PACKED)
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertLess(len(packed.body), len(plain.body) / 3)
        small, whole = (self.nobody.get("/schema.graphql", headers=fields) for fields in (PACKED, {}))
        self.assertLess(len(whole.body), 65_536)
        self.assertEqual(gzip.decompress(small.body), whole.body)
        self.assertEqual(int(small.headers["content-length"]), len(small.body))

    def test_what_a_client_takes_is_read_as_rfc_9110_has_it(self):
        for field, packed in (
                ("gzip", True), ("GZIP", True), ("x-gzip", True), ("*", True), ("br, gzip", True),
                ("gzip;q=0.001", True), ("gzip;q=1.000", True), ("gzip ; q=0.5", True),
                ("gzip;q=0.5, identity;q=0.5", True), ("identity;q=0.4, *;q=0.5", True),
                ("gzip;q=0", False), ("gzip;q=0.000", False), ("", False), ("identity", False),
                ("br", False), ("deflate, br, zstd", False), ("*;q=0", False),
                ("gzip;q=0, *", False), ("gzip;q=0.4, identity;q=0.5", False), ("gzip;q=2", False),
                ("gzip;q=x", False), ("gzip;q=-1", False), ("gzipx", False), ("notgzip", False)):
            with self.subTest(field=field):
                answer = self.nobody.get("/schema.graphql", headers={"Accept-Encoding": field})
                self.assertEqual(answer.headers.get("content-encoding") == "gzip", packed)

    def test_what_is_small_or_secret_is_not_packed(self):
        for answer in (self.nobody.get("/health/live", headers=PACKED),
                       self.nobody.post("/v1/auth/anonymous", {}, headers=PACKED)):
            self.assertNotIn("content-encoding", answer.headers)

    def test_head_says_what_get_does(self):
        for path in ("/openapi.json", "/schema.graphql", "/docs/"):
            get, head = (self.nobody.request(method, path, headers=PACKED)
                         for method in ("GET", "HEAD"))
            self.assertEqual(head.body, b"")
            for name in ("etag", "content-encoding", "vary", "content-type"):
                self.assertEqual(head.headers[name], get.headers[name], path)

    def test_a_packed_document_has_a_tag_of_its_own(self):
        for path in ("/openapi.json", "/schema.graphql"):
            plain = self.nobody.get(path).headers["etag"]
            packed = self.nobody.get(path, headers=PACKED).headers["etag"]
            self.assertNotEqual(plain, packed)
            for tag in (plain, packed, "W/" + plain, f'"x", {packed}', "*"):
                answer = self.nobody.get(path, headers={"If-None-Match": tag, **PACKED})
                self.assertEqual((answer.status, answer.body), (304, b""), tag)
            self.assertEqual(self.nobody.get(
                path, headers={"If-None-Match": packed}).headers["etag"], packed)
            self.assertEqual(self.nobody.get(path, headers={"If-None-Match": '"x"'}).status, 200)

    def test_a_packed_record_is_changed_by_its_tag(self):
        person = self.person()
        thing = person.create("things", label="a")
        path = f"/v1/things/{thing['id']}"
        plain = person.get(path)
        tag = plain.headers["etag"]
        packed = tag[:-1] + '-gzip"'
        self.assertEqual(person.get(path, headers={"If-None-Match": packed}).status, 304)
        self.assertEqual(
            person.patch(path, {"label": "b"}, headers={"If-Match": packed}).status, 200)
        self.assertEqual(
            person.patch(path, {"label": "c"}, headers={"If-Match": packed}).status, 412)


class UnpackedTests(unittest.TestCase):
    def test_packing_is_turned_off(self):
        server = Server(os.path.join(APPS, "types"),
                        environment={"ROOST_SERVER_GZIP": "false"}).start()
        self.addCleanup(server.stop)
        answer = Client(server.port).get("/openapi.json", headers=PACKED)
        self.assertNotIn("content-encoding", answer.headers)


class RangeTests(ServedCase):
    app = "types"

    def test_parts_of_documents(self):
        for path in ("/openapi.json", "/schema.graphql", "/docs/"):
            whole = self.nobody.get(path)
            self.assertEqual(whole.headers["accept-ranges"], "bytes")
            size = len(whole.body)
            for field, part in (
                    ("bytes=0-0", (0, 1)), ("bytes=0-99", (0, 100)), ("bytes=100-", (100, size)),
                    ("bytes=-50", (size - 50, size)), (f"bytes=0-{size * 9}", (0, size)),
                    (f"bytes=-{size * 9}", (0, size)), ("BYTES=5-9", (5, 10)),
                    ("bytes=0-99999999999999999999999", (0, size))):
                with self.subTest(path=path, field=field):
                    # Parts are of the bytes as they are.
                    answer = self.nobody.get(path, headers={"Range": field, **PACKED})
                    self.assertEqual(answer.status, 206)
                    self.assertEqual(answer.body, whole.body[part[0]:part[1]])
                    self.assertEqual(answer.headers["content-range"],
                                     f"bytes {part[0]}-{part[1] - 1}/{size}")
                    self.assertEqual(answer.headers["etag"], whole.headers["etag"])
            for field in (f"bytes={size}-", "bytes=-0", "bytes=99999999999999999999999-"):
                answer = self.part(path, field)
                self.assertEqual(answer.status, 416, field)
                self.assertEqual(answer.headers["content-range"], f"bytes */{size}")

    def part(self, path, field):
        with Raw(self.server.port) as raw:
            raw.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nRange: {field}\r\n\r\n".encode())
            return check(raw.answer())

    def test_what_is_no_single_range_is_answered_whole(self):
        size = len(self.nobody.get("/schema.graphql").body)
        for field in ("bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "bytes 0-1",
                      "lines=0-1", "bytes=0x0-1", "bytes=+0-1", "bytes= 0-1", "0-1", ""):
            with self.subTest(field=field):
                answer = self.nobody.get("/schema.graphql", headers={"Range": field})
                self.assertEqual((answer.status, len(answer.body)), (200, size))

    def test_a_range_of_an_older_document_is_answered_whole(self):
        tag = self.nobody.get("/schema.graphql").headers["etag"]
        for condition, status in ((tag, 206), ('"x"', 200), ("W/" + tag, 200),
                                  (tag[:-1] + '-gzip"', 200)):
            answer = self.nobody.get(
                "/schema.graphql", headers={"Range": "bytes=0-9", "If-Range": condition})
            self.assertEqual(answer.status, status, condition)
