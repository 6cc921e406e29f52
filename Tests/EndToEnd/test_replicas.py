"""Read replicas: who may be answered by one, what they then see, and what happens to it."""

import json
import os
import re
import shutil
import threading
import unittest
import uuid

from client import Client, anonymous
from server import Folder, Server, roost
from standby import ADMINISTRATOR, POSTGRES, Standby, at_port, sql, until

SCHEMA = """
type Note @collection @sync(tier: LIVE) @index(fields: ["title"])
  @allow(ops: [READ], to: PUBLIC) @allow(ops: [CREATE, UPDATE, DELETE], to: ANONYMOUS) {
  title: String! @search
  lines: [Line!]! @relation(inverse: "note")
}

type Line @collection @sync(tier: LIVE)
  @allow(ops: [READ], to: PUBLIC) @allow(ops: [CREATE, UPDATE, DELETE], to: ANONYMOUS) {
  note: Note!
  text: String!
}
"""
# Longer than a test holds a replica back, where lag is not what it is about.
PATIENT = "60000"


@unittest.skipUnless(POSTGRES and shutil.which("psql"),
                     "needs ROOST_TEST_POSTGRES, as Scripts/with-postgres.sh sets it, and psql")
class ReplicaTests(unittest.TestCase):
    standbys = []

    @classmethod
    def setUpClass(cls):
        cls.standbys = [Standby()]

    @classmethod
    def tearDownClass(cls):
        for standby in cls.standbys:
            standby.remove()

    def setUp(self):
        self.standby = self.standbys[0]
        self.addCleanup(self.standby.resume)
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.schema = "replicas_" + uuid.uuid4().hex[:12]
        self.addCleanup(
            lambda: sql(ADMINISTRATOR, f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE'))

    def environment(self, replicas, lag=PATIENT):
        return {"ROOST_DATABASE": POSTGRES, "ROOST_DATABASE_SCHEMA": self.schema,
                "ROOST_DATABASE_REPLICAS": ",".join(replicas),
                "ROOST_DATABASE_REPLICA_LAG_MILLISECONDS": lag}

    def serve(self, replicas=None, lag=PATIENT, ready=True):
        if replicas is None:
            replicas = [self.standby.address]
        data = self.folder.join("data-" + uuid.uuid4().hex[:6])
        server = Server(self.folder.path, data=data, environment=self.environment(replicas, lag))
        self.addCleanup(server.kill)
        server.start()
        if ready:
            self.until_in_use(server)
        return server

    def metric(self, server, name, standby=None):
        text = Client(server.port).get("/metrics").body.decode()
        label = (standby or self.standby).label
        found = re.search(rf'^{name}{{replica="{re.escape(label)}"}} (\S+)$', text, re.M)
        self.assertIsNotNone(found, f"no {name} for {label}")
        return float(found[1])

    def reads(self, server, standby=None):
        return self.metric(server, "roost_db_replica_reads_total", standby)

    def until_in_use(self, server, value=1, standby=None):
        until(lambda: self.metric(server, "roost_db_replica_in_use", standby) == value,
              f"in use = {value}: {server.messages()}")

    def until_read(self, server, client, path):
        """Reads until a replica has answered; gives that answer."""
        def one():
            before = self.reads(server)
            answer = client.get(path)
            return answer if self.reads(server) > before else None
        return until(one, f"a read of {path} by a replica")

    def titles(self, answer):
        self.assertEqual(answer.status, 200, answer)
        return [item["title"] for item in answer["items"]]

    # Whose reads go where

    def test_who_has_written_sees_it_and_others_are_answered_by_the_replica(self):
        server = self.serve()
        ann, bob = anonymous(server.port), anonymous(server.port)
        first = ann.create("notes", title="first apple")
        self.standby.catch_up()
        self.until_read(server, bob, "/v1/notes")
        self.standby.pause()
        note = ann.create("notes", title="second apple")
        line = ann.create("lines", note=note["id"], text="a line")
        changed = ann.patch(f"/v1/notes/{first['id']}", {"title": "first pear"})
        self.assertEqual(changed.status, 200, changed)
        before = self.reads(server)
        for _ in range(10):
            self.assertEqual(ann.get(f"/v1/notes/{note['id']}").status, 200)
            self.assertEqual(ann.get(f"/v1/notes/{first['id']}")["title"], "first pear")
            self.assertEqual(self.titles(ann.get("/v1/notes?sort=title")),
                             ["first pear", "second apple"])
            self.assertEqual(self.titles(ann.get("/v1/notes?search=apple")), ["second apple"])
            lines = ann.get(f"/v1/notes/{note['id']}/lines")
            self.assertEqual([item["id"] for item in lines["items"]], [line["id"]])
        self.assertEqual(self.reads(server), before, "a replica that lags answered the writer")
        # Bob has seen nothing of it: the replica answers him, with what it has.
        for path in ("/v1/notes?sort=title", "/v1/notes?sort=title&count=exact"):
            answer = bob.get(path)
            self.assertEqual(self.titles(answer), ["first apple"])
            self.assertLess(answer.headers["roost-position"], changed.headers["roost-position"])
        self.assertEqual(bob.get(f"/v1/notes/{note['id']}").status, 404)
        self.assertEqual(bob.get(f"/v1/notes/{first['id']}")["title"], "first apple")
        self.assertEqual(bob.get(f"/v1/notes/{note['id']}/lines").status, 404)
        self.assertEqual(self.reads(server), before + 5)
        self.standby.resume()
        self.until_read(server, ann, f"/v1/notes/{note['id']}")
        self.assertEqual(self.titles(self.until_read(server, ann, "/v1/notes?search=apple")),
                         ["second apple"])

    def test_a_search_finds_what_was_just_written(self):
        server = self.serve()
        ann = anonymous(server.port)
        for number in range(40):
            ann.create("notes", title=f"word{number}")
            self.assertEqual(self.titles(ann.get(f"/v1/notes?search=word{number}")),
                             [f"word{number}"])

    def test_nobody_goes_back_in_time(self):
        server = self.serve()
        ann, bob = anonymous(server.port), anonymous(server.port)
        note = ann.create("notes", title="first")
        self.standby.catch_up()
        self.until_read(server, bob, f"/v1/notes/{note['id']}")
        self.standby.pause()
        path = f"/v1/notes/{note['id']}"
        ann.patch(path, {"title": "second"})
        # What a refused change tells is seen too.
        stale = bob.patch(path, {"title": "mine"}, headers={"If-Match": '"0"'})
        self.assertEqual(stale.status, 412, stale)
        for _ in range(5):
            self.assertEqual(bob.get(path)["title"], "second")
        carl = anonymous(server.port)
        self.assertEqual(Client(server.port).get(path)["title"], "first")
        # Whoever has made an account has written.
        self.assertEqual(carl.get(path)["title"], "first")

    def test_the_position_goes_with_the_caller_to_other_processes(self):
        here, there = self.serve(), self.serve()
        ann = anonymous(here.port)
        # Tokens are good at every process of an app.
        away = Client(there.port, ann.token)
        note = ann.create("notes", title="first")
        path = f"/v1/notes/{note['id']}"
        self.standby.catch_up()
        self.until_read(there, away, path)
        self.standby.pause()
        answer = ann.patch(path, {"title": "second"})
        position = answer.headers["roost-position"]
        self.assertEqual(away.get(path)["title"], "first", "the test shows nothing")
        for client in (away, Client(there.port)):
            seen = client.get(path, headers={"Roost-Position": position})
            self.assertEqual(seen["title"], "second")
        # The process has heard of the position by now; nobody's is known to none.
        self.assertEqual(away.get(path)["title"], "second")
        self.assertEqual(Client(there.port).get(path)["title"], "first")
        self.assertEqual(
            Client(there.port).get(path, headers={"Roost-Position":
                                                  seen.headers["roost-position"]})["title"],
            "second")

    def test_positions_that_nobody_gave(self):
        server = self.serve()
        ann = anonymous(server.port)
        note = ann.create("notes", title="first")
        path = f"/v1/notes/{note['id']}"
        position = ann.get(path).headers["roost-position"]
        for text in ("x", "12", position + "0", position[:-1] + "g", position.upper() + "é"[:0],
                     "-" * 32, ""):
            if text == position:
                continue
            answer = ann.get(path, headers={"Roost-Position": text})
            if text == position.upper() and not re.search("[a-f]", position):
                continue
            self.assertEqual(answer.status, 400, text)
            self.assertEqual(answer.pointers, ["Roost-Position"])
        before = self.reads(server)
        # From the future, and of a server that is gone: the primary answers, and says where it is.
        for text in (position[:16] + "f" * 16, "0" * 32, "f" * 32):
            answer = ann.get(path, headers={"Roost-Position": text})
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["roost-position"][:16], position[:16])
            self.assertLess(answer.headers["roost-position"], position[:16] + "f" * 16)
        self.assertEqual(self.reads(server), before)
        # Nor does it stick to the account.
        self.until_read(server, ann, path)

    def test_what_is_never_read_from_a_replica(self):
        server = self.serve()
        ann = anonymous(server.port)
        note = ann.create("notes", title="first")
        self.standby.catch_up()
        bob = anonymous(server.port)
        self.until_read(server, bob, f"/v1/notes/{note['id']}")
        before = self.reads(server)
        batch = {"atomic": False, "operations": [
            {"method": "GET", "path": f"/v1/notes/{note['id']}"},
            {"method": "GET", "path": "/v1/notes"}]}
        for atomic in (False, True):
            self.assertEqual(bob.post("/v1/batch", {**batch, "atomic": atomic}).status, 200)
        self.assertEqual(bob.get("/v1/auth/me").status, 200)
        self.assertEqual(bob.patch(f"/v1/notes/{note['id']}", {"title": "x"}).status, 200)
        self.standby.pause()
        gone = bob.post("/v1/auth/logout", {"refreshToken": bob.session["refreshToken"]})
        self.assertIn(gone.status, (200, 204), gone)
        self.assertEqual(bob.get("/v1/notes").status, 401, "a session that has ended")
        self.assertEqual(
            Client(server.port).post("/v1/auth/refresh",
                                     {"refreshToken": bob.session["refreshToken"]}).status, 401)
        self.assertEqual(self.reads(server), before)

    def test_repeats_and_batches_are_writes_too(self):
        here, there = self.serve(), self.serve()
        ann = anonymous(here.port)
        away = Client(there.port, ann.token)
        first = ann.create("notes", title="first")
        self.standby.catch_up()
        self.until_read(there, away, f"/v1/notes/{first['id']}")
        self.standby.pause()
        key = {"Idempotency-Key": uuid.uuid4().hex}
        made = ann.post("/v1/notes", {"title": "second"}, headers=key)
        self.assertEqual(made.status, 201)
        again = away.post("/v1/notes", {"title": "second"}, headers=key)
        self.assertEqual(again.headers.get("idempotent-replayed"), "true")
        self.assertEqual(away.get(f"/v1/notes/{made['id']}").status, 200)
        for atomic in (True, False):
            answer = ann.post("/v1/batch", {"atomic": atomic, "operations": [
                {"method": "POST", "path": "/v1/notes", "body": {"title": f"in {atomic}"}}]})
            made = answer["results"][0]["body"]["id"]
            self.assertEqual(ann.get(f"/v1/notes/{made}").status, 200)

    # What happens to a replica

    def test_one_that_lags_is_left_out_and_comes_back(self):
        server = self.serve(lag="1000")
        ann = anonymous(server.port)
        note = ann.create("notes", title="first")
        path = f"/v1/notes/{note['id']}"
        nobody = Client(server.port)
        self.until_in_use(server)
        self.standby.pause()
        ann.patch(path, {"title": "second"})
        self.until_in_use(server, 0)
        self.assertGreater(self.metric(server, "roost_db_replica_lag_bytes"), 0)
        before = self.reads(server)
        for _ in range(5):
            self.assertEqual(nobody.get(path)["title"], "second")
        self.assertEqual(self.reads(server), before)
        until(lambda: "too far behind" in server.messages(), "a line of it")
        self.standby.resume()
        self.until_in_use(server)
        self.until_read(server, nobody, path)

    def test_one_that_is_missing_at_the_start_and_goes_and_comes(self):
        standby = Standby()
        self.addCleanup(standby.remove)
        standby.stop()
        server = self.serve([standby.address, self.standby.address], ready=False)
        self.until_in_use(server)
        self.assertEqual(server.messages().count("cannot be reached"), 1, server.messages())
        ann = anonymous(server.port)
        note = ann.create("notes", title="first")
        path = f"/v1/notes/{note['id']}"
        for _ in range(10):
            self.assertEqual(ann.get(path).status, 200)
        self.assertEqual(self.metric(server, "roost_db_replica_in_use", standby), 0)
        standby.start()
        self.until_in_use(server, standby=standby)
        failed, done = [], [0]
        over = threading.Event()

        def read(client, target):
            while not over.is_set():
                try:
                    answer = client.get(target)
                    done[0] += 1
                    if answer.status != 200:
                        failed.append(answer)
                except Exception as error:  # noqa: BLE001 - whatever it is, it counts
                    failed.append(error)

        targets = [path, "/v1/notes", "/v1/notes?count=exact", "/v1/notes?search=first"] * 2
        threads = [threading.Thread(target=read, args=(ann, target)) for target in targets]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                before = self.reads(server, standby)
                until(lambda: self.reads(server, standby) > before + 20, "reads by the second")
                standby.stop()
                self.until_in_use(server, 0, standby)
                standby.start()
                self.until_in_use(server, standby=standby)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        self.assertGreater(done[0], 200)

    def test_one_that_ends_its_connections(self):
        server = self.serve()
        ann = anonymous(server.port)
        for number in range(3):
            ann.create("notes", title=f"note {number}")
        self.standby.catch_up()
        nobody = Client(server.port)
        self.until_read(server, nobody, "/v1/notes")
        failed = []
        over = threading.Event()

        def read(path):
            while not over.is_set():
                answer = nobody.get(path)
                if answer.status != 200:
                    failed.append(answer)

        threads = [threading.Thread(target=read, args=(path,))
                   for path in ("/v1/notes", "/v1/notes?count=exact") * 2]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                before = self.reads(server)
                self.standby.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                 "WHERE usename = 'roost' AND pid <> pg_backend_pid()")
                until(lambda: self.reads(server) > before, "reads after that")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        self.assertGreater(self.metric(server, "roost_db_replica_fallbacks_total"), 0)

    def test_one_that_was_promoted(self):
        standby = Standby()
        self.addCleanup(standby.remove)
        server = self.serve([standby.address], ready=False)
        self.until_in_use(server, standby=standby)
        ann = anonymous(server.port)
        note = ann.create("notes", title="first")
        standby.promote()
        self.until_in_use(server, 0, standby)
        until(lambda: "takes writes itself" in server.messages(), "a line of it")
        before = self.reads(server, standby)
        for _ in range(5):
            self.assertEqual(ann.get(f"/v1/notes/{note['id']}").status, 200)
        self.assertEqual(self.reads(server, standby), before)

    def test_another_primary(self):
        first = Standby()
        self.addCleanup(first.remove)
        first.promote()
        second, third = Standby(of=first), Standby(of=first)
        self.addCleanup(second.remove)
        self.addCleanup(third.remove)
        both = POSTGRES.replace(f":{POSTGRES.rpartition(':')[2].split('/')[0]}/",
                                f":{first.port},127.0.0.1:{second.port}/")
        self.assertNotEqual(both, POSTGRES)
        address = both + "&target_session_attrs=read-write"
        data = self.folder.join("data")
        server = Server(self.folder.path, data=data, environment={
            **self.environment([third.address]), "ROOST_DATABASE": address})
        self.addCleanup(server.kill)
        server.start()
        self.until_in_use(server, standby=third)
        ann = anonymous(server.port)
        note = ann.create("notes", title="first")
        path = f"/v1/notes/{note['id']}"
        nobody = Client(server.port)
        old = ann.get(path).headers["roost-position"]
        for standby in (second, third):
            standby.catch_up()
        first.stop()
        second.promote()
        second.source = third.source = at_port(ADMINISTRATOR, second.port)

        def rewritten():
            answer = ann.patch(path, {"title": "second"})
            return answer if answer.status == 200 else None
        changed = until(rewritten, "a write at the new primary")
        self.assertNotEqual(changed.headers["roost-position"][:16], old[:16])
        # The third follows nobody: it is left out, and nobody is refused for that.
        until(lambda: "does not follow the present primary" in server.messages(), "it is left out")
        before = self.reads(server, third)
        for position in (old, changed.headers["roost-position"]):
            for client in (ann, nobody):
                answer = client.get(path, headers={"Roost-Position": position})
                self.assertEqual(answer["title"], "second")
                self.assertEqual(answer.headers["roost-position"][:16],
                                 changed.headers["roost-position"][:16])
        self.assertEqual(nobody.get(path)["title"], "second")
        self.assertEqual(self.reads(server, third), before)
        third.follow(second)
        self.until_in_use(server, standby=third)
        # With an old position the primary answers, and from then on the third.
        position = nobody.get(path, headers={"Roost-Position": old}).headers["roost-position"]
        third.catch_up()

        def read_there():
            before = self.reads(server, third)
            answer = nobody.get(path, headers={"Roost-Position": position})
            self.assertEqual(answer["title"], "second")
            return self.reads(server, third) > before
        until(read_there, "a read by the third")

    # The start

    def test_what_is_no_replica_is_refused(self):
        other = sql(ADMINISTRATOR, "SELECT 1 FROM pg_database WHERE datname = 'roost_other'")
        if not other:
            sql(ADMINISTRATOR, "CREATE DATABASE roost_other OWNER roost")
            self.standby.catch_up()
        wrong = {
            POSTGRES: "not a standby",
            self.standby.address.replace("/roost_test", "/roost_other"): "another database",
            at_port(ADMINISTRATOR, self.standby.port): "another login",
            self.standby.address + " " + self.standby.address: "twice",
            "mysql://127.0.0.1/x": "ROOST_DATABASE_REPLICAS",
        }
        for address, reason in wrong.items():
            data = self.folder.join("data")
            done = roost("dev", self.folder.path, "--port", "0", "--data", data, seconds=60,
                         environment=self.environment([address]))
            code = 2 if address.startswith("mysql") else 1
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(reason, done.stderr)
            self.assertNotIn(POSTGRES.split(":")[2].split("@")[0], done.stderr, "a password")

    def test_settings(self):
        self.folder.write("roost.yaml", f"database:\n  replicas: {self.standby.address}\n")
        done = roost("doctor", self.folder.path)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("leave the password out", done.stderr)
        self.folder.write("roost.yaml", "database:\n  replicas: postgresql://db/app\n")
        done = roost("dev", self.folder.path, "--port", "0", environment={"ROOST_DATABASE": ""})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("database.replicas", done.stderr)

    def test_the_doctor_speaks_of_them(self):
        server = self.serve()
        server.stop()
        done = roost("doctor", self.folder.path, "--data", self.folder.join("data"), "--json",
                     seconds=60, environment=self.environment([self.standby.address]))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("answers reads", json.loads(done.stdout)[f"replica {self.standby.label}"])

    def test_without_replicas_nothing_is_said(self):
        server = self.serve([], ready=False)
        ann = anonymous(server.port)
        answer = ann.post("/v1/notes", {"title": "first"})
        self.assertNotIn("roost-position", answer.headers)
        read = ann.get("/v1/notes", headers={"Roost-Position": "whatever"})
        self.assertEqual(read.status, 200)
        self.assertNotIn("roost-position", read.headers)
        self.assertNotIn("roost_db_replica", Client(server.port).get("/metrics").body.decode())


if __name__ == "__main__":
    unittest.main()
