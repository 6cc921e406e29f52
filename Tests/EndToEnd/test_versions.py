"""Versions of an app's API: made by changes of the schema, told with every answer."""

import unittest

from client import Client, anonymous
from server import ACTION_SERVER, Folder, Server, roost
from test_actions import SCHEMA

FIRST = """
type Note @collection @allow(ops: [ALL], owner: "by") {
  by: User! @immutable @relation(onDelete: CASCADE)
  text: String
}
"""
COMMENTED = "# Notes of people.\n" + FIRST
ADDED = FIRST.replace("text: String", "text: String\n  more: Int")
NARROWED = ADDED.replace("text: String", "text: String @constraint(maxLength: 5)")
RETIRED = NARROWED.replace("@collection", "@collection @deprecated(reason: \"Use memos\", "
                           "since: \"2026-01-31\", sunset: \"2027-01-31\", successor: \"memos\")").replace(
                               "  more: Int", "  memos: [Memo!]! @relation(inverse: \"note\")\n  more: Int") + """
type Memo @collection @allow(ops: [ALL], owner: "by") {
  by: User! @immutable @relation(onDelete: CASCADE)
  note: Note @relation(inverse: "memos", onDelete: SET_NULL)
  text: String
  old: String @deprecated
}
"""


class Versions(unittest.TestCase):
    def setUp(self):
        self.app = Folder()
        self.addCleanup(self.app.remove)

    def serve(self, schema, body):
        self.app.write("schema.graphql", schema)
        server = Server(self.app.path, data=self.app.join("data"))
        self.addCleanup(server.kill)
        server.start()
        result = body(Client(server.port))
        server.stop()
        return result

    def version(self, schema):
        return self.serve(schema, lambda client: client.get("/v1/notes").headers["roost-version"])

    def test_follow_from_the_changes(self):
        self.assertEqual(self.version(FIRST), "1.0.0")
        self.assertEqual(self.version(FIRST), "1.0.0")
        self.assertEqual(self.version(COMMENTED), "1.0.0")
        self.assertEqual(self.version(ADDED), "1.1.0")
        self.assertEqual(self.version(NARROWED), "2.0.0")
        self.serve(NARROWED, self.negotiate)
        self.serve(RETIRED, self.look_at_the_end)
        printed = roost("generate", "changelog", self.app.path, "--data", self.app.join("data"))
        self.assertEqual(printed.returncode, 0, printed.stderr)
        for text in ("## 2.1.0", "## 2.0.0", "## 1.1.0", "## 1.0.0", "`maxLength: 5`",
                     "## From 1.1.0 to 2.0.0"):
            self.assertIn(text, printed.stdout)

    def negotiate(self, client):
        for wanted, status, says in (
                ("2.0.0", 401, "full"), ("2", 401, "full"),
                ("1.1.0", 401, 'partial; version="1.1.0"; breaking="2.0.0"'),
                ("1", 401, 'partial; version="1.1.0"; breaking="2.0.0"'),
                ("1.0.0", 401, 'partial; version="1.0.0"; breaking="2.0.0"'),
                ("3", 400, None), ("2.1.0", 400, None), ("1.7.0", 400, None), ("0.9.0", 400, None),
                ("two", 400, None), ("", 400, None), ("2.0.0.0", 400, None), ("1" * 50, 400, None)):
            with self.subTest(wanted=wanted):
                answer = client.get("/v1/notes", headers={"Roost-Version": wanted})
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.headers["roost-version"], "2.0.0")
                self.assertEqual(answer.headers.get("roost-compatibility"), says)
                if status == 400:
                    self.assertEqual(answer.pointers, ["Roost-Version"])
        self.assertNotIn("roost-compatibility", client.get("/v1/notes").headers)
        for text in (b"2.0.0", b"1.1.0", b"`maxLength: 5`"):
            self.assertIn(text, client.get("/docs/changelog.md").body)
        self.assertIn(b"- [ ]", client.get("/docs/migrating.md").body)
        self.assertEqual(client.get("/openapi.json")["info"]["version"], "2.0.0")

    def look_at_the_end(self, client):
        person = anonymous(client.port)
        answer = person.get("/v1/notes")
        self.assertEqual(answer.status, 200)
        # 2026-01-31T00:00:00Z
        self.assertEqual(answer.headers["deprecation"], "@1769817600")
        self.assertEqual(answer.headers["sunset"], "Sun, 31 Jan 2027 00:00:00 GMT")
        links = [value for name, value in self.fields(client.port, "/v1/notes")
                 if name.lower() == "link"]
        self.assertEqual([link.split("rel=")[1].split('"')[1] for link in links],
                         ["deprecation", "sunset", "successor-version"])
        self.assertIn("</v1/memos>", links[2])
        # A field of it is deprecated since this very start, and without an end.
        memos = person.get("/v1/memos").headers
        self.assertRegex(memos["deprecation"], r"^@[0-9]+$")
        self.assertNotIn("sunset", memos)
        self.assertNotIn("deprecation", person.get("/v1/auth/me").headers)
        note = person.create("notes", text="a")
        self.assertIn("deprecation", person.get(f"/v1/notes/{note['id']}").headers)
        names = [name.lower() for name, _ in
                 self.fields(client.port, f"/v1/notes/{note['id']}/memos")]
        self.assertEqual(names.count("deprecation"), 1)

    def fields(self, port, path, method="GET"):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path)
            return connection.getresponse().getheaders()
        finally:
            connection.close()

    def test_actions_on_their_way_out_say_so_and_are_counted(self):
        schema = SCHEMA.replace(
            "hello(name: String): String! @action", "hello(name: String): String! @action "
            "@deprecated(reason: \"Rude\", since: \"2026-01-31\", sunset: \"2027-01-31\")").replace(
                "input Greeting {", "input Greeting { old: String @deprecated(reason: \"Nobody "
                "read it\", since: \"2026-01-31\") ")
        self.app.write("schema.graphql", schema)
        server = Server(self.app.path, data=self.app.join("data"), binary=ACTION_SERVER)
        self.addCleanup(server.kill)
        server.start()
        def answer(name):
            return self.fields(server.port, f"/v1/actions/{name}", "POST")
        hello = [(name.lower(), value) for name, value in answer("hello")]
        self.assertIn(("deprecation", "@1769817600"), hello)
        self.assertIn(("sunset", "Sun, 31 Jan 2027 00:00:00 GMT"), hello)
        self.assertIn(("deprecation", "@1769817600"),
                      [(name.lower(), value) for name, value in answer("slow")])
        self.assertNotIn("deprecation", [name.lower() for name, _ in answer("dawdle")])
        answer("nothing")
        person = anonymous(server.port)
        self.assertEqual(person.post("/v1/actions/hello", {"name": "Ada"}).status, 200)
        self.assertEqual(person.post("/v1/actions/hello", {"name": 5}).status, 422)
        metrics = Client(server.port).get("/metrics").body.decode()
        for line in ('roost_action_calls_total{action="hello"} 3',
                     'roost_action_errors_total{action="hello",code="invalid"} 1',
                     'roost_action_errors_total{action="dawdle",code="unauthenticated"} 1',
                     'roost_action_duration_seconds_bucket{action="hello",le="+Inf"} 3',
                     'roost_action_duration_seconds_count{action="dawdle"} 1'):
            self.assertIn(line + "\n", metrics)
        self.assertNotIn("nothing", metrics)
        document = Client(server.port).get("/openapi.json").json
        for name, says in (("hello", True), ("slow", True), ("dawdle", False)):
            headers = document["paths"][f"/v1/actions/{name}"]["post"]["responses"]["200"]["headers"]
            self.assertEqual("Deprecation" in headers, says, name)


if __name__ == "__main__":
    unittest.main()
