"""The server keeps what /openapi.json says, and the page and the commands say the same."""

import json
import os
import re
import subprocess
import unittest

from client import Client, anonymous
from server import APPS, EXAMPLES, HERE, REPOSITORY, Folder, Server, roost

PYTHON = os.environ.get("ROOST_PYTHON", os.path.join(REPOSITORY, ".build/python/bin/python"))
CASES = int(os.environ.get("ROOST_OPENAPI_CASES", "200"))


class Description(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(os.path.join(EXAMPLES, "bandstand")).start()
        cls.client = Client(cls.server.port)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_the_document_is_cached_by_its_tag(self):
        answer = self.client.get("/openapi.json")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertIn("max-age", answer.headers["cache-control"])
        tag = answer.headers["etag"]
        again = self.client.get("/openapi.json", headers={"If-None-Match": tag})
        self.assertEqual((again.status, again.body, again.headers["etag"]), (304, b"", tag))
        other = self.client.get("/openapi.json", headers={"If-None-Match": '"other"'})
        self.assertEqual(other.status, 200)

    def test_the_document_names_the_routes_of_the_schema(self):
        document = self.client.get("/openapi.json").json
        self.assertEqual(document["openapi"][:3], "3.1")
        self.assertIn("/v1/bands/{id}/members", document["paths"])
        self.assertIn("If-Match", {one.get("name") for one in
                                   document["paths"]["/v1/bookings/{id}"]["patch"]["parameters"]})

    def test_creates_of_the_examples_are_taken(self):
        document = self.client.get("/openapi.json").json
        person = anonymous(self.server.port)
        taken = 0
        for path in ("/v1/venues", "/v1/bands", "/v1/musicianProfiles", "/v1/settingses"):
            media = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            answer = person.post(path, media["example"])
            self.assertEqual(answer.status, 201, f"{path}: {answer}")
            taken += 1
        self.assertEqual(taken, 4)

    def test_the_page_stands_alone(self):
        answer = self.client.get("/docs/")
        self.assertEqual(answer.status, 200)
        page = answer.body.decode()
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertEqual(re.findall(r"(?:src|href)=\"(?:https?:)?//", page), [])
        self.assertIn('data-development="true"', page)
        self.assertEqual(self.client.get("/docs").headers["location"], "/docs/")

    def test_the_page_in_production_offers_no_account(self):
        with_data = Folder(copy=os.path.join(EXAMPLES, "bandstand"))
        self.addCleanup(with_data.remove)
        server = Server(with_data.path, command="serve")
        self.addCleanup(server.kill)
        server.start()
        self.assertIn('data-development="false"', Client(server.port).get("/docs/").body.decode())
        server.stop()


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql":
                              "type Note @collection @allow(ops: [ALL]) { text: String! }\n"})
        self.addCleanup(self.folder.remove)

    def test_openapi_is_what_the_server_answers(self):
        printed = roost("generate", "openapi", self.folder.path)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        server = Server(self.folder.path)
        self.addCleanup(server.kill)
        server.start()
        self.assertEqual(Client(server.port).get("/openapi.json").json, json.loads(printed.stdout))
        server.stop()

    def test_openapi_goes_to_a_file_under_the_version_that_is_named(self):
        out = self.folder.join("api.json")
        done = roost("generate", "openapi", self.folder.path, "--out", out, "--api-version", "3.1.4")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(json.loads(self.folder.read("api.json"))["info"]["version"], "3.1.4")
        refused = roost("generate", "openapi", self.folder.path, "--api-version", "3")
        self.assertEqual(refused.returncode, 2)

    def test_graphql_is_the_whole_schema_for_other_tools(self):
        try:
            import graphql
        except ImportError:
            self.skipTest("graphql-core is not installed")
        self.folder.write("schema.graphql", '''
"""What is "noted"."""
type Note @collection(name: "jots") @allow(ops: [ALL], owner: "owner")
  @deprecated(reason: "Use memos", since: "2026-01-31") {
  owner: User!
  "One\\tline"
  text: String! @constraint(maxLength: 80, pattern: "^[^\\"]*$") # a comment
  mood: Mood @default(value: "CALM")
  """
  Two lines,
    one of them further in: \\"""quoted\\""".
  """
  old: Int @deprecated(reason: "Nobody read it")
  at: DateTime
}
extend type Note { more: [Int64!] memos: [Memo!]! @relation(inverse: "note") }
type Memo @collection @allow(ops: [READ], to: PUBLIC) { note: Note! @relation(inverse: "memos") }
enum Mood { "Still." CALM LOUD @deprecated(reason: "Hush") }
input Sum { of: [Int!]! = [1, 2], by: Mood = CALM }
type Mutation { add(sum: Sum!, till: Date): Note @action }
''')
        done = roost("generate", "graphql", self.folder.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        schema = graphql.build_schema(done.stdout)
        self.assertEqual(graphql.validate_schema(schema), [])
        note = schema.type_map["Note"]
        self.assertEqual(note.description, 'What is "noted".')
        fields = note.fields
        self.assertEqual(
            {name: str(field.type) for name, field in fields.items()},
            {"id": "ID!", "version": "Int!", "createdAt": "DateTime!", "updatedAt": "DateTime!",
             "owner": "User!", "text": "String!", "mood": "Mood", "old": "Int", "at": "DateTime",
             "more": "[Int64!]", "memos": "[Memo!]!"})
        self.assertEqual(fields["old"].deprecation_reason, "Nobody read it")
        self.assertEqual(fields["old"].description,
                         'Two lines,\n  one of them further in: """quoted""".')
        self.assertEqual(fields["text"].description, "One\tline")
        mood = schema.type_map["Mood"]
        self.assertEqual(mood.values["LOUD"].deprecation_reason, "Hush")
        self.assertEqual(mood.values["CALM"].description, "Still.")
        add = schema.mutation_type.fields["add"]
        self.assertEqual({name: str(one.type) for name, one in add.args.items()},
                         {"sum": "Sum!", "till": "Date"})
        self.assertEqual(schema.type_map["Sum"].fields["of"].default_value, [1, 2])
        uses = {use.name.value: {one.name.value: one.value.value for one in use.arguments
                                 if hasattr(one.value, "value")}
                for use in note.ast_node.directives}
        self.assertEqual(uses["collection"], {"name": "jots"})
        self.assertEqual(uses["deprecated"], {"reason": "Use memos", "since": "2026-01-31"})
        memo = schema.type_map["Memo"].ast_node.directives[0]
        self.assertEqual(memo.arguments[0].value.value, "memos")
        # Every app that is shown can be taken along so.
        for name in sorted(os.listdir(EXAMPLES)):
            if os.path.exists(os.path.join(EXAMPLES, name, "schema.graphql")):
                with self.subTest(app=name):
                    done = roost("generate", "graphql", os.path.join(EXAMPLES, name))
                    self.assertEqual(done.returncode, 0, done.stderr)
                    whole = graphql.build_schema(done.stdout)
                    self.assertEqual(graphql.validate_schema(whole), [])

    def test_docs_are_checked_against_the_schema(self):
        arguments = ("generate", "docs", self.folder.path, "--out", self.folder.join("pages"))
        self.assertEqual(roost(*arguments, "--check").returncode, 1)
        self.assertEqual(roost(*arguments).returncode, 0)
        self.assertIn("`/v1/notes`", self.folder.read("pages/data-dictionary.md"))
        self.assertEqual(roost(*arguments, "--check").returncode, 0)
        self.folder.write("schema.graphql",
                          "type Note @collection @allow(ops: [ALL]) { text: String! more: Int }\n")
        checked = roost(*arguments, "--check")
        self.assertEqual(checked.returncode, 1)
        self.assertIn("out of date", checked.stderr)

    def test_a_changelog_of_two_files(self):
        old = self.folder.write("old.graphql", "type Note @collection { text: String more: Int }")
        new = self.folder.write("new.graphql", "type Note @collection { text: String! }")
        printed = roost("generate", "changelog", "--from", old, "--to", new)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertIn("## 2.0.0", printed.stdout)
        self.assertIn("`more` is gone", printed.stdout)
        self.assertIn("- [ ]", printed.stdout)
        for wrong in (("--from", old), ("--from", old, "--to", self.folder.join("none"))):
            self.assertEqual(roost("generate", "changelog", *wrong).returncode, 2)

    def test_what_cannot_be_made_is_told(self):
        for arguments, says in (((), "say what to make"), (("opnapi", "."), "did you mean openapi"),
                                (("docs",), "name one app folder"),
                                (("graphql", self.folder.path, "--check"), "--out"),
                                (("docs", self.folder.path, "--from", "x"), "belongs to changelog"),
                                (("changelog", self.folder.path), "holds no database")):
            with self.subTest(arguments=arguments):
                done = roost("generate", *arguments)
                self.assertEqual(done.returncode, 2)
                self.assertIn(says, done.stderr)


@unittest.skipUnless(os.path.exists(PYTHON), "schemathesis is not installed: make packages-python")
class MadeUpRequests(unittest.TestCase):
    def described(self, app, seed):
        server = Server(app)
        self.addCleanup(server.kill)
        server.start()
        done = subprocess.run(
            [PYTHON, os.path.join(HERE, "described.py"), server.address, "--cases", str(CASES),
             "--seed", str(seed)], capture_output=True, text=True, timeout=3600)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        server.stop()

    def test_of_the_bandstand(self):
        self.described(os.path.join(EXAMPLES, "bandstand"), 7)

    def test_of_the_breath(self):
        self.described(os.path.join(EXAMPLES, "breath"), 9)

    def test_of_every_type(self):
        self.described(os.path.join(APPS, "types"), 8)


if __name__ == "__main__":
    unittest.main()
