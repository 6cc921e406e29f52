"""Roles: the first administrator by a one-time link, grants and withdrawals, `roost admin`."""

import base64
import hashlib
import json
import os
import re
import stat
import threading
import unittest
import uuid

from cases import ServedCase
from client import Client
from server import ENGINE, Folder, Server, roost

PASSWORD = "an old oak by the river"
SCHEMA = """enum Role @roles {
  musician
  support @inherits(from: ["musician"])
  admin @inherits(from: ["support"])
}
type Cup @collection @allow(ops: [ALL], owner: "owner") {
  owner: User!
  name: String!
}
"""
LINK = re.compile(r"^(http://127\.0\.0\.1:\d+)/v1/admin/claim#([A-Za-z0-9_-]{43})$")


def register(port, address=None):
    """A client with an account of its own, which has an e-mail address."""
    address = address or f"{uuid.uuid4().hex}@example.org"
    answer = Client(port).post("/v1/auth/register", {"email": address, "password": PASSWORD})
    assert answer.status == 201, answer
    return Client(port, answer["accessToken"], answer.json)


def claim(person, token):
    return person.post("/v1/admin/claim", {"token": token})


def put(person, path):
    return person.request("PUT", path)


class RoleTests(ServedCase):
    schema = SCHEMA

    def link(self, *options):
        """What `roost admin` prints for the running server."""
        done = roost("admin", self.server.app, "--data", self.server.data, "--port",
                     str(self.server.port), *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def token(self):
        base, token = LINK.match(self.link().strip()).groups()
        self.assertEqual(base, self.server.address)
        return token

    def administrator(self):
        person = register(self.server.port)
        self.expect(204, claim(person, self.token()))
        return person

    @property
    def file(self):
        return os.path.join(self.server.data, "admin-claim")

    def test_dev_prints_a_link_while_there_is_no_administrator(self):
        server = Server(self.server.app)
        self.addCleanup(server.kill)
        server.start()
        lines = [line.strip() for line in server.messages().splitlines()]
        links = [line for line in lines if LINK.match(line)]
        self.assertEqual(len(links), 1, server.messages())
        base, token = LINK.match(links[0]).groups()
        self.assertEqual(base, server.address)
        self.expect(204, claim(register(server.port), token))
        server.restart()
        self.assertEqual(server.messages().count("/v1/admin/claim"), 1)
        server.stop()

    def test_the_link_makes_one_administrator_once(self):
        token = self.token()
        mode = os.stat(self.file).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        with open(self.file, encoding="utf-8") as file:
            text = file.read()
        self.assertNotIn(token, text)
        self.assertIn(hashlib.sha256(token.encode()).hexdigest(), text)
        person, other = register(self.server.port), register(self.server.port)
        self.expect(403, person.get("/v1/admin/roles"), code="forbidden")
        self.expect(204, claim(person, token))
        self.expect(200, person.get("/v1/admin/roles"))
        self.assertEqual(person.get("/v1/auth/me")["roles"], ["admin"])
        self.assertFalse(os.path.exists(self.file))
        for again in (other, person):
            answer = self.expect(403, claim(again, token), code="forbidden")
            self.assertIn("roost admin", answer["detail"])
        self.assertNotIn(token, self.server.messages())

    def test_a_used_claim_that_comes_back_does_not_work(self):
        token = self.token()
        with open(self.file, "rb") as file:
            content = file.read()
        self.expect(204, claim(register(self.server.port), token))
        with open(self.file, "wb") as file:
            file.write(content)
        os.chmod(self.file, 0o600)
        self.expect(403, claim(register(self.server.port), token))
        os.remove(self.file)

    def test_an_expired_link_does_not_work(self):
        token = self.token()
        with open(self.file, encoding="utf-8") as file:
            content = json.load(file)
        content["expiresAt"] = "2020-01-01T00:00:00.000Z"
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump(content, file)
        answer = self.expect(403, claim(register(self.server.port), token))
        self.assertIn("roost admin", answer["detail"])

    def test_a_newer_link_ends_the_older(self):
        old, new = self.token(), self.token()
        person = register(self.server.port)
        self.expect(403, claim(person, old))
        self.expect(204, claim(person, new))

    def test_of_two_at_once_one_wins(self):
        people = [register(self.server.port) for _ in range(6)]
        for _ in range(5):
            token = self.token()
            answers = []
            threads = [threading.Thread(target=lambda p=p: answers.append(claim(p, token)))
                       for p in people]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(a.status for a in answers), [204] + [403] * 5)

    def test_a_forged_link_does_not_work(self):
        token = self.token()
        person = register(self.server.port)
        for forged in ("", "x", "A" * 43, token[:-1], token + "A", token.swapcase(), "é" * 40):
            with self.subTest(forged=forged):
                self.expect(403, claim(person, forged))
        self.expect(401, claim(self.nobody, token))
        self.expect(403, claim(self.person(), token), code="forbidden")
        self.expect(422, person.post("/v1/admin/claim", {}), "/token")
        self.expect(422, person.post("/v1/admin/claim", {"token": 5}), "/token")
        self.expect(413, person.post("/v1/admin/claim", {"token": "x" * 5000}))
        self.expect(204, claim(person, token))

    def test_the_page_stands_alone(self):
        answer = self.expect(200, self.nobody.get("/v1/admin/claim"))
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(answer.headers["referrer-policy"], "no-referrer")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        page = answer.body.decode()
        policy = dict(part.strip().split(" ", 1)
                      for part in answer.headers["content-security-policy"].split(";"))
        for element in ("script", "style"):
            inner = re.findall(f"<{element}>(.*?)</{element}>", page, re.S)
            self.assertEqual(len(inner), 1)
            digest = base64.b64encode(hashlib.sha256(inner[0].encode()).digest()).decode()
            self.assertEqual(policy.pop(element + "-src"), f"'sha256-{digest}'")
        self.assertEqual(policy, {
            "default-src": "'none'", "connect-src": "'self'", "img-src": "data:",
            "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"})
        self.assertIsNone(re.search(r"https?:|//|\son[a-z]+=|\sstyle=", page))
        for name in ("email", "password"):
            self.assertIn(f'<label for="{name}">', page)
        self.assertIn('<html lang="en">', page)

    def test_roles_and_claims_act_on_the_tokens_at_hand(self):
        admin, person = self.administrator(), register(self.server.port)
        path = f"/v1/admin/users/{person.id}"
        for _ in range(2):
            self.expect(204, put(admin, path + "/roles/admin"))
            self.expect(204, put(admin, path + "/claims/team/42"))
        me = person.get("/v1/auth/me")
        self.assertEqual((me["roles"], me["claims"]), (["admin"], ["team/42"]))
        self.expect(200, person.get("/v1/admin/roles"))
        # The new administrator takes the role from the one that gave it.
        theirs = f"/v1/admin/users/{admin.id}/roles/admin"
        self.expect(204, person.delete(theirs))
        self.expect(403, admin.get("/v1/admin/roles"))
        self.expect(204, person.delete(path + "/claims/team/42"))
        self.assertNotIn("claims", person.get("/v1/auth/me").json)

    def test_grants_outlive_a_restart(self):
        admin, person = self.administrator(), register(self.server.port)
        self.expect(204, put(admin, f"/v1/admin/users/{person.id}/roles/support"))
        self.server.restart()
        admin.port = person.port = self.server.port
        self.assertEqual(person.get("/v1/auth/me")["roles"], ["support"])
        self.expect(200, admin.get("/v1/admin/roles"))

    def test_what_is_wrong_is_refused(self):
        admin, person = self.administrator(), register(self.server.port)
        path = f"/v1/admin/users/{person.id}"
        answer = self.expect(422, put(admin, path + "/roles/suport"), "role")
        self.assertIn("support", answer["detail"])
        nobody = f"/v1/admin/users/{uuid.uuid4()}"
        for wrong in (nobody + "/roles/support", nobody + "/claims/x", "/v1/admin/users/x/roles/admin"):
            self.expect(404, put(admin, wrong))
        for text in ("x" * 201, "a%0Ab", "a%7F"):
            self.expect(422, put(admin, f"{path}/claims/{text}"), "claim")
        self.expect(204, put(admin, f"{path}/claims/{'%C3%BC' * 200}"))
        self.expect(400, put(admin, f"{path}/claims/a%00b"))
        for number in range(99):
            self.expect(204, put(admin, f"{path}/claims/{number}"))
        self.expect(422, put(admin, f"{path}/claims/more"), "claim")
        self.expect(404, admin.get(nobody))
        found = admin.get("/v1/admin/users", email=person.session["user"]["email"])
        self.assertEqual([item["id"] for item in found["items"]], [person.id])
        anonymous = self.person()
        self.expect(409, put(admin, f"/v1/admin/users/{anonymous.id}/roles/admin"))
        self.expect(204, put(admin, f"/v1/admin/users/{anonymous.id}/roles/musician"))

    def test_only_administrators_may(self):
        person = register(self.server.port)
        path = f"/v1/admin/users/{person.id}"
        for method, target in (("GET", "/v1/admin/roles"), ("GET", path), ("PUT", path + "/roles/admin"),
                               ("DELETE", path + "/roles/admin"), ("PUT", path + "/claims/x"),
                               ("GET", "/v1/admin/users?email=a@example.org")):
            with self.subTest(method=method, target=target):
                self.expect(403, person.request(method, target), code="forbidden")
                self.expect(401, self.nobody.request(method, target))
        self.assertNotIn("roles", person.get("/v1/auth/me").json)

    def test_nobody_gives_themselves_a_role(self):
        address = f"{uuid.uuid4().hex}@example.org"
        credentials = {"email": address, "password": PASSWORD}
        anonymous, person = self.person(), register(self.server.port)
        for client, name, body in (
            (self.nobody, "anonymous", {}), (self.nobody, "register", credentials),
            (self.nobody, "login", credentials), (anonymous, "upgrade", credentials),
            (self.nobody, "refresh", {"refreshToken": person.session["refreshToken"]}),
            (person, "logout", {}),
        ):
            for key in ("roles", "claims"):
                with self.subTest(name=name, key=key):
                    answer = client.post(f"/v1/auth/{name}", {**body, key: ["admin"]})
                    self.expect(422, answer, "/" + key)

    @unittest.skipIf(ENGINE == "postgres", "a server of databases takes the command meanwhile")
    def test_the_command_says_how_while_the_server_runs(self):
        person = register(self.server.port)
        address = person.session["user"]["email"]
        common = ("admin", self.server.app, "--data", self.server.data, "--port",
                  str(self.server.port))
        done = roost(*common, "--grant", "support", "--to", person.id)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        line = (f'curl -X PUT -H "Authorization: Bearer $TOKEN" '
                f'{self.server.address}/v1/admin/users/{person.id}/roles/support')
        self.assertIn(line, done.stderr)
        done = roost(*common, "--withdraw", "support", "--from", address)
        self.assertIn(f"email={address}", done.stderr)
        self.assertIn("curl -X DELETE", done.stderr)
        self.assertIn("curl", roost(*common, "--list").stderr)

    def test_the_link_as_json_and_for_another_address(self):
        answer = json.loads(self.link("--json"))
        self.assertEqual(set(answer), {"url", "expiresAt"})
        self.assertRegex(answer["url"], LINK)
        self.assertTrue(self.link("--host", "0.0.0.0").startswith(self.server.address))
        self.assertTrue(self.link("--host", "::").startswith("http://[::1]:"))


class StoppedTests(unittest.TestCase):
    """`roost admin` while no server runs."""

    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")

    def admin(self, *options):
        return roost("admin", self.folder.path, "--data", self.data, *options)

    def people(self):
        """Two registered people and an anonymous one."""
        server = Server(self.folder.path, data=self.data)
        self.addCleanup(server.kill)
        server.start()
        people = [register(server.port, "ada@example.org"), register(server.port, "bob@example.org")]
        anonymous = Client(server.port).post("/v1/auth/anonymous", {})["user"]["id"]
        server.stop()
        return [person.id for person in people], anonymous

    def test_roles_are_granted_listed_and_withdrawn(self):
        (ada, bob), anonymous = self.people()
        done = self.admin("--grant", "admin", "--to", "ADA@example.org")
        said = [line for line in done.stderr.splitlines() if " fsync off" not in line]
        self.assertEqual((done.returncode, said), (0, []), done)
        self.assertEqual(done.stdout, f"{ada} ada@example.org has the roles: admin\n")
        done = self.admin("--grant", "support", "--to", bob, "--json")
        self.assertEqual(json.loads(done.stdout), {
            "id": bob, "email": "bob@example.org", "anonymous": False, "roles": ["support"],
            "claims": []})
        done = self.admin("--list")
        self.assertEqual(done.stdout, (
            "musician: 0\n"
            f"support (inherits musician): 1\n  {bob} bob@example.org\n"
            f"admin (inherits musician, support): 1\n  {ada} ada@example.org\n"))
        roles = json.loads(self.admin("--list", "--json").stdout)["roles"]
        self.assertEqual([(role["name"], role["count"]) for role in roles],
                         [("musician", 0), ("support", 1), ("admin", 1)])
        done = self.admin("--withdraw", "admin", "--from", ada)
        self.assertEqual(done.returncode, 1)
        self.assertIn("last administrator", done.stderr)
        done = self.admin("--grant", "admin", "--to", anonymous)
        self.assertEqual(done.returncode, 1)
        self.assertIn("register", done.stderr)
        done = self.admin("--withdraw", "support", "--from", "bob@example.org")
        self.assertEqual(done.stdout, f"{bob} bob@example.org has no roles\n")
        server = Server(self.folder.path, data=self.data)
        self.addCleanup(server.kill)
        server.start()
        session = Client(server.port).post(
            "/v1/auth/login", {"email": "ada@example.org", "password": PASSWORD})
        self.assertEqual(session["user"]["roles"], ["admin"])
        self.assertNotIn("/v1/admin/claim", server.messages())
        server.stop()

    def test_what_is_wrong_is_refused(self):
        self.people()
        for options, status, part in (
            (("--grant", "admn", "--to", "ada@example.org"), 2, "admin"),
            (("--grant", "admin", "--to", "nobody@example.org"), 1, "nobody@example.org"),
            (("--grant", "admin", "--to", "ada"), 2, "neither"),
            (("--grant", "admin", "--to", str(uuid.uuid4())), 1, "no account"),
            (("--grant", "admin"), 2, "--to"), (("--to", "ada@example.org"), 2, "--grant"),
            (("--withdraw", "admin", "--to", "x"), 2, "--to"),
            (("--list", "--grant", "admin", "--to", "x"), 2, "one at a time"),
            (("--port", "x"), 2, "port"),
        ):
            with self.subTest(options=options):
                done = self.admin(*options)
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
                self.assertIn(part, done.stderr)

    def test_help(self):
        done = roost("admin", "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--grant", "--withdraw", "--list", "--json", "--data"):
            self.assertIn(option, done.stdout)

    def test_a_link_needs_a_data_folder(self):
        done = self.admin()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no data folder", done.stderr)
        done = roost("admin", self.folder.join("nowhere"), "--data", self.data)
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_link_made_beforehand_works_after_the_start(self):
        self.people()
        link = self.admin("--port", "1234").stdout.strip()
        self.assertRegex(link, LINK)
        server = Server(self.folder.path, data=self.data, command="serve")
        self.addCleanup(server.kill)
        server.start()
        person = register(server.port)
        self.assertEqual(claim(person, link.split("#")[1]).status, 204)
        self.assertEqual(person.get("/v1/admin/roles").status, 200)
        server.stop()


class RateLimitTests(ServedCase):
    schema = SCHEMA
    environment = {"ROOST_AUTH_RATE_LIMITS": "true"}

    def test_guessing_is_slowed_down(self):
        person = register(self.server.port)
        statuses = [claim(person, "x").status for _ in range(15)]
        self.assertEqual(set(statuses), {403, 429})
        self.assertEqual(statuses.count(403), 10)
