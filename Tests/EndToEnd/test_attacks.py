"""The attacks of docs/reliability.md, one test each, named as there."""

import base64
import hashlib
import hmac
import json
import os
import stat
import subprocess
import time
import unittest
import uuid

from cases import ServedCase
from client import Client, anonymous
from server import BINARY, ENGINE, ENVIRONMENT, Folder, Server, database, roost
from sync_client import Device
from test_encryption import CANARY, RULES, EncryptionCase, holds

PASSWORD = "an old oak by the river"
SCHEMA = """
type Band @collection @allow(ops: [ALL], owner: "founder")
  @allow(ops: [READ], member: "members.user") {
  founder: User!
  name: String!
  members: [Member!]! @relation(inverse: "band")
}
type Member @collection @allow(ops: [ALL], owner: "band.founder") @allow(ops: [READ], owner: "user") {
  band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
  user: User! @immutable @relation(refCheck: NONE)
}
type Gig @collection @index(fields: ["fee"]) @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], member: "band.members.user", except: ["fee"]) {
  owner: User! @immutable
  band: Band
  title: String! @search
  fee: Int
  approved: Boolean @serverOnly
}
"""


def email():
    return f"{uuid.uuid4().hex}@example.org"


class AttackTests(ServedCase):
    schema = SCHEMA

    def setUp(self):
        self.ann, self.bob, self.eve = self.person(), self.person(), self.person()
        self.band = self.ann.create("bands", founder=self.ann.id, name="Loud")["id"]
        self.ann.create("members", band=self.band, user=self.bob.id)
        self.gig = self.ann.create(
            "gigs", owner=self.ann.id, band=self.band, title="Harbour", fee=987654321)["id"]

    def test_01_other_peoples_ids(self):
        missing = str(uuid.uuid4())
        for method, path, body in (
                ("GET", "/v1/gigs/{}", None), ("PATCH", "/v1/gigs/{}", {"title": "x"}),
                ("DELETE", "/v1/gigs/{}", None), ("GET", "/v1/bands/{}/members", None)):
            theirs = self.band if "members" in path else self.gig
            answers = []
            for row in (theirs, missing):
                arguments = {} if body is None else {"body": body}
                answer = self.eve.request(method, path.format(row), **arguments)
                answers.append((answer.status, answer["detail"].replace(row, "ID")))
            self.assertEqual(answers[0], answers[1], path)
            self.assertEqual(answers[0][0], 404)
        self.assertEqual(self.ann.get(f"/v1/gigs/{self.gig}")["title"], "Harbour")

    def test_02_leaks_through_filter_sort_count_search_expand_and_sync(self):
        # What is hidden from somebody is found by no condition and orders nothing for them.
        for query in ({"filter": "fee == 987654321"}, {"filter": "fee > 0"}, {"filter": "fee != 1"}):
            answer = self.bob.get("/v1/gigs", **query)
            self.assertEqual(answer.json.get("items", []), [], query)
        for query in ({"sort": "fee"}, {"fields": "fee"}, {"expand": "band"}):
            self.assertNotIn("987654321", self.bob.get("/v1/gigs", **query).body.decode(), query)
        self.assertEqual(len(self.ann.get("/v1/gigs", filter="fee == 987654321")["items"]), 1)
        self.assertEqual(self.eve.get("/v1/gigs", count="exact").json.get("count", 0), 0)
        self.assertEqual(self.eve.get("/v1/gigs", search="Harbour").json.get("items", []), [])
        device = Device(self.bob)
        device.sync()
        self.assertEqual(set(device.see("gigs")), {self.gig})
        self.assertNotIn("987654321", json.dumps(device.history))
        stranger = Device(self.eve)
        stranger.sync()
        self.assertEqual(stranger.see("gigs"), {})

    def test_03_mass_assignment(self):
        for name, value in (("approved", True), ("version", 9), ("createdAt", "2020-01-01T00:00:00Z"),
                            ("role", "admin"), ("owner", self.bob.id), ("deletedAt", None)):
            answer = self.ann.patch(f"/v1/gigs/{self.gig}", {name: value})
            self.assertEqual(answer.status, 422, (name, answer))
        device = Device(self.ann)
        device.sync()
        for name, value in (("approved", True), ("role", "admin"), ("version", 9)):
            oid = device.update("gigs", self.gig, **{name: value})
            device.sync()
            self.assertEqual(device.results[oid]["result"], "rejected", name)
        other = device.create("gigs", owner=self.bob.id, title="As Bob")
        device.sync()
        self.assertNotIn(other, device.see("gigs"))
        self.expect(422, self.nobody.post("/v1/auth/register", {
            "email": email(), "password": PASSWORD, "roles": ["admin"]}), "/roles")

    def test_04_injection_through_the_filter_language(self):
        for text in ("title == '' OR 1=1 --'", "title == ''; DROP TABLE gigs", "1 == 1) --",
                     "title == \"x\" UNION SELECT password FROM roost_user",
                     "roost_user.email == 'a'", "title == 'x' /* */", "(" * 60 + "title" + ")" * 60,
                     " && ".join(["title == 'x'"] * 60)):
            answer = self.ann.get("/v1/gigs", filter=text)
            self.assertIn(answer.status, (400, 422), (text, answer))
        quoted = "x'; DROP TABLE gigs; --"
        self.ann.patch(f"/v1/gigs/{self.gig}", {"title": quoted})
        found = self.ann.get("/v1/gigs", filter=f"title == {json.dumps(quoted)}")
        self.assertEqual([gig["id"] for gig in found["items"]], [self.gig])

    def test_06_enumeration_of_accounts(self):
        address = email()
        self.nobody.post("/v1/auth/register", {"email": address, "password": PASSWORD})
        answers = [self.nobody.post("/v1/auth/login", {"email": who, "password": "x" * 20})
                   for who in (address, email())]
        for answer in answers:
            self.expect(401, answer, code="unauthenticated")
        self.assertEqual(answers[0]["detail"], answers[1]["detail"])

    def test_07_a_stolen_refresh_token(self):
        session = self.eve.session
        second = self.refresh(session).json
        third = self.refresh(second).json
        self.expect(401, self.refresh(session))
        self.expect(401, self.refresh(third))
        self.expect(401, Client(self.server.port, third["accessToken"]).get("/v1/auth/me"))

    def refresh(self, session):
        return self.nobody.post("/v1/auth/refresh", {"refreshToken": session["refreshToken"]})

    def test_08_confused_tokens(self):
        head, payload, _ = self.ann.token.split(".")
        claims = self.decoded(payload)
        public = self.decoded(head)

        def token(header, key=b""):
            text = f"{self.encoded(header)}.{self.encoded(claims)}"
            code = hmac.new(key, text.encode(), hashlib.sha256).digest() if key else b""
            return f"{text}.{base64.urlsafe_b64encode(code).decode().rstrip('=')}"

        forged = [
            token({"alg": "none", "typ": "JWT"}), token({**public, "alg": "none"}),
            token({**public, "alg": "HS256"}, b"secret"), token({**public, "alg": "HS512"}, b"x"),
            token({**public, "jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1"}, b"x"),
            token({**public, "jwk": {"kty": "oct", "k": "eA"}}, b"x"),
            token({**public, "kid": "../../dev/null"}, b"x"),
            f"{head}.{self.encoded({**claims, 'sub': self.bob.id})}.{self.ann.token.split('.')[2]}",
            f"{head}.{payload}.", f"{head}.{payload}", self.ann.token + "x", "", "a.b.c",
        ]
        for text in forged:
            answer = self.nobody.get(
                "/v1/auth/me", headers={"Authorization": f"Bearer {text}"})
            self.assertEqual(answer.status, 401, (text, answer))
        self.expect(200, self.ann.get("/v1/auth/me"))

    @staticmethod
    def decoded(part):
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    @staticmethod
    def encoded(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    def test_15_pages_run_nothing_from_elsewhere(self):
        for path in ("/docs/", "/v1/admin/claim"):
            answer = self.nobody.get(path)
            self.assertEqual(answer.status, 200, path)
            policy = answer.headers["content-security-policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertNotIn("unsafe-eval", policy)
            self.assertNotIn("http://", answer.body.decode().replace("http://www.w3.org/", ""))

    def test_16_exhaustion_by_a_single_request(self):
        deep = "[" * 100_000 + "]" * 100_000
        for path in ("/v1/gigs", "/v1/sync", "/v1/batch"):
            answer = self.ann.request("POST", path, raw=deep.encode())
            self.assertIn(answer.status, (400, 413, 415), (path, answer))
        self.expect(413, self.ann.request("POST", "/v1/gigs", raw=b'"' + b"x" * 1_100_000 + b'"'))
        lines = json.dumps({"frame": "hello", "cid": str(uuid.uuid4()), "schema": "1.0.0",
                            "wall": 0}).encode() + b"\n" + b" " * 4_300_000
        answer = self.ann.request(
            "POST", "/v1/sync", raw=lines, headers={"Content-Type": "application/jsonl"})
        self.assertEqual(answer.status, 413, answer)
        calls = [{"method": "GET", "path": "/v1/gigs"}] * 101
        self.expect(422, self.ann.post("/v1/batch", {"operations": calls}))
        self.expect(200, self.ann.get(f"/v1/gigs/{self.gig}"))


class LimitTests(unittest.TestCase):
    """Where everybody signs in from one address, with the limits that other tests leave out."""

    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.server = Server(self.folder.path, environment={"ROOST_AUTH_RATE_LIMITS": "true"})
        self.addCleanup(self.server.kill)
        self.server.start()
        self.nobody = Client(self.server.port)

    def test_05_credential_stuffing(self):
        address = email()
        self.nobody.post("/v1/auth/register", {"email": address, "password": PASSWORD})
        answers = [self.nobody.post("/v1/auth/login", {"email": address, "password": f"{n}" * 20})
                   for n in range(14)]
        refused = [answer for answer in answers if answer.status == 429]
        self.assertTrue(refused, [answer.status for answer in answers])
        self.assertGreater(int(refused[0].headers["retry-after"]), 0)
        # Also the right password waits then: whoever guesses must not learn that it was right.
        right = self.nobody.post("/v1/auth/login", {"email": address, "password": PASSWORD})
        self.assertEqual(right.status, 429)
        for weak in ("short", "passwordpassword"):
            answer = self.nobody.post("/v1/auth/register", {"email": email(), "password": weak})
            self.assertIn(answer.status, (422, 429))

    def test_12_anonymous_accounts_without_end(self):
        answers = [self.nobody.post("/v1/auth/anonymous", {}).status for _ in range(14)]
        self.assertEqual(answers[0], 201)
        self.assertEqual(answers[-1], 429)
        self.assertLessEqual(answers.count(201), 10)


class EncryptedTests(EncryptionCase):
    """Somebody has the files, or a person wants to be forgotten."""

    def test_20_erasure_and_encrypted_fields(self):
        server = self.start()
        admin = self.administrator(server)
        ann, bob = anonymous(server.port), anonymous(server.port)
        mine = ann.create("diaries", owner=ann.id, text=CANARY, choice="of Ann")["id"]
        theirs = bob.create("diaries", owner=bob.id, text="of Bob", fixed="fixed")["id"]
        old = bob.create("olds", text="old")["id"]
        server.stop()
        # Who reads the tables finds nothing, and who writes to them makes nobody see it elsewhere:
        # not in another row, another field, another collection.
        sealed = self.sql(f"SELECT text FROM diaries WHERE {self.at_row(mine)}")[0]
        self.assertTrue(sealed)
        self.assertFalse(holds(sealed.encode()))
        self.sql(f"UPDATE diaries SET text = '{sealed}' WHERE {self.at_row(theirs)}",
                 f"UPDATE diaries SET fixed = text WHERE {self.at_row(mine)}",
                 f"UPDATE olds SET text = '{sealed}' WHERE {self.at_row(old)}")
        server = self.start()
        ann, bob, admin = (self.at(client, server) for client in (ann, bob, admin))
        self.assertIsNone(bob.get(f"/v1/diaries/{theirs}")["text"])
        self.assertIsNone(ann.get(f"/v1/diaries/{mine}")["fixed"])
        self.assertIsNone(bob.get(f"/v1/olds/{old}")["text"])
        # What was not touched is there.
        self.assertEqual(bob.get(f"/v1/diaries/{theirs}")["fixed"], "fixed")
        self.assertEqual(ann.get(f"/v1/diaries/{mine}")["text"], CANARY)
        # A key that is destroyed takes along what it sealed, and nothing else, by every door.
        self.assertEqual(ann.delete(f"/v1/admin/users/{bob.id}/keys").status, 403)
        answer = admin.delete(f"/v1/admin/users/{ann.id}/keys")
        self.assertEqual((answer.status, answer["destroyed"]), (200, 1), answer)
        self.forgotten(ann, bob, mine, theirs)
        server.stop()
        # The bytes are still in the row; that nothing opens them outlives the process.
        self.assertEqual(self.sql(f"SELECT text FROM diaries WHERE {self.at_row(mine)}"), [sealed])
        self.assertEqual(self.sql("SELECT wrapped FROM roost_data_key WHERE state = 2"), ["-"])
        server = self.start()
        self.forgotten(self.at(ann, server), self.at(bob, server), mine, theirs)
        server.stop()
        out = roost("export", self.folder.path, "--data", self.data, "--collection", "diaries")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertNotIn(CANARY, out.stdout)
        self.assertNotIn("of Ann", out.stdout)

    def forgotten(self, ann, bob, mine, theirs):
        """Nobody sees what was Ann's, and Bob has his."""
        row = ann.get(f"/v1/diaries/{mine}")
        self.assertEqual((row.status, row["text"], row["choice"]), (200, None, None), row)
        self.assertNotIn(CANARY, ann.get("/v1/diaries").body.decode())
        device = Device(ann, RULES)
        device.sync()
        self.assertIsNone(device.see("diaries")[mine].get("text"))
        self.assertNotIn(CANARY, json.dumps(device.history))
        self.assertEqual(bob.get(f"/v1/diaries/{theirs}")["fixed"], "fixed")

    def at_row(self, row):
        """The condition by which SQL finds a row."""
        column = "hex(id)" if ENGINE == "sqlite" else "upper(replace(id::text, '-', ''))"
        return f"{column} = '{row.replace('-', '').upper()}'"


class SecretTests(unittest.TestCase):
    def test_14_requests_to_inner_addresses(self):
        folder = Folder({"schema.graphql": SCHEMA,
                         "key": "whsec_" + base64.b64encode(b"k" * 32).decode()})
        self.addCleanup(folder.remove)
        os.chmod(folder.join("key"), 0o600)
        server = Server(folder.path, data=folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        server.stop()
        for host in ("127.0.0.1", "localhost", "169.254.169.254", "[::1]", "10.0.0.1",
                     "192.168.1.1", "[::ffff:127.0.0.1]", "[fd00::1]", "0.0.0.0"):
            folder.write("roost.yaml", "functions:\n  audit:\n    on: [gigs.create]\n"
                         f"    url: https://{host}/x\n    secrets: [file:key]\n")
            done = roost("functions", "test", folder.path, "audit", "--data", folder.join("data"))
            self.assertEqual(done.returncode, 1, (host, done.stderr))
            self.assertIn("requests go to public addresses alone", done.stdout, host)

    def test_21_secrets_in_files_arguments_and_logs(self):
        folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(folder.remove)
        data = folder.join("data")
        server = Server(folder.path, data=data, arguments=("--log-level", "debug"),
                        environment={"ROOST_SERVER_ACCESS_LOG": "true"})
        self.addCleanup(server.kill)
        server.start()
        person = Client(server.port).post(
            "/v1/auth/register", {"email": "ada@example.org", "password": PASSWORD}).json
        client = Client(server.port, person["accessToken"], person)
        client.create("gigs", owner=client.id, title="Harbour")
        Client(server.port).post("/v1/auth/login", {"email": "ada@example.org", "password": PASSWORD})
        server.stop()
        said = str(server.messages())
        for secret in (PASSWORD, person["accessToken"], person["refreshToken"]):
            self.assertNotIn(secret, said)
        self.assertEqual(stat.S_IMODE(os.stat(data).st_mode), 0o700)
        for name in os.listdir(data):
            path = os.path.join(data, name)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
                for secret in (PASSWORD, person["refreshToken"]):
                    self.assertNotIn(secret.encode(), content, name)
        refused = subprocess.run(
            [BINARY, "serve", folder.path, "--data", data, "--database",
             "postgresql://roost:s3cret@127.0.0.1/app"],
            capture_output=True, text=True, timeout=60, env={**os.environ, **ENVIRONMENT}, check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertNotIn("s3cret", refused.stdout + refused.stderr)
