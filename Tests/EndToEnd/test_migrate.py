"""`roost migrate`: plans, applications and ways back, as an operator and clients see them."""

import contextlib
import json
import os
import sqlite3
import subprocess
import threading
import time
import unittest

from client import Client, anonymous
from postgres import ADMIN
from server import BINARY, ENGINE, ENVIRONMENT, Folder, Server, database, roost

from harness.postgres import Session
from test_sync import Puller

RULES = '@collection @allow(ops: [ALL], owner: "owner")'


def schema(fields, directives="", name="Note", others=""):
    return (f"type {name} {RULES} {directives} {{\n  owner: User! @immutable\n  {fields}\n}}\n"
            f"{others}")


FIRST = schema("text: String\n  size: Int")
SECOND = schema("body: String @was(name: \"text\")\n  size: Int\n  stars: Int! @default(value: \"3\")")
SPLIT = schema(
    'first: String! @was(name: "text", expr: "{text | before \' \'}", back: "{first} {last}")\n'
    '  last: String @was(name: "text", expr: "{text | after last \' \'}")\n'
    '  size: Int')


class MigrateTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": FIRST})
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")

    def serve(self, text=None):
        if text is not None:
            self.folder.write("schema.graphql", text)
        server = Server(self.folder.path, data=self.data)
        self.addCleanup(server.kill)
        return server.start()

    def fill(self, *bodies):
        """Serves the schema in the folder for some records; gives the person who made them."""
        server = self.serve()
        person = anonymous(server.port)
        for body in bodies:
            self.assertEqual(person.post("/v1/notes", body).status, 201)
        server.stop()
        return person

    def migrate(self, word, *arguments, text=None):
        if text is not None:
            self.folder.write("schema.graphql", text)
        return roost("migrate", word, self.folder.path, "--data", self.data, *arguments,
                     seconds=120)

    def plan(self, text):
        done = self.migrate("plan", "--json", text=text)
        return done.returncode, json.loads(done.stdout)

    def items(self, person, text, path="/v1/notes"):
        server = self.serve(text)
        items = type(person)(server.port, person.token).get(path)["items"]
        server.stop()
        return items

    def test_a_plan_is_applied_and_taken_back_with_what_was_written(self):
        person = self.fill({"text": "a", "size": 1})
        self.assertEqual(self.plan(FIRST), (0, {"steps": [], "faults": [], "seconds": 0.0}))
        status, plan = self.plan(SECOND)
        self.assertEqual(status, 3)
        self.assertEqual([(step["step"], step["kind"], step["item"]) for step in plan["steps"]],
                         [("rename_field", "explicit", "Note.body"),
                          ("fill_field", "additive", "Note.stars")])
        words = self.migrate("plan")
        self.assertEqual(words.returncode, 3)
        self.assertIn("[explicit] rename Note.text to body", words.stdout)
        # A start does not rename.
        refused = Server(self.folder.path, data=self.data)
        self.addCleanup(refused.kill)
        with self.assertRaises(Exception):
            refused.start()
        self.assertEqual(self.migrate("apply").returncode, 0)
        self.assertEqual(self.migrate("plan").returncode, 0)
        server = self.serve()
        again = type(person)(server.port, person.token)
        [item] = again.get("/v1/notes")["items"]
        self.assertEqual((item["body"], item["stars"]), ("a", 3))
        self.assertEqual(again.post("/v1/notes", {"body": "b", "stars": 5}).status, 201)
        server.stop()
        back = self.folder.join("before.graphql")
        done = self.migrate("rollback", "--out", back)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(back) as file:
            self.assertEqual(file.read(), FIRST)
        # The newer file is behind now no more than it is ahead: it can be applied again.
        items = self.items(person, FIRST)
        self.assertEqual({item["text"] for item in items}, {"a", "b"})
        self.assertNotIn("stars", items[0])
        told = json.loads(self.migrate("status", "--json").stdout)
        self.assertEqual([run["kind"] for run in told["migrations"]], ["apply", "rollback"])
        self.assertEqual([part["item"] for part in told["retired"]], ["Note.stars"])
        self.assertEqual([part["rows"] for part in told["retired"]], [2])

    def test_what_would_be_lost_must_be_named(self):
        self.fill({"text": "a", "size": 1})
        done = self.migrate("apply", text=schema("text: String"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--allow-data-loss Note.size", done.stderr)
        self.assertIn("[data_loss]", done.stderr)
        self.assertEqual(self.migrate("apply", "--allow-data-loss", "Note.size").returncode, 0)
        self.assertIn("kept  Note.size  1 rows", self.migrate("status").stdout)
        self.assertIn("Note.size", self.migrate("forget").stdout)
        self.assertEqual(self.migrate("forget").stdout, "roost: nothing was kept\n")

    def test_a_dropped_collection_comes_back_with_its_records(self):
        memo = f"type Memo {RULES} {{\n  owner: User! @immutable\n  size: Int\n}}\n"
        both = FIRST + memo
        self.folder.write("schema.graphql", both)
        person = self.fill({"text": "a"})
        server = self.serve()
        made = type(person)(server.port, person.token).post("/v1/memos", {"size": 7})
        self.assertEqual(made.status, 201, made)
        server.stop()
        done = self.migrate("apply", "--allow-data-loss", "Memo", text=FIRST)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.items(person, FIRST)[0]["text"], "a")
        self.assertIn("kept  Memo  1 rows", self.migrate("status").stdout)
        done = self.migrate("rollback")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([item["size"] for item in self.items(person, both, "/v1/memos")], [7])
        self.assertNotIn("kept", self.migrate("status").stdout)

    def test_a_rename_that_matches_nothing_is_told_with_its_place(self):
        self.fill({"text": "a"})
        text = schema("text: String\n  size: Int\n  body: String @was(name: \"txet\")")
        for word in ("plan", "apply"):
            done = self.migrate(word, text=text)
            self.assertEqual(done.returncode, 2)
            self.assertIn("5:3: Note.body is new and says @was(name: \"txet\")", done.stderr)
            self.assertIn("[rename_unmatched]", done.stderr)

    def test_rows_in_the_way_are_exported(self):
        self.fill({"text": "12"}, {"text": "twelve"}, {"text": None})
        path = self.folder.join("rows.jsonl")
        done = self.migrate("plan", "--export", path, text=schema("text: Int\n  size: Int"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("schema.graphql:3:3: convert Note.text from String to Int: 1 row stands in the "
                      "way; mend it first", done.stderr)
        with open(path) as file:
            rows = [json.loads(line) for line in file]
        self.assertEqual([(row["item"], row["value"], row["code"]) for row in rows],
                         [("Note.text", "twelve", "type")])
        done = self.migrate("apply")
        self.assertEqual(done.returncode, 2)
        self.assertIn("schema.graphql:3:3: ", done.stderr)
        self.assertIn("[rows_in_the_way]", done.stderr)
        # What may be lost is pending, and done where it is named.
        allowed = ("--allow-data-loss", "Note.text")
        self.assertEqual(self.migrate("plan", *allowed).returncode, 3)
        self.assertEqual(self.migrate("apply", *allowed).returncode, 0)

    def test_narrower_bounds_are_taken_where_every_row_keeps_to_them(self):
        self.fill({"text": "too long"})
        narrow = schema("text: String @constraint(maxLength: 3)\n  size: Int")
        done = self.migrate("plan", text=narrow)
        self.assertEqual(done.returncode, 2)
        said = "hold Note.text to narrower bounds: 1 row stands in the way; mend it first"
        self.assertIn("1 row stands in the way", done.stdout)
        started = roost("serve", self.folder.path, "--data", self.data, "--port", "0")
        for refused in (done, self.migrate("apply"), started, roost(
                "doctor", self.folder.path, "--data", self.data)):
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn(said, refused.stderr + refused.stdout)
        server = self.serve(narrow.replace("3)", "8)"))
        server.stop()
        self.assertEqual(self.migrate("plan").returncode, 0)

    def test_names_of_nothing_are_refused(self):
        self.fill({"text": "a", "size": 1})
        shorter = schema("text: String")
        done = self.migrate("apply", "--allow-data-loss", "Note.sise", text=shorter)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean Note.size?", done.stderr)
        self.assertEqual(self.migrate("apply", "--allow-data-loss", "Note.size").returncode, 0)
        done = self.migrate("forget", "--items", "Nonsense.here")
        self.assertEqual(done.returncode, 2)
        self.assertIn("kept are: Note.size", done.stderr)
        self.assertEqual(self.migrate("forget", "--items", "Note.size").returncode, 0)

    def test_a_refused_rollback_speaks_of_the_schema_from_before(self):
        before = schema("text: String!\n  size: Int")
        person = self.fill({"text": "a"})
        self.folder.write("schema.graphql", before)
        server = self.serve()
        server.stop()
        later = schema("text: String\n  size: Int\n  stars: Int")
        server = self.serve(later)
        self.assertEqual(type(person)(server.port, person.token).post(
            "/v1/notes", {"size": 1}).status, 201)
        server.stop()
        done = self.migrate("rollback")
        self.assertEqual(done.returncode, 2)
        self.assertIn("the schema from before:3:3: require Note.text: 1 row stands", done.stderr)

    def test_a_schema_that_was_left_behind_is_told_so(self):
        self.fill({"text": "a"})
        self.assertEqual(self.migrate("apply", text=SECOND).returncode, 0)
        for done in (self.migrate("plan", text=FIRST), self.migrate("apply")):
            self.assertEqual(done.returncode, 2)
            self.assertIn("[schema_behind]", done.stderr)
        started = roost("serve", self.folder.path, "--data", self.data, "--port", "0")
        self.assertEqual(started.returncode, 2, started.stderr)
        self.assertIn("roost migrate rollback", started.stderr)

    def test_a_database_of_a_schema_that_nobody_knows_is_refused(self):
        self.fill({"text": "a"})
        self.assertEqual(self.migrate("apply", text=SECOND).returncode, 0)
        done = self.migrate("plan", text=schema("text: [Int!]\n  size: Int"))
        self.assertIn(done.returncode, (2, 3))
        started = roost("serve", self.folder.path, "--data", self.data, "--port", "0")
        self.assertEqual(started.returncode, 2)
        self.assertIn("roost migrate plan", started.stderr)

    @unittest.skipUnless(ENGINE == "postgres", "a file belongs to one process")
    def test_who_reads_a_table_for_long_keeps_a_migration_waiting_and_no_other_reader(self):
        self.fill({"text": "a"})
        server = self.serve()
        person, schema = anonymous(server.port), database(self.data)["ROOST_DATABASE_SCHEMA"]
        outcome = []
        with Session(ADMIN) as holder:
            holder.query("BEGIN")
            holder.query(f'SELECT count(*) FROM "{schema}".notes')
            command = threading.Thread(
                target=lambda: outcome.append(self.migrate("apply", text=SECOND)))
            command.start()
            # Longer than a statement may wait for a lock.
            deadline = time.monotonic() + 8
            while time.monotonic() < deadline:
                answer = person.get("/v1/notes")
                self.assertEqual(answer.status, 200, answer)
                time.sleep(0.05)
            self.assertEqual(outcome, [])
            holder.query("COMMIT")
            command.join(60)
        self.assertEqual(outcome[0].returncode, 0, outcome[0].stderr)
        server.stop()
        self.assertEqual(self.items(person, SECOND), [])

    def test_a_field_is_split_and_older_clients_read_it_whole(self):
        person = self.fill({"text": "Ann  Bach"}, {"text": "Cher"}, {"text": ""})
        path = self.folder.join("rows.jsonl")
        status, plan = self.plan(SPLIT)
        self.assertEqual(status, 2)
        self.assertEqual([(step["step"], step["item"], step["breaking"]) for step in plan["steps"]],
                         [("split_field", "Note.first", 1), ("split_field", "Note.last", 0),
                          ("retire_field", "Note.text", 0)])
        self.assertIn('"{first} {last}"', plan["steps"][2]["wayBack"])
        self.migrate("plan", "--export", path)
        with open(path) as file:
            rows = [json.loads(line) for line in file]
        self.assertEqual([(row["item"], row["value"], row["code"]) for row in rows],
                         [("Note.first", "", "required")])
        refused = self.migrate("apply")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("1 row stands in the way", refused.stderr)
        server = self.serve(FIRST)
        again = type(person)(server.port, person.token)
        self.assertEqual(again.patch(f"/v1/notes/{rows[0]['id']}", {"text": "Jo Oz"}).status, 200)
        server.stop()
        done = self.migrate("apply", text=SPLIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        server = self.serve()
        again = type(person)(server.port, person.token)
        items = again.get("/v1/notes")["items"]
        self.assertEqual({(item["first"], item["last"]) for item in items},
                         {("Ann", "Bach"), ("Cher", None), ("Jo", "Oz")})
        self.assertEqual(again.post("/v1/notes", {"first": "Zoe", "last": "Poe"}).status, 201)
        old = again.get("/v1/notes", headers={"Roost-Version": "1"})["items"]
        self.assertEqual({item["text"] for item in old}, {"Ann Bach", "Cher", "Jo Oz", "Zoe Poe"})
        asked = again.get("/v1/notes", fields="text", headers={"Roost-Version": "1"})["items"]
        self.assertEqual({item["text"] for item in asked}, {item["text"] for item in old})
        self.assertEqual({key for item in asked for key in item}, {"id", "text"})
        filtered = again.get("/v1/notes", filter='text == "Cher"', headers={"Roost-Version": "1"})
        self.assertEqual(filtered.status, 422)
        self.assertIn("dropped_field", json.dumps(filtered.json))
        log = again.get("/docs/changelog.md").body.decode()
        self.assertIn("what it held is in `first`, `last`", log)
        server.stop()
        done = self.migrate("rollback")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({item["text"] for item in self.items(person, FIRST)},
                         {"Ann  Bach", "Cher", "Jo Oz", "Zoe Poe"})

    def test_a_split_that_is_killed_at_any_moment_goes_on(self):
        before = schema("text: String\n  size: Int", "@index(fields: [\"text\", \"size\"])")
        after = schema(
            'first: String! @was(name: "text", expr: "{text | before \' \'}",'
            ' back: "{first} {last}")\n'
            '  last: Int @was(name: "text", expr: "{text | after \' \'}")\n'
            '  weight: String @was(name: "size")',
            '@index(fields: ["last", "weight"]) @index(fields: ["first"])')
        self.folder.write("schema.graphql", before)
        person = self.fill()
        count = 3000
        self.folder.write("notes.csv", "owner,text,size\n" + "".join(
            f"{person.session['user']['id']},n{number} {number},{number}\n"
            for number in range(count)))
        done = roost("import", self.folder.path, "--data", self.data, "--collection", "notes",
                     self.folder.join("notes.csv"), seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)

        def kill_often(word):
            # Later each time, until it is done before its time.
            for number in range(200):
                process = subprocess.Popen(
                    [BINARY, "migrate", word, self.folder.path, "--data", self.data],
                    env={**os.environ, **ENVIRONMENT, **database(self.data)},
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                try:
                    error = process.communicate(timeout=0.05 + number * 0.02)[1]
                    self.assertEqual(process.returncode, 0, error)
                    return
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
            self.fail("it was never done")

        self.folder.write("schema.graphql", after)
        kill_often("apply")
        self.assertEqual(self.migrate("plan").returncode, 0)
        server = self.serve()
        again = type(person)(server.port, person.token)
        for number in (0, 1, count - 1):
            [item] = again.get("/v1/notes", filter=f"last == {number}")["items"]
            self.assertEqual((item["first"], item["weight"]), (f"n{number}", str(number)))
            changed = again.patch(f"/v1/notes/{item['id']}", {"first": f"m{number}"})
            self.assertEqual(changed.status, 200)
        server.stop()
        self.folder.write("schema.graphql", before)
        done = self.migrate("rollback")
        self.assertEqual(done.returncode, 0, done.stderr)
        server = self.serve()
        again = type(person)(server.port, person.token)
        for number, letter in ((0, "m"), (1, "m"), (2, "n"), (count - 1, "m")):
            [item] = again.get("/v1/notes", filter=f"size == {number}")["items"]
            self.assertEqual(item["text"], f"{letter}{number} {number}")
        server.stop()

    def test_a_narrowed_rule_shows_nothing_by_sync_that_rest_refuses(self):
        shared = schema("text: String\n  size: Int", '@allow(ops: [READ], to: USER)')
        closed = schema("text: String\n  size: Int",
                        '@allow(ops: [READ], to: USER, when: "size < 10", fields: ["text"])')
        self.folder.write("schema.graphql", shared)
        person = self.fill()
        count = 1500
        self.folder.write("notes.csv", "owner,text,size\n" + "".join(
            f"{person.session['user']['id']},n{number},{number}\n" for number in range(count)))
        done = roost("import", self.folder.path, "--data", self.data, "--collection", "notes",
                     self.folder.join("notes.csv"), seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        server = self.serve()
        other = anonymous(server.port)
        early = Puller(other)
        early.pull()
        self.assertEqual(len(early.rows), count)
        server.stop()
        server = self.serve(closed)
        # From the first moment on: what a device gets is what its person may read.
        late = Puller(Client(server.port, other.token))
        owner = Client(server.port, person.token)
        while True:
            answer = late.ask()
            if answer.status == 200:
                break
            self.assertEqual(answer.status, 503, answer)
            self.assertGreater(int(answer.headers["retry-after"]), 0)
            # Nobody waits who writes.
            self.assertEqual(owner.post("/v1/notes", {"text": "m", "size": 1}).status, 201)
        late.pull()
        allowed, query = {}, {"limit": 100}
        while True:
            page = late.client.get("/v1/notes", **query)
            allowed.update({item["id"]: item["text"] for item in page["items"]})
            if page["next"] is None:
                break
            query["after"] = page["next"]
        self.assertGreaterEqual(len(allowed), 10)
        early.client = late.client
        early.pull()
        for puller in (late, early):
            seen = puller.see("notes")
            self.assertEqual({key: row["text"] for key, row in seen.items()}, allowed)
            self.assertEqual({name for row in seen.values() for name in ("size", "owner")
                              if name in row}, set())
        told = [json.loads(line) for line in server.messages().splitlines() if line[:1] == "{"]
        ours = [line for line in told if "sync waits while" in line["message"]]
        self.assertGreaterEqual(len(ours), 1, told)
        self.assertGreaterEqual(ours[0]["total"], count)
        self.assertIn("the streams of sync are in step again", [line["message"] for line in told])
        server.stop()

    def test_sync_waits_for_streams_that_are_not_in_step(self):
        if ENGINE == "postgres":
            self.skipTest("a table of the file is written to by hand")
        person = self.fill({"text": "a"})
        self.sql("INSERT INTO roost_migration_run (kind, state, schema, steps, begun_at) "
                 "VALUES ('rescope', 'rescoping', '', '[]', 0)")
        self.sql("INSERT INTO roost_migration_task (run, number, kind, collection, argument, after,"
                 " done, total, is_open) SELECT max(number), 1, 'rescope', 1, "
                 "'{\"signature\":\"of others\"}', NULL, 5, 20, 1 FROM roost_migration_run")
        status = self.migrate("status").stdout
        self.assertIn("running  rescope  5 of 20 rows  sync waits for it", status)
        server = self.serve()
        again = type(person)(server.port, person.token)
        answer = Puller(again).ask()
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "5"))
        self.assertEqual(again.post("/v1/notes", {"text": "b"}).status, 201)
        self.assertEqual(len(again.get("/v1/notes")["items"]), 2)
        server.stop()
        self.sql("UPDATE roost_migration_task SET is_open = 0")
        server = self.serve()
        puller = Puller(type(person)(server.port, person.token))
        puller.pull()
        self.assertEqual(len(puller.rows), 2)
        server.stop()

    def sql(self, statement):
        with contextlib.closing(sqlite3.connect(self.folder.join("data/roost.sqlite"))) as file:
            file.execute(statement)
            file.commit()

    def test_slips_on_the_command_line(self):
        for arguments in (("plan",), ("plan", self.folder.path), ("mend", self.folder.path,
                                                                  "--data", self.data)):
            self.assertEqual(roost("migrate", *arguments).returncode, 2, arguments)
        done = self.migrate("rollback")
        self.assertEqual(done.returncode, 2)
        if os.environ.get("ROOST_TEST_ENGINE") != "postgres":
            self.assertIn("no database", done.stderr)
        self.fill({"text": "a"})
        done = self.migrate("rollback")
        self.assertEqual(done.returncode, 2)
        self.assertIn("[no_history]", done.stderr)

    @unittest.skipIf(ENGINE == "postgres", "the folder is that of a file")
    def test_without_a_folder_it_is_that_of_dev(self):
        self.data = self.folder.join(".roost")
        self.fill({"text": "a"})
        done = roost("migrate", "status", self.folder.path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("version 1.0.0", done.stdout)


if __name__ == "__main__":
    unittest.main()
