"""What browsers are told: CORS by an exact list, and the fields that keep pages safe."""

import unittest

from cases import ServedCase
from client import Raw
from server import APPS, Folder, roost

ORIGIN = "https://app.example"
ASK = {"Access-Control-Request-Method": "PATCH",
       "Access-Control-Request-Headers": "authorization,content-type,if-match"}


class CrossOriginTests(ServedCase):
    app = "types"
    environment = {"ROOST_CORS_ORIGINS": f"{ORIGIN}, http://localhost:5173"}

    def test_a_named_origin_may_ask_and_read(self):
        for origin in (ORIGIN, "http://localhost:5173"):
            answer = self.nobody.request("OPTIONS", "/v1/things/x", headers={"Origin": origin, **ASK})
            self.assertEqual(answer.status, 204)
            self.assertEqual(answer.headers["access-control-allow-origin"], origin)
            self.assertIn("PATCH", answer.headers["access-control-allow-methods"])
            allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
            self.assertTrue({"authorization", "content-type", "if-match"} <= set(allowed))
            self.assertEqual(answer.headers["access-control-max-age"], "600")
            self.assertNotIn("access-control-allow-credentials", answer.headers)
        for path, status in (("/health/live", 200), ("/v1/things", 401), ("/nowhere", 404)):
            answer = self.nobody.get(path, headers={"Origin": ORIGIN})
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.headers["access-control-allow-origin"], ORIGIN)
            self.assertIn("ETag", answer.headers["access-control-expose-headers"])
            self.assertIn("Origin", answer.headers["vary"])

    def test_other_origins_are_told_nothing(self):
        for origin in ("https://app.example.evil.test", "https://evil.test", "http://app.example",
                       "https://app.example:444", "https://APP.example", "https://app.example/",
                       "https://sub.app.example", "https://xapp.example", "null", "*", "",
                       "https://app.example, https://evil.test", "https://app.example http://x"):
            with self.subTest(origin=origin):
                for method, fields in (("GET", {}), ("OPTIONS", ASK)):
                    answer = self.nobody.request(
                        method, "/health/live", headers={"Origin": origin, **fields})
                    cors = [name for name in answer.headers if name.startswith("access-control")]
                    self.assertEqual(cors, [])
                    # A cache must not give this answer to a page of a named origin.
                    self.assertIn("Origin", answer.headers["vary"])

    def test_answers_without_a_handler_can_be_read_too(self):
        with Raw(self.server.port) as raw:
            raw.send(b"POST /v1/auth/anonymous HTTP/1.1\r\nHost: a\r\nOrigin: %s\r\n"
                     b"Content-Type: application/json\r\nContent-Length: 1048577\r\n\r\n"
                     % ORIGIN.encode())
            answer = raw.answer()
            self.assertEqual(answer.status, 413)
            self.assertEqual(answer.headers["access-control-allow-origin"], ORIGIN)


class CredentialsTests(ServedCase):
    app = "types"
    environment = {"ROOST_CORS_ORIGINS": ORIGIN, "ROOST_CORS_CREDENTIALS": "true"}

    def test_credentials_are_allowed_where_it_is_set_and_to_named_origins_alone(self):
        for origin, allowed in ((ORIGIN, True), ("https://evil.test", False)):
            answer = self.nobody.get("/health/live", headers={"Origin": origin})
            self.assertEqual("access-control-allow-credentials" in answer.headers, allowed)


class PlainTests(ServedCase):
    app = "types"

    def test_nothing_is_allowed_by_default(self):
        for method, fields in (("GET", {}), ("OPTIONS", ASK)):
            answer = self.nobody.request(
                method, "/health/live", headers={"Origin": ORIGIN, **fields})
            self.assertEqual([name for name in answer.headers if name.startswith("access-")], [])

    def test_every_answer_carries_the_fields_that_keep_pages_safe(self):
        with Raw(self.server.port) as raw:
            raw.send(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\nX\r\n\r\n")
            for status in (200, 400):
                answer = raw.answer()
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
                self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
                self.assertNotIn("strict-transport-security", answer.headers)
        page = self.nobody.get("/docs/")
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])
        self.assertIn("frame-ancestors 'none'", page.headers["content-security-policy"])

    def test_origins_that_no_browser_sends_stop_the_start(self):
        folder = Folder(copy=APPS + "/types")
        self.addCleanup(folder.remove)
        for origins in ("*", "app.example", "https://App.example", "https://app.example/",
                        "https://app.example:443", "https://", "https://*.example"):
            with self.subTest(origins=origins):
                folder.write("roost.yaml", f'cors:\n  origins: "{origins}"\n')
                done = roost("serve", folder.path, "--data", folder.join("data"))
                self.assertEqual(done.returncode, 2)
                self.assertIn("roost.yaml:2:12: cors.origins takes origins", done.stderr)


if __name__ == "__main__":
    unittest.main()
