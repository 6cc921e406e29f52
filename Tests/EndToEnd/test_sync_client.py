"""A whole client against the real server: whatever happens, devices come to what REST shows."""

import json
import random
import shutil
import threading
import time
import unittest
import uuid

from client import anonymous
from server import ENGINE, Folder, Server
from sync_client import Device

SCHEMA = """
enum Level { BRONZE SILVER GOLD }
type Band @collection @allow(ops: [ALL], owner: "founder")
  @allow(ops: [READ], member: "members.user") {
  founder: User!
  name: String! @constraint(maxLength: 20)
  members: [Member!]! @relation(inverse: "band")
}
type Member @collection @allow(ops: [READ, CREATE, DELETE], owner: "band.founder")
  @allow(ops: [READ], owner: "user") {
  band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
  user: User! @immutable @relation(refCheck: NONE)
}
type Gig @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ], owner: "helper")
  @allow(ops: [READ, UPDATE], member: "band.members.user", except: ["fee"]) {
  owner: User! @immutable
  helper: User @relation(refCheck: NONE)
  band: Band @relation(onDelete: SET_NULL)
  title: String! @constraint(maxLength: 40)
  fee: Int
  place: String @serverOnly
  plays: Int! @merge(strategy: COUNTER) @default(value: "0")
  tags: [String!] @merge(strategy: SET_UNION)
  best: Int @merge(strategy: MAX)
  level: Level @merge(strategy: MAX)
  notes: JSON @merge(strategy: MERGE_DEEP)
  price: Int @merge(strategy: REJECT)
  poster: String @merge(strategy: USER_CHOICE)
  stage: String @merge(strategy: SERVER_WINS)
  diary: String @sync(tier: DAILY)
}
type News @collection(name: "news") @sync(tier: DAILY) @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  text: String!
}
type Book @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  title: String!
  ledger: String @sync(tier: SERVER_ONLY)
}
type Deep @collection @sync(tier: SERVER_ONLY) @allow(ops: [ALL]) { text: String! }
"""
RULES = {
    "gigs": {"fields": {
        "plays": {"strategy": "COUNTER", "numbers": "int32"},
        "tags": {"strategy": "SET_UNION"}, "best": {"strategy": "MAX"},
        "level": {"strategy": "MAX", "order": {"declared": ["BRONZE", "SILVER", "GOLD"]}},
        "notes": {"strategy": "MERGE_DEEP"}, "price": {"strategy": "REJECT"},
        "poster": {"strategy": "USER_CHOICE"}, "stage": {"strategy": "SERVER_WINS"},
        "diary": {"tier": "DAILY"}}},
    "news": {"tier": "DAILY"},
}

YEARS = 365 * 86_400_000


def now():
    return time.time_ns() // 1_000_000


class SyncCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": SCHEMA})
        cls.addClassCleanup(cls.folder.remove)
        cls.server = Server(cls.folder.path)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()

    def setUp(self):
        self.ann = anonymous(self.server.port)
        self.bob = anonymous(self.server.port)

    def device(self, client=None, **options):
        return Device(client or self.ann, RULES, **options)

    def pair(self, **gig):
        """Two devices of Ann that both hold a gig; gives them and its id."""
        phone, tablet = self.device(), self.device(name="Tablet")
        row = phone.create("gigs", owner=self.ann.id, **{"title": "Loud", **gig})
        phone.sync()
        tablet.sync()
        self.assertIn(row, tablet.see("gigs"))
        return phone, tablet, row

    def rest(self, client, coll):
        rows, query = {}, {"limit": 200}
        while True:
            answer = client.get(f"/v1/{coll}", **query)
            self.assertEqual(answer.status, 200, answer)
            rows |= {item["id"]: {name: value for name, value in item.items()
                                  if name not in ("id", "version")} for item in answer["items"]}
            if answer["next"] is None:
                return rows
            query["after"] = answer["next"]

    def settle(self, *devices, errors=()):
        """Syncs until every device has seen what the others brought; they show what REST does."""
        for device in devices * 2:
            device.sync()
        for device in devices:
            self.assertEqual([e for e in device.errors if e["code"] not in errors], [])
            self.assertEqual(device.unacknowledged(), 0)
            self.assertEqual(device.pending(), [])
            for coll in ("bands", "members", "gigs", "news"):
                self.assertEqual(device.see(coll), self.rest(device.client, coll), coll)
            self.assertEqual(device.see("deeps"), {})

    def made(self, bodies):
        """Gigs of Ann's, made over REST; gives their ids."""
        rows = []
        for start in range(0, len(bodies), 100):
            operations = [{"method": "POST", "path": "/v1/gigs",
                           "body": {"owner": self.ann.id, **body}}
                          for body in bodies[start:start + 100]]
            answer = self.ann.post("/v1/batch", {"operations": operations, "atomic": True})
            self.assertEqual(answer.status, 200, answer)
            rows += [result["body"]["id"] for result in answer["results"]]
        return rows

    def outcome(self, device, oid):
        result = device.results[oid]
        return result["result"], result.get("code")

    def band(self):
        """A band of Ann's that Bob is a member of; gives its id and that of the membership."""
        band = self.ann.create("bands", founder=self.ann.id, name="Owls")["id"]
        return band, self.ann.create("members", band=band, user=self.bob.id)["id"]


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


class CopyTests(SyncCase):
    def test_a_copy_of_a_device_forks_and_nothing_is_lost_or_doubled(self):
        phone, _, row = self.pair()
        phone.update("gigs", row, plays={"$increment": 1})
        early = phone.create("gigs", owner=self.ann.id, title="Before the copy")
        twin = phone.clone()
        phone.update("gigs", row, plays={"$increment": 10})
        twin.update("gigs", row, plays={"$increment": 100})
        mine = phone.create("gigs", owner=self.ann.id, title="By the phone")
        theirs = twin.create("gigs", owner=self.ann.id, title="By the copy")
        self.settle(phone, twin)
        self.assertEqual((phone.forks, twin.forks), (0, 1))
        self.assertEqual(twin.see("gigs")[row]["plays"], 111)
        self.assertEqual(set(phone.see("gigs")), {row, early, mine, theirs})
        self.assertIn("dup", [result["result"] for result in twin.results.values()])
        self.assertEqual(phone.shown_results() | twin.shown_results(), {})
        # Both go on under numbers of their own.
        phone.update("gigs", row, plays={"$increment": 1000})
        twin.update("gigs", row, plays={"$increment": 10_000})
        self.settle(twin, phone)
        self.assertEqual((phone.forks, twin.forks), (0, 1))
        self.assertEqual(phone.see("gigs")[row]["plays"], 11_111)

    def test_copies_of_copies_converge(self):
        phone, _, row = self.pair()
        devices = [phone]
        for n in range(4):
            devices[-1].update("gigs", row, plays={"$increment": 1})
            devices.append(devices[-1].clone())
        for n, device in enumerate(devices):
            device.update("gigs", row, plays={"$increment": 10}, tags={"$add": [f"t{n}"]})
        for device in reversed(devices):
            device.sync()
        self.settle(*devices)
        self.assertEqual(phone.see("gigs")[row]["plays"], 54)
        self.assertEqual(sorted(phone.see("gigs")[row]["tags"]), [f"t{n}" for n in range(5)])

    def test_what_a_fork_shows_before_its_next_commit_is_not_doubled(self):
        phone, _, row = self.pair()
        backup = phone.copy()
        phone.update("gigs", row, plays={"$increment": 1})
        phone.sync()
        phone.restore(backup)
        phone.update("gigs", row, plays={"$increment": 10})
        phone.fork()
        self.assertEqual(phone.see("gigs")[row]["plays"], 10)
        self.settle(phone)
        self.assertEqual(phone.see("gigs")[row]["plays"], 11)

    def test_a_phone_restored_from_a_backup_goes_on(self):
        for edits in (0, 1, 3):
            with self.subTest(edits=edits):
                phone, tablet, row = self.pair()
                phone.update("gigs", row, plays={"$increment": 1})
                phone.sync()
                phone.update("gigs", row, plays={"$increment": 2})
                backup = phone.copy()
                phone.update("gigs", row, plays={"$increment": 4})
                late = phone.create("gigs", owner=self.ann.id, title="After the backup")
                phone.sync()
                phone.restore(backup)
                for _ in range(edits):
                    phone.update("gigs", row, plays={"$increment": 100})
                self.settle(phone, tablet)
                self.assertEqual(phone.forks, 1)
                self.assertEqual(phone.see("gigs")[row]["plays"], 7 + 100 * edits)
                self.assertIn(late, phone.see("gigs"))

    def test_a_restored_phone_whose_answer_is_lost_forks_once(self):
        phone, tablet, row = self.pair()
        backup = phone.copy()
        phone.update("gigs", row, plays={"$increment": 1})
        phone.sync()
        phone.restore(backup)
        phone.update("gigs", row, plays={"$increment": 2})
        phone.ask(lost=True)
        phone.ask()
        phone.ask(lost=True)
        self.settle(phone, tablet)
        self.assertEqual(phone.forks, 1)
        self.assertEqual(phone.see("gigs")[row]["plays"], 3)


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
        self.assertEqual(len(theirs.references["gigs", gig]), 2)
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
            self.assertEqual(len(theirs.references["gigs", gig]), 1)

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


class AbsenceTests(SyncCase):
    ROWS = 600

    def many(self):
        return self.made([{"title": f"Gig {n}"} for n in range(self.ROWS)])

    def away(self, device):
        """Cursors that no server can go on from: beyond the head, as from another history."""
        device.cursors = {stream: cursor + 10 ** 6 for stream, cursor in device.cursors.items()}
        device.committed_at = 1
        device.bytes_in = device.bytes_out = 0

    def test_a_stream_that_is_emptied_comes_whole(self):
        rows = self.many()
        phone = self.device()
        phone.sync()
        phone.by_digests = False
        self.ann.delete(f"/v1/gigs/{rows[0]}")
        self.away(phone)
        waiting = phone.update("gigs", rows[1], title="Waits")
        self.settle(phone)
        self.assertIn(True, [bool(f["resync"]) for _, answer in phone.history for f in answer
                             if f["frame"] == "welcome"])
        self.assertEqual(len(phone.see("gigs")), self.ROWS - 1)
        self.assertEqual(self.outcome(phone, waiting), ("ok", None))

    def test_digests_bring_what_differs_and_little_more(self):
        rows = self.many()
        phone, whole = self.device(), self.device()
        whole.sync()
        phone.sync()
        self.ann.delete(f"/v1/gigs/{rows[0]}")
        self.ann.patch(f"/v1/gigs/{rows[1]}", {"title": "Changed"})
        new = self.ann.create("gigs", owner=self.ann.id, title="New")["id"]
        self.away(phone)
        phone.update("gigs", rows[2], title="Waits")
        phone.history.clear()
        phone.sync()
        kinds = {f["frame"] for _, answer in phone.history for f in answer}
        self.assertTrue({"ranges", "gone"} <= kinds, kinds)
        self.assertLess((phone.bytes_in + phone.bytes_out) * 5, whole.bytes_in)
        self.settle(phone)
        self.assertIn(new, phone.see("gigs"))
        self.assertNotIn(rows[0], phone.see("gigs"))
        self.assertEqual(phone.see("gigs")[rows[2]]["title"], "Waits")

    def test_rows_that_change_while_digests_are_compared_are_not_missed(self):
        rows = self.many()
        phone = self.device()
        phone.sync()
        self.ann.delete(f"/v1/gigs/{rows[0]}")
        self.away(phone)
        self.assertEqual(phone.ask(), "more")
        self.ann.delete(f"/v1/gigs/{rows[1]}")
        self.ann.patch(f"/v1/gigs/{rows[2]}", {"title": "Between"})
        phone.ask()
        self.ann.delete(f"/v1/gigs/{rows[3]}")
        self.settle(phone)
        self.assertEqual(len(phone.see("gigs")), self.ROWS - 3)
        self.assertEqual(phone.see("gigs")[rows[2]]["title"], "Between")

    def test_a_comparison_that_is_broken_off_begins_again(self):
        rows = self.many()
        phone = self.device()
        phone.sync()
        self.ann.delete(f"/v1/gigs/{rows[0]}")
        self.away(phone)
        phone.ask()
        backup = phone.copy()
        phone.ask()
        phone.restore(backup)
        phone.forget_staging()
        phone.questions, phone.comparing = [], set()
        self.settle(phone)
        self.assertNotIn(rows[0], phone.see("gigs"))

    def test_a_large_stream_that_comes_whole_is_broken_off_for_digests(self):
        rows = self.made([{"title": str(n), "notes": {"text": "x" * 8000}} for n in range(1800)])
        phone = self.device()
        phone.sync()
        whole = phone.bytes_in
        self.ann.delete(f"/v1/gigs/{rows[5]}")
        self.away(phone)
        phone.committed_at = now()
        phone.history.clear()
        phone.sync()
        kinds = [[frame["frame"] for frame in answer] for _, answer in phone.history]
        self.assertEqual(kinds[0][-1], "more")
        self.assertIn("gone", sum(kinds, []))
        self.assertLess(phone.bytes_in * 2, whole)
        self.settle(phone)

    def test_answers_to_digests_that_are_lost_are_asked_for_again(self):
        rows = self.many()
        phone = self.device()
        phone.sync()
        self.ann.delete(f"/v1/gigs/{rows[5]}")
        self.away(phone)
        for _ in range(6):
            phone.ask(lost=True)
            if phone.ask() == "commit":
                break
        self.assertEqual(len(phone.see("gigs")), self.ROWS - 1)
        self.settle(phone)

    def test_a_fetch_brings_rows_whole(self):
        phone, _, row = self.pair(fee=4)
        stream = next(iter(phone.references["gigs", row]))
        del phone.values["gigs", row]["fee"]
        phone.questions = [{"frame": "fetch", "stream": stream, "rows": [
            {"coll": "gigs", "id": row}, {"coll": "gigs", "id": str(uuid.uuid4())}]}]
        self.settle(phone)
        self.assertEqual(phone.see("gigs")[row]["fee"], 4)


def simulate(case, seed, steps, put_back=None):
    """Chance edits, loses answers, copies and restores devices; each mutation takes place once."""
    chance, number = random.Random(seed), 0
    band, member = case.band()
    rows = [case.ann.create("gigs", owner=case.ann.id, band=band, title="Shared")["id"]
            for _ in range(3)]
    devices = [case.device(), case.device(), case.device(case.bob)]
    for device in devices:
        device.sync()
    backups = [device.copy() for device in devices]
    for step in range(steps):
        place = chance.randrange(len(devices))
        device, dice = devices[place], chance.random()
        if dice < 0.5:
            # The counter and the set tell of each mutation whether it took place, and once.
            row, number = chance.choice(rows), number + 1
            device.change(
                {"kind": "update", "coll": "gigs", "id": row, "args": {
                    "plays": {"$increment": 1}, "tags": {"$add": [f"m{number}"]}}},
                *[{"kind": "update", "coll": "gigs", "id": row, "args": {"title": "x" * 41}}
                  ] * (chance.random() < 0.1))
        elif dice < 0.6:
            device.sync()
        elif dice < 0.7:
            device.ask(limit=chance.randrange(4))
        elif dice < 0.78:
            device.ask(lost=True)
        elif dice < 0.83:
            backups[place] = device.copy()
        elif dice < 0.87:
            device.restore(backups[place])
        elif dice < 0.9 and len(devices) < 7:
            devices.append(device.clone())
            backups.append(device.copy())
        elif dice < 0.93:
            device.cursors = {stream: cursor + 10 ** 6
                              for stream, cursor in device.cursors.items()}
            device.committed_at = chance.choice((1, device.committed_at))
        elif dice < 0.96:
            case.ann.delete(f"/v1/members/{member}")
            if chance.random() < 0.5:
                devices[2].sync()
            member = case.ann.create("members", band=band, user=case.bob.id)["id"]
        elif dice < 0.97:
            case.ann.patch(f"/v1/gigs/{chance.choice(rows)}", {"best": step})
        elif put_back:
            put_back(chance)
    case.settle(*devices)
    told = 0
    for row in rows:
        shown = devices[0].see("gigs")[row]
        case.assertEqual(shown["plays"], len(shown["tags"] or []), f"seed {seed}")
        told += shown["plays"]
    case.assertGreater(told, 0)
    tags = {tag for row in rows for tag in devices[0].see("gigs")[row]["tags"] or []}
    for device in devices:
        for mutation in device.lane("LIVE").log:
            made = mutation["ops"][0]["args"]["tags"]["$add"][0]
            result = device.results.get(mutation["oid"], {}).get("result")
            if len(mutation["ops"]) > 1:
                case.assertNotIn(made, tags)
            elif result != "rejected":
                case.assertIn(made, tags, f"seed {seed}")


class SimulationTests(SyncCase):
    def test_whatever_happens_each_mutation_takes_place_once(self):
        for seed in range(6):
            with self.subTest(seed=seed):
                simulate(self, seed, 120)


class RestartTests(SyncCase):
    def test_a_server_that_stops_and_starts_loses_and_repeats_nothing(self):
        phone, tablet, row = self.pair()
        epoch = phone.epoch
        phone.update("gigs", row, plays={"$increment": 1})
        phone.ask(lost=True)
        tablet.update("gigs", row, plays={"$increment": 10})
        self.server.restart()
        self.ann.port = self.bob.port = self.server.port
        phone.update("gigs", row, plays={"$increment": 100})
        self.settle(phone, tablet)
        self.assertEqual(tablet.see("gigs")[row]["plays"], 111)
        self.assertEqual((phone.epoch, phone.forks), (epoch, 0))


@unittest.skipIf(ENGINE == "postgres", "a folder is what is put back")
class PutBackTests(SyncCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": SCHEMA})
        cls.addClassCleanup(cls.folder.remove)
        cls.server = Server(cls.folder.path, data=cls.folder.join("data"))
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()

    def started(self):
        self.server.start()
        self.ann.port = self.bob.port = self.server.port

    def back_up(self):
        copy = self.folder.join("copy-" + str(uuid.uuid4()))
        self.server.stop()
        shutil.copytree(self.server.data, copy)
        self.started()
        return copy

    def put_back(self, copy):
        self.server.stop()
        shutil.rmtree(self.server.data)
        shutil.copytree(copy, self.server.data)
        self.started()

    def test_devices_heal_a_server_that_was_put_back(self):
        phone, tablet, row = self.pair()
        phone.update("gigs", row, plays={"$increment": 1})
        self.settle(phone, tablet)
        copy = self.back_up()
        epoch = phone.epoch
        phone.update("gigs", row, plays={"$increment": 10})
        made = phone.create("gigs", owner=self.ann.id, title="After the backup")
        tablet.update("gigs", row, title="By tablet", tags={"$add": ["t"]})
        bad = phone.update("gigs", row, title="x" * 41)
        rest = self.ann.create("gigs", owner=self.ann.id, title="By REST alone")["id"]
        self.settle(phone, tablet)
        self.assertIn(rest, phone.see("gigs"))
        self.put_back(copy)
        tablet.update("gigs", row, plays={"$increment": 100})
        self.settle(phone, tablet)
        self.assertNotEqual(phone.epoch, epoch)
        self.assertEqual((phone.forks, tablet.forks), (0, 0))
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["plays"], shown["title"], shown["tags"]), (111, "By tablet", ["t"]))
        self.assertEqual(set(phone.see("gigs")), {row, made})
        self.assertEqual(self.outcome(phone, bad), ("rejected", "invalid"))

    def test_a_server_put_back_to_before_a_device_came_is_healed_whole(self):
        old = self.device()
        first = old.create("gigs", owner=self.ann.id, title="First")
        old.sync()
        copy = self.back_up()
        phone = self.device()
        phone.sync()
        band = phone.create("bands", founder=self.ann.id, name="Owls")
        gigs = {phone.create("gigs", owner=self.ann.id, band=band, title=f"{n}") for n in range(30)}
        phone.update("gigs", first, plays={"$increment": 1})
        phone.sync()
        self.put_back(copy)
        self.settle(phone, old)
        self.assertEqual(set(old.see("gigs")), gigs | {first})
        self.assertEqual(old.see("gigs")[first]["plays"], 1)

    def test_a_stream_that_is_empty_in_the_new_epoch_is_emptied(self):
        phone = self.device()
        phone.sync()
        copy = self.back_up()
        self.ann.create("gigs", owner=self.ann.id, title="By REST alone")
        phone.sync()
        self.assertEqual(len(phone.see("gigs")), 1)
        self.put_back(copy)
        self.settle(phone)
        self.assertEqual(phone.see("gigs"), {})

    def test_a_tablet_and_a_server_that_were_both_put_back_converge(self):
        phone, tablet, row = self.pair()
        tablet.update("gigs", row, plays={"$increment": 1})
        self.settle(phone, tablet)
        month = tablet.copy()
        tablet.update("gigs", row, plays={"$increment": 10})
        middle = tablet.create("gigs", owner=self.ann.id, title="Between the backups")
        self.settle(phone, tablet)
        yesterday = self.back_up()
        tablet.update("gigs", row, plays={"$increment": 100})
        late = tablet.create("gigs", owner=self.ann.id, title="After both backups")
        phone.update("gigs", row, plays={"$increment": 1000})
        mine = phone.create("gigs", owner=self.ann.id, title="By the phone")
        self.settle(phone, tablet)
        self.assertEqual(phone.see("gigs")[row]["plays"], 1111)
        tablet.restore(month)
        self.put_back(yesterday)
        again = tablet.create("gigs", owner=self.ann.id, title="By the restored tablet")
        tablet.update("gigs", row, plays={"$increment": 10_000})
        self.settle(tablet, phone)
        # What only the tablet had after its backup, and the server after its own, nobody has.
        self.assertNotIn(late, phone.see("gigs"))
        self.assertEqual(set(phone.see("gigs")), {row, middle, mine, again})
        self.assertEqual(phone.see("gigs")[row]["plays"], 11_011)
        self.assertEqual((phone.forks, tablet.forks), (0, 1))

    def test_numbers_of_streams_mean_others_after_a_server_was_put_back(self):
        theirs = self.device(self.bob)
        theirs.sync()
        copy = self.back_up()
        band, _ = self.band()
        self.ann.create("gigs", owner=self.ann.id, band=band, title="For Bob")
        theirs.sync()
        self.assertEqual(len(theirs.see("gigs")), 1)
        self.put_back(copy)
        for number in range(6):
            carl = anonymous(self.server.port)
            band = carl.create("bands", founder=carl.id, name=f"Band {number}")["id"]
            carl.create("gigs", owner=carl.id, band=band, title="Not for Bob")
        self.settle(theirs)
        self.assertEqual((theirs.see("gigs"), theirs.see("bands"), theirs.values), ({}, {}, {}))

    # A lane that the copy does not know is left out of `welcome`: its mutations are lost.
    def test_whatever_happens_devices_heal_a_server_that_is_put_back(self):
        for seed in range(4):
            with self.subTest(seed=seed):
                copies = []

                def put_back(chance):
                    if copies and chance.random() < 0.6:
                        self.put_back(chance.choice(copies))
                    else:
                        copies.append(self.back_up())

                simulate(self, seed, 160, put_back)

    def test_the_same_copy_put_back_twice_converges(self):
        phone, tablet, row = self.pair()
        tablet.update("gigs", row, fee=1)
        self.settle(phone, tablet)
        copy = self.back_up()
        for number in range(2):
            phone.update("gigs", row, plays={"$increment": 1})
            tablet.update("gigs", row, tags={"$add": [f"t{number}"]})
            self.settle(phone, tablet)
            self.put_back(copy)
            phone.update("gigs", row, plays={"$increment": 10})
            self.settle(tablet, phone)
        shown = tablet.see("gigs")[row]
        self.assertEqual((shown["plays"], sorted(shown["tags"])), (22, ["t0", "t1"]))


if __name__ == "__main__":
    unittest.main()
