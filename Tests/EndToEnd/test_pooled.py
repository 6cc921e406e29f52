"""Behind PgBouncer in transaction mode: nothing of Roost's outlives a transaction.

`Scripts/with-pgbouncer.sh` starts the pooler. What a connection kept would meet whoever gets it
next, so the connections of the pool are looked at one by one after everything has used them.
"""

import os
import unittest
import uuid

from cases import ServedCase
from postgres import POSTGRES, psql

from harness.postgres import Session

POOL = 20  # of Scripts/with-pgbouncer.sh
DIRECT = os.environ.get("ROOST_TEST_POSTGRES_DIRECT")
SETTINGS = ("search_path", "statement_timeout", "lock_timeout", "client_min_messages",
            "default_transaction_read_only", "idle_in_transaction_session_timeout", "jit",
            "synchronous_commit")


@unittest.skipUnless(DIRECT, "needs a pooler, as Scripts/with-pgbouncer.sh starts it")
class PooledTests(ServedCase):
    app = "types"

    def sessions(self, count):
        """As many connections of the pool, each held by a transaction."""
        sessions = []
        for _ in range(count):
            session = Session(POSTGRES)
            self.addCleanup(session.close)
            session.query("BEGIN")
            sessions.append(session)
        return sessions

    def look(self, session):
        settings = ", ".join(f"current_setting('{name}')" for name in SETTINGS)
        return session.query(
            f"SELECT {settings}, (SELECT count(*) FROM pg_prepared_statements), "
            "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
            "AND pid = pg_backend_pid())")[0]

    def test_connections_come_back_as_they_were(self):
        person = self.person()
        for number in range(50):
            made = person.create("things", label=str(number))
            self.expect(200, person.patch(f"/v1/things/{made['id']}", {"label": "again"}))
            self.expect(422, person.post("/v1/things", {"label": 5}))
            self.expect(409, person.post("/v1/things", {"id": made["id"], "label": "twice"}))
        self.expect(200, person.get("/v1/things?sort=label&limit=5&count=exact"))
        sessions = self.sessions(POOL)
        backends = {session.query("SELECT pg_backend_pid()")[0][0] for session in sessions}
        self.assertEqual(len(backends), POOL)
        with Session(DIRECT) as fresh:
            wanted = self.look(fresh)
        for session in sessions:
            self.assertEqual(self.look(session), wanted)

    def test_more_connections_than_the_pool_has(self):
        """While transactions of others hold most of the pool, requests wait and are answered."""
        sessions = self.sessions(POOL - 2)
        person = self.person()
        for number in range(10):
            made = person.create("things", label=str(number))
            self.expect(200, person.get(f"/v1/things/{made['id']}"))
        for session in sessions:
            session.query("ROLLBACK")
        self.assertEqual(person.get("/v1/things?count=exact")["count"], 10)

    def test_what_a_session_leaves_would_be_seen(self):
        mark = uuid.uuid4().hex[:8]
        with Session(POSTGRES) as session:
            session.query(f"SET search_path = 'left_{mark}'")
        paths = [self.look(session)[0] for session in self.sessions(POOL)]
        self.assertIn(f"left_{mark}", "".join(map(str, paths)))
        psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'roost'")
