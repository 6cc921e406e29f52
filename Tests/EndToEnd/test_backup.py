"""Backups: made beside writes, tried, damaged, restored; and devices that bring the rest."""

import contextlib
import glob
import json
import os
import sqlite3
import threading
import time
import unittest

from client import Client, administrator, anonymous
from postgres import psql
from server import ENGINE, Folder, Server, as_stranger, database, roost
from sync_cases import RULES, SCHEMA
from sync_client import Device

NOTES = """type Note @collection @allow(ops: [ALL], owner: "owner") {
  owner: User!
  text: String!
}
"""


class BackupCase(unittest.TestCase):
    schema = NOTES
    settings = ""

    def setUp(self):
        self.folder = Folder({"schema.graphql": self.schema})
        self.addCleanup(self.folder.remove)
        self.key = self.folder.join("key")
        self.folder.write("roost.yaml", f"backups:\n  keyFile: {self.key}\n{self.settings}")
        done = roost("backup", "key", self.key)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.data = self.folder.join("data")
        self.servers = []

    def start(self, data=None):
        server = Server(self.folder.path, data=data or self.data)
        self.addCleanup(server.kill)
        server.start()
        return server

    def backup(self, *words, status=0, data=None, says=None):
        done = roost("backup", words[0], self.folder.path, *words[1:],
                     "--data", data or self.data, seconds=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if says:
            self.assertIn(says, done.stderr)
        return done

    def administrator(self, server):
        link = roost("admin", self.folder.path, "--data", self.data).stdout
        return administrator(server.port, link)

    def at(self, client, server):
        """The same person, of a server that listens elsewhere."""
        return Client(server.port, client.token, client.session)

    def passing(self):
        return glob.glob(os.path.join(self.data, "**", ".passing-*"), recursive=True)


class CommandTests(BackupCase):
    def test_a_backup_is_made_listed_tried_and_restored(self):
        server = self.start()
        ann = anonymous(server.port)
        early = ann.create("notes", owner=ann.id, text="Early")["id"]
        server.stop()
        made = json.loads(self.backup("create", "--json").stdout)
        self.assertTrue(os.path.exists(made["path"]))
        self.assertEqual(os.stat(made["path"]).st_mode & 0o777, 0o600)
        with open(made["path"], "rb") as file:
            self.assertNotIn(b"Early", file.read())
        listed = json.loads(self.backup("list", "--json").stdout)["items"]
        self.assertEqual([item["id"] for item in listed], [made["id"]])
        self.backup("verify", "latest")
        if ENGINE == "postgres":
            self.backup("restore", "latest", "--replace", status=1, says="nothing there is replaced")
            return
        server = self.start()
        late = anonymous(server.port)
        late.create("notes", owner=late.id, text="Late")
        self.assertEqual(len(self.at(ann, server).get("/v1/notes")["items"]), 1)
        self.backup("restore", "latest", "--replace", status=1, says="in use")
        server.stop()
        self.backup("restore", "latest", status=1, says="--replace")
        report = json.loads(self.backup("restore", "latest", "--replace", "--json").stdout)
        self.assertTrue(os.path.exists(report["former"]))
        server = self.start()
        notes = self.at(ann, server).get("/v1/notes")["items"]
        self.assertEqual([note["id"] for note in notes], [early])
        # Who came later is not known: the access token runs out within minutes, and gets no other.
        again = Client(server.port).post(
            "/v1/auth/refresh", {"refreshToken": late.session["refreshToken"]})
        self.assertEqual(again.status, 401, again)
        self.assertEqual(self.passing(), [])
        # Sessions of the backup are alive again, unless they are ended with it.
        server.stop()
        self.backup("restore", "latest", "--replace", "--sign-out")
        server = self.start()
        again = Client(server.port).post(
            "/v1/auth/refresh", {"refreshToken": ann.session["refreshToken"]})
        self.assertEqual(again.status, 401, again)

    def test_a_restore_goes_into_an_empty_place(self):
        server = self.start()
        ann = anonymous(server.port)
        ann.create("notes", owner=ann.id, text="Kept")
        server.stop()
        path = json.loads(self.backup("create", "--json").stdout)["path"]
        other = self.folder.join("other")
        if ENGINE == "postgres":
            # A dump goes into the schema that it is of: the place is made empty first.
            psql(f"DROP SCHEMA {database(self.data)['ROOST_DATABASE_SCHEMA']} CASCADE")
            self.backup("restore", path)
            server = self.start()
        else:
            self.backup("restore", path, data=other)
            server = self.start(other)
        self.assertEqual(
            [n["text"] for n in self.at(ann, server).get("/v1/notes")["items"]], ["Kept"])

    def test_what_cannot_be_restored_is_refused_and_changes_nothing(self):
        server = self.start()
        ann = anonymous(server.port)
        ann.create("notes", owner=ann.id, text="Kept")
        server.stop()
        path = json.loads(self.backup("create", "--json").stdout)["path"]
        broken = self.folder.join("broken.backup")
        with open(path, "rb") as file:
            whole = file.read()
        with open(broken, "wb") as file:
            file.write(whole[:-60] + bytes([whole[-60] ^ 1]) + whole[-59:])
        self.backup("verify", broken, status=1, says="is damaged")
        self.backup("restore", broken, "--replace", status=1)
        self.backup("verify", self.folder.join("schema.graphql"), status=1, says="no backup")
        self.backup("verify", "missing", status=1, says="no such file")
        # Whoever can write to the folder needs no key for a file that is not encrypted.
        plain = json.loads(self.backup("create", "--plain", "--json").stdout)["path"]
        for words in (("verify", plain), ("verify", "latest")):
            self.backup(*words, status=1, says="is not encrypted")
        if ENGINE == "sqlite":
            self.backup("restore", plain, "--replace", status=1, says="is not encrypted")
        self.backup("verify", plain, "--plain")
        os.remove(plain)
        stranger = self.folder.join("stranger")
        roost("backup", "key", stranger)
        self.backup("verify", path, "--key", stranger, status=1, says="this is the key")
        server = self.start()
        self.assertEqual(len(self.at(ann, server).get("/v1/notes")["items"]), 1)

    def test_words_that_make_no_sense_are_told(self):
        for words, says in [
                (["craete"], "did you mean create"), ([], "say what to do"),
                (["verify", "."], "roost backup verify DIR FILE"),
                (["list", ".", "--replace"], "belongs to roost backup restore"),
                (["key", "."], "is there already"),
                (["key", "nowhere/backup.key"], "cannot be written")]:
            done = roost("backup", *words)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(says, done.stderr)
        self.backup("create", status=1, says="holds no database yet")
        os.remove(self.key)
        server = self.start()
        server.stop()
        self.backup("create", status=1, says="roost backup key")
        self.backup("create", "--plain")


class NightTests(BackupCase):
    """What somebody is told who is woken up: never that there is nothing where it cannot be seen."""

    def made(self, count=1):
        server = self.start()
        server.stop()
        return [json.loads(self.backup("create", "--json").stdout)["path"] for _ in range(count)]

    @unittest.skipIf(os.geteuid() != 0, "another account is needed")
    def test_what_may_not_be_seen_is_not_told_to_be_missing(self):
        path, = self.made()
        for words in (("list",), ("create",), ("verify", "latest"), ("verify", path),
                      ("restore", "latest", "--replace")):
            with self.subTest(words=words):
                done = as_stranger(
                    self.folder, "backup", words[0], self.folder.path, *words[1:],
                    "--data", self.data, "--folder", os.path.dirname(path))
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn("Permission denied", done.stderr)
                self.assertNotIn("no backup", done.stdout + done.stderr)

    def test_latest_is_no_older_one_than_the_newest(self):
        old, new = self.made(2)
        with open(new, "rb") as file:
            head = file.read()[:20]
        with open(new, "wb") as file:
            file.write(head)
        listed = self.backup("list")
        self.assertIn(old, listed.stdout)
        self.assertIn(new, listed.stderr)
        self.backup("verify", "latest", status=1, says=old)
        self.backup("verify", old)
        if ENGINE == "sqlite":
            self.backup("restore", "latest", "--replace", status=1, says=new)
            self.backup("restore", old, "--replace")
        # A file of another name is nobody's newest backup.
        os.remove(new)
        self.folder.write(os.path.join(os.path.dirname(old), "zzz.backup"), "")
        self.backup("verify", "latest")

    def test_a_key_that_is_missing_is_not_to_be_made_anew(self):
        path, = self.made()
        os.remove(self.key)
        done = self.backup("verify", path, status=1, says="the key that sealed it")
        self.assertNotIn("roost backup key", done.stderr)

    def test_a_folder_that_is_not_there_is_a_wrong_word(self):
        for words in (["list"], ["create"], ["verify", "latest"], ["restore", "latest"]):
            done = roost("backup", words[0], self.folder.join("nowhere"), *words[1:])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("no such folder", done.stderr)

    def test_a_restore_that_fails_leaves_no_folder(self):
        path, = self.made()
        with open(path, "rb") as file:
            half = file.read()[:-200]
        broken = self.folder.join("half.backup")
        with open(broken, "wb") as file:
            file.write(half)
        other = self.folder.join("other")
        if ENGINE == "sqlite":
            self.backup("restore", broken, status=1, says="is damaged", data=other)
            self.assertFalse(os.path.exists(other))
            os.environ["ROOST_DATABASE_MINIMUM_FREE_MEGABYTES"] = "1000000"
            self.addCleanup(os.environ.pop, "ROOST_DATABASE_MINIMUM_FREE_MEGABYTES")
            self.backup("restore", path, status=1, says="MB free", data=other)
            self.assertFalse(os.path.exists(other))


class ServedTests(BackupCase):
    def test_an_administrator_asks_and_writes_go_on(self):
        server = self.start()
        admin = self.administrator(server)
        ann = anonymous(server.port)
        self.assertEqual(ann.post("/v1/admin/backups", {}).status, 403)
        stop, written = threading.Event(), []

        def write():
            client = self.at(ann, server)
            while not stop.is_set():
                written.append(client.create("notes", owner=ann.id, text="x" * 200)["id"])

        thread = threading.Thread(target=write)
        thread.start()
        try:
            # What is answered before a backup is asked for is in it; what comes beside it may be.
            before = len(written)
            job = admin.post("/v1/admin/backups", {})
            self.assertEqual(job.status, 202, job)
            end = self.wait(admin, job["id"])
            self.assertEqual(end["state"], "done", end)
        finally:
            stop.set()
            thread.join()
        self.assertGreater(len(written), before)
        items = admin.get("/v1/admin/backups")["items"]
        self.assertEqual(len(items), 1)
        metrics = ann.get("/metrics").body.decode()
        self.assertIn('roost_backups_total{outcome="made"} 1', metrics)
        self.assertRegex(metrics, r"roost_backup_last_timestamp_seconds 1\d{9}")
        if ENGINE == "sqlite":
            self.backup("create", status=1, says="/v1/admin/backups")
        self.backup("verify", items[0]["path"])
        server.stop()
        if ENGINE == "sqlite":
            other = self.folder.join("other")
            self.backup("restore", items[0]["path"], data=other)
            server = self.start(other)
            kept = {note["id"] for note in self.all(self.at(ann, server))}
            self.assertTrue(set(written[:before]) <= kept)
            self.assertTrue(kept <= set(written))

    def all(self, client):
        items, query = [], {"limit": 200}
        while True:
            page = client.get("/v1/notes", **query)
            items += page["items"]
            if not page["next"]:
                return items
            query["cursor"] = page["next"]

    def wait(self, admin, job):
        for _ in range(600):
            found = admin.get(f"/v1/admin/jobs/{job}")
            if found["state"] not in ("waiting", "running"):
                return found
            time.sleep(0.1)
        self.fail("the backup came to no end")


class ScheduleTests(BackupCase):
    settings = '  schedule: "* * * * *"\n'

    def test_a_schedule_without_a_key_stops_the_start(self):
        os.remove(self.key)
        done = roost("serve", self.folder.path, "--data", self.data, "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("roost backup key", done.stderr)


@unittest.skipIf(ENGINE == "postgres", "the database is put back beside its server there")
class HealingTests(BackupCase):
    schema = SCHEMA

    def epoch(self):
        path = os.path.join(self.data, "roost.sqlite")
        with contextlib.closing(sqlite3.connect(path)) as file:
            return file.execute("SELECT epoch FROM roost_sync_epoch").fetchone()[0]

    def test_devices_bring_back_what_a_restored_server_lost(self):
        server = self.start()
        ann = anonymous(server.port)
        phone, tablet = Device(ann, RULES), Device(ann, RULES, name="Tablet")
        row = phone.create("gigs", owner=ann.id, title="Before")
        phone.update("gigs", row, plays={"$increment": 1})
        phone.sync()
        tablet.sync()
        server.stop()
        self.backup("create")
        server = self.start()
        phone.client = tablet.client = ann = self.at(ann, server)
        # What the backup holds need not be kept any longer.
        phone.sync()
        self.assertEqual(phone.lane("LIVE").log, [])
        phone.update("gigs", row, plays={"$increment": 10})
        late = tablet.create("gigs", owner=ann.id, title="After")
        tablet.update("gigs", row, plays={"$increment": 100})
        phone.sync()
        tablet.sync()
        server.stop()
        before = self.epoch()
        self.backup("restore", "latest", "--replace")
        # The server would notice by itself when a device has seen more, and not when none comes.
        self.assertNotEqual(self.epoch(), before)
        server = self.start()
        phone.client = tablet.client = ann = self.at(ann, server)
        self.assertEqual(ann.get(f"/v1/gigs/{row}")["plays"], 1)
        for device in (phone, tablet, phone, tablet):
            device.sync()
        self.assertEqual(ann.get(f"/v1/gigs/{row}")["plays"], 111)
        for device in (phone, tablet):
            self.assertEqual(device.see("gigs")[row]["plays"], 111)
            self.assertIn(late, device.see("gigs"))
            self.assertEqual(device.shown_results(), {})
