"""The client of docs/protocol.md against the server: convergence, answers, sight, time."""

import json
import os
import re
import threading
import time
import unittest
import uuid

from server import REPOSITORY
from sync_cases import YEARS, SyncCase, now
from sync_rules import Refused


class ConvergenceTests(SyncCase):
    def test_edits_made_offline_on_two_devices_and_by_another_account_converge(self):
        phone, tablet, theirs = self.device(), self.device(name="Tablet"), self.device(self.bob)
        for device in (phone, tablet, theirs):
            device.sync()
        band = phone.create("bands", founder=self.ann.id, name="Owls")
        phone.create("members", band=band, user=self.bob.id)
        gigs = [phone.create("gigs", owner=self.ann.id, band=band, title=f"Gig {n}", fee=n)
                for n in range(5)]
        self.assertEqual(phone.see("gigs")[gigs[3]]["fee"], 3)
        own = theirs.create("gigs", owner=self.bob.id, title="Solo")
        tablet.create("news", owner=self.ann.id, text="Soon")
        self.settle(phone, tablet, theirs)
        phone.update("gigs", gigs[0], title="By phone", plays={"$increment": 2})
        time.sleep(0.005)
        tablet.update("gigs", gigs[0], title="By tablet", plays={"$increment": 3})
        time.sleep(0.005)
        theirs.update("gigs", gigs[0], title="By Bob", plays={"$increment": 5})
        tablet.delete("gigs", gigs[1])
        theirs.update("gigs", gigs[2], title="Ours")
        theirs.delete("gigs", own)
        self.assertEqual(tablet.see("gigs")[gigs[0]]["title"], "By tablet")
        self.assertNotIn(gigs[1], tablet.see("gigs"))
        # The order of arrival is not that of the edits.
        for device in (theirs, tablet, phone):
            device.sync()
        self.settle(phone, tablet, theirs)
        row = self.ann.get(f"/v1/gigs/{gigs[0]}").json
        self.assertEqual((row["title"], row["plays"]), ("By Bob", 10))
        self.assertEqual(set(theirs.see("gigs")), set(gigs) - {gigs[1]})
        self.assertNotIn("fee", theirs.see("gigs")[gigs[0]])
        self.assertIn("fee", phone.see("gigs")[gigs[0]])

    def test_a_long_queue_drains_in_several_requests(self):
        phone = self.device()
        phone.sync()
        rows = {phone.create("gigs", owner=self.ann.id, title=f"Gig {n}") for n in range(1100)}
        phone.history.clear()
        phone.sync()
        pushes = [frame for asked, _ in phone.history for frame in asked
                  if frame["frame"] == "push"]
        self.assertEqual([len(push["muts"]) for push in pushes], [1000, 100])
        self.assertEqual(set(phone.see("gigs")), rows)
        self.settle(phone, self.device())

    def large(self):
        """Gigs of Ann's that do not fit into one answer; gives their ids."""
        return self.made([{"title": str(n), "notes": {"text": "x" * 8000}} for n in range(1800)])

    def test_no_frame_is_larger_than_four_megabytes(self):
        for n in range(80):
            self.ann.create("gigs", owner=self.ann.id, title=str(n), notes={"text": "x" * 60_000})
        phone = self.device()
        phone.sync()
        for _, answer in phone.history:
            for frame in answer:
                self.assertLessEqual(len(json.dumps(frame, separators=(",", ":"))), 4_194_304)

    def test_a_large_pull_shows_nothing_before_its_commit(self):
        row = self.large()[0]
        phone = self.device()
        ends = [phone.ask()]
        self.assertEqual(phone.see("gigs"), {})
        # A row that moves while pages are fetched is there once, with its last values.
        self.assertEqual(self.ann.patch(f"/v1/gigs/{row}", {"title": "moved"}).status, 200)
        while ends[-1] != "commit":
            self.assertEqual(ends[-1], "more")
            ends.append(phone.ask())
        self.assertEqual(len(phone.see("gigs")), 1800)
        self.assertEqual(phone.see("gigs")[row]["title"], "moved")
        self.settle(phone)

    def test_pages_are_fetched_again_where_the_app_ended_between_them(self):
        self.large()
        phone = self.device()
        self.assertEqual(phone.ask(), "more")
        phone.forget_staging()
        self.settle(phone)

    def test_a_mutation_takes_place_whole_or_not_at_all(self):
        phone, tablet, row = self.pair()
        oid = phone.change(
            {"kind": "update", "coll": "gigs", "id": row, "args": {"plays": {"$increment": 1}}},
            {"kind": "update", "coll": "gigs", "id": row, "args": {"title": "x" * 41}})
        fine = phone.change(
            {"kind": "update", "coll": "gigs", "id": row, "args": {"plays": {"$increment": 4}}},
            {"kind": "update", "coll": "gigs", "id": row, "args": {"title": "Quiet"}})
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid), ("rejected", "invalid"))
        self.assertEqual(phone.results[oid]["errors"][0]["pointer"], "/ops/1/args/title")
        self.assertEqual(self.outcome(phone, fine), ("ok", None))
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["title"], shown["plays"]), ("Quiet", 4))

    def test_a_wait_ends_when_another_device_pushes(self):
        phone, tablet, row = self.pair()
        phone.update("gigs", row, title="News")
        thread = threading.Thread(target=lambda: tablet.sync(wait=30))
        thread.start()
        time.sleep(0.3)
        began = time.monotonic()
        phone.sync()
        thread.join(25)
        self.assertFalse(thread.is_alive())
        self.assertLess(time.monotonic() - began, 25)
        self.assertEqual(tablet.see("gigs")[row]["title"], "News")

    def test_the_tier_of_a_collection_has_a_lane_of_its_own(self):
        phone, tablet = self.device(), self.device(name="Tablet")
        phone.sync()
        tablet.sync()
        row = phone.create("news", owner=self.ann.id, text="Soon")
        self.assertEqual(set(phone.lanes), {"DAILY"})
        phone.sync()
        tablet.sync(tiers=["LIVE"])
        self.assertNotIn(row, tablet.see("news"))
        self.settle(phone, tablet)
        self.assertEqual(tablet.see("news")[row]["text"], "Soon")


class AnswerTests(SyncCase):
    def test_an_answer_comes_in_the_order_that_the_page_gives(self):
        phone, _, row = self.pair()
        phone.update("gigs", row, title="New")
        phone.history.clear()
        phone.ask()
        self.assertEqual([frame["frame"] for frame in phone.history[0][1]],
                         ["welcome", "pushed", "delta", "commit"])

    def test_what_was_pushed_takes_place_once_although_answers_are_lost(self):
        phone, tablet, row = self.pair()
        for n in range(4):
            phone.update("gigs", row, plays={"$increment": 1})
            made = phone.create("gigs", owner=self.ann.id, title=f"Gig {n}")
            phone.ask(lost=True)
            self.assertIn(made, phone.see("gigs"))
            self.assertEqual(phone.see("gigs")[row]["plays"], n + 1)
        self.assertEqual(phone.unacknowledged(), 8)
        self.settle(phone, tablet)
        self.assertEqual(tablet.see("gigs")[row]["plays"], 4)
        self.assertEqual(len(tablet.see("gigs")), 5)
        self.assertEqual(phone.forks, 0)

    def test_a_result_is_kept_for_who_lost_the_answer(self):
        phone, _, row = self.pair()
        bad = phone.update("gigs", row, title="x" * 41)
        phone.ask(lost=True)
        self.assertNotIn(bad, phone.results)
        # The hello says that they were taken in, and results come by pushing again.
        phone.sync()
        lane = phone.lanes["LIVE"]
        lane.acknowledged = 0
        phone.sync()
        self.assertEqual(self.outcome(phone, bad), ("rejected", "invalid"))
        self.assertTrue(phone.results[bad]["message"])

    def test_a_rejected_mutation_stops_nothing_behind_it(self):
        phone, tablet, row = self.pair()
        good = [phone.update("gigs", row, plays={"$increment": 1})]
        bad = [phone.update("gigs", row, title="x" * 41),
               phone.change({"kind": "create", "coll": "gigs", "id": str(uuid.uuid4()),
                             "args": {"owner": self.ann.id, "fee": 2}}),
               phone.change({"kind": "upsert", "coll": "gigs", "id": row}),
               phone.change({"kind": "delete", "coll": "gigs", "id": row, "extra": 1}),
               phone.update("gigs", row, nothing=1),
               phone.update("gigs", row, best="high"),
               phone.update("choirs", row, title="a"),
               phone.update("gigs", row, plays={"$increment": "much"}),
               phone.update("gigs", row, plays={"$increment": 2 ** 31})]
        good += [phone.update("gigs", row, plays={"$increment": 1}),
                 phone.update("gigs", row, title="After")]
        self.settle(phone, tablet)
        for oid in good:
            self.assertEqual(self.outcome(phone, oid), ("ok", None))
        for oid in bad:
            result = phone.results[oid]
            self.assertEqual(result["result"], "rejected", result)
            self.assertTrue(result["code"] and result["message"], result)
        self.assertEqual(phone.results[bad[2]]["code"], "unknown_kind")
        self.assertEqual(set(phone.shown_results()), set(bad))
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["title"], shown["plays"]), ("After", 2))
        self.assertEqual(len(tablet.see("gigs")), 1)

    def test_a_change_that_no_request_can_bring_is_refused_when_it_is_made(self):
        phone, tablet, row = self.pair()
        edit = {"kind": "update", "coll": "gigs", "id": row, "args": {"plays": {"$increment": 1}}}

        def nested(levels):
            return [nested(levels - 1)] if levels > 1 else []

        before = phone.see("gigs"), phone.clock, len(phone.pending())
        for ops in ([edit] * 1001, [{**edit, "args": {"notes": nested(36)}}],
                    [{**edit, "args": {"fee": float("nan")}}],
                    [{**edit, "args": {"title": "\ud800"}}],
                    [{**edit, "args": {"title": "x" * 3_000_000}}],
                    [{**edit, "args": {"title": "ö" * 1_500_000}}]):
            with self.assertRaises(Refused) as refused:
                phone.change(*ops)
            self.assertTrue(str(refused.exception))
            self.assertEqual((phone.see("gigs"), phone.clock, len(phone.pending())), before)
        # What is just within them is sent, and answered; the queue goes on.
        largest = [phone.change(*[edit] * 1000),
                   phone.update("gigs", row, notes=nested(35)),
                   phone.update("gigs", row, title="x" * 2_999_000)]
        fine = phone.update("gigs", row, title="After")
        self.settle(phone, tablet)
        self.assertEqual([self.outcome(phone, oid) for oid in largest],
                         [("ok", None), ("rejected", "invalid"), ("rejected", "invalid")])
        self.assertEqual(self.outcome(phone, fine), ("ok", None))
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["title"], shown["plays"]), ("After", 1000))

    def test_what_a_person_is_told_can_be_understood(self):
        app = "The app sent something that the server does not understand."
        phone, tablet, row = self.pair()
        told = [
            (phone.delete("gigs", "7"), "type", app, "/ops/0/id"),
            (phone.change({"kind": "delete", "coll": "gigs", "id": row, "extra": 1}),
             "unknown_member", app, "/ops/0/extra"),
            (phone.change({"kind": "upsert", "coll": "gigs", "id": row}),
             "unknown_kind", app, "/ops/0/kind"),
            (phone.change({"kind": "action", "name": "nope", "args": {}}, lane="LIVE"),
             "not_found", app, "/ops/0/name"),
            (phone.update("gigs", row, nothing=1), "invalid", app, "/ops/0/args/nothing"),
            (phone.update("gigs", row, fee=2 ** 31), "invalid",
             "fee must lie between -2147483648 and 2147483647.", "/ops/0/args/fee"),
            (phone.change({"kind": "create", "coll": "gigs", "id": str(uuid.uuid4()),
                           "args": {"owner": self.bob.id, "title": "Theirs"}}), "denied",
             "You are not allowed to create a record of gigs with these values.", None),
            (phone.update("_conflicts", str(uuid.uuid4()), mine=1), "denied",
             "Nobody can change this by hand:", None),
        ]
        self.settle(phone, tablet)
        with open(os.path.join(REPOSITORY, "docs", "protocol.md")) as page:
            table = page.read().split("A rejection has one of these:")[1].split("\n\nLater")[0]
        for oid, code, message, pointer in told:
            result = phone.results[oid]
            self.assertEqual((result["result"], result["code"]), ("rejected", code))
            self.assertIn(f"`{code}`", "".join(re.findall(r"(?m)^\|(.*?)\|", table)))
            self.assertTrue(result["message"].startswith(message), result)
            faults = result.get("errors", [])
            self.assertEqual([fault["pointer"] for fault in faults], [pointer] if pointer else [])
            # The rest is for the developer of the app.
            for fault in faults:
                self.assertFalse(fault["message"].startswith(app), result)
                self.assertTrue(result["message"].endswith(fault["message"]), result)

    def test_an_increment_beyond_the_type_is_invalid_with_range_among_its_errors(self):
        phone, tablet, row = self.pair()
        oid = phone.update("gigs", row, plays={"$increment": 2 ** 31 - 1})
        over = phone.update("gigs", row, plays={"$increment": 1})
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(phone, oid), ("ok", None))
        self.assertEqual(self.outcome(phone, over), ("rejected", "invalid"))
        self.assertEqual([fault["code"] for fault in phone.results[over]["errors"]], ["range"])

    def test_mutations_that_are_missing_are_asked_for(self):
        phone, _, row = self.pair()
        for _ in range(3):
            phone.update("gigs", row, plays={"$increment": 1})
        lane = phone.lanes["LIVE"]
        lane.acknowledged += 2
        phone.history.clear()
        phone.ask()
        pushed = next(f for f in phone.history[0][1] if f["frame"] == "pushed")
        self.assertEqual((pushed["state"], pushed["last"]), ("gap", 1))
        self.assertEqual(phone.unacknowledged(), 3)
        self.settle(phone)
        self.assertEqual(phone.see("gigs")[row]["plays"], 3)

    def test_a_chain_that_does_not_hash_is_rejected_and_takes_its_place(self):
        phone, _, row = self.pair()
        oid = phone.update("gigs", row, title="Written")
        phone.lanes["LIVE"].log[-1]["ops"][0]["args"]["title"] = "Forged"
        after = phone.update("gigs", row, fee=3)
        self.settle(phone)
        self.assertEqual(self.outcome(phone, oid), ("rejected", "chain_mismatch"))
        self.assertEqual([fault["pointer"] for fault in phone.results[oid]["errors"]], ["/chain"])
        self.assertEqual(self.outcome(phone, after), ("ok", None))
        self.assertEqual(phone.see("gigs")[row]["title"], "Loud")

    def test_an_app_of_another_major_version_reads_and_keeps_its_changes(self):
        phone, _, row = self.pair()
        old = self.device(schema="0.9.0", name="Old phone")
        old.sync()
        old.update("gigs", row, title="From the past")
        old.sync()
        self.assertIn("upgrade_required", [error["code"] for error in old.errors])
        self.assertEqual(old.unacknowledged(), 1)
        self.ann.patch(f"/v1/gigs/{row}", {"fee": 77})
        old.sync()
        self.assertEqual(old.see("gigs")[row]["fee"], 77)
        self.assertEqual(old.see("gigs")[row]["title"], "From the past")

    def taken(self):
        """A device of Bob's that has taken the `cid` of one of Ann's, synced."""
        phone, _, _ = self.pair()
        stranger = self.device(self.bob)
        stranger.cid = phone.cid
        mine = stranger.create("gigs", owner=self.bob.id, title="Solo")
        for _ in range(3):
            stranger.sync()
        self.assertNotEqual(stranger.cid, phone.cid)
        return stranger, mine

    def test_the_cid_of_another_account_is_given_up(self):
        stranger, mine = self.taken()
        self.settle(stranger)
        self.assertEqual(set(stranger.see("gigs")), {mine})

    def test_who_has_the_cid_of_another_account_takes_another_and_learns_nothing(self):
        stranger, _ = self.taken()
        self.assertEqual(stranger.errors, [])
        self.assertGreaterEqual(stranger.forks, 1)

    def test_a_lane_that_the_server_does_not_know_is_answered_at_0(self):
        phone, _, _ = self.pair()
        phone.create("news", owner=self.ann.id, text="Soon")
        phone.history.clear()
        phone.ask(push=False)
        lanes = next(f for f in phone.history[0][1] if f["frame"] == "welcome")["lanes"]
        self.assertEqual(lanes.get("DAILY"),
                         {"last": 0, "chain": phone.lanes["DAILY"].chain_at(0)})

    def test_pointers_of_rejections_begin_at_the_mutation(self):
        phone, _, row = self.pair()
        phone.update("gigs", row, fee=1)
        oid = phone.change({"kind": "delete", "coll": "gigs", "id": "7"})
        phone.sync()
        self.assertEqual(phone.results[oid]["errors"][0]["pointer"], "/ops/0/id")


class SightTests(SyncCase):
    def test_changes_of_rows_that_went_are_answered(self):
        band, member = self.band()
        gig = self.ann.create("gigs", owner=self.ann.id, band=band, title="Loud", fee=3)["id"]
        gone = self.ann.create("gigs", owner=self.ann.id, band=band, title="Gone")["id"]
        moved = self.ann.create("gigs", owner=self.ann.id, band=band, title="Moved")["id"]
        alien = self.ann.create("gigs", owner=self.ann.id, title="Foreign")["id"]
        theirs = self.device(self.bob)
        theirs.sync()
        self.assertEqual(set(theirs.see("gigs")), {gig, gone, moved})
        self.ann.delete(f"/v1/gigs/{gone}")
        self.ann.patch(f"/v1/gigs/{moved}", {"band": None})
        fine = theirs.update("gigs", gig, title="By Bob")
        lost = [theirs.update("gigs", gone, title="By Bob"),
                theirs.update("gigs", moved, title="By Bob"),
                theirs.update("gigs", alien, title="By Bob"),
                theirs.delete("gigs", alien), theirs.delete("gigs", gig),
                theirs.update("gigs", gig, fee=1), theirs.update("gigs", gig, owner=self.bob.id),
                theirs.update("gigs", gig, place="Hall"),
                theirs.update("gigs", str(uuid.uuid4()), title="Never"),
                theirs.change({"kind": "create", "coll": "deeps", "id": str(uuid.uuid4()),
                               "args": {"text": "a"}})]
        own = theirs.create("gigs", owner=self.bob.id, title="Solo")
        self.settle(theirs)
        self.assertEqual(self.outcome(theirs, fine), ("ok", None))
        outcomes = [self.outcome(theirs, oid) for oid in lost]
        self.assertEqual([result for result, _ in outcomes], ["rejected"] * len(lost), outcomes)
        for (_, code), oid in zip(outcomes[:3], lost):
            self.assertIn(code, ("denied", "row_gone"), theirs.results[oid])
        # Nothing tells a foreign row from one that never was.
        for name in ("code", "message"):
            self.assertEqual(theirs.results[lost[2]][name], theirs.results[lost[8]][name])
        self.assertEqual(set(theirs.see("gigs")), {gig, own})
        self.assertEqual(self.ann.get(f"/v1/gigs/{alien}")["title"], "Foreign")
        row = self.ann.get(f"/v1/gigs/{gig}").json
        self.assertEqual((row["title"], row["fee"], row["place"]), ("By Bob", 3, None))
        # Who is no member any more keeps nothing, and what waits is answered.
        waiting = theirs.update("gigs", gig, title="Too late")
        self.ann.delete(f"/v1/members/{member}")
        self.settle(theirs)
        self.assertIn(self.outcome(theirs, waiting)[1], ("denied", "row_gone"))
        self.assertEqual(set(theirs.see("gigs")), {own})
        self.assertEqual(theirs.see("bands"), {})

    def test_a_row_that_is_seen_twice_shows_the_union_of_its_masks(self):
        band, member = self.band()
        gig = self.ann.create("gigs", owner=self.ann.id, helper=self.bob.id, band=band,
                              title="Both", fee=9)["id"]
        theirs = self.device(self.bob)
        self.settle(theirs)
        self.assertEqual(theirs.see("gigs")[gig]["fee"], 9)
        # In each scope a reference of the row's own tier, and one of the diary's.
        self.assertEqual(len(theirs.references["gigs", gig]), 4)
        self.ann.patch(f"/v1/gigs/{gig}", {"helper": None, "title": "Band alone"})
        self.settle(theirs)
        self.assertNotIn("fee", theirs.see("gigs")[gig])
        self.assertNotIn("fee", theirs.values["gigs", gig])
        self.ann.patch(f"/v1/gigs/{gig}", {"helper": self.bob.id})
        self.ann.delete(f"/v1/members/{member}")
        self.settle(theirs)
        self.assertEqual(theirs.see("gigs")[gig]["fee"], 9)
        self.ann.patch(f"/v1/gigs/{gig}", {"helper": None})
        self.settle(theirs)
        self.assertEqual(theirs.see("gigs"), {})
        self.assertEqual(theirs.values, {})

    def test_who_comes_and_goes_sees_what_is_there_each_time(self):
        band, member = self.band()
        gig = self.ann.create("gigs", owner=self.ann.id, band=band, title="Loud")["id"]
        theirs = self.device(self.bob)
        for number in range(3):
            self.settle(theirs)
            self.assertEqual(theirs.see("gigs")[gig]["title"], f"Loud{number or ''}")
            self.ann.delete(f"/v1/members/{member}")
            self.ann.patch(f"/v1/gigs/{gig}", {"title": f"Loud{number + 1}"})
            if number == 1:  # gone and back between two rounds
                pass
            else:
                self.settle(theirs)
                self.assertEqual(theirs.values, {})
            member = self.ann.create("members", band=band, user=self.bob.id)["id"]

    def test_a_row_that_moves_between_two_bands_stays_in_sight(self):
        one, _ = self.band()
        other, _ = self.band()
        gig = self.ann.create("gigs", owner=self.ann.id, band=one, title="Moves")["id"]
        theirs = self.device(self.bob)
        self.settle(theirs)
        for band in (other, one, other):
            self.ann.patch(f"/v1/gigs/{gig}", {"band": band})
            self.settle(theirs)
            self.assertEqual(theirs.see("gigs")[gig]["band"], band)
            self.assertEqual(len(theirs.references["gigs", gig]), 2)

    def test_a_field_of_a_slower_tier_comes_when_it_is_asked_for(self):
        phone, tablet, row = self.pair(diary="Monday")
        self.settle(phone, tablet)
        phone.update("gigs", row, diary="Tuesday")
        self.assertEqual([lane.last for name, lane in phone.lanes.items() if name == "DAILY"], [1])
        phone.update("gigs", row, title="Quiet")
        phone.sync()
        tablet.sync(tiers=["LIVE"])
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["title"], shown["diary"]), ("Quiet", "Monday"))
        late = self.device(name="Late")
        late.sync(tiers=["LIVE"])
        self.assertNotIn("diary", late.see("gigs")[row])
        self.settle(phone, tablet, late)
        self.assertEqual(late.see("gigs")[row]["diary"], "Tuesday")
        # It goes with its row, whatever is asked for.
        self.ann.delete(f"/v1/gigs/{row}")
        for device in (phone, tablet, late):
            device.sync(tiers=["LIVE"])
            self.assertNotIn(("gigs", row), device.values)

    def test_a_field_that_stays_on_the_server_is_in_no_frame(self):
        row = self.ann.create("books", owner=self.ann.id, title="Year", ledger="black")["id"]
        phone = self.device()
        phone.sync()
        self.assertEqual(self.ann.get(f"/v1/books/{row}")["ledger"], "black")
        self.assertIn(row, phone.see("books"))
        self.assertNotIn("black", json.dumps(phone.history))

    def test_a_created_row_keeps_the_id_that_its_device_chose_and_is_made_once(self):
        phone, tablet, row = self.pair()
        again = tablet.change({"kind": "create", "coll": "gigs", "id": row,
                               "args": {"owner": self.ann.id, "title": "Twice"}})
        self.settle(phone, tablet)
        self.assertEqual(self.outcome(tablet, again)[0], "rejected")
        self.assertEqual(phone.see("gigs")[row]["title"], "Loud")


class ClockTests(SyncCase):
    def test_a_first_edit_under_a_wrong_clock_has_its_place_among_the_others(self):
        for shift in (-now(), 73 * YEARS):
            with self.subTest(shift=shift):
                phone, _, row = self.pair()
                wrong = self.device(wall=lambda: now() + shift)
                wrong.sync()
                wrong.update("gigs", row, title="By the wrong clock")
                self.settle(wrong)
                self.assertEqual(self.ann.get(f"/v1/gigs/{row}")["title"], "By the wrong clock")
                phone.sync()
                phone.update("gigs", row, title="Later")
                self.settle(phone, wrong)
                self.assertEqual(self.ann.get(f"/v1/gigs/{row}")["title"], "Later")
                self.assertLess(abs(wrong.offset + shift), 5000)

    def test_a_device_that_never_met_the_server_is_restamped_before_it_pushes(self):
        for shift in (-now(), 73 * YEARS):
            with self.subTest(shift=shift):
                phone, _, row = self.pair()
                wrong = self.device(wall=lambda: now() + shift)
                wrong.change({"kind": "update", "coll": "gigs", "id": row,
                              "args": {"title": "First"}})
                wrong.change({"kind": "update", "coll": "gigs", "id": row,
                              "args": {"title": "Second"}})
                made = wrong.create("gigs", owner=self.ann.id, title="Made")
                wrong.sync()
                self.assertEqual(self.ann.get(f"/v1/gigs/{row}")["title"], "Second")
                phone.sync()
                phone.update("gigs", row, title="Later")
                phone.update("gigs", made, title="Later too")
                self.settle(phone, wrong)
                self.assertEqual(self.ann.get(f"/v1/gigs/{row}")["title"], "Later")
                self.assertEqual(self.ann.get(f"/v1/gigs/{made}")["title"], "Later too")

    def test_a_clock_that_jumps_between_two_rounds_harms_nobody(self):
        shift = [0]
        phone, tablet, row = self.pair()
        phone.wall = lambda: now() + shift[0]
        for number, jump in enumerate((-now(), 73 * YEARS, 0, -30 * YEARS)):
            shift[0] = jump
            phone.update("gigs", row, title=f"Phone {number}")
            self.settle(phone, tablet)
            self.assertEqual(tablet.see("gigs")[row]["title"], f"Phone {number}")
            tablet.update("gigs", row, title=f"Tablet {number}")
            self.settle(tablet, phone)
            self.assertEqual(phone.see("gigs")[row]["title"], f"Tablet {number}")


if __name__ == "__main__":
    unittest.main()
