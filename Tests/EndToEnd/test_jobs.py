"""Jobs: retention carried out, `roost jobs`, the administrator's routes, metrics."""

import json
import os
import re
import sqlite3
import time
import unittest
import uuid

from client import Client, administrator, anonymous
from server import ENGINE, Folder, Server, as_stranger, roost

SCHEMA = """type Note @collection @allow(ops: [ALL], owner: "owner")
  @retention(after: "deletedAt", for: "PT1S", unless: "isKept") {
  owner: User!
  text: String!
  isKept: Boolean
}
"""
ADD = """INSERT INTO roost_job (id, kind, payload, priority, state, run_after, attempts, lease_token,
  cancel_requested, created_at) VALUES (?, ?, '{}', 1, 'waiting', ?, 0, 0, 0, 0)"""


@unittest.skipIf(ENGINE == "postgres", "the jobs are put into the file by hand")
class JobsTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.data = os.path.join(self.folder.path, "data")
        self.server = Server(self.folder.path, data=self.data)
        self.addCleanup(self.server.kill)
        self.server.start()

    def add(self, kind, run_after=0):
        """Puts a job into the queue of the stopped server; its id."""
        job = uuid.uuid4()
        with sqlite3.connect(os.path.join(self.data, "roost.sqlite")) as database:
            database.execute(ADD, (job.bytes, kind, run_after))
        database.close()
        return str(job)

    def rows(self, sql):
        with sqlite3.connect(os.path.join(self.data, "roost.sqlite")) as database:
            found = database.execute(sql).fetchall()
        database.close()
        return found

    def jobs(self, *words, status=0):
        done = roost("jobs", *words, "--data", self.data)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def listed(self, *options):
        return json.loads(self.jobs("list", self.folder.path, "--json", *options).stdout)["items"]

    def restart(self):
        self.server = Server(self.folder.path, data=self.data)
        self.addCleanup(self.server.kill)
        self.server.start()

    def metrics(self):
        return Client(self.server.port).get("/metrics").body.decode()

    def administrator(self):
        link = roost("admin", self.folder.path, "--data", self.data).stdout
        return administrator(self.server.port, link)

    def test_retention_purges_what_was_deleted_and_is_told_in_the_metrics(self):
        person = anonymous(self.server.port)
        for text, kept in (("gone", False), ("kept", True), ("live", False)):
            note = person.post("/v1/notes", {"text": text, "isKept": kept})
            self.assertEqual(note.status, 201, note)
            if text != "live":
                self.assertEqual(person.delete(f"/v1/notes/{note['id']}").status, 204)
        self.server.stop()
        time.sleep(1.1)
        self.add("retention")
        self.restart()
        deadline = time.monotonic() + 30
        while 'roost_jobs_ended_total{kind="retention",outcome="done"} 1' not in self.metrics():
            self.assertLess(time.monotonic(), deadline, self.metrics())
            time.sleep(0.05)
        metrics = self.metrics()
        self.assertIn('roost_retention_rows_total{collection="notes",action="PURGE"} 1', metrics)
        self.assertRegex(metrics, r"roost_retention_last_run_timestamp_seconds \d+")
        self.server.stop()
        self.assertEqual(
            self.rows("SELECT text FROM notes ORDER BY text"), [("kept",), ("live",)])
        (job,) = self.listed()
        self.assertEqual((job["kind"], job["state"], job["attempts"]), ("retention", "done", 1))
        shown = json.loads(
            self.jobs("list", self.folder.path, job["id"], "--json").stdout)
        self.assertEqual([run["outcome"] for run in shown["runs"]], ["done"])

    def test_jobs_are_listed_cancelled_and_retried_while_the_server_is_down(self):
        self.server.stop()
        path = self.folder.path
        first, second = self.add("mystery"), self.add("riddle", 9_000_000_000_000)
        self.assertEqual({job["id"] for job in self.listed()}, {first, second})
        self.assertEqual([job["id"] for job in self.listed("--kind", "riddle")], [second])
        self.assertEqual(self.listed("--state", "dead"), [])
        self.assertEqual(len(self.listed("--limit", "1")), 1)
        text = self.jobs("list", path).stdout
        self.assertIn(f"{first}  waiting  mystery", text)
        self.jobs("cancel", path, first)
        self.assertEqual([job["id"] for job in self.listed("--state", "cancelled")], [first])
        self.assertIn("nothing to cancel", self.jobs("cancel", path, first, status=1).stderr)
        self.jobs("retry", path, first)
        self.assertEqual(self.listed("--state", "cancelled"), [])
        self.jobs("retry", path, second)
        (hurried,) = self.listed("--kind", "riddle")
        self.assertLess(hurried["runAfter"], "2100")
        self.assertIn("no job", self.jobs("cancel", path, str(uuid.uuid4()), status=1).stderr)

    def test_mistakes_of_the_command_line_exit_2(self):
        path = self.folder.path
        for words, says in (
                ([], "say what to do"), (["lst", path], "did you mean list"),
                (["list", path, "nonsense"], "no id of a job"), (["retry", path], "name the job"),
                (["list", path, "--state", "ded"], "did you mean dead"),
                (["list", path, "--limit", "0"], "--limit"),
                (["cancel", path, str(uuid.uuid4()), "--kind", "a"], "--kind")):
            with self.subTest(words=words):
                self.assertIn(says, self.jobs(*words, status=2).stderr)

    def test_a_folder_that_may_not_be_seen_is_not_told_to_be_empty(self):
        self.server.stop()
        for words in (("jobs", "list"), ("generate", "changelog")):
            done = as_stranger(self.folder, *words, self.folder.path, "--data", self.data)
            self.assertIn(done.returncode, (1, 2), done.stdout + done.stderr)
            self.assertIn("cannot be looked into: Permission denied", done.stderr)

    def test_while_the_server_runs_an_administrator_asks_it(self):
        self.server.stop()
        job = self.add("mystery")
        self.restart()
        told = self.jobs("cancel", self.folder.path, job, status=1).stderr
        self.assertIn("in use", told)
        self.assertRegex(told, re.escape(f"/v1/admin/jobs/{job}/cancel"))
        told = self.jobs(
            "list", self.folder.path, "--kind", "backup", "--state", "dead", status=1).stderr
        self.assertIn("/v1/admin/jobs?state=dead&kind=backup'", told)
        self.assertEqual(anonymous(self.server.port).get("/v1/admin/jobs").status, 403)
        self.assertEqual(Client(self.server.port).get("/v1/admin/jobs").status, 401)
        admin = self.administrator()
        self.assertEqual([one["id"] for one in admin.get("/v1/admin/jobs")["items"]], [job])
        self.assertEqual(admin.get("/v1/admin/jobs?state=dead")["items"], [])
        for query in ("state=ded", "limit=0", "kid=a"):
            self.assertEqual(admin.get(f"/v1/admin/jobs?{query}").status, 422, query)
        answer = admin.post(f"/v1/admin/jobs/{job}/cancel", {})
        self.assertEqual((answer.status, answer["state"]), (200, "cancelled"))
        self.assertEqual(admin.post(f"/v1/admin/jobs/{job}/cancel", {}).status, 409)
        self.assertEqual(admin.post(f"/v1/admin/jobs/{job}/retry", {})["state"], "waiting")
        self.assertEqual(admin.get(f"/v1/admin/jobs/{job}")["runs"], [])
        self.assertEqual(admin.get(f"/v1/admin/jobs/{uuid.uuid4()}").status, 404)
        self.assertIn('roost_jobs{kind="mystery",state="waiting"} 1', self.metrics())

    def test_a_schedule_or_a_zone_that_is_none_stops_the_start(self):
        for name, text, says in (
                ("ROOST_RETENTION_SCHEDULE", "0 0 30 2 *", "a cron expression of five fields"),
                ("ROOST_RETENTION_ZONE", "Europe/Nowhere", "tzdata")):
            done = roost("dev", self.folder.path, "--port", "0", environment={name: text})
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main()
