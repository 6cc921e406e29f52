"""Backups: made beside writes, tried, damaged, restored; and devices that bring the rest."""

import contextlib
import datetime
import glob
import json
import os
import re
import sqlite3
import subprocess
import threading
import time
import unittest

from backupfile import dated, packed, unpacked
from client import Client, administrator, anonymous
from postgres import ADMIN, address, password, psql
from server import BINARY, ENGINE, Folder, Server, as_stranger, database, roost
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

    def kept(self):
        """A person whose note is in the backup that is made of a server that has stopped: theirs,
        and the backup's path."""
        server = self.start()
        ann = anonymous(server.port)
        ann.create("notes", owner=ann.id, text="Kept")
        server.stop()
        return ann, json.loads(self.backup("create", "--json").stdout)["path"]

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

    def test_a_file_that_is_no_backup_is_not_passed_over(self):
        _, path = self.kept()
        for name in ("junk.backup", "roost-20990101T000000Z-00000000.backup"):
            junk = os.path.join(os.path.dirname(path), name)
            with open(junk, "w", encoding="ascii") as file:
                file.write("junk")
            for words in ((), ("--json",)):
                done = self.backup("list", *words, says=f"{junk} is no backup of Roost")
                self.assertIn(path, done.stdout)
                self.assertNotIn(junk, done.stdout)
        self.backup("verify", "latest", status=1, says="is no backup of Roost")

    def test_a_restore_goes_into_an_empty_place(self):
        ann, path = self.kept()
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
        ann, path = self.kept()
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

    @unittest.skipIf(os.geteuid() != 0, "a mount is needed")
    def test_a_folder_that_is_read_only_says_what_a_unit_needs(self):
        self.kept()
        there = self.folder.join("there")
        os.mkdir(there)
        script = f'mount -t tmpfs -o ro none {there} && exec "$@"'
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", BINARY, "backup", "create",
             self.folder.path, "--folder", there, "--data", self.data],
            capture_output=True, text=True, timeout=60,
            env={**os.environ, **database(self.data)})
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("Read-only file system (under systemd ReadWritePaths=", done.stderr)

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
        self.assertIn("roost_backup_scheduled 0\n", metrics)
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
        items, query = [], {"limit": 5}
        while True:
            page = client.get("/v1/notes", **query)
            items += page["items"]
            if not page["next"]:
                return items
            query["after"] = page["next"]

    def wait(self, admin, job):
        for _ in range(600):
            found = admin.get(f"/v1/admin/jobs/{job}")
            if found["state"] not in ("waiting", "running"):
                return found
            time.sleep(0.1)
        self.fail("the backup came to no end")


class ScheduleTests(BackupCase):
    settings = '  schedule: "40 2 * * *"\n'

    def test_a_schedule_without_a_key_stops_the_start(self):
        os.remove(self.key)
        done = roost("serve", self.folder.path, "--data", self.data, "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("roost backup key", done.stderr)

    def test_a_schedule_makes_a_backup_and_old_ones_go(self):
        _, made = self.kept()
        old, young = (self.dated(made, days) for days in (8, 6))
        os.remove(made)
        self.assertEqual(self.listed(), {old, young})
        self.sleep_through_a_night()
        server = self.start()
        self.assertIn("roost_backup_scheduled 1\n", self.metrics(server))
        deadline = time.monotonic() + 60
        while 'roost_backups_total{outcome="made"} 1' not in self.metrics(server):
            self.assertLess(time.monotonic(), deadline, self.metrics(server))
            time.sleep(0.05)
        self.assertEqual(self.listed() & {old, young}, {young})
        (new,) = self.listed() - {young}
        self.assertFalse(os.path.exists(old))
        self.assertRegex(self.metrics(server), r"roost_backup_last_timestamp_seconds 1\d{9}")
        server.stop()
        self.backup("verify", new)

    def dated(self, path, days):
        """The backup as it would be if it had been made so many days ago."""
        then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
        name = f"roost-{then:%Y%m%dT%H%M%SZ}-0000000{days}.backup"
        return dated(path, f"{then:%Y-%m-%dT%H:%M:%S}.000Z",
                     os.path.join(os.path.dirname(path), name))

    def listed(self):
        return {item["path"] for item in json.loads(self.backup("list", "--json").stdout)["items"]}

    def metrics(self, server):
        return Client(server.port).get("/metrics").body.decode()

    def sleep_through_a_night(self):
        """Leaves the stopped server's schedule as if two days had passed since it was looked at."""
        behind = round((time.time() - 2 * 86_400) * 1000)
        update = f"UPDATE roost_schedule SET anchor = {behind} WHERE name = 'backup'"
        if ENGINE == "postgres":
            schema = database(self.data)["ROOST_DATABASE_SCHEMA"]
            rows = psql(f"SET search_path TO {schema}", update + " RETURNING name")
        else:
            path = os.path.join(self.data, "roost.sqlite")
            with contextlib.closing(sqlite3.connect(path)) as file, file:
                rows = [row[0] for row in file.execute(update + " RETURNING name").fetchall()]
        self.assertEqual(rows, ["backup"])


@unittest.skipUnless(ENGINE == "postgres", "a backup of a file is always restored to be tried")
class ScratchTests(BackupCase):
    """`roost backup verify` of what PostgreSQL's own programs made."""

    def setUp(self):
        super().setUp()
        server = self.start()
        ann = anonymous(server.port)
        self.text = "a note that is in the dump"
        ann.create("notes", owner=ann.id, text=self.text)
        server.stop()
        self.path = json.loads(self.backup("create", "--json").stdout)["path"]
        plain = self.folder.join("plain")
        self.plain = json.loads(self.backup(
            "create", "--plain", "--folder", plain, "--json").stdout)["path"]

    def scratch(self):
        """The address of an empty database, without its password."""
        name = "scratch_" + os.urandom(6).hex()
        psql(f"CREATE DATABASE {name} OWNER roost")
        self.addCleanup(psql, f"DROP DATABASE {name} WITH (FORCE)")
        os.environ["PGPASSWORD"] = password()
        self.addCleanup(os.environ.pop, "PGPASSWORD", None)
        return name, address(database=name, password="").replace(f":{password()}@", "@")

    def broken(self, name, change):
        """A backup that is whole, of a dump that is not."""
        return packed(self.plain, change(unpacked(self.plain)), self.folder.join(name))

    def cut(self):
        return self.broken("cut", lambda dump: dump[:dump.index(self.text.encode()) + 5])

    def test_a_good_dump_is_restored_into_the_scratch_database(self):
        name, there = self.scratch()
        self.backup("verify", "latest", "--scratch", there)
        schema = database(self.data)["ROOST_DATABASE_SCHEMA"]
        self.assertEqual(
            psql(f"SELECT text FROM {schema}.notes", address=address(ADMIN, database=name)),
            [self.text])
        # It stays, and nothing that is there is replaced.
        self.backup("verify", "latest", "--scratch", there, status=1, says="holds an app already")
        # And what is packed here is a backup, so that what is found below is the dump.
        whole = self.broken("whole", lambda dump: dump)
        self.backup("verify", whole, "--plain")
        self.backup("verify", whole, "--plain", "--scratch", self.scratch()[1])

    def test_a_damaged_file_is_found(self):
        with open(self.path, "rb") as file:
            whole = file.read()
        broken = self.folder.join("broken.backup")
        for damaged in (whole[:-60] + bytes([whole[-60] ^ 1]) + whole[-59:], whole[:-200]):
            with open(broken, "wb") as file:
                file.write(damaged)
            self.backup("verify", broken, status=1, says="is damaged")
            self.backup("verify", broken, "--scratch", self.scratch()[1], status=1, says="is damaged")

    def test_a_dump_that_is_cut_is_found_by_a_restore(self):
        name, there = self.scratch()
        self.backup("verify", self.cut(), "--plain", "--scratch", there, status=1)
        # Whole or not at all.
        self.assertEqual(psql(
            "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'test_%'",
            address=address(ADMIN, database=name)), ["0"])

    def test_a_dump_that_is_cut_is_found_without_a_restore(self):
        self.backup("verify", self.cut(), "--plain", status=1)

    def test_a_dump_that_cannot_be_restored_is_found_by_a_restore_alone(self):
        """Read to its end it is whole: a value in it is none of its column's type."""
        def change(dump):
            stamp = re.search(rb"\t(\d{13})\t", dump)
            return dump[:stamp.start(1)] + b"x" * 13 + dump[stamp.end(1):]

        wrong = self.broken("wrong", change)
        self.backup("verify", wrong, "--plain")
        self.backup("verify", wrong, "--plain", "--scratch", self.scratch()[1], status=1)


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
