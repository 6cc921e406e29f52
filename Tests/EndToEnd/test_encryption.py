"""Encrypted fields: no byte of a value lies on a disk, and every door shows it all the same."""

import base64
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
import unittest
import uuid

from backupfile import unpacked
from client import Client, administrator, anonymous
from functions import Functions
from postgres import ADMIN, psql
from server import ENGINE, Folder, Server, database, roost
from sync_client import Device

CANARY = "zitronenfalter-Q7xK2mV9pL"
KEY = b"an old key of thirty-two bytes!!"
SCHEMA = """type Diary @collection @allow(ops: [ALL], owner: "owner") {
  owner: User!
  title: String
  text: String%(secret)s @constraint(maxLength: 60)
  data: JSON%(secret)s
  tags: [String!]%(secret)s
  choice: String%(secret)s @merge(strategy: USER_CHOICE)
  fixed: String%(secret)s @merge(strategy: REJECT)
}
type Old @collection @allow(ops: [ALL]) @retention(after: "createdAt", for: "PT1S", action: ARCHIVE) {
  text: String%(secret)s
}
extend type Mutation { remember(diary: ID!, word: String!): Diary @action }
"""
# Where a value lies that was written through every door: rows, the log, answers that are kept for their
# keys, what devices pushed, conflicts, and what retention took out of its collection.
TABLES = {"diaries", "roost_log", "roost_receipt", "roost_mutation", "roost_conflict",
          "roost_archive"}
RULES = {"diaries": {"fields": {
    "choice": {"strategy": "USER_CHOICE"}, "fixed": {"strategy": "REJECT"}}}}


def forms(text):
    """The text as it may lie in a file: plain, in two widths, in hexadecimal, in base64."""
    data = text.encode()
    found = [data, text.encode("utf-16-le"), text.encode("utf-16-be"),
             data.hex().encode(), data.hex().upper().encode()]
    for shift in range(3):
        # Whatever stands before it, these letters are of it alone.
        whole = base64.b64encode(b"\0" * shift + data)[4:-4]
        found += [whole, whole.replace(b"+", b"-").replace(b"/", b"_")]
    return found


class EncryptionCase(unittest.TestCase):
    secret = " @encrypted(mode: SERVER)"

    def setUp(self):
        self.functions = Functions([KEY])
        self.addCleanup(self.functions.close)
        self.folder = Folder({"schema.graphql": SCHEMA % {"secret": self.secret}})
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")
        self.key = self.make_key("master")
        self.settings()
        self.environment = {"ROOST_TEST_KEY": "whsec_" + base64.b64encode(KEY).decode()}

    def make_key(self, name):
        path = self.folder.join(name)
        done = roost("key", "create", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        return path

    def settings(self, *lines):
        lines = lines or (f"keyFile: {self.key}",)
        text = "encryption:\n" + "".join(f"  {line}\n" for line in lines)
        backup = self.folder.join("backup-key")
        if not os.path.exists(backup):
            roost("backup", "key", backup)
        text += f"backups:\n  keyFile: {backup}\n"
        text += "functions:\n  allowLoopback: true\n"
        for name, on in (("remember", "action"), ("watch", "[diaries.create, diaries.update]")):
            text += (f"  {name}:\n    url: http://127.0.0.1:{self.functions.port}/{name}\n"
                     f"    secrets: [env:ROOST_TEST_KEY]\n    on: {on}\n    retries: 0\n")
        self.folder.write("roost.yaml", text)

    def start(self, data=None, environment=None):
        server = Server(self.folder.path, data=data or self.data,
                        environment={**self.environment, **(environment or {})})
        self.addCleanup(server.kill)
        return server.start()

    def refused(self, *says, environment=None):
        """The server does not start, and says why."""
        server = Server(self.folder.path, data=self.data,
                        environment={**self.environment, **(environment or {})})
        self.addCleanup(server.kill)
        with self.assertRaises(AssertionError) as caught:
            server.start()
        for word in says:
            self.assertIn(word, str(caught.exception))

    def at(self, client, server):
        return Client(server.port, client.token, client.session)

    def administrator(self, server):
        link = roost("admin", self.folder.path, "--data", self.data).stdout
        return administrator(server.port, link)

    def sql(self, *statements):
        """Runs statements past a server that is stopped."""
        if ENGINE == "postgres":
            schema = database(self.data)["ROOST_DATABASE_SCHEMA"]
            return psql(f"SET search_path TO {schema}", *statements, address=self.admin())
        rows = []
        with contextlib.closing(sqlite3.connect(self.file())) as connection, connection:
            for statement in statements:
                rows += ["|".join(map(str, row)) for row in connection.execute(statement)]
        return rows

    def file(self):
        return os.path.join(self.data, "roost.sqlite")

    def admin(self):
        from postgres import address
        import urllib.parse
        return address(ADMIN, database=urllib.parse.urlsplit(
            os.environ["ROOST_TEST_POSTGRES"]).path[1:])

    def wait(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        return found

    def job(self, admin, answer):
        self.assertEqual(answer.status, 202, answer)
        return self.wait(lambda: next((
            job for job in [admin.get(f"/v1/admin/jobs/{answer['id']}").json]
            if job["state"] in ("done", "dead")), None))


def holds(data):
    """Whether the bytes hold the canary in any form."""
    return any(form in data for form in forms(CANARY))


def searched(folder):
    """The files below a folder that hold the canary."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                if holds(file.read()):
                    found.append(os.path.join(path, name))
    return found


class CanaryTests(EncryptionCase):
    """Every door is written through, and every byte is looked at afterwards."""

    def check(self, found, tables):
        """`found` has what holds the canary in each place, `tables` the tables with it."""
        self.assertEqual({place: hits for place, hits in found.items() if hits}, {})
        self.assertEqual(tables, set())

    def write_everywhere(self, server):
        word = CANARY
        ann = anonymous(server.port)
        headers = {"Idempotency-Key": "one"}
        body = {"text": word, "data": {"a": [word]}, "tags": [word], "choice": word, "fixed": word}
        made = ann.post("/v1/diaries", body, headers)
        self.assertEqual(made.status, 201, made)
        again = ann.post("/v1/diaries", body, headers)
        self.assertEqual(made.body, again.body)
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assertEqual(ann.post("/v1/diaries", {"text": "b"}, headers).status, 422)
        row = made["id"]
        patch = ann.request("PATCH", f"/v1/diaries/{row}", {"text": word + " 2"},
                            headers={"Idempotency-Key": "two", "If-Match": '"1"'})
        self.assertEqual(patch.status, 200, patch)
        batch = ann.post("/v1/batch", {"atomic": False, "operations": [
            {"method": "POST", "path": "/v1/diaries", "body": {"text": word}},
            {"method": "POST", "path": "/v1/diaries", "body": {"text": word, "tags": [word]}}]},
            {"Idempotency-Key": "three"})
        self.assertEqual(batch.status, 200, batch)
        whole = ann.post("/v1/batch", {"atomic": True, "operations": [
            {"method": "POST", "path": "/v1/diaries", "body": {"text": word}}] * 3})
        self.assertEqual(whole.status, 200, whole)
        too_long = ann.post("/v1/diaries", {"text": word * 3}, {"Idempotency-Key": "four"})
        self.assertEqual(too_long.status, 422, too_long)
        self.functions.answers["/remember"] = lambda call, _: {"mutations": [
            {"update": "diaries", "id": call.json["arguments"]["diary"],
             "values": {"text": call.json["arguments"]["word"]}}]}
        self.functions.answers["/watch"] = lambda call, handler: handler.reply(500)
        done = ann.post("/v1/actions/remember", {"diary": row, "word": word + " 3"},
                        {"Idempotency-Key": "five"})
        self.assertEqual(done.status, 200, done)
        self.assertEqual(ann.get(f"/v1/diaries/{row}")["text"], word + " 3")
        self.synced(ann, word)
        self.assertEqual(ann.post("/v1/olds", {"text": word}).status, 201)
        self.wait(lambda: self.functions.to("/watch"))
        return ann, row

    def synced(self, ann, word):
        phone, tablet = Device(ann, RULES), Device(ann, RULES, name="Tablet")
        row = phone.create("diaries", owner=ann.id, choice=word, fixed=word, text="sync")
        phone.sync()
        tablet.sync()
        self.assertEqual(tablet.see("diaries")[row]["choice"], word)
        tablet.update("diaries", row, choice=word + " t", fixed=word + " t")
        tablet.sync()
        contested = phone.update("diaries", row, choice=word + " p")
        refused = phone.update("diaries", row, fixed=word + " p")
        invalid = phone.update("diaries", row, text=word * 3)
        phone.sync()
        self.assertEqual(phone.results[contested]["result"], "conflict")
        self.assertEqual(phone.results[refused]["result"], "rejected")
        self.assertEqual(phone.results[invalid]["result"], "rejected")
        phone.sync()
        conflict = phone.results[contested]["conflicts"][0]
        self.assertEqual(phone.see("_conflicts")[conflict]["mine"], word + " p")
        self.assertEqual(phone.see("diaries")[row]["choice"], word + " t")
        decided = phone.resolve(conflict, value=word + " v")
        phone.sync()
        self.assertEqual(phone.results[decided]["result"], "ok", phone.results[decided])

    def archive(self):
        """Has the night's retention done now, as if the server had slept through its time; what it
        logged."""
        # Longer ago than @retention says.
        time.sleep(1.1)
        behind = round((time.time() - 2 * 86_400) * 1000)
        self.assertEqual(self.sql("SELECT name FROM roost_schedule WHERE name = 'retention'"),
                         ["retention"])
        self.sql(f"UPDATE roost_schedule SET anchor = {behind} WHERE name = 'retention'")
        server = self.start()
        done = 'roost_jobs_ended_total{kind="retention",outcome="done"} 1'
        self.wait(lambda: done in Client(server.port).get("/metrics").body.decode())
        log = server.messages()
        server.stop()
        self.assertEqual(self.sql("SELECT count(*) FROM roost_archive", "SELECT count(*) FROM olds"),
                         ["1", "0"])
        return log

    def tables(self, dump):
        """What each table of the stopped server holds, as text."""
        tables = {}
        if ENGINE == "postgres":
            for part in dump.decode().split("\nCOPY ")[1:]:
                name = part.split(" ", 1)[0].rsplit(".", 1)[1].strip('"')
                tables[name] = part.split("\n\\.\n")[0].encode()
            return tables
        with contextlib.closing(sqlite3.connect(self.file())) as connection:
            for line in connection.iterdump():
                if begins := re.match(r'INSERT INTO "?(\w+)', line):
                    tables[begins[1]] = tables.get(begins[1], b"") + line.encode()
        return tables

    def test_no_byte_of_a_value_is_left_anywhere(self):
        server = self.start()
        ann, row = self.write_everywhere(server)
        admin = self.administrator(server)
        self.assertEqual(self.job(admin, admin.post("/v1/admin/backups", {}))["state"], "done")
        log = server.messages()
        server.stop()
        log += self.archive()
        lines = self.folder.write("more.jsonl", json.dumps(
            {"id": str(uuid.uuid4()), "text": CANARY, "owner": ann.id}) + "\n")
        done = roost("import", self.folder.path, "--data", self.data, "--collection", "diaries",
                     "--no-progress", lines)
        self.assertEqual(done.returncode, 0, done.stderr)
        os.remove(lines)
        # A plain backup, so that nothing but the fields themselves is sealed in it.
        plain = self.folder.join("plain")
        done = roost("backup", "create", self.folder.path, "--data", self.data, "--plain",
                     "--folder", plain, "--json", seconds=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        copy = unpacked(json.loads(done.stdout)["path"])
        # What it holds is seen in it, so that a value would be.
        self.assertTrue(b"roost_data_key" in copy, "the backup is not unpacked")
        found = {"backup": holds(copy), "files": searched(self.data)}
        dump = None
        if ENGINE == "postgres":
            schema = database(self.data)["ROOST_DATABASE_SCHEMA"]
            dump = subprocess.run(
                ["pg_dump", "-n", schema, self.admin()], capture_output=True, check=True).stdout
            self.assertIn(b"roost_data_key", dump)
            found["dump"] = holds(dump)
        tables = self.tables(dump)
        self.assertTrue(TABLES <= set(tables), set(tables))
        self.check(found, {name for name, text in tables.items() if holds(text)})
        self.assertFalse(holds(log.encode()))
        if ENGINE == "sqlite":
            for path, folders, names in os.walk(self.data):
                self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)
                for name in names:
                    at = os.path.join(path, name)
                    self.assertEqual(os.stat(at).st_mode & 0o077, 0, at)
        # Every door shows it.
        server = self.start()
        ann = self.at(ann, server)
        items = ann.get("/v1/diaries", limit=200)["items"]
        self.assertEqual(
            len([item for item in items if CANARY in (item["text"] or "")]), 7, items)
        answer = ann.get(f"/v1/diaries/{row}")
        self.assertEqual(answer["data"], {"a": [CANARY]})
        self.assertEqual(answer["tags"], [CANARY])
        self.assertEqual(ann.post(
            "/v1/actions/remember", {"diary": row, "word": CANARY + " 3"},
            {"Idempotency-Key": "five"}).headers["idempotent-replayed"], "true")
        for query in ({"filter": f'text == "{CANARY}"'}, {"sort": "text"}):
            refused = ann.get("/v1/diaries", **query)
            self.assertEqual(refused.status, 422 if self.secret else 200, refused)
        fresh = Device(ann, RULES, name="Fresh")
        fresh.sync()
        self.assertEqual(fresh.see("diaries")[row]["text"], CANARY + " 3")
        server.stop()
        for form in ("jsonl", "csv"):
            out = roost("export", self.folder.path, "--data", self.data, "--collection", "diaries",
                        "--format", form)
            self.assertEqual(out.returncode, 0, out.stderr)
            self.assertIn(CANARY + " 3", out.stdout)


class ControlTests(CanaryTests):
    """The same without the directive finds it in each place: the search can find."""

    secret = ""

    def check(self, found, tables):
        # On PostgreSQL nothing but sealed backups lies in the data folder.
        missed = {place for place, hits in found.items() if not hits}
        self.assertEqual(missed, {"files"} if ENGINE == "postgres" else set(), found)
        self.assertEqual(tables, TABLES)


class KeyTests(EncryptionCase):
    def test_a_server_without_the_right_key_does_not_start_and_says_what_to_do(self):
        self.settings("formerKeyFiles: ''")
        self.refused("Diary.text", "roost key create FILE")
        self.settings(f"keyFile: {self.folder.join('nowhere')}")
        self.refused("cannot be read", "roost key create")
        self.settings()
        os.chmod(self.key, 0o644)
        self.refused("chmod 600")
        os.chmod(self.key, 0o600)
        self.settings("key: " + "0" * 64)
        self.refused("ROOST_ENCRYPTION_KEY")
        self.settings()
        server = self.start()
        ann = anonymous(server.port)
        self.assertEqual(ann.post("/v1/diaries", {"text": "a"}).status, 201)
        server.stop()
        other = self.make_key("other")
        self.settings(f"keyFile: {other}")
        self.refused("formerKeyFiles")
        self.settings("formerKeyFiles: ''")
        secret = self.folder.read("master").strip()
        server = self.start(environment={"ROOST_ENCRYPTION_KEY": secret})
        self.assertEqual(self.at(ann, server).get("/v1/diaries")["items"][0]["text"], "a")
        self.assertNotIn(secret, server.messages())
        server.stop()

    def test_a_master_key_is_rotated_while_the_server_answers(self):
        server = self.start()
        people = [anonymous(server.port) for _ in range(5)]
        for person in people:
            self.assertEqual(person.post("/v1/diaries", {"text": person.id}).status, 201)
        server.stop()
        old, self.key = self.key, self.make_key("new")
        self.settings(f"keyFile: {self.key}", f"formerKeyFiles: {old}")
        server = self.start()
        self.wait(lambda: not self.left(server, people))
        server.kill()
        self.settings()
        os.remove(old)
        server = self.start()
        for person in people:
            items = self.at(person, server).get("/v1/diaries")["items"]
            self.assertEqual([item["text"] for item in items], [person.id])
        server.stop()
        done = roost("key", "rotate", self.folder.path, "--data", self.data, "--values", "--json",
                     environment=self.environment)
        self.assertEqual(json.loads(done.stdout), {"keys": 0, "rows": 5})
        server = self.start()
        for person in people:
            items = self.at(person, server).get("/v1/diaries")["items"]
            self.assertEqual([item["text"] for item in items], [person.id])
        server.stop()

    def test_a_backup_from_before_a_rotation_says_which_key_it_wants(self):
        server = self.start()
        ann = anonymous(server.port)
        self.assertEqual(ann.post("/v1/diaries", {"text": "a"}).status, 201)
        server.stop()

        def backup(verb, *words):
            done = roost("backup", verb, self.folder.path, *words, "--data", self.data,
                         environment=self.environment, seconds=60)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done

        path = json.loads(backup("create", "--json").stdout)["path"]
        done = backup("verify", path, "--json")
        self.assertEqual((json.loads(done.stdout)["missingMasterKeys"], done.stderr), ([], ""))
        old, self.key = self.key, self.make_key("new")
        self.settings(f"keyFile: {self.key}", f"formerKeyFiles: {old}")
        done = roost("key", "rotate", self.folder.path, "--data", self.data,
                     environment=self.environment)
        self.assertIn("backups from before need the former one", done.stdout)
        # With both named all is well.
        self.assertEqual(backup("verify", path).stderr, "")
        self.settings()
        done = backup("verify", path, "--json")
        missing = json.loads(done.stdout)["missingMasterKeys"]
        self.assertEqual(len(missing), 1)
        self.assertIn(f"warning: encrypted fields in this backup were written under the master key "
                      f"{missing[0]}", done.stderr)
        self.assertIn("encryption.formerKeyFiles", done.stderr)
        later = json.loads(backup("create", "--json").stdout)["path"]
        self.assertEqual(backup("verify", later).stderr, "")
        # Where no key is named, as on a machine that only tries backups.
        self.settings("formerKeyFiles: ''")
        self.assertIn("encryption.keyFile", backup("verify", later).stderr)
        self.settings()
        if ENGINE == "postgres":
            psql(f"DROP SCHEMA {database(self.data)['ROOST_DATABASE_SCHEMA']} CASCADE",
                 address=self.admin())
        done = backup("restore", path, "--json", *(() if ENGINE == "postgres" else ("--replace",)))
        self.assertEqual(json.loads(done.stdout)["missingMasterKeys"], missing)
        self.assertIn(missing[0], done.stderr)
        # It is as the warning says: no server starts, and with the key one does.
        self.refused(missing[0], "formerKeyFiles")
        self.settings(f"keyFile: {self.key}", f"formerKeyFiles: {old}")
        server = self.start()
        self.assertEqual(self.at(ann, server).get("/v1/diaries")["items"][0]["text"], "a")
        server.stop()

    def left(self, server, people):
        """Whether the job of the start is still at it; everybody is answered meanwhile."""
        for person in people:
            items = self.at(person, server).get("/v1/diaries")["items"]
            self.assertEqual([item["text"] for item in items], [person.id])
        log = server.messages()
        return "keys were rotated" not in log

    def test_values_are_sealed_anew_by_a_job_that_goes_on_after_a_kill(self):
        server = self.start()
        admin = self.administrator(server)
        ann = anonymous(server.port)
        self.assertEqual(ann.post("/v1/admin/keys/rotate", {}).status, 403)
        for start in range(0, 600, 100):
            answer = ann.post("/v1/batch", {"atomic": True, "operations": [
                {"method": "POST", "path": "/v1/diaries", "body": {"text": str(start + number)}}
                for number in range(100)]})
            self.assertEqual(answer.status, 200, answer)
        answer = admin.post("/v1/admin/keys/rotate", {"values": True})
        self.assertEqual(answer.status, 202, answer)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server = self.start(environment={"ROOST_JOBS_LEASE_SECONDS": "2"})
        admin = self.at(admin, server)
        self.assertEqual(self.job(admin, answer)["state"], "done")
        ann = self.at(ann, server)
        texts, query = [], {"limit": 200}
        while True:
            page = ann.get("/v1/diaries", **query)
            texts += [item["text"] for item in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
        self.assertEqual(sorted(texts, key=int), [str(number) for number in range(600)])
        server.stop()
        keys = self.sql("SELECT count(*) FROM diaries WHERE substr(text, 2, 22) IN "
                        "(SELECT id FROM roost_data_key WHERE state = 0)")
        self.assertEqual(keys, ["0"])

    def test_a_ciphertext_that_was_moved_is_shown_to_nobody(self):
        server = self.start()
        ann, bob = anonymous(server.port), anonymous(server.port)
        mine = ann.post("/v1/diaries", {"text": "of Ann"})["id"]
        theirs = bob.post("/v1/diaries", {"text": "of Bob"})["id"]
        server.stop()
        column = "hex(id)" if ENGINE == "sqlite" else "upper(replace(id::text, '-', ''))"
        name = lambda row: row.replace("-", "").upper()
        self.sql(f"UPDATE diaries SET text = (SELECT text FROM diaries WHERE {column} = "
                 f"'{name(mine)}') WHERE {column} = '{name(theirs)}'")
        server = self.start()
        bob = self.at(bob, server)
        self.assertIsNone(bob.get(f"/v1/diaries/{theirs}")["text"])
        self.assertEqual(len(bob.get("/v1/diaries")["items"]), 1)
        self.assertEqual(self.at(ann, server).get(f"/v1/diaries/{mine}")["text"], "of Ann")
        said = [line for line in server.messages().splitlines() if "does not open" in line]
        self.assertTrue(said)
        for word in ("diaries", theirs, "text"):
            self.assertIn(word, said[0])
        server.stop()

    def test_a_persons_key_is_destroyed(self):
        server = self.start()
        admin = self.administrator(server)
        ann, bob = anonymous(server.port), anonymous(server.port)
        mine = ann.post("/v1/diaries", {"text": "of Ann"})["id"]
        bob.post("/v1/diaries", {"text": "of Bob"})
        self.assertEqual(ann.delete(f"/v1/admin/users/{ann.id}/keys").status, 403)
        answer = admin.delete(f"/v1/admin/users/{ann.id}/keys")
        self.assertEqual((answer.status, answer["destroyed"]), (200, 1), answer)
        self.assertIsNone(ann.get(f"/v1/diaries/{mine}")["text"])
        self.assertEqual(bob.get("/v1/diaries")["items"][0]["text"], "of Bob")
        server.stop()
        self.assertEqual(self.sql("SELECT wrapped FROM roost_data_key WHERE state = 2"), ["-"])


if __name__ == "__main__":
    unittest.main()
