"""PostgreSQL in trouble under a server that runs: clear answers, and all is well afterwards."""

import os
import re
import signal
import threading
import time
import unittest
import uuid

from client import Client, anonymous
from postgres import needs_postgres, psql
from server import Folder, Server

from harness.postgres import Cluster, Session

SCHEMA = """
type Note @collection @sync(tier: LIVE) @index(fields: ["owner", "title"])
  @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  title: String!
}
type Cup @collection @allow(ops: [ALL]) {
  title: String!
}
"""
PATIENCE = 30


@needs_postgres
class TroubleTests(unittest.TestCase):
    """On a cluster of their own, which the tests may stop."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": SCHEMA})
        cls.addClassCleanup(cls.folder.remove)
        cls.cluster = Cluster(durable=False)
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.__exit__)

    def setUp(self):
        self.schema = "trouble_" + uuid.uuid4().hex[:12]
        self.server = Server(self.folder.path, environment={
            **self.cluster.settings(self.schema), "ROOST_DATABASE_ADDRESS": "",
            "ROOST_SERVER_DRAIN_SECONDS": "20"})
        self.addCleanup(self.server.kill)
        self.server.start()
        self.person = anonymous(self.server.port)
        self.note = self.person.create("notes", title="before")

    def psql(self, *statements):
        return psql(*statements, address=self.cluster.admin)

    def refused(self, answer, code="overloaded"):
        """Checks a 503 that says when to come back, and nothing of the database's."""
        self.assertEqual(answer.status, 503, answer)
        self.assertEqual(answer["type"].rsplit(":", 1)[-1], code, answer)
        self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
        for word in ("roost_", "postgresql://", "SELECT", "INSERT", self.schema):
            self.assertNotIn(word, answer["detail"])
        return answer

    def read(self):
        return self.person.get(f"/v1/notes/{self.note['id']}")

    def listed(self):
        return self.person.get("/v1/notes?limit=5")

    def write(self):
        return self.person.post("/v1/notes", {"title": "meanwhile"})

    def ways(self):
        return self.read, self.listed, self.write

    def recovers(self):
        """Waits until everything is answered as before; the process is the same."""
        deadline = time.monotonic() + PATIENCE
        for way in self.ways():
            while (answer := way()).status not in (200, 201):
                self.refused(answer)
                self.assertLess(time.monotonic(), deadline, answer)
                time.sleep(0.05)
        self.assertEqual(self.read().json, self.note)
        self.server.stop()

    def test_a_server_of_databases_that_is_stopped_and_started(self):
        statuses, stop = [], threading.Event()
        self.addCleanup(stop.set)

        def work(way):
            while not stop.is_set():
                answer = way()
                statuses.append((answer.status, time.monotonic()))
                if answer.status == 503:
                    self.refused(answer)
                    time.sleep(0.02)

        failures = []

        def guarded(way):
            try:
                work(way)
            except Exception as error:  # noqa: BLE001 (told by the test)
                failures.append(error)

        threads = [threading.Thread(target=guarded, args=(way,)) for way in self.ways() * 2]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        self.cluster.stop()
        away = time.monotonic()
        time.sleep(2)
        for way in self.ways():
            began = time.monotonic()
            self.refused(way())
            # Nobody waits for a server that refuses connections.
            self.assertLess(time.monotonic() - began, PATIENCE / 2)
        # Health is of the process: a restart of it would mend nothing.
        self.assertEqual(Client(self.server.port).get("/health/live").status, 200)
        self.assertEqual(Client(self.server.port).get("/metrics").status, 200)
        back = time.monotonic()
        self.cluster.start()
        time.sleep(0.5)
        deadline = time.monotonic() + PATIENCE
        while not any(status == 201 and at > back for status, at in list(statuses)):
            self.assertLess(time.monotonic(), deadline, "writes did not come back")
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(failures, [])
        self.assertEqual({status for status, _ in statuses}, {200, 201, 503})
        # The half second lets answers of before arrive.
        self.assertEqual({status for status, at in statuses if away + 0.5 < at < back}, {503})
        self.recovers()

    def degraded(self):
        """The parts that /health/ready calls degraded, which it, /status and /metrics agree on."""
        client = Client(self.server.port)
        ready = client.get("/health/ready")
        self.assertEqual(ready.status, 200, ready)
        for word in ("postgresql://", "roost_", self.schema, str(self.cluster.port)):
            self.assertNotIn(word, ready.body.decode())
        return {part["part"] for part in ready.json.get("degraded", [])}

    def until_degraded(self, parts):
        deadline = time.monotonic() + PATIENCE
        while self.degraded() != parts:
            self.assertLess(time.monotonic(), deadline, parts)
            time.sleep(0.1)

    def figure(self, name):
        text = Client(self.server.port).get("/metrics").body.decode()
        return int(re.search(rf"(?m)^{re.escape(name)} (\d+)$", text)[1])

    def out(self):
        return self.figure('roost_degraded{part="database"}')

    def test_an_idle_server_learns_that_its_database_is_away_and_is_back(self):
        self.assertEqual((self.degraded(), self.out()), (set(), 0))
        self.cluster.stop()
        self.until_degraded({"database"})
        self.assertEqual(self.out(), 1)
        page = Client(self.server.port).get("/status")
        self.assertIn("Something does not work as it should", page.body.decode())
        self.cluster.start()
        self.until_degraded(set())
        self.assertEqual(self.out(), 0)
        self.recovers()

    def test_writes_that_find_no_database_are_counted_as_failed(self):
        """Else the alert on commits that fail could not be raised by the plainest reason."""
        self.cluster.stop()
        # The first may find out by the connection that it had.
        self.refused(self.write())
        before = self.figure("roost_db_failed_batches_total")
        for _ in range(3):
            self.refused(self.write())
        self.assertGreaterEqual(self.figure("roost_db_failed_batches_total"), before + 3)
        self.cluster.start()
        self.recovers()

    def test_a_database_that_answers_nothing_any_more_is_told(self):
        """Its connections stay open, as those of a machine do that has stopped."""
        processes = [self.cluster.postmaster(), *self.cluster.children()]
        for each in processes:
            os.kill(each, signal.SIGSTOP)
        try:
            self.until_degraded({"database"})
        finally:
            for each in processes:
                os.kill(each, signal.SIGCONT)
        self.until_degraded(set())
        self.recovers()

    def test_writers_without_a_connection_are_told_until_they_have_one(self):
        """Reads go on, so that only their own attempts show that it is over."""
        self.addCleanup(self.psql, "ALTER ROLE roost CONNECTION LIMIT -1")
        self.psql("ALTER ROLE roost CONNECTION LIMIT 0",
                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'roost' "
                  "AND query ILIKE '%COMMIT%'")
        deadline = time.monotonic() + PATIENCE
        while self.write().status != 503:
            self.assertLess(time.monotonic(), deadline)
        self.until_degraded({"database"})
        self.psql("ALTER ROLE roost CONNECTION LIMIT -1")
        self.until_degraded(set())
        self.recovers()

    def test_what_waits_or_takes_too_long_is_given_up(self):
        """Both at once, since each takes its five seconds; then all is well."""
        cup = self.person.create("cups", title="before")["id"]
        self.psql(f"ALTER TABLE {self.schema}.cups RENAME TO slow",
                  f"CREATE VIEW {self.schema}.cups AS SELECT slow.* FROM {self.schema}.slow, "
                  "pg_sleep(60)",
                  f"GRANT SELECT ON {self.schema}.cups TO roost")
        answers = {}

        def ask(said, way):
            answers[said, way] = way()

        with Session(self.cluster.admin) as session:
            session.query("BEGIN")
            session.query(f"LOCK TABLE {self.schema}.notes IN ACCESS EXCLUSIVE MODE")
            threads = [threading.Thread(target=ask, args=each) for each in (
                # Whether the wait for the lock or the read as a whole ends first is a race.
                ("is busy|took too long", self.read), ("is busy", self.write),
                ("took too long", lambda: self.person.get(f"/v1/cups/{cup}")))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            session.query("ROLLBACK")
        self.psql(f"DROP VIEW {self.schema}.cups", f"ALTER TABLE {self.schema}.slow RENAME TO cups")
        self.assertEqual(len(answers), 3)
        for (said, _), answer in answers.items():
            self.assertRegex(self.refused(answer)["detail"], said)
        self.assertEqual(self.person.get(f"/v1/cups/{cup}").status, 200)
        self.recovers()

    def test_no_connection_left_at_a_reconnect(self):
        self.psql("ALTER ROLE roost CONNECTION LIMIT 0",
                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'roost'")
        deadline = time.monotonic() + PATIENCE
        for way in self.ways():
            self.refused(way())
        log = self.server.messages()
        self.assertLess(time.monotonic(), deadline)
        self.assertIn("too many connections", log)
        self.psql("ALTER ROLE roost CONNECTION LIMIT -1")
        self.recovers()

    def test_more_callers_than_connections_and_queues(self):
        """Whoever finds no place is told at once; who waits is answered when it goes on."""
        counts, lock = {}, threading.Lock()

        def ask():
            client = Client(self.server.port, self.person.token)
            status = client.get(f"/v1/notes/{self.note['id']}").status
            with lock:
                counts[status] = counts.get(status, 0) + 1

        with Session(self.cluster.admin) as session:
            session.query("BEGIN")
            session.query(f"LOCK TABLE {self.schema}.notes IN ACCESS EXCLUSIVE MODE")
            threads = [threading.Thread(target=ask) for _ in range(1400)]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + PATIENCE
            while not counts.get(503):
                self.assertLess(time.monotonic(), deadline, "nobody was told")
                time.sleep(0.05)
            session.query("ROLLBACK")
        for thread in threads:
            thread.join(60)
        self.assertEqual(sum(counts.values()), 1400)
        self.assertEqual(set(counts), {200, 503})
        self.recovers()
