"""The strategies of the examples, whichever device arrives first."""

import os
import time
import unittest

from client import anonymous
from cases import ServedCase
from server import EXAMPLES
from sync_client import Device

JOURNEY = {
    **{name: {"strategy": "COUNTER", "numbers": "int32"} for name in ("xp", "sessions", "minutes")},
    "longestStreak": {"strategy": "MAX"}, "currentStreak": {"strategy": "LATEST_VALID"},
    "achievements": {"strategy": "SET_UNION"}, "challenges": {"strategy": "SET_UNION"}}
RULES = {"journeys": {"fields": JOURNEY}, "patterns": {"tier": "DAILY"},
         "weekStatistics": {"tier": "DAILY"},
         "presets": {"tier": "HOURLY", "fields": {"settings": {"strategy": "MERGE_DEEP"}}}}
CLAIMS = {"level": 5, "sessions": 25, "streak": 3, "days": 7}


def challenge(name, status, progress, **more):
    return {"id": name, "status": status, "progress": progress, **more}


class BreathTests(ServedCase):
    app = os.path.join(EXAMPLES, "breath")

    def setUp(self):
        self.ann = anonymous(self.server.port)
        answer = self.ann.post("/v1/sync/gate", {"claims": CLAIMS, "invitation": "accepted"})
        self.assertEqual(answer["state"], "open")
        self.phone = Device(self.ann, RULES)
        self.tablet = Device(self.ann, RULES, name="Tablet")

    def journey(self, **values):
        row = self.phone.create("journeys", **{"longestStreak": 4, "currentStreak": 4, **values})
        self.phone.sync()
        self.tablet.sync()
        return row

    def meet(self, first, second, coll, row):
        """Both devices sync in that order; gives what they show then, which is the same."""
        for device in (first, second, first):
            device.sync()
        self.assertEqual(first.errors + second.errors, [])
        self.assertEqual(first.see(coll)[row], second.see(coll)[row])
        return first.see(coll)[row]

    def orders(self):
        for name in ("phone first", "tablet first"):
            with self.subTest(name):
                self.setUp()
                devices = (self.phone, self.tablet)
                yield devices if name == "phone first" else devices[::-1]

    def test_what_is_earned_on_two_devices_adds_up(self):
        for order in self.orders():
            row = self.journey(xp=100, achievements=["a"])
            self.phone.update("journeys", row, xp={"$increment": 40}, longestStreak=6,
                              achievements={"$add": ["b"]})
            self.tablet.update("journeys", row, xp={"$increment": 2}, longestStreak=5,
                               achievements={"$add": ["c"], "$remove": ["a"]})
            met = self.meet(*order, "journeys", row)
            self.assertEqual((met["xp"], met["longestStreak"], sorted(met["achievements"])),
                             (142, 6, ["b", "c"]))

    def test_the_latest_streak_that_is_possible_stays(self):
        for order in self.orders():
            row = self.journey()
            self.phone.update("journeys", row, currentStreak=3)
            time.sleep(0.005)
            self.tablet.update("journeys", row, currentStreak=1)
            time.sleep(0.005)
            self.phone.update("journeys", row, currentStreak=99)
            self.assertEqual(self.meet(*order, "journeys", row)["currentStreak"], 1)

    def test_challenges_only_go_forward(self):
        for order in self.orders():
            row = self.journey(challenges=[challenge("dawn", "ACTIVE", 1, note="mine")])
            self.phone.update("journeys", row, challenges={
                "$add": [challenge("dawn", "COMPLETED", 7), challenge("sea", "OFFERED", 0)]})
            time.sleep(0.005)
            self.tablet.update("journeys", row, challenges={
                "$add": [challenge("dawn", "ACTIVE", 3, note="yours")]})
            met = {one["id"]: one for one in self.meet(*order, "journeys", row)["challenges"]}
            self.assertEqual(met, {"dawn": challenge("dawn", "COMPLETED", 7, note="yours"),
                                   "sea": challenge("sea", "OFFERED", 0)})

    def test_challenges_go_forward_over_rest_too(self):
        row = self.ann.create("journeys", challenges=[challenge("dawn", "ACTIVE", 2)])["id"]
        path = f"/v1/journeys/{row}"
        for given, expected in ((challenge("dawn", "COMPLETED", 1), ("COMPLETED", 2)),
                                (challenge("dawn", "OFFERED", 9), ("COMPLETED", 9)),
                                ({"id": "dawn", "progress": 10}, ("COMPLETED", 10))):
            answer = self.ann.patch(path, {"challenges": {"$add": [given]}})
            one = answer["challenges"][0]
            self.assertEqual((one["status"], one["progress"]), expected)
        self.expect(422, self.ann.patch(path, {"challenges": {"$add": [{"status": "ACTIVE"}]}}),
                    "/challenges")
        answer = self.ann.patch(path, {"challenges": {"$remove": ["dawn"]}})
        self.assertEqual(answer["challenges"], [])

    def test_presets_merge_in_their_parts(self):
        for order in self.orders():
            row = self.phone.create("presets", name="Evening", settings={"in": 4, "hold": 1})
            self.phone.sync()
            self.tablet.sync()
            self.phone.update("presets", row, settings={"in": 5, "hold": None})
            self.tablet.update("presets", row, settings={"out": 6})
            self.assertEqual(self.meet(*order, "presets", row)["settings"], {"in": 5, "out": 6})

    def test_settings_of_a_device_never_leave_it(self):
        self.ann.create("deviceSettings", data={"volume": 3})
        self.phone.sync()
        self.assertEqual(self.phone.see("deviceSettings"), {})
        oid = self.phone.change({"kind": "create", "coll": "deviceSettings", "args": {"data": {}},
                                 "id": "0198ab00-0000-7000-8000-0000000000aa"}, lane="LIVE")
        self.phone.sync()
        self.assertEqual(self.phone.results[oid]["result"], "rejected")

    def test_what_takes_a_tier_stays_closed_without_one(self):
        found = {one["name"]: one["state"] for one in self.ann.get("/v1/features")["items"]}
        self.assertEqual((found["cross-device-sync"], found["premium-presets"]),
                         ("available", "requires_upgrade"))


if __name__ == "__main__":
    unittest.main()
