"""`GET /v1/explain` and `roost explain`: what they say is what the API does."""

import json
import os
import re
import unittest
import uuid

from cases import ServedCase
from client import Client, anonymous
from server import ENGINE, EXAMPLES, Folder, Server, roost
from test_roles import LINK, claim, register

VENUE = "01970000-0000-7000-8000-000000000001"
CALLERS = ["founder", "member", "stranger", "support", "admin", "nobody"]

# The status of READ, UPDATE and DELETE, for each caller in the order of CALLERS.
TABLE = {
    "band": {
        "READ": [200, 200, 404, 404, 404, 401],
        "UPDATE": [200, 403, 404, 404, 404, 401],
        "DELETE": [204, 403, 404, 404, 404, 401],
    },
    "membership": {
        "READ": [200, 200, 404, 404, 404, 401],
        "UPDATE": [200, 403, 404, 404, 404, 401],
        "DELETE": [204, 204, 404, 404, 404, 401],
    },
    "performance": {
        "READ": [200, 200, 404, 404, 404, 401],
        "UPDATE": [200, 403, 404, 404, 404, 401],
        "DELETE": [204, 403, 404, 404, 404, 401],
    },
    "alone": {
        "READ": [200, 404, 404, 404, 404, 401],
        "UPDATE": [200, 404, 404, 404, 404, 401],
        "DELETE": [204, 404, 404, 404, 404, 401],
    },
    "locked": {
        "READ": [200, 200, 404, 404, 404, 401],
        "UPDATE": [403, 403, 404, 404, 404, 401],
        "DELETE": [403, 403, 404, 404, 404, 401],
    },
    "venue": {
        "READ": [200, 200, 200, 200, 200, 401],
        "UPDATE": [403, 403, 403, 200, 200, 401],
        "DELETE": [403, 403, 403, 403, 403, 401],
    },
    "shown": {
        "READ": [200, 200, 200, 200, 200, 200],
        "UPDATE": [200, 403, 403, 403, 403, 401],
        "DELETE": [204, 403, 403, 403, 403, 401],
    },
    "booking": {
        "READ": [200, 200, 404, 404, 404, 401],
        "UPDATE": [200, 403, 404, 404, 404, 401],
        "DELETE": [204, 403, 404, 404, 404, 401],
    },
    "nothing": {
        "READ": [404, 404, 404, 404, 404, 401],
        "UPDATE": [404, 404, 404, 404, 404, 401],
        "DELETE": [404, 404, 404, 404, 404, 401],
    },
}

COLLECTIONS = {
    "band": "bands", "membership": "bandMembers", "performance": "performances",
    "alone": "performances", "locked": "performances", "venue": "venues",
    "shown": "musicianProfiles", "booking": "bookings", "nothing": "goals",
}


class ExplainTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder(copy=os.path.join(EXAMPLES, "bandstand"))
        cls.addClassCleanup(cls.folder.remove)
        cls.server = Server(cls.folder.path, data=cls.folder.join("data"))
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()
        cls.people = {name: anonymous(cls.server.port)
                      for name in ("founder", "member", "stranger", "support")}
        cls.people["admin"] = register(cls.server.port)
        cls.people["nobody"] = Client(cls.server.port)
        done = roost("admin", cls.folder.path, "--data", cls.server.data, "--port",
                     str(cls.server.port))
        assert claim(cls.people["admin"], LINK.match(done.stdout.strip()).group(2)).status == 204
        path = f"/v1/admin/users/{cls.people['support'].id}/roles/support"
        assert cls.people["admin"].request("PUT", path).status == 204
        cls.make_rows()

    @classmethod
    def make_rows(cls):
        founder, member = cls.people["founder"], cls.people["member"]
        band = founder.create("bands", name="The Long Echo")["id"]
        founder.create("bandMembers", band=band, user=founder.id, role="LEADER")
        membership = founder.create("bandMembers", band=band, user=member.id)["id"]
        held = {"date": "2024-05-01T20:00:00Z", "venue": VENUE, "duration": "PT1H"}
        booking = founder.create(
            "bookings", band=band, venue=VENUE, startsAt="2098-06-01T19:00:00Z",
            endsAt="2098-06-01T23:00:00Z")
        cls.rows = {
            "band": band, "membership": membership,
            "performance": founder.create("performances", band=band, **held)["id"],
            "alone": founder.create("performances", **held)["id"],
            "locked": str(uuid.uuid4()), "venue": VENUE,
            "shown": founder.create(
                "musicianProfiles", stageName="Ida", instruments=[], isPublic=True)["id"],
            "booking": booking["id"], "nothing": str(uuid.uuid4()),
        }
        # Only the server locks a performance.
        locked = {"id": cls.rows["locked"], "owner": founder.id, "band": band, "locked": True, **held}
        cls.folder.write("seeds/performances.jsonl", json.dumps(locked) + "\n")
        cls.restart()

    @classmethod
    def restart(cls):
        if cls.server.process is not None:
            cls.server.stop()
        cls.server.start()
        for person in cls.people.values():
            person.port = cls.server.port

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def who(self, name):
        return "nobody" if name == "nobody" else self.people[name].id

    def explain(self, name, op, collection, id=None):
        query = {"collection": collection, "op": op, "as": self.who(name)}
        if id:
            query["id"] = id
        answer = self.people["admin"].get("/v1/explain", **query)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def api(self, name, op, collection, id):
        """What the API answers; nothing is changed by asking."""
        person, path = self.people[name], f"/v1/{collection}/{id}"
        if op == "READ":
            return person.get(path).status
        if op == "UPDATE":
            return person.patch(path, {}, {"If-Match": "*"}).status
        # A batch that fails as a whole says what each operation alone would have come to.
        answer = person.post("/v1/batch", {"atomic": True, "operations": [
            {"method": "DELETE", "path": path, "headers": {"If-Match": "*"}},
            {"method": "DELETE", "path": f"/v1/goals/{uuid.uuid4()}"}]})
        self.assertEqual(answer.status, 422, answer)
        status = answer.json["results"][0]["status"]
        return 204 if status == 424 else status

    def test_each_cell_is_explained_as_the_api_answers(self):
        cells = [(row, op, name, status) for row, operations in TABLE.items()
                 for op, statuses in operations.items()
                 for name, status in zip(CALLERS, statuses, strict=True)]
        for row, op, name, status in cells:
            collection, id = COLLECTIONS[row], self.rows[row]
            with self.subTest(row=row, op=op, caller=name):
                said = self.explain(name, op, collection, id)
                self.assertEqual(self.api(name, op, collection, id), status)
                self.assertEqual(said["status"], status, said)
                self.assertEqual(said["verdict"], "allowed" if status < 300 else "denied", said)
                self.assertEqual(
                    (said["operation"], said["collection"], said["id"]), (op, collection, id))

    def test_the_deciding_rule_is_named(self):
        for row, op, name, part in (
            ("performance", "READ", "founder", '@allow(ops: [ALL], owner: "owner") allows it'),
            ("performance", "READ", "member", 'member: "band.members.user"'),
            ("locked", "DELETE", "founder", '@deny(ops: [UPDATE, DELETE], when: "locked"'),
            ("performance", "UPDATE", "member", "no @allow with UPDATE holds"),
            ("performance", "READ", "stranger", "as if it were not there"),
            ("venue", "DELETE", "admin", "No @allow with DELETE speaks to this caller"),
            ("nothing", "READ", "founder", "no such record"),
        ):
            with self.subTest(row=row, op=op, caller=name):
                said = self.explain(name, op, COLLECTIONS[row], self.rows[row])
                self.assertIn(part, said["decision"])

    def test_what_is_shown_is_what_the_api_shows(self):
        for row, name in (("performance", "founder"), ("performance", "member"),
                          ("shown", "nobody"), ("shown", "founder"), ("venue", "stranger")):
            with self.subTest(row=row, caller=name):
                said = self.explain(name, "READ", COLLECTIONS[row], self.rows[row])["fields"]
                path = f"/v1/{COLLECTIONS[row]}/{self.rows[row]}"
                found = set(self.people[name].get(path).json)
                system = {"id", "version", "createdAt", "updatedAt"}
                self.assertEqual(set(said["shown"]), found - system)
                self.assertEqual(set(said["shown"]) & set(said["hidden"]), set())
                self.assertEqual(said["byRow"], [])
        said = self.explain("member", "READ", "performances")["fields"]
        self.assertEqual(set(said["byRow"]), {"payment", "notes"})

    def test_rules_say_where_they_stand_and_what_keeps_them_from_speaking(self):
        with open(os.path.join(EXAMPLES, "bandstand/schema.graphql"), encoding="utf-8") as file:
            lines = file.read().split("\n")
        for name, op, obstacles in (
            ("nobody", "UPDATE", ["the caller has no account"]),
            ("stranger", "UPDATE", ["the caller has none of its roles"]),
            ("support", "UPDATE", [None]),
        ):
            with self.subTest(caller=name):
                rules = self.explain(name, op, "venues")["allows"]
                self.assertEqual([rule.get("obstacle") for rule in rules], obstacles)
                for rule in rules:
                    line, column = map(int, rule["place"].split(":"))
                    self.assertTrue(lines[line - 1][column - 1:].startswith("@allow"), rule)
        denials = self.explain("admin", "DELETE", "performances", self.rows["locked"])["denials"]
        self.assertEqual(denials[0]["obstacle"], "the caller has a role that it excepts")

    def test_a_collection_is_explained_where_no_record_is_named(self):
        def cell(name, op, collection):
            said = self.explain(name, op, collection)
            return said["verdict"], said.get("status")
        for name, op, collection, expected in (
            ("stranger", "READ", "venues", ("allowed", 200)),
            ("stranger", "CREATE", "venues", ("allowed", 201)),
            ("stranger", "DELETE", "venues", ("denied", 403)),
            ("nobody", "CREATE", "venues", ("denied", 401)),
            ("nobody", "READ", "venues", ("denied", 401)),
            ("support", "UPDATE", "venues", ("allowed", 200)),
            ("stranger", "UPDATE", "venues", ("denied", 403)),
            ("stranger", "READ", "performances", ("depends on the row", None)),
            ("stranger", "CREATE", "performances", ("depends on the row", None)),
            ("nobody", "READ", "musicianProfiles", ("depends on the row", None)),
        ):
            with self.subTest(caller=name, op=op, collection=collection):
                self.assertEqual(cell(name, op, collection), expected)
                person, status = self.people[name], expected[1]
                if status is not None and op in ("READ", "CREATE"):
                    answer = (person.get(f"/v1/{collection}") if op == "READ"
                              else person.post(f"/v1/{collection}", {"name": "The Barn"}))
                    self.assertEqual(answer.status, status, answer)

    @unittest.skipIf(ENGINE == "postgres", "test_postgres_explain.py has the rows that it takes")
    def test_an_index_serves_the_lists_of_bandstand(self):
        for collection in ("performances", "bands", "bandMembers", "setLists", "goals", "settingses"):
            with self.subTest(collection=collection):
                said = self.explain("member", "READ", collection)
                self.assertTrue(said["usesIndex"], said["plan"])
                self.assertIn("SELECT", said["sql"])
                self.assertTrue(said["plan"])

    @unittest.skipIf(ENGINE == "postgres", "the plan is told in words of SQLite")
    def test_the_statement_of_a_list_with_its_conditions_is_shown(self):
        def plan(**query):
            answer = self.people["admin"].get("/v1/explain", collection="performances", **{
                "as": self.people["founder"].id, **query})
            self.assertEqual(answer.status, 200, answer)
            return answer["sql"], " ".join(answer["plan"])
        sql, steps = plan(sort="-date", filter='date >= "2024-01-01"')
        self.assertIn('"date" DESC', sql)
        self.assertIn("date>?", steps)
        self.assertNotIn("date>?", plan()[1])
        for query, code in (({"filter": "size > 3"}, "unknown_field"), ({"sort": "size"}, "unknown_field")):
            with self.subTest(query=query):
                answer = self.people["admin"].get("/v1/explain", collection="performances", **query)
                self.assertEqual((answer.status, list(answer.issues.values())), (422, [code]))

    def test_only_administrators_ask(self):
        for name, status in (("founder", 403), ("support", 403), ("nobody", 401), ("admin", 200)):
            with self.subTest(caller=name):
                answer = self.people[name].get("/v1/explain", collection="venues")
                self.assertEqual(answer.status, status, answer)
        answer = self.people["admin"].get("/v1/explain", collection="venues").json
        self.assertEqual(answer["caller"]["id"], self.people["admin"].id)
        self.assertEqual(answer["caller"]["roles"], ["admin", "musician", "support"])

    def test_bad_parameters_are_named(self):
        for query, pointer, code in (
            ({}, "?collection", "required"),
            ({"collection": "bnds"}, "?collection", "unknown_collection"),
            ({"collection": "bands", "op": "PEEK"}, "?op", "enum"),
            ({"collection": "bands", "id": "7"}, "?id", "type"),
            ({"collection": "bands", "as": "me"}, "?as", "format"),
            ({"collection": "bands", "who": "me"}, "?who", "unknown_parameter"),
        ):
            with self.subTest(query=query):
                answer = self.people["admin"].get("/v1/explain", **query)
                self.assertNotIn("?.", answer["detail"])
                self.assertEqual(answer.status, 422, answer)
                self.assertEqual(answer.issues, {pointer: code})
        for unknown in (str(uuid.uuid4()), "nobody@example.org"):
            answer = self.people["admin"].get(
                "/v1/explain", **{"collection": "bands", "as": unknown})
            self.assertEqual(answer.status, 404, answer)
        answer = self.people["admin"].get("/v1/explain?collection=bands&collection=venues")
        self.assertEqual(answer.status, 400, answer)

    def command(self, *arguments):
        return roost("explain", "--app", self.folder.path, "--data", self.server.data, *arguments)

    @unittest.skipIf(ENGINE == "postgres", "several processes may use PostgreSQL")
    def test_the_command_says_the_curl_line_while_the_server_runs(self):
        done = self.command("--as", "nobody", "--op", "DELETE", "bands", self.rows["band"])
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertRegex(done.stderr, re.escape(
            f"/v1/explain?collection=bands&op=DELETE&id={self.rows['band']}&as=") + ".*Bearer")

    def test_the_command_says_the_same_as_the_route(self):
        cells = [(row, op, name) for row in ("locked", "venue")
                 for op in ("READ", "DELETE") for name in CALLERS]
        route = {cell: self.explain(cell[2], cell[1], COLLECTIONS[cell[0]], self.rows[cell[0]])
                 for cell in cells}
        whole = self.explain("founder", "READ", "performances")
        token = self.people["founder"].token
        self.server.stop()
        try:
            for row, op, name in cells:
                with self.subTest(row=row, op=op, caller=name):
                    done = self.command(
                        "--json", "--as", self.who(name), "--op", op, COLLECTIONS[row],
                        self.rows[row])
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(json.loads(done.stdout), route[row, op, name])
            done = self.command("--json", "--as", token, "performances")
            self.assertEqual((done.returncode, json.loads(done.stdout)), (0, whole), done.stderr)
            done = self.command("--as", self.who("founder"), "--op", "update", "performances",
                                self.rows["locked"])
            self.assertTrue(done.stdout.startswith("denied (403): @deny("), done.stdout)
            self.assertIn("[denies]", done.stdout)
            for arguments in ((), ("bnds",), ("bands", "7"), ("--op", "PEEK", "bands"),
                              ("a", "b", "c")):
                with self.subTest(arguments=arguments):
                    done = self.command(*arguments)
                    self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        finally:
            self.restart()


class EdgeTests(ServedCase):
    schema = """enum Role @roles { admin }
type Ledger @collection @allow(ops: [ALL]) @deny(ops: [DELETE], when: "true", reason: "It is kept") {
  text: String
}
type Box @collection @allow(ops: [READ, CREATE], owner: "owner") @allow(ops: [UPDATE, DELETE]) {
  owner: User
  score: Int @allow(ops: [ALL])
}
type Plan @collection @allow(ops: [READ, CREATE], when: "'plan:gold' in ctx.claims") { text: String }
type Drop @collection @allow(ops: [WRITE]) { text: String }
"""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = register(cls.server.port)
        done = roost("admin", cls.folder.path, "--data", cls.server.data, "--port",
                     str(cls.server.port))
        assert claim(cls.admin, LINK.match(done.stdout.strip()).group(2)).status == 204

    def explain(self, person, op, collection, **query):
        return self.admin.get(
            "/v1/explain", **{"collection": collection, "op": op, "as": person.id, **query}).json

    def test_a_closed_operation_tells_its_reason(self):
        person = self.person()
        id = person.create("ledgers", text="a")["id"]
        answer = self.expect(403, person.delete(f"/v1/ledgers/{id}"), code="forbidden")
        self.assertTrue(answer["detail"].endswith(" It is kept."), answer)
        for query in ({}, {"id": id}):
            said = self.explain(person, "DELETE", "ledgers", **query)
            self.assertEqual((said["verdict"], said["status"]), ("denied", 403))
            self.assertIn('@deny(ops: [DELETE], when: "true")', said["decision"])
        self.expect(200, person.get(f"/v1/ledgers/{id}"))

    def test_the_rule_of_a_field_deletes_no_records(self):
        schema = self.schema.replace("@allow(ops: [UPDATE, DELETE])", "@allow(ops: [UPDATE])")
        folder = Folder({"schema.graphql": schema})
        self.addCleanup(folder.remove)
        server = Server(folder.path)
        self.addCleanup(server.kill)
        server.start()
        person, other = anonymous(server.port), anonymous(server.port)
        path = f"/v1/boxes/{person.create('boxes')['id']}"
        # The rule of the field shows the record to everybody, with that field.
        self.assertEqual(set(other.get(path).json),
                         {"id", "version", "createdAt", "updatedAt", "score"})
        self.expect(200, other.patch(path, {"score": 3}))
        for one in (person, other):
            self.expect(403, one.delete(path), code="forbidden")
        self.expect(200, person.get(path))
        server.stop()

    def test_a_fixed_claim_can_be_asked_for(self):
        person = self.person()
        self.expect(403, person.get("/v1/plans"))
        answer = self.admin.request("PUT", f"/v1/admin/users/{person.id}/claims/plan:gold")
        self.expect(204, answer)
        id = person.create("plans", text="a")["id"]
        self.expect(200, person.get(f"/v1/plans/{id}"))
        self.assertEqual(len(person.get("/v1/plans", filter='"plan:gold" in ctx.claims')["items"]), 1)
        self.assertEqual(person.get("/v1/plans", filter='"plan" in ctx.claims')["items"], [])

    def test_what_cannot_be_read_is_not_called_allowed(self):
        person = self.person()
        id = person.create("drops", text="a")["id"]
        for op, answer in (("UPDATE", person.patch(f"/v1/drops/{id}", {})),
                           ("DELETE", person.delete(f"/v1/drops/{id}"))):
            with self.subTest(op=op):
                self.expect(404, answer)
                for query in ({}, {"id": id}):
                    said = self.explain(person, op, "drops", **query)
                    self.assertEqual((said["verdict"], said["status"]), ("denied", 404), said)
        said = self.explain(person, "CREATE", "drops")
        self.assertEqual((said["verdict"], said["status"]), ("allowed", 201))
        said = self.explain(person, "DELETE", "boxes")
        self.assertEqual((said["verdict"], said.get("status")), ("allowed", 204))
