"""How two changes of one field meet, as devices see it: strategies, conflicts, choices."""

import time
import unittest
import uuid

from sync_cases import SyncCase


class StrategyTests(SyncCase):
    def test_last_write_wins_by_the_time_of_the_edit_not_of_its_arrival(self):
        phone, tablet, row = self.pair()
        phone.update("gigs", row, title="First", fee=1)
        time.sleep(0.005)
        tablet.update("gigs", row, title="Second")
        tablet.sync()
        oid = phone.lanes["LIVE"].log[-1]["oid"]
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid), ("merged", None))
        shown = phone.see("gigs")[row]
        self.assertEqual((shown["title"], shown["fee"]), ("Second", 1))

    def test_counters_add_sets_unite_and_the_greatest_stays(self):
        phone, tablet, row = self.pair(tags=["a", "b"], best=3, level="SILVER")
        phone.update("gigs", row, plays={"$increment": 3}, tags={"$add": ["c"], "$remove": ["a"]},
                     best=9, level="BRONZE")
        tablet.update("gigs", row, plays={"$increment": -1}, tags={"$add": ["d"]}, best=5,
                      level="GOLD")
        self.assertEqual(phone.see("gigs")[row]["tags"], ["b", "c"])
        self.assertEqual(phone.see("gigs")[row]["level"], "SILVER")
        self.settle(phone, tablet)
        shown = phone.see("gigs")[row]
        self.assertEqual((shown["plays"], sorted(shown["tags"]), shown["best"], shown["level"]),
                         (2, ["b", "c", "d"], 9, "GOLD"))

    def test_an_older_remove_does_not_take_a_newer_add(self):
        phone, tablet, row = self.pair(tags=["a"])
        phone.update("gigs", row, tags={"$remove": ["a"]})
        time.sleep(0.005)
        tablet.update("gigs", row, tags={"$add": ["a", "z"]})
        tablet.sync()
        self.settle(phone, tablet)
        self.assertEqual(sorted(phone.see("gigs")[row]["tags"]), ["a", "z"])

    def test_documents_merge_member_by_member(self):
        phone, tablet, row = self.pair(notes={"stage": {"power": 16, "riser": True}, "eat": 5})
        phone.update("gigs", row, notes={"stage": {"power": 32}, "eat": None})
        tablet.update("gigs", row, notes={"stage": {"riser": None, "light": "red"}, "sleep": 5})
        self.assertEqual(phone.see("gigs")[row]["notes"], {"stage": {"power": 32, "riser": True}})
        self.settle(phone, tablet)
        self.assertEqual(phone.see("gigs")[row]["notes"],
                         {"stage": {"power": 32, "light": "red"}, "sleep": 5})

    def test_reject_shows_both_values_and_own_edits_follow_each_other(self):
        phone, tablet, row = self.pair(price=10)
        first = tablet.update("gigs", row, price=20)
        second = tablet.update("gigs", row, price=21)
        tablet.sync()
        self.assertEqual([self.outcome(tablet, oid)[0] for oid in (first, second)], ["ok", "ok"])
        oid = phone.update("gigs", row, price=30)
        same = phone.update("gigs", row, price=21)
        self.assertEqual(phone.see("gigs")[row]["price"], 21)
        self.settle(phone, tablet)
        result = phone.results[oid]
        self.assertEqual((result["result"], result["code"]), ("rejected", "conflict"))
        self.assertEqual(result["values"], {"price": 21})
        self.assertEqual(self.outcome(phone, same)[0], "ok")
        self.assertEqual(phone.see("gigs")[row]["price"], 21)
        again = phone.update("gigs", row, price=30)
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, again), ("ok", None))
        self.assertEqual(tablet.see("gigs")[row]["price"], 30)

    def test_a_fork_does_not_conflict_with_its_own_edits(self):
        phone, _, row = self.pair(price=10)
        twin = phone.clone()
        phone.update("gigs", row, plays={"$increment": 1})
        phone.sync()
        oids = [twin.update("gigs", row, price=price) for price in (11, 12)]
        self.settle(twin, phone)
        self.assertEqual(twin.forks, 1)
        self.assertEqual([self.outcome(twin, oid)[0] for oid in oids], ["ok", "ok"])
        self.assertEqual(phone.see("gigs")[row]["price"], 12)

    def test_what_was_stamped_before_a_fork_is_weighed_like_somebody_elses(self):
        phone, _, row = self.pair(price=10)
        seen = phone.update("gigs", row, price=11)
        twin = phone.clone()
        phone.update("gigs", row, plays={"$increment": 1})
        phone.sync()
        behind = twin.update("gigs", row, price=12)
        self.assertEqual(twin.see("gigs")[row]["price"], 12)
        self.settle(twin, phone)
        self.assertEqual(twin.forks, 1)
        self.assertEqual(self.outcome(twin, seen), ("dup", None))
        self.assertEqual(self.outcome(twin, behind), ("rejected", "conflict"))
        self.assertEqual(phone.see("gigs")[row]["price"], 11)

    def test_server_wins_ignores_what_was_made_on_something_else(self):
        phone, tablet, row = self.pair(stage="main")
        tablet.update("gigs", row, stage="side")
        tablet.sync()
        oid = phone.update("gigs", row, stage="tent")
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid)[0], "merged")
        self.assertEqual(phone.see("gigs")[row]["stage"], "side")
        phone.update("gigs", row, stage="tent")
        self.settle(phone, tablet)
        self.assertEqual(tablet.see("gigs")[row]["stage"], "tent")

    def conflict(self):
        """A conflict over a poster; gives the devices, the row and the conflict's id."""
        phone, tablet, row = self.pair(poster="owl")
        tablet.update("gigs", row, poster="cat")
        tablet.sync()
        oid = phone.update("gigs", row, poster="dog", fee=8)
        self.settle(phone, tablet)
        result = phone.results[oid]
        self.assertEqual(result["result"], "conflict", result)
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["poster"], shown["fee"]), ("cat", 8))
        return phone, tablet, row, result["conflicts"][0]

    def test_a_person_chooses(self):
        for choice, gives in (({"choose": "theirs"}, "cat"), ({"choose": "mine"}, "dog"),
                              ({"value": "fox"}, "fox")):
            with self.subTest(choice):
                phone, tablet, row, conflict = self.conflict()
                oid = phone.resolve(conflict, **choice)
                self.settle(phone, tablet)
                self.assertEqual(self.outcome(phone, oid), ("ok", None))
                self.assertEqual(tablet.see("gigs")[row]["poster"], gives)

    def test_a_choice_on_a_field_that_has_changed_is_outdated(self):
        phone, tablet, row, conflict = self.conflict()
        tablet.update("gigs", row, poster="bat")
        tablet.sync()
        oid = phone.resolve(conflict, choose="mine")
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid), ("rejected", "outdated"))
        self.assertEqual(phone.see("gigs")[row]["poster"], "bat")
        oid = phone.resolve(conflict, choose="mine")
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid), ("ok", None))
        self.assertEqual(tablet.see("gigs")[row]["poster"], "dog")

    def test_a_conflict_is_decided_once(self):
        phone, tablet, row, conflict = self.conflict()
        phone.resolve(conflict, choose="mine")
        self.settle(phone, tablet)
        for choice in ({"choose": "mine"}, {"choose": "theirs"}, {"value": "fox"}):
            with self.subTest(choice):
                oid = tablet.resolve(conflict, **choice)
                self.settle(phone, tablet)
                self.assertEqual(self.outcome(tablet, oid), ("rejected", "closed"))
        self.assertEqual(phone.see("gigs")[row]["poster"], "dog")

    def test_an_edit_behind_a_choice_is_made_on_it(self):
        phone, tablet, row, conflict = self.conflict()
        oids = [phone.resolve(conflict, choose="mine"), phone.update("gigs", row, poster="elk")]
        self.settle(phone, tablet)
        self.assertEqual([self.outcome(phone, oid)[0] for oid in oids], ["ok", "ok"])
        self.assertEqual(tablet.see("gigs")[row]["poster"], "elk")

    def test_a_conflict_is_listed_for_its_person_alone(self):
        phone, _, row, conflict = self.conflict()
        listed = {item["id"]: item for item in self.ann.get("/v1/sync/conflicts")["items"]}
        self.assertEqual(listed[conflict]["row"], row)
        self.assertEqual((listed[conflict]["coll"], listed[conflict]["field"]), ("gigs", "poster"))
        self.assertNotEqual(listed[conflict]["theirs"], listed[conflict]["mine"])
        others = {item["id"] for item in self.bob.get("/v1/sync/conflicts")["items"]}
        self.assertNotIn(conflict, others)
        phone.resolve(conflict, choose="mine")
        self.settle(phone)
        left = {item["id"] for item in self.ann.get("/v1/sync/conflicts")["items"]}
        self.assertNotIn(conflict, left)

    def test_a_conflict_comes_to_all_devices_of_its_person(self):
        phone, tablet, row, conflict = self.conflict()
        shown = tablet.see("_conflicts")[conflict]
        self.assertEqual((shown["coll"], shown["row"], shown["field"], shown["mine"]),
                         ("gigs", row, "poster", "dog"))
        self.assertEqual(phone.see("_conflicts")[conflict], shown)
        # Decided on the other device, which has no connection then.
        oid = tablet.resolve(conflict, choose="mine")
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(tablet, oid), ("ok", None))
        self.assertEqual(phone.see("gigs")[row]["poster"], "dog")
        for device in (phone, tablet):
            self.assertNotIn(conflict, device.see("_conflicts"))
        stranger = self.device(self.bob)
        stranger.sync()
        self.assertEqual(stranger.see("_conflicts"), {})

    def test_a_conflict_leaves_with_its_row(self):
        phone, tablet, row, conflict = self.conflict()
        tablet.delete("gigs", row)
        self.settle(phone, tablet)
        newcomer = self.device()
        newcomer.sync()
        for device in (phone, tablet, newcomer):
            self.assertEqual(device.see("_conflicts"), {})
        self.assertEqual(self.ann.get("/v1/sync/conflicts")["items"], [])
        oid = phone.resolve(conflict, choose="mine")
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid), ("rejected", "closed"))

    def test_a_choice_waits_until_the_row_is_seen_again(self):
        band, member = self.band()
        row = self.ann.create("gigs", owner=self.ann.id, band=band, title="Loud", poster="owl")["id"]
        phone, theirs = self.device(), self.device(self.bob)
        self.settle(phone, theirs)
        phone.update("gigs", row, poster="cat")
        phone.sync()
        oid = theirs.update("gigs", row, poster="dog")
        theirs.sync()
        conflict, = theirs.results[oid]["conflicts"]
        for choice in ({"choose": "theirs"}, {"choose": "mine"}, {"value": "fox"}):
            with self.subTest(choice):
                answer = self.ann.request("DELETE", f"/v1/members/{member}")
                self.assertEqual(answer.status, 204, answer)
                self.settle(theirs)
                self.assertNotIn(row, theirs.see("gigs"))
                oid = theirs.resolve(conflict, **choice)
                self.settle(theirs)
                self.assertEqual(self.outcome(theirs, oid), ("rejected", "row_gone"))
                self.assertIn(conflict, theirs.see("_conflicts"))
                member = self.ann.create("members", band=band, user=self.bob.id)["id"]
        self.settle(theirs)
        oid = theirs.resolve(conflict, choose="mine")
        self.settle(theirs, phone)
        self.assertEqual(self.outcome(theirs, oid), ("ok", None))
        self.assertEqual(phone.see("gigs")[row]["poster"], "dog")
        self.assertEqual(theirs.see("_conflicts"), {})

    def test_a_choice_on_the_conflict_of_another_is_refused(self):
        phone, _, row, conflict = self.conflict()
        stranger = self.device(self.bob)
        stranger.sync()
        oids = [stranger.resolve(conflict, value="mine now"),
                stranger.resolve(str(uuid.uuid4()), value="mine now")]
        stranger.sync()
        one, other = (stranger.results[oid] for oid in oids)
        self.assertEqual(one["result"], "rejected")
        self.assertEqual((one["code"], one["message"]), (other["code"], other["message"]))
        self.settle(phone)
        self.assertEqual(phone.see("gigs")[row]["poster"], "cat")


if __name__ == "__main__":
    unittest.main()
