"""Followers: how far they are, replays, the administrator's routes, `roost followers`, metrics."""

import json
import os
import time
import unittest

from client import Client, administrator, anonymous
from server import APPS, ENGINE, Folder, Server, roost


class FollowerTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(copy=os.path.join(APPS, "derived"))
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join(".roost")
        self.server = Server(self.folder.path, data=self.data)
        self.addCleanup(self.server.kill)
        self.server.start()

    def administrator(self):
        link = roost("admin", self.folder.path).stdout
        return administrator(self.server.port, link)

    def settled(self, client, name):
        deadline = time.monotonic() + 30
        while True:
            status = client.get(f"/v1/admin/followers/{name}").json
            if status["behind"] == 0:
                return status
            self.assertLess(time.monotonic(), deadline, status)
            time.sleep(0.02)

    def test_administrators_see_and_replay_followers(self):
        admin = self.administrator()
        band = admin.post("/v1/bands", {"name": "Dusk"}).json["id"]
        for _ in range(4):
            admin.post("/v1/gigs", {"band": band, "status": "PLAYED",
                                    "startsAt": "2026-01-09T20:00:00Z"})
        names = [row["name"] for row in admin.get("/v1/admin/followers").json["items"]]
        self.assertEqual(
            names, ["collection-counter", "relation-keeper", "search", "derived"])
        for name in names:
            status = self.settled(admin, name)
            self.assertEqual((status["setAside"], status["lagMilliseconds"]), (0, 0), status)
        for start in ("start", "2020-01-01T00:00:00Z", 0):
            answer = admin.post("/v1/admin/followers/derived/replay", {"from": start})
            self.assertEqual(answer.status, 200, answer)
            self.settled(admin, "derived")
            self.assertEqual(admin.get(f"/v1/bands/{band}").json["played"], 4)
        for path, body, status in (
                ("collection-counter/replay", {"from": "start"}, 409),
                ("derived/replay", {"from": "soon"}, 422),
                ("derived/replay", {}, 422),
                ("derived/replay", {"from": "start", "x": 1}, 422),
                ("nobody/replay", {"from": "start"}, 404),
                ("derived/retry", {"position": 1}, 404 if ENGINE == "sqlite" else 422),
                ("derived/retry", {"position": "0:1"}, 404),
                ("derived/skip", {"position": "15:1"}, 422 if ENGINE == "sqlite" else 404),
                ("derived/skip", {"position": "16:1"}, 422),
                ("derived/skip", {"position": "x"}, 422),
                ("derived/skip", {"position": -1}, 422),
                ("derived/replay", {"from": "0:1000000000"}, 422),
                ("derived/retry", {}, 200), ("derived/skip", {}, 200)):
            answer = admin.post(f"/v1/admin/followers/{path}", body)
            self.assertEqual(answer.status, status, (path, answer))
        if ENGINE == "sqlite":
            beyond = admin.post("/v1/admin/followers/derived/replay", {"from": 10 ** 9})
            self.assertEqual(beyond.status, 422, beyond)
        other = anonymous(self.server.port)
        for answer in (other.get("/v1/admin/followers"),
                       other.post("/v1/admin/followers/derived/replay", {"from": "start"}),
                       other.post("/v1/admin/rebuild", {})):
            self.assertEqual(answer.status, 403, answer)
        checked = admin.post("/v1/admin/rebuild", {"check": True})
        self.assertEqual(checked.status, 202, checked)
        deadline = time.monotonic() + 30
        while admin.get("/v1/admin/rebuild").json["running"]:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        found = admin.get("/v1/admin/rebuild").json["checked"]
        self.assertEqual({row["differences"] for row in found}, {0})
        self.assertEqual(admin.post("/v1/admin/rebuild", {"field": "played"}).status, 422)

    def test_metrics_tell_the_lag(self):
        person = anonymous(self.server.port)
        person.post("/v1/bands", {"name": "Dusk"})
        text = Client(self.server.port).get("/metrics").body.decode()
        for name in ("position", "behind", "lag_seconds", "set_aside"):
            self.assertRegex(text, rf'roost_follower_{name}{{follower="derived"}} \d')

    def test_the_command_lists_and_replays(self):
        admin = self.administrator()
        band = admin.post("/v1/bands", {"name": "Dusk"}).json["id"]
        admin.post("/v1/gigs", {"band": band, "status": "PLAYED",
                                "startsAt": "2026-01-09T20:00:00Z"})
        # All at one look: what one of them writes, the others follow.
        deadline = time.monotonic() + 60
        while any(row["behind"] for row in admin.get("/v1/admin/followers").json["items"]):
            self.assertLess(time.monotonic(), deadline, "the followers are behind")
            time.sleep(0.05)
        if ENGINE == "sqlite":
            busy = roost("followers", "list", self.folder.path)
            self.assertEqual(busy.returncode, 1, busy.stderr)
            self.assertIn("/v1/admin/followers", busy.stderr)
        self.server.stop()
        listed = roost("followers", "list", self.folder.path, "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        items = json.loads(listed.stdout)["items"]
        self.assertEqual([row["behind"] for row in items], [0, 0, 0, 0])
        done = roost("followers", "replay", self.folder.path, "derived", "--from", "start")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"derived  at 0 of \d+  \d+ behind")
        if ENGINE != "sqlite":
            self.assertRegex(done.stdout, r"\n  parts 0:0 1:0 .*15:0\n")
        for words, status in ((("list", self.folder.path, "derivd"), 1),
                              (("replay", self.folder.path, "derived"), 2),
                              (("retry", self.folder.path, "derived", "x"), 2),
                              (("lst", self.folder.path), 2),
                              (("retry", self.folder.path, "derived", "7"),
                               0 if ENGINE == "sqlite" else 1),
                              (("retry", self.folder.path, "derived", "0:7"), 0),
                              (("skip", self.folder.path, "derived", "16:7"), 1),
                              (("skip", self.folder.path, "derived"), 0)):
            self.assertEqual(roost("followers", *words).returncode, status, words)
        self.server = Server(self.folder.path, data=self.data)
        self.addCleanup(self.server.kill)
        self.server.start()
        person = anonymous(self.server.port)
        deadline = time.monotonic() + 30
        while person.get(f"/v1/bands/{band}").json["played"] != 1:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
