"""`roost doctor` refuses what `roost serve` refuses, in the same words."""

import contextlib
import json
import os
import sqlite3
import unittest

from client import anonymous
from server import ENGINE, Folder, Server, roost
from test_encryption import EncryptionCase


class Doctor:
    """What both programs say of an app folder with its data."""

    def doctor(self, *words, status=0):
        done = roost("doctor", self.folder.path, *words, environment=self.environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def both_refuse(self, *says):
        self.refused(*says)
        done = self.doctor("--data", self.data, status=1)
        for word in says:
            self.assertIn(word, done.stderr)


class MasterKeyTests(Doctor, EncryptionCase):
    def test_a_key_that_serve_refuses_is_refused_here_too(self):
        # Before there are any data, and with them.
        self.settings("formerKeyFiles: ''")
        self.both_refuse("Diary.text", "roost key create FILE")
        self.settings()
        self.doctor("--data", self.data)
        server = self.start()
        ann = anonymous(server.port)
        self.assertEqual(ann.post("/v1/diaries", {"text": "a"}).status, 201)
        server.stop()
        self.doctor("--data", self.data)
        right = self.key
        for lines, says in (
                (["formerKeyFiles: ''"], ("Diary.text", "roost key create FILE")),
                ([f"keyFile: {self.folder.join('nowhere')}"], ("cannot be read",)),
                ([f"keyFile: {right}", f"formerKeyFiles: {self.folder.join('gone')}"],
                 ("cannot be read",)),
                ([f"keyFile: {self.make_key('other')}"], ("formerKeyFiles",))):
            with self.subTest(lines):
                self.settings(*lines)
                self.both_refuse(*says)
        self.settings(f"keyFile: {self.folder.join('other')}", f"formerKeyFiles: {right}")
        self.doctor("--data", self.data)

    @unittest.skipIf(ENGINE == "postgres", "the settings name the data there")
    def test_without_data_a_key_that_is_missing_is_a_remark(self):
        """The machine of whoever writes the schema need have none."""
        self.settings("formerKeyFiles: ''")
        done = self.doctor()
        self.assertIn("roost key create FILE", done.stdout)
        self.assertNotIn("can be served", done.stdout)
        codes = [finding["code"] for finding in json.loads(self.doctor("--json").stdout)["findings"]]
        self.assertIn("no_master_key", codes)
        self.settings()
        done = self.doctor()
        self.assertNotIn("roost key", done.stdout)
        self.assertIn("can be served", done.stdout)


@unittest.skipIf(ENGINE == "postgres", "a file of ours is damaged")
class DamageTests(unittest.TestCase):
    def test_serve_says_that_a_database_is_damaged_as_doctor_does(self):
        folder = Folder({"schema.graphql": "type Note @collection @allow(ops: [ALL]) { a: String }"})
        self.addCleanup(folder.remove)
        data = folder.join("data")
        server = Server(folder.path, data=data).start()
        self.addCleanup(server.kill)
        server.stop()
        path = os.path.join(data, "roost.sqlite")
        with contextlib.closing(sqlite3.connect(path)) as file:
            size = file.execute("PRAGMA page_size").fetchone()[0]
            page = file.execute(
                "SELECT rootpage FROM sqlite_schema WHERE name = 'roost_collection'").fetchone()[0]
        with open(path, "r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
        for done in (roost("doctor", folder.path, "--data", data),
                     roost("serve", folder.path, "--data", data, "--port", "0")):
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("The database is damaged", done.stderr)
            self.assertIn("restore a backup", done.stderr)
