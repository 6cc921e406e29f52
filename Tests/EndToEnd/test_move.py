"""`roost move`: from the file to PostgreSQL, with clients that go on where they were."""

import json
import os
import subprocess
import threading
import unittest
import uuid

from client import Client, anonymous
from server import BINARY, ENVIRONMENT, Folder, Server, free_port, roost

POSTGRES = os.environ.get("ROOST_TEST_POSTGRES")
SCHEMA = """
type Note @collection @sync(tier: LIVE) @index(fields: ["owner", "title"])
  @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  title: String! @search
  pages: Int
}
"""
ROWS = 3000
ON_THE_FILE = {"ROOST_DATABASE": ""}


@unittest.skipUnless(POSTGRES, "needs ROOST_TEST_POSTGRES, as Scripts/with-postgres.sh sets it")
class MoveTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")
        self.there = {"ROOST_DATABASE": POSTGRES,
                      "ROOST_DATABASE_SCHEMA": "move_" + uuid.uuid4().hex[:12]}

    def serve(self, environment):
        server = Server(self.folder.path, data=self.data, environment=environment)
        self.addCleanup(server.kill)
        return server.start()

    def fill(self, server):
        """An account with notes, and what it holds of the server: token, cursor, refresh token."""
        person = anonymous(server.port)
        for start in range(0, 300, 100):
            operations = [{"method": "POST", "path": "/v1/notes",
                           "body": {"title": f"note {start + each:05} apple", "pages": each}}
                          for each in range(100)]
            answer = person.post("/v1/batch", {"atomic": True, "operations": operations})
            self.assertEqual(answer.status, 200, answer)
        return person

    def move(self, *arguments, environment=None, seconds=120):
        return roost("move", self.folder.path, "--data", self.data, "--port", str(free_port()),
                     *arguments, seconds=seconds, environment={**self.there, **(environment or {})})

    def test_clients_go_on_where_they_were(self):
        server = self.serve(ON_THE_FILE)
        person = self.fill(server)
        first = person.get("/v1/notes?sort=title&limit=100&count=exact")
        self.assertEqual(first["count"], 300)
        one = person.get(f"/v1/notes/{first['items'][7]['id']}")
        self.assertEqual(person.get("/v1/notes?search=apple&limit=1").status, 200)
        server.stop()

        done = self.move("--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        rows = {table["name"]: table["rows"] for table in report["tables"]}
        self.assertEqual(rows["notes"], 300)
        self.assertEqual(rows["roost_log"], 300)

        # The file is not the app's any more, and says where it has gone.
        refused = roost("serve", self.folder.path, "--data", self.data, "--port", "0",
                        environment=ON_THE_FILE)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("was moved to postgresql://", refused.stderr)
        self.assertNotIn(POSTGRES.split(":")[2].split("@")[0], refused.stderr)

        server = self.serve(self.there)
        person = Client(server.port, person.token)
        again = person.get(f"/v1/notes/{one['id']}")
        self.assertEqual((again.status, again.body, again.headers.get("etag")),
                         (200, one.body, one.headers.get("etag")))
        seen = [item["id"] for item in first["items"]]
        after = first.json.get("next")
        while after:
            page = person.get(f"/v1/notes?sort=title&limit=100&after={after}")
            self.assertEqual(page.status, 200, page)
            seen += [item["id"] for item in page["items"]]
            after = page.json.get("next")
        self.assertEqual(len(seen), 300)
        self.assertEqual(len(set(seen)), 300)
        found = person.get("/v1/notes?search=apple&limit=200&count=exact")
        self.assertEqual(found["count"], 300, found)
        made = person.post("/v1/notes", {"title": "after"})
        self.assertEqual(made.status, 201, made)
        server.stop()

    def test_reads_are_answered_meanwhile_and_writes_refused(self):
        server = self.serve(ON_THE_FILE)
        person = self.fill(server)
        server.stop()
        self.import_rows()
        port = free_port()
        process = subprocess.Popen(
            [BINARY, "move", self.folder.path, "--data", self.data, "--port", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **ENVIRONMENT, **self.there})
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        while line and "reads are answered" not in line:
            line = process.stderr.readline()
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        reader = Client(port, person.token)
        read = reader.get("/v1/notes?limit=1")
        write = reader.post("/v1/notes", {"title": "now"})
        self.assertEqual(read.status, 200, read)
        self.assertEqual(write.status, 503, write)
        self.assertEqual(write.headers.get("retry-after"), "30")
        self.assertIn("being moved", write["detail"])
        output, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("the same on both sides", output)

    def import_rows(self):
        """More rows, owned by nobody who signs in, so that the move takes a moment."""
        owner = str(uuid.uuid4())
        path = self.folder.write("notes.jsonl", "".join(
            json.dumps({"owner": owner, "title": f"line {each}"}) + "\n" for each in range(ROWS)))
        mapping = self.folder.write("notes.yaml", (
            "collection: notes\nformat: jsonl\nfields:\n  title: {column: title}\n"
            "  owner: {account: \"{owner}\"}\n"))
        done = roost("import", self.folder.path, "--data", self.data, "--mapping", mapping, path,
                     seconds=120, environment=ON_THE_FILE)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_place_that_is_taken_is_refused(self):
        server = self.serve(self.there)
        self.fill(server)
        server.stop()
        server = self.serve(ON_THE_FILE)
        server.stop()
        done = self.move("--no-serve")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("holds an app already", done.stderr)
        server = self.serve(ON_THE_FILE)
        server.stop()

    def test_a_move_is_taken_back(self):
        server = self.serve(ON_THE_FILE)
        server.stop()
        self.assertIn("nothing had moved", self.move("--cancel").stdout)
        self.assertEqual(self.move("--no-serve").returncode, 0)
        self.assertEqual(self.move("--cancel").returncode, 0)
        self.serve(ON_THE_FILE).stop()

    def test_without_a_place_it_says_how_to_name_one(self):
        done = roost("move", self.folder.path, "--data", self.data, environment=ON_THE_FILE)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--database postgresql://", done.stderr)
