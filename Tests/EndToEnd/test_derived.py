"""Derived fields and views: kept by followers, read-only, rebuilt and checked by `roost rebuild`."""

import json
import os
import time
import unittest

from client import anonymous
from server import APPS, Folder, Server, roost


class DerivedTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(copy=os.path.join(APPS, "derived"))
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join(".roost")
        self.start()
        self.person = anonymous(self.server.port)

    def start(self):
        self.server = Server(self.folder.path, data=self.data)
        self.addCleanup(self.server.kill)
        self.server.start()

    def band(self, name="Dusk"):
        answer = self.person.post("/v1/bands", {"name": name})
        self.assertEqual(answer.status, 201, answer)
        return answer

    def gig(self, band, month="01", **fields):
        body = {"band": band, "status": "PLAYED", "startsAt": f"2026-{month}-09T20:00:00Z"}
        answer = self.person.post("/v1/gigs", {**body, **fields})
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def shown(self, band, **fields):
        """Waits until a record has these values; gives the answer."""
        deadline = time.monotonic() + 30
        while True:
            answer = self.person.get(f"/v1/bands/{band}")
            found = {name: answer.json[name] for name in fields}
            if found == fields:
                return answer
            self.assertLess(time.monotonic(), deadline, found)
            time.sleep(0.02)

    def test_values_follow_what_they_are_made_of_and_leave_the_version(self):
        made = self.band()
        band = made.json["id"]
        self.assertEqual((made.json["played"], made.json["tickets"]), (0, 0))
        self.assertIsNone(made.json["last"])
        first = self.gig(band, tickets=10, title="one")
        self.gig(band, month="03", tickets=5, title="two")
        self.gig(band, month="05", status="PLANNED", tickets=99, title="three")
        answer = self.shown(band, played=2, tickets=15, newest="three",
                            last="2026-05-09T20:00:00.000Z")
        self.assertEqual(answer.json["version"], 1)
        self.assertEqual(answer.json["updatedAt"], made.json["updatedAt"])
        self.assertRegex(answer.headers["roost-refreshed-at"], r"^20\d\d-.*Z$")
        self.assertNotEqual(answer.headers["etag"], made.headers["etag"])
        again = self.person.get(f"/v1/bands/{band}", {"If-None-Match": answer.headers["etag"]})
        self.assertEqual(again.status, 304)
        stale = self.person.get(f"/v1/bands/{band}", {"If-None-Match": made.headers["etag"]})
        self.assertEqual(stale.status, 200)
        # The merge is REJECT, and nobody has edited the record meanwhile.
        saved = self.person.patch(
            f"/v1/bands/{band}", {"name": "Dawn"}, {"If-Match": made.headers["etag"]})
        self.assertEqual(saved.status, 200, saved)
        self.person.delete(f"/v1/gigs/{first['id']}")
        self.shown(band, played=1, tickets=5)

    def test_nobody_writes_what_is_derived(self):
        answer = self.person.post("/v1/bands", {"name": "a", "played": 3})
        self.assertEqual((answer.status, answer.json["errors"][0]["pointer"]), (422, "/played"))
        band = self.band().json["id"]
        view = self.person.post("/v1/bandMonths", {"band": band, "month": "2026-01-01"})
        self.assertEqual(view.status, 403, view)
        self.assertIn("view", view.json["detail"])
        self.gig(band)
        self.shown(band, played=1)
        row = self.person.get("/v1/bandMonths").json["items"][0]
        for answer in (self.person.patch(f"/v1/bandMonths/{row['id']}", {"played": 2}),
                       self.person.delete(f"/v1/bandMonths/{row['id']}")):
            self.assertEqual(answer.status, 403, answer)

    def test_a_view_has_a_row_for_each_group(self):
        band, other = self.band().json["id"], self.band("Noon").json["id"]
        gig = self.gig(band, tickets=3)
        self.gig(band, tickets=4)
        self.gig(band, month="02")
        self.gig(other, month="02", tickets=1)
        self.shown(band, played=3)
        self.shown(other, played=1)

        def months(of):
            items = self.person.get(
                "/v1/bandMonths", filter=f'band=="{of}"', sort="month").json["items"]
            return [(row["id"], row["month"], row["played"], row["tickets"]) for row in items]

        rows = months(band)
        self.assertEqual([row[1:] for row in rows],
                         [("2026-01-01", 2, 7), ("2026-02-01", 1, 0)])
        # A group that is empty goes, and has the same id when it comes back.
        self.person.patch(f"/v1/gigs/{gig['id']}", {"startsAt": "2026-02-01T00:00:00Z"})
        for item in self.person.get(f"/v1/bands/{band}/gigs").json["items"]:
            if item["startsAt"].startswith("2026-01"):
                self.person.delete(f"/v1/gigs/{item['id']}")
        self.shown(band, played=2)
        self.assertEqual([row[1:] for row in months(band)], [("2026-02-01", 2, 3)])
        self.gig(band, tickets=1)
        self.shown(band, played=3)
        self.assertEqual(months(band)[0], (rows[0][0], "2026-01-01", 1, 1))
        # The rows of a view go with what they are about.
        version = self.person.get(f"/v1/bands/{band}").headers["etag"]
        self.assertEqual(
            self.person.delete(f"/v1/bands/{band}", {"If-Match": version}).status, 204)
        self.assertEqual(months(band), [])

    def test_rebuild_rights_what_is_wrong_and_check_finds_it(self):
        band = self.band().json["id"]
        for number in range(5):
            self.gig(band, tickets=number)
        self.shown(band, played=5, tickets=10)
        busy = roost("rebuild", self.folder.path, "--check")
        if busy.returncode:
            self.assertIn("/v1/admin/rebuild", busy.stderr)
        self.server.stop()
        check = roost("rebuild", self.folder.path, "--check", "--json")
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertEqual({row["differences"] for row in json.loads(check.stdout)["checked"]}, {0})
        done = roost("rebuild", self.folder.path, "--collection", "bands")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("made anew: bands", done.stdout)
        for words, status, text in (
                (("--collection", "bandz"), 1, "Did you mean bands?"),
                (("--collection", "bands", "--field", "name"), 1, "is not derived"),
                (("--field", "played"), 2, "--collection")):
            failed = roost("rebuild", self.folder.path, *words)
            self.assertEqual(failed.returncode, status, failed.stderr)
            self.assertIn(text, failed.stderr)
        self.start()
        self.person = anonymous(self.server.port)
        self.shown(band, played=5, tickets=10)

    def test_a_new_derived_field_is_made_by_a_job(self):
        band = self.band().json["id"]
        for _ in range(3):
            self.gig(band, tickets=2)
        self.shown(band, played=3)
        self.server.stop()
        schema = self.folder.read("schema.graphql").replace(
            "  last:", "  most: Int @derived(from: \"gigs\", max: \"tickets\")\n  last:", 1)
        self.folder.write("schema.graphql", schema)
        self.start()
        self.person = anonymous(self.server.port)
        self.shown(band, most=2, played=3)
        document = self.person.get("/openapi.json").json["components"]["schemas"]["Band"]
        self.assertTrue(document["properties"]["most"]["readOnly"])


if __name__ == "__main__":
    unittest.main()
