"""On PostgreSQL an index serves the lists of the bandstand as soon as there is something to list.

Tables of a few pages PostgreSQL reads from end to end, rightly, so that tests of a few rows cannot
tell. Here each table has rows of many strangers, and the server's own statistics decide.
"""

import os
import unittest
import uuid

from client import anonymous
from postgres import POSTGRES, needs_postgres, psql
from server import EXAMPLES, Folder, Server, roost
from test_roles import LINK, claim, register

ROWS = 5000
VENUE = "01970000-0000-7000-8000-000000000001"


@needs_postgres
class LargeTableTests(unittest.TestCase):
    def setUp(self):
        folder = Folder(copy=os.path.join(EXAMPLES, "bandstand"))
        self.addCleanup(folder.remove)
        self.schema = "explain_" + uuid.uuid4().hex[:12]
        environment = {"ROOST_DATABASE": POSTGRES, "ROOST_DATABASE_SCHEMA": self.schema}
        self.server = Server(folder.path, data=folder.join("data"), environment=environment)
        self.addCleanup(self.server.kill)
        self.server.start()
        self.addCleanup(
            psql, "SET client_min_messages = error", f"DROP SCHEMA {self.schema} CASCADE")
        self.person = anonymous(self.server.port)
        self.admin = register(self.server.port)
        done = roost("admin", folder.path, "--data", self.server.data, "--port",
                     str(self.server.port), environment=environment)
        self.assertEqual(
            claim(self.admin, LINK.match(done.stdout.strip()).group(2)).status, 204)

    def fill(self, table, **others):
        """Copies the table's one row: with an id of its own, and a stranger where `others` says."""
        fields = ", ".join(f"'{name}', gen_random_uuid()" for name in ("id", *others))
        psql(f"INSERT INTO {self.schema}.\"{table}\" SELECT (jsonb_populate_record(t, "
             f"jsonb_build_object({fields}))).* FROM {self.schema}.\"{table}\" AS t, "
             f"generate_series(1, {ROWS}) WHERE t.id = (SELECT id FROM {self.schema}.\"{table}\" "
             "LIMIT 1)",
             # As autovacuum does when a table has grown, but not when it comes to it.
             f"ANALYZE {self.schema}.\"{table}\"")

    def test_an_index_serves_the_lists(self):
        person = self.person
        band = person.create("bands", name="The Long Echo")["id"]
        person.create("bandMembers", band=band, user=person.id)
        person.create("performances", date="2024-05-01T20:00:00Z", venue=VENUE, duration="PT1H")
        person.create("setLists", band=band, title="Encore", songs=[])
        person.create("goals", title="More")
        person.create("settingses", data={})
        for table, others in (("bands", ["founder"]), ("bandMembers", ["band", "user"]),
                              ("performances", ["owner", "band"]), ("setLists", ["band"]),
                              ("goals", ["owner"]), ("settingses", ["owner"])):
            self.fill(table, **dict.fromkeys(others))
        for collection in ("performances", "bands", "bandMembers", "setLists", "goals",
                           "settingses"):
            with self.subTest(collection=collection):
                answer = self.admin.get("/v1/explain", **{
                    "collection": collection, "as": person.id})
                self.assertEqual(answer.status, 200, answer)
                self.assertTrue(answer["usesIndex"], "\n".join(answer["plan"]))
                listed = person.get(f"/v1/{collection}")
                self.assertEqual(len(listed["items"]), 1, listed)
        # The explanation can say the other thing too.
        answer = self.admin.get("/v1/explain", **{
            "collection": "venues", "as": person.id, "sort": "capacity"})
        self.assertEqual(answer.status, 200, answer)
        self.assertFalse(answer["usesIndex"], answer["plan"])
        self.server.stop()
