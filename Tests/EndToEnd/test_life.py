"""The life of an app: bandstand goes from its first version to its third and back again, by the guide
(docs/guides/migrations.md), while a client of the first calls all through.

On a file each step is a restart; on PostgreSQL servers of two versions stand side by side. A request
may fail in a restart that is named here, where it is repeated, and nowhere else.
"""

import base64
import contextlib
import http.client
import json
import os
import threading
import time
import unittest
import uuid

from balancer import Balancer
from client import Client, anonymous
from former import Former
from functions import Functions
from postgres import POSTGRES, psql
from server import ENGINE, EXAMPLES, Folder, Server, roost

KEY = b"a key of the box office, 32 long"
VENUE = "01970000-0000-7000-8000-000000000001"


def edit(text, *changes):
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


with open(os.path.join(EXAMPLES, "bandstand", "schema.graphql"), encoding="utf-8") as file:
    FIRST = file.read()
# Additions: a required field with a default, and an action.
ADDED = edit(FIRST, (
    "  audienceSize: Int @constraint(min: 0)\n",
    "  audienceSize: Int @constraint(min: 0)\n"
    "  encores: Int! @default(value: \"0\") @merge(strategy: COUNTER)\n")) + """
extend type Mutation {
  "One more."
  applaud(performance: ID!): Performance! @action
}
"""
# Other names, of a field and of a collection.
SECOND = edit(
    ADDED,
    ("  audienceSize: Int @", "  attendance: Int @was(name: \"audienceSize\") @"),
    ("measures: [\"payment\", \"audienceSize\"]", "measures: [\"payment\", \"attendance\"]"),
    ("type SetList @collection", "type Programme @collection @was(name: \"SetList\")"),
    ("  setLists: [SetList!]! @", "  programmes: [Programme!]! @"),
    ("inverse: \"setLists\"", "inverse: \"programmes\""),
    ("  setList: SetList @", "  programme: Programme @was(name: \"setList\") @"))
# Another type, and a field less.
THIRD = edit(
    SECOND,
    ("  attendance: Int @was(name: \"audienceSize\") @", "  attendance: Float @"),
    (", except: [\"payment\", \"notes\"]", ", except: [\"payment\"]"),
    ("  \"Later: @encrypted(mode: CLIENT). Until then notes are stored as they are sent.\"\n"
     "  notes: String\n", ""))
SETTINGS = """functions:
  allowLoopback: true
  applaud:
    url: http://127.0.0.1:{port}/applaud
    secrets: env:ROOST_TEST_KEY
    on: action
"""


class FirstClient(threading.Thread):
    """A client of version 1.0.0: it creates, reads, lists and changes, and checks every answer."""

    MEMBERS = {"id", "version", "createdAt", "updatedAt", "owner", "band", "date", "venue", "setList",
               "duration", "payment", "audienceSize", "notes", "locked"}

    def __init__(self, port, token):
        super().__init__(daemon=True)
        self.port, self.token = port, token
        self.stopping = threading.Event()
        self.rounds, self.faults, self.repeats = 0, [], {}
        # Which restart is under way, and how many there were.
        self.window, self.windows = None, 0
        # Version 3 has no place for notes.
        self.keeps_notes = True

    def run(self):
        try:
            self.band = self.send("POST", "/v1/bands", {"name": "Ash"}, 201)["id"]
            while not self.stopping.is_set():
                self.round()
                self.rounds += 1
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(repr(error))

    def round(self):
        keeps_notes = self.keeps_notes
        made = self.send("POST", "/v1/performances", {
            "band": self.band, "venue": VENUE, "date": "2026-05-01T20:00:00Z", "duration": "PT2H",
            "payment": 5000, "audienceSize": self.rounds, "notes": "loud"}, 201)
        path = f"/v1/performances/{made['id']}"
        self.expect(made, audienceSize=self.rounds, payment=5000, locked=False)
        changed = self.send("PATCH", path, {"audienceSize": self.rounds + 1000}, 200)
        self.expect(changed, audienceSize=self.rounds + 1000)
        read = self.send("GET", path + "?expand=venue", None, 200)
        self.expect(read, audienceSize=self.rounds + 1000, id=made["id"])
        self.check(read["venue"]["name"] == "The Copper Kettle", read)
        if keeps_notes and self.keeps_notes:
            self.expect(read, notes="loud")
        page = self.send(
            "GET", "/v1/performances?filter=audienceSize%20%3E%3D%201000%20%26%26%20payment%20!%3D"
            "%20null&sort=-audienceSize,id&limit=3&fields=audienceSize,setList", None, 200)
        sizes = [item["audienceSize"] for item in page["items"]]
        self.check(sizes == sorted(sizes, reverse=True) and sizes[0] >= self.rounds + 1000, page)
        self.check(all(set(item) == {"id", "audienceSize", "setList"} for item in page["items"]),
                   page)
        self.send("DELETE", path, None, 204) if self.rounds % 4 == 3 else None

    def check(self, holds, answer):
        if not holds:
            self.faults.append(f"round {self.rounds}: {answer}")

    def expect(self, record, **values):
        # Members that came in a minor version it does not know, and leaves alone.
        self.check(self.MEMBERS <= set(record) <= self.MEMBERS | {"encores"}, record)
        self.check({name: record.get(name) for name in values} == values, (values, record))

    def send(self, method, path, body, expected):
        headers = {"Authorization": f"Bearer {self.token}", "Roost-Version": "1.0.0",
                   "Idempotency-Key": str(uuid.uuid4())}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        while True:
            window, windows = self.window, self.windows
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                status, text = answer.status, answer.read()
            finally:
                connection.close()
            if status == expected:
                return json.loads(text) if text else None
            name = window or self.window
            if status in (502, 503) and (name or windows != self.windows):
                self.repeats[name] = self.repeats.get(name, 0) + 1
                time.sleep(0.02)
                continue
            raise AssertionError(f"{method} {path}: {status} {text[:500]!r}")


class LifeTests(unittest.TestCase):
    def setUp(self):
        self.functions = Functions([KEY])
        self.addCleanup(self.functions.close)
        self.functions.answers["/applaud"] = lambda call, _: {
            "mutations": [{"update": "performances", "id": call.json["arguments"]["performance"],
                           "values": {"encores": {"$increment": 1}}}],
            "result": call.json["arguments"]["performance"]}
        self.folder = Folder(copy=os.path.join(EXAMPLES, "bandstand"))
        self.addCleanup(self.folder.remove)
        # The client's lists have no index, and the machine may be busy.
        self.environment = {"ROOST_TEST_KEY": "whsec_" + base64.b64encode(KEY).decode(),
                            "ROOST_DATABASE_LIST_MILLISECONDS": "0"}
        self.side_by_side = ENGINE == "postgres"
        if self.side_by_side:
            schema = "life_" + uuid.uuid4().hex[:12]
            self.environment |= {"ROOST_DATABASE": POSTGRES, "ROOST_DATABASE_SCHEMA": schema}
            self.addCleanup(psql, f"SET client_min_messages = error; DROP SCHEMA {schema} CASCADE")
        self.count = 0
        self.server = None

    # What the guide has people do.

    def write(self, schema):
        self.folder.write("schema.graphql", schema)

    def migrate(self, word, *arguments):
        done = roost("migrate", word, self.folder.path, "--data", self.data, *arguments,
                     seconds=120, environment=self.environment)
        self.assertIn(done.returncode, (0, 3) if word == "plan" else (0,), done.stderr)
        return done

    @property
    def data(self):
        return self.folder.join("data")

    def start(self):
        self.count += 1
        data = self.folder.join(f"data{self.count}") if self.side_by_side else self.data
        server = Server(self.folder.path, data=data, environment=self.environment)
        self.addCleanup(server.kill)
        server.start()
        self.balancer.add(server.port)
        self.wait(lambda: server.port in self.balancer.ready, "the server is not ready")
        return server

    def stop(self, server):
        server.stop()
        self.balancer.remove(server.port)

    @contextlib.contextmanager
    def restart(self, name):
        """In which requests may fail, and are repeated."""
        self.client.window = name
        try:
            yield
            self.wait(lambda: self.server.port in self.balancer.ready, name)
        finally:
            self.client.windows += 1
            self.client.window = None

    def wait(self, condition, what):
        deadline = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def calling(self):
        """Waits until the client has gone on for some rounds, and nothing was wrong."""
        rounds = self.client.rounds
        self.wait(lambda: self.client.rounds >= rounds + 5 or self.client.faults,
                  "the client does not go on")
        self.assertEqual(self.client.faults, [])

    def replace(self, name, *step, says):
        """A step that is no addition: on a file between stop and start; on PostgreSQL beside the old
        server, which the new one replaces."""
        plan = ["plan", *(["--back"] if step[0] == "rollback" else [])]
        if self.side_by_side:
            self.assertIn(says, self.migrate(*plan).stdout)
            self.calling()
        with self.restart(name):
            old = self.server
            if not self.side_by_side:
                self.stop(old)
                self.assertIn(says, self.migrate(*plan).stdout)
            self.migrate(*step)
            self.server = self.start()
            if self.side_by_side:
                self.stop(old)
        self.calling()

    def person(self, version=None):
        """Somebody who asks for a version, or for none."""
        if version:
            return Former(self.balancer.port, self.client.token, version=version)
        return Client(self.balancer.port, self.client.token)

    def test_from_version_1_to_3_and_back(self):
        with Balancer() as self.balancer:
            self.server = self.start()
            account = anonymous(self.balancer.port)
            self.client = FirstClient(self.balancer.port, account.token)
            self.client.start()
            self.addCleanup(self.client.stopping.set)
            self.calling()
            self.live()
            self.client.stopping.set()
            self.client.join(60)
            self.assertEqual(self.client.faults, [])
            self.stop(self.server)

    @unittest.skipUnless(ENGINE == "postgres", "a file belongs to one process")
    def test_a_server_that_only_reads_hears_of_a_migration(self):
        with Balancer() as self.balancer:
            server = self.start()
            person = anonymous(server.port)
            venue = person.get(f"/v1/venues/{VENUE}")
            self.assertEqual(venue.status, 200)
            self.write(edit(FIRST, ("  capacity: Int @",
                                    "  seats: Int @was(name: \"capacity\") @")))
            self.migrate("apply")
            self.wait(lambda: server.port not in self.balancer.ready, "it is still ready")
            # Its statements name what is called otherwise now: no fault of anybody's.
            for path in (f"/v1/venues/{VENUE}", "/v1/venues?limit=2&sort=-capacity"):
                answer = person.get(path)
                self.assertEqual((answer.status, answer.headers.get("retry-after")), (503, "1"))
            self.stop(server)

    def live(self):
        early = self.person("1.0.0")
        kept = early.create("performances", band=self.client.band, venue=VENUE, notes="early",
                            date="2026-04-01T20:00:00Z", duration="PT1H", audienceSize=7)
        early.create("bandMembers", band=self.client.band, user=kept["owner"])
        songs = early.create("setLists", band=self.client.band, title="Encores", songs=["a"])
        self.add(kept)
        self.rename(kept, songs)
        self.retype(kept)
        self.go_back(kept)

    def add(self, kept):
        """1.1.0: additions. A start makes them."""
        self.write(ADDED)
        self.folder.write("roost.yaml", SETTINGS.format(port=self.functions.port))
        printed = roost("generate", "changelog", "--from", self.first(), "--to",
                        self.folder.join("schema.graphql"))
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertIn("encores", printed.stdout)
        if self.side_by_side:
            old, self.server = self.server, self.start()
            # Both answer: the old one does not know the field, and its records have it.
            for server in (old, self.server):
                before = self.balancer.answers.get(server.port, 0)
                self.wait(lambda s=server, b=before: self.client.faults
                          or self.balancer.answers.get(s.port, 0) >= b + 20, "nobody asks it")
            self.calling()
            self.stop(old)
        else:
            with self.restart("1.1.0"):
                self.stop(self.server)
                self.server = self.start()
        self.calling()
        new = self.person("1.1.0")
        answer = new.post("/v1/actions/applaud", {"performance": kept["id"]})
        self.assertEqual((answer.status, answer["result"]["encores"]), (200, 1), answer)
        self.assertEqual(answer.headers["roost-compatibility"], "full")

    def first(self):
        return self.folder.write("first.graphql", FIRST)

    def rename(self, kept, songs):
        """2.0.0: other names."""
        self.write(SECOND)
        self.replace("2.0.0", "apply", says="rename")
        now, then = self.person().get(f"/v1/performances/{kept['id']}"), self.person("1.1.0")
        self.assertEqual(now.headers["roost-version"], "2.0.0")
        self.assertEqual((now["attendance"], now["encores"]), (7, 1))
        self.assertEqual(self.person().get(f"/v1/programmes/{songs['id']}")["title"], "Encores")
        # Under its old name for those of before, and beside its band.
        old = self.person("1.0.0").get(f"/v1/bands/{self.client.band}/setLists")
        self.assertEqual([item["title"] for item in old["items"]], ["Encores"])
        answer = then.post("/v1/actions/applaud", {"performance": kept["id"]})
        self.assertEqual((answer["result"]["audienceSize"], answer["result"]["encores"]), (7, 2))
        self.assertNotIn("attendance", answer["result"])

    def retype(self, kept):
        """3.0.0: another type, and a field less."""
        self.write(THIRD)
        self.client.keeps_notes = False
        self.replace("3.0.0", "apply", "--allow-data-loss", "Performance.notes",
                     says="Performance.notes")
        self.assertEqual(self.person().get(f"/v1/performances/{kept['id']}").headers["roost-version"],
                         "3.0.0")
        wide = self.person().patch(f"/v1/performances/{kept['id']}", {"attendance": 7.5})
        self.assertEqual(wide.status, 200, wide)
        old = self.person("1.0.0").get(f"/v1/performances/{kept['id']}")
        self.assertEqual((old["audienceSize"], old["notes"]), (None, None))
        self.assertEqual(old.headers["roost-lost"], "audienceSize")
        asked = self.person("1.0.0").get("/v1/performances", filter="notes != null")
        self.assertEqual((asked.status, asked.issues), (422, {"?filter": "dropped_field"}))
        self.assertIn("since version 3.0.0", asked["detail"])
        back = self.person().patch(f"/v1/performances/{kept['id']}", {"attendance": 8})
        self.assertEqual(back.status, 200, back)

    def go_back(self, kept):
        """3.0.0 is taken back: what it wrote is there in the old form."""
        self.replace("rollback", "rollback", "--out", self.folder.join("schema.graphql"),
                     says="notes")
        self.client.keeps_notes = True
        with open(self.folder.join("schema.graphql"), encoding="utf-8") as text:
            self.assertEqual(text.read(), SECOND)
        self.calling()
        now = self.person().get(f"/v1/performances/{kept['id']}")
        self.assertEqual(now.headers["roost-version"], "4.0.0")
        self.assertEqual((now["attendance"], now["notes"], now["encores"]), (8, "early", 2))
        # Those of the version that was taken back are served too, and those of the first.
        third = self.person("3").get(f"/v1/performances/{kept['id']}")
        self.assertEqual((third.status, third["attendance"]), (200, 8))
        self.assertNotIn("notes", third.json)
        first = self.person("1.0.0").get(f"/v1/performances/{kept['id']}")
        self.assertEqual((first["audienceSize"], first["notes"]), (8, "early"))


if __name__ == "__main__":
    unittest.main()
