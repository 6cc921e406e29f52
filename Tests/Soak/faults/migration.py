"""SIGKILL in the middle of migrations, again and again, on both engines."""

import json
import os
import random
import signal
import subprocess
import time

from harness.postgres import Cluster, Unreachable
from harness.server import BINARY, SETTINGS, Server

from .migration_beside import Beside, OldServer, Reader, visitor
from .result import Result, Unavailable

NAME = "migration"
PROMISE = "a migration that is killed at any moment ends right, and goes back with what was " \
          "written; the server answers all through"
TEST = "a required field with a default, a field in another type and a rename over many rows; " \
       "{tries} × `kill -9` on each engine, alternately of `roost migrate` and of the server; " \
       "then each row is compared, taken back and compared again; then another such field, not killed, " \
       "is read beside: on PostgreSQL by the old server all through and a new one next to it, which " \
       "are written to as well, on SQLite by the new one until all rows have it; as the control, " \
       "a planted lost row and a planted wrong one must be found"
TRIES = (20, 3)
# It may be over before so many kills; of these some have to have met it.
SHARE = 3
PATIENCE = 60
BEGUN = 256 << 10  # bytes of SQLite's log
SHORT_ROWS, ROWS = 20_000, 1_000_000

# What no migration touches: whoever reads it waits for the processors alone.
OTHER = """
type Calm @collection @allow(ops: [ALL], to: USER) {
  name: String
}
"""
OLD = """
type Item @collection @allow(ops: [ALL], to: USER) {
  name: String!
  size: Int
  note: String
}
""" + OTHER
# The rename comes first: a step that goes through rows must not keep readers out behind it.
NEW = """
type Item @collection @allow(ops: [ALL], to: USER) {
  name: String!
  remark: String @was(name: "note")
  size: String
  stars: Int! @default(value: "3")
}
""" + OTHER
# What is added beside servers that are read and written.
WIDER = OLD.replace("  note: String\n", "  note: String\n  grade: Int! @default(value: \"1\")\n")


def run(folder, tries):
    result = Result()
    result.counts.update(kills=0, rows=0, wrong=0)
    count = int(os.environ.get("ROOST_MIGRATION_ROWS", ROWS if tries > 3 else SHORT_ROWS))
    for engine in ("sqlite", "postgres"):
        place = os.path.join(folder, engine)
        os.makedirs(place)
        if engine == "sqlite":
            _Trial(place, {}, count, tries, result, engine).run()
            continue
        try:
            with Cluster() as cluster:
                _Trial(place, cluster.settings(), count, tries, result, engine, cluster).run()
        except Unavailable:
            result.counts["without postgres"] = 1
    return result


class _Trial:
    def __init__(self, folder, settings, count, tries, result, engine, cluster=None):
        self.folder, self.settings, self.result = folder, settings, result
        self.cluster = cluster
        self.count, self.tries, self.engine = count, tries, engine
        self.data, self.app = os.path.join(folder, "data"), os.path.join(folder, "app")
        os.makedirs(self.app)
        self.chance, self.kills = random.Random(), 0
        # A few reads on a machine that builds and tests besides tell nothing of times.
        self.judges_times = tries > TRIES[1]

    def write_schema(self, text):
        with open(os.path.join(self.app, "schema.graphql"), "w") as file:
            file.write(text)

    def server(self):
        return Server(self.data, app=self.app, settings=self.settings)

    # The data: rows by import, so that a million take minutes.

    def fill(self):
        path = os.path.join(self.folder, "rows.jsonl")
        with open(path, "w") as file:
            for number in range(self.count):
                file.write(json.dumps({"name": f"item {number}",
                                       "size": number, "note": f"note {number}"}) + "\n")
        command = [BINARY, "import", self.app, path, "--collection", "items", "--data", self.data,
                   "--no-progress"]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the import ended with {done.returncode}: {done.stderr[-500:]}")

    def environment(self):
        return dict(os.environ, **SETTINGS, **self.settings)

    def migrate(self, *words, kill_after=None, begun=None, app=None):
        """Runs `roost migrate`; its exit code, or None where it was killed, so long after `begun`."""
        command = [BINARY, "migrate", words[0], app or self.app, "--data", self.data, *words[1:]]
        process = subprocess.Popen(command, env=self.environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        until = time.monotonic() + PATIENCE
        while begun and process.poll() is None and not begun() and time.monotonic() < until:
            time.sleep(0.002)
        try:
            self.output = process.communicate(timeout=kill_after or 3600)[0]
            return process.returncode
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            self.output = process.communicate()[0]
            self.result.add("kills")
            return None

    def run(self):
        self.write_schema(OLD)
        self.fill()
        self.write_schema(NEW)
        if self.migrate("plan") != 3:
            self.result.violate(f"{self.engine}: the plan is not pending: {self.output[-300:]}")
            return
        began = time.monotonic()
        old = OldServer(self, OLD) if self.cluster else None
        try:
            for number in range(self.tries):
                if self.kill_once(number):
                    break
            if self.migrate("apply") != 0:
                self.result.violate(f"{self.engine}: apply: {self.output[-300:]}")
                return
            if self.kills < max(1, self.tries // SHARE):
                self.result.violate(f"{self.engine}: it was killed {self.kills} times alone, where "
                                    f"{self.tries} were meant")
        finally:
            if old:
                old.end()
        self.result.counts[f"{self.engine} seconds"] = round(time.monotonic() - began)
        self.compare(NEW, lambda number: {
            "name": f"item {number}", "size": str(number), "remark": f"note {number}", "stars": 3})
        self.back()
        if self.result.passed:
            Beside(self, OLD, WIDER, "grade", 1, self.cluster).run()

    def kill_once(self, number):
        """One kill, of the command or of a server; true where there is nothing left to kill."""
        wait = self.chance.uniform(0.05, 0.3 + self.count / 40_000)
        if not number:
            # Of few rows little is left when it has begun.
            wait = self.chance.uniform(0, self.count / 1_000_000)
            ended = self.migrate("apply", kill_after=wait, begun=self.has_begun)
            self.kills += ended is None
            return ended == 0
        if number % 2 == 0 or not self.is_switched():
            ended = self.migrate("apply", kill_after=wait)
            self.kills += ended is None
            return ended == 0
        server = self.server()
        server.start()
        reader = Reader(server.port)
        reader.start()
        time.sleep(wait)
        reader.stop()
        server.kill()
        self.kills += 1
        self.result.add("kills")
        slow = reader.milliseconds(0.99)
        if slow is not None:
            known = self.result.counts.get(f"{self.engine} p99 ms", 0)
            self.result.counts[f"{self.engine} p99 ms"] = max(known, round(slow))
        if reader.failures:
            self.result.violate(f"{self.engine}: a read was answered {reader.failed()[0]}")
        return False

    def has_begun(self):
        """Whether a command that was given goes through rows."""
        if self.cluster:
            try:
                return bool(self.cluster.query(
                    "SELECT 1 FROM roost_migration_run WHERE state = 'converting'",
                    schema="roost"))
            except Unreachable:  # there is no such table yet
                return False
        try:
            return os.path.getsize(os.path.join(self.data, "roost.sqlite-wal")) >= BEGUN
        except FileNotFoundError:
            return False

    def is_switched(self):
        self.migrate("status", "--json")
        try:
            runs = json.loads(self.output)["migrations"]
        except (ValueError, KeyError):
            return False
        return bool(runs) and runs[-1]["state"] != "converting"

    def back(self):
        server = self.server()
        server.start()
        connection, token = visitor(server.port)
        answer = connection.request("POST", "/v1/items", token=token, body={
            "name": "later", "size": "77", "remark": "after", "stars": 5})
        server.stop()
        if answer.status != 201:
            self.result.violate(f"{self.engine}: a write was answered {answer.status}")
            return
        written = json.loads(answer.body)["id"]
        if self.chance.random() < 0.8:
            self.migrate("rollback", kill_after=self.chance.uniform(0.05, 0.5))
        self.migrate("rollback") if self.is_new() else None
        self.write_schema(OLD)

        def old(number):
            return {"name": f"item {number}", "size": number, "note": f"note {number}"}

        later = {written: {"name": "later", "size": 77, "note": "after"}}
        self.compare(OLD, old, later)
        if self.result.passed:
            self.control(old, later)

    def control(self, expected, extra):
        """A row that is changed, and one that is taken away: the comparison has to find each."""
        with self.server() as server:
            connection, token = visitor(server.port)
            item = connection.request("GET", "/v1/items?limit=1", token=token).json()["items"][0]
        self.change("PATCH", item["id"], {"size": item["size"] + 1})
        self.found("a wrong row", expected, extra)
        self.change("PATCH", item["id"], {"size": item["size"]})
        self.change("DELETE", *extra)
        self.found("a lost row", expected, extra)

    def change(self, method, identifier, body=None):
        with self.server() as server:
            connection, token = visitor(server.port)
            answer = connection.request(method, f"/v1/items/{identifier}", body, token)
            if not answer.ok:
                raise RuntimeError(f"{method} was answered {answer.status}: {answer.body[:300]!r}")

    def found(self, what, expected, extra):
        """Whether the comparison shows what was planted."""
        result, self.result = self.result, Result()
        self.compare(OLD, expected, extra)
        found, self.result = self.result, result
        if found.passed:
            result.violate(f"{self.engine}: {what} was planted and not found, so this test proves "
                           "nothing here")
        else:
            result.add("planted faults found")

    def is_new(self):
        """Whether the database still holds the new schema."""
        self.write_schema(OLD)
        return self.migrate("plan") != 0

    def compare(self, schema, expected, extra=None):
        """Each row through the front door; the server brings what is left in step meanwhile."""
        self.write_schema(schema)
        server = self.server()
        server.start()
        connection, token = visitor(server.port)
        seen, after = 0, ""
        extra = dict(extra or {})
        while True:
            answer = connection.request("GET", f"/v1/items?limit=200{after}", token=token)
            if answer.status != 200:
                self.result.violate(f"{self.engine}: a list was answered {answer.status}")
                break
            page = json.loads(answer.body)
            for item in page["items"]:
                want = extra.pop(item["id"], None)
                if want is None:
                    want = expected(int(item["name"].split()[1]))
                    seen += 1
                if any(item.get(key) != value for key, value in want.items()):
                    self.result.add("wrong")
                    self.result.violate(f"{self.engine}: {item} instead of {want}")
                    server.stop()
                    return
            if not page.get("next"):
                break
            after = "&after=" + page["next"]
        server.stop()
        self.result.add("rows", seen)
        if seen != self.count or extra:
            self.result.violate(f"{self.engine}: {seen} of {self.count} rows, missing {extra}")
