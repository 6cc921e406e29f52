"""Schemas that cannot be served: exit 2, and a message with file, line, column and what to do."""

import unittest

from cases import ServedCase
from client import anonymous
from server import Folder, Server, free_port, roost

PLAIN = "type Cup @collection @allow(ops: [ALL], owner: \"owner\") {\n  owner: User!\n  name: String!\n%s}\n"


class SchemaFaultTests(unittest.TestCase):
    def refuse(self, schema, *parts, line=None, column=None):
        """Starts with a schema and expects exit 2, the place and each of `parts` in the message."""
        folder = Folder({"schema.graphql": schema})
        self.addCleanup(folder.remove)
        for command in (
            ("dev", folder.path, "--port", str(free_port()), "--data", folder.join("data")),
        ):
            done = roost(*command)
            self.assertEqual(done.returncode, 2, (schema, done.stderr))
            self.assertEqual(done.stdout, "")
            place = "schema.graphql"
            if line:
                place += f":{line}"
                if column:
                    place += f":{column}"
            self.assertIn(place + ":", done.stderr)
            for part in parts:
                self.assertIn(part, done.stderr)
        return done.stderr

    def test_a_misspelled_directive_is_named_with_the_nearest(self):
        self.refuse(PLAIN % "  size: Int @constrain(min: 1)\n", "@constraint", line=4, column=13)

    def test_a_misspelled_argument_type_or_value_is_named_with_the_nearest(self):
        for text, near, column in (
            ("  size: Int @constraint(minimum: 1)\n", "min", 25),
            ("  size: Itn\n", "Int", 9),
            ("  size: Int @merge(strategy: CONTER)\n", "COUNTER", 30),
        ):
            with self.subTest(text=text):
                self.refuse(PLAIN % text, near, line=4, column=column)
        self.refuse(PLAIN.replace("ALL", "AL") % "", "ALL", line=1)
        self.refuse(PLAIN.replace('"owner"', '"ownr"') % "", "owner", line=1)

    def test_every_fault_of_a_file_is_named(self):
        text = self.refuse(PLAIN % "  a: Itn\n  b: Strng\n")
        self.assertIn(":4:", text)
        self.assertIn(":5:", text)

    def test_what_is_no_sdl_is_refused_with_its_place(self):
        for text, line, column in (
            ("type Cup @collection {\n  name String\n}\n", 2, 8),
            ("type Cup @collection {\n  name: String!\n", None, None),
            ("typo Cup {}\n", 1, 1),
            ("type Cup @collection { name: String! @default(value: \"abc) }\n", 1, None),
            ("type Cup @collection {\n  n\u00e4me: String\n}\n", 2, None),
            ("{" * 10_000, None, None), ("\x00", 1, 1), ("type T {" + "[" * 10_000, None, None),
        ):
            with self.subTest(text=text[:40]):
                self.refuse(text, line=line, column=column)

    def test_contradictions_are_refused(self):
        for text in (
            "  size: Int @constraint(min: 5, max: 1)\n",
            "  code: String @constraint(pattern: \"[a\")\n",
            "  size: Int @default(value: \"many\")\n",
            "  size: Int @constraint(minLength: 1)\n",
            "  name: Int\n",
            "  other: Saucer\n",
            "  version: Int\n",
            "  tags: [[String]]\n",
            "  size: Int @merge(strategy: SET_UNION)\n",
            "  list: [Cup!]! @relation(inverse: \"nothing\")\n",
            "  size: Int @immutable @immutable\n",
        ):
            with self.subTest(text=text):
                self.refuse(PLAIN % text)
        self.refuse(PLAIN % "" + PLAIN % "", line=5)
        self.refuse("type Auth @collection(name: \"auth\") { name: String }\n", "auth")

    def test_roles_that_inherit_in_a_circle_are_refused(self):
        self.refuse(
            "enum Role @roles {\n  a @inherits(from: [\"b\"])\n  b @inherits(from: [\"c\"])\n"
            "  c @inherits(from: [\"a\"])\n}\n" + PLAIN % "", "inherit")
        self.refuse("enum Role @roles {\n  a @inherits(from: [\"boss\"])\n}\n" + PLAIN % "", "boss")

    def test_what_is_not_enforced_yet_is_refused_and_not_ignored(self):
        on_type = {
            '@index(fields: ["size"], where: "size > 1")': "where",
        }
        roles = "enum Role @roles { admin }\n"
        for directive, word in on_type.items():
            with self.subTest(directive=directive):
                schema = roles + PLAIN.replace("@allow", directive + " @allow", 1) % (
                    "  size: Int\n  friend: Cup\n")
                self.refuse(schema, word, line=2)
        self.refuse(PLAIN % "  note: String @encrypted(mode: CLIENT)\n", "@encrypted", line=4)

    def test_faults_of_rules_are_told_with_their_line_and_column(self):
        faults = {
            '@allow(ops: [READ], when: "sise > 1")': ("did you mean size?", 49),
            '@allow(ops: [READ], when: "size > \'a\'")': ("whole number", 56),
            '@allow(ops: [UPDATE], check: "size >")': ("expected a value", 58),
            '@deny(ops: [DELETE], when: "size = 1")': ("compare with ==", 55),
            '@check(name: "a", expr: "owner == ctx.uid")': ("ctx", 56),
            '@allow(ops: [READ], roles: ["admim"])': ("did you mean admin?", 50),
        }
        for directive, (words, column) in faults.items():
            with self.subTest(directive=directive):
                schema = "enum Role @roles { admin }\n" + PLAIN.replace(
                    "@allow", directive + " @allow", 1) % "  size: Int\n"
                self.refuse(schema, words, line=2, column=column)

    def test_a_folder_without_a_schema_is_refused(self):
        folder = Folder({"readme": ""})
        self.addCleanup(folder.remove)
        for app in (folder.path, folder.join("nothing"), folder.join("readme")):
            with self.subTest(app=app):
                done = roost("dev", app, "--port", str(free_port()), "--data", folder.join("data"))
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn("schema.graphql" if app == folder.path else app, done.stderr)

    def test_doctor_says_what_is_not_acted_on(self):
        folder = Folder({"schema.graphql": PLAIN % "  note: String @search(weight: 2)\n"})
        self.addCleanup(folder.remove)
        done = roost("doctor", folder.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("@search", done.stdout + done.stderr)


class NameTests(ServedCase):
    schema = "\n".join(
        f'type {name} @collection @allow(ops: [ALL], owner: "owner") {{ owner: User! }}'
        for name in ("Cup", "Box", "City", "Day", "Bus", "Branch", "SetListEntry")
    ) + '\ntype Sheep @collection(name: "flock") @allow(ops: [ALL], owner: "owner") { owner: User! }\n'

    def test_collections_are_named_by_the_plural_of_their_type(self):
        person = anonymous(self.server.port)
        for name in ("cups", "boxes", "cities", "days", "buses", "branches", "setListEntries", "flock"):
            with self.subTest(name=name):
                self.expect(200, person.get(f"/v1/{name}"))
        self.expect(404, person.get("/v1/sheeps"))


class MigrationTests(unittest.TestCase):
    """The same data under a schema that changes between two starts."""

    BASE = PLAIN % "  size: Int\n"

    def setUp(self):
        self.folder = Folder({"schema.graphql": self.BASE})
        self.addCleanup(self.folder.remove)
        self.server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(self.server.kill)
        self.server.start()
        self.person = anonymous(self.server.port)
        self.cup = self.person.create("cups", name="a", size=1)
        self.path = f"/v1/cups/{self.cup['id']}"

    def change(self, schema):
        self.folder.write("schema.graphql", schema)
        self.server.restart()
        self.person.port = self.server.port

    def refuse(self, schema, *parts):
        """A schema that the data stands against: exit not 0, what to do, and nothing changed."""
        self.server.stop()
        self.folder.write("schema.graphql", schema)
        done = roost("dev", self.folder.path, "--port", str(free_port()), "--data", self.server.data)
        self.assertNotEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        for part in parts:
            self.assertIn(part, done.stderr)
        self.folder.write("schema.graphql", self.BASE)
        self.server.start()
        self.person.port = self.server.port
        self.assertEqual(self.person.get(self.path)["size"], 1)

    def test_data_outlives_a_restart(self):
        self.server.restart()
        self.person.port = self.server.port
        self.assertEqual(self.person.get(self.path).json, self.cup)

    def test_additive_changes_are_applied_on_start(self):
        self.change(
            PLAIN % ("  size: Int\n  note: String\n  level: Int! @default(value: \"3\")\n"
                     "  serial: String @unique\n")
            + "type Saucer @collection @allow(ops: [ALL], owner: \"owner\") {\n  owner: User!\n"
            "  cup: Cup\n}\n")
        answer = self.person.get(self.path)
        self.assertEqual((answer["note"], answer["level"], answer["size"]), (None, 3, 1))
        # The default that fills the record is a change of it, which followers and devices see.
        self.assertEqual(answer["version"], 2)
        self.person.create("saucers", cup=self.cup["id"])
        self.person.patch(self.path, {"serial": "a"})
        self.assertEqual(self.person.post("/v1/cups", {"name": "b", "serial": "a"}).status, 409)

    def test_destructive_changes_are_refused_with_what_to_do(self):
        for schema, parts in (
            (PLAIN % "", ("size",)),
            (PLAIN % "  size: String\n", ("size",)),
            (PLAIN % "  size: Int\n  must: String!\n", ("must", "default")),
            (PLAIN.replace("Cup", "Mug") % "  size: Int\n", ("cups",)),
            (PLAIN % "  volume: Int @was(name: \"size\")\n", ("size",)),
        ):
            with self.subTest(schema=schema):
                self.refuse(schema, *parts)
