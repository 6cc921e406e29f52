"""What a client sends first, and how much at once: rows before what names them, and limits."""

import unittest
import uuid

from sync_cases import SCHEMA, SyncCase

LINKED = SCHEMA + """
type Report @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  news: News! @relation(onDelete: CASCADE)
  text: String!
}
type Digest @collection @sync(tier: DAILY) @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  report: Report! @relation(onDelete: CASCADE)
  text: String!
}
"""


class OrderTests(SyncCase):
    schema = LINKED

    def device(self, client=None, **options):
        device = super().device(client, **options)
        device.rules = {**device.rules, "digests": {"tier": "DAILY"}}
        return device

    def pushed(self, device):
        """The pushes of each request that has some: the lanes, and how many mutations each."""
        asked = [[(frame["lane"], len(frame["muts"])) for frame in frames
                  if frame["frame"] == "push"] for frames, _ in device.history]
        return [pushes for pushes in asked if pushes]

    def settled(self, device, **rows):
        self.settle(device)
        self.assertEqual({result["result"] for result in device.results.values()}, {"ok"},
                         device.results)
        for coll, ids in rows.items():
            self.assertEqual(set(device.see(coll)), set(ids))
            self.assertEqual(device.see(coll), self.rest(device.client, coll))

    def test_a_row_of_a_slower_lane_is_there_before_what_names_it(self):
        phone = self.device()
        phone.sync()
        news = phone.create("news", owner=self.ann.id, text="Soon")
        report = phone.create("reports", owner=self.ann.id, news=news, text="Long")
        phone.history.clear()
        phone.sync()
        self.assertEqual(self.pushed(phone), [[("DAILY", 1), ("LIVE", 1)]])
        self.settled(phone, news=[news], reports=[report])

    def test_a_lane_is_pushed_only_so_far_as_the_other_one_needs_it(self):
        phone = self.device()
        phone.sync()
        gig = phone.create("gigs", owner=self.ann.id, title="Loud")
        news = phone.create("news", owner=self.ann.id, text="Soon")
        report = phone.create("reports", owner=self.ann.id, news=news, text="Long")
        digest = phone.create("digests", owner=self.ann.id, report=report, text="Short")
        other = phone.create("gigs", owner=self.ann.id, title="Quiet")
        phone.history.clear()
        phone.sync()
        self.assertEqual(self.pushed(phone),
                         [[("LIVE", 1), ("DAILY", 1), ("LIVE", 2), ("DAILY", 1)]])
        self.settled(phone, news=[news], reports=[report], digests=[digest], gigs=[gig, other])

    def test_requests_with_room_for_one_mutation_keep_the_order(self):
        phone = self.device()
        phone.sync()
        news = [phone.create("news", owner=self.ann.id, text=f"News {n}") for n in range(3)]
        reports = [phone.create("reports", owner=self.ann.id, news=row, text="Long")
                   for row in reversed(news)]
        phone.history.clear()
        for n in range(6):
            phone.ask(limit=1, lost=n % 3 == 1)
        self.settled(phone, news=news, reports=reports)

    def test_what_names_nothing_that_waits_goes_by_urgency(self):
        phone = self.device()
        phone.sync()
        phone.create("news", owner=self.ann.id, text="Soon")
        phone.create("gigs", owner=self.ann.id, title="Loud")
        phone.history.clear()
        phone.sync()
        self.assertEqual(self.pushed(phone), [[("LIVE", 1), ("DAILY", 1)]])


class LimitTests(SyncCase):
    def test_a_queue_of_many_operations_drains_in_several_requests(self):
        phone, tablet, row = self.pair()
        for _ in range(1000):
            phone.change(*[{"kind": "update", "coll": "gigs", "id": row,
                            "args": {"plays": {"$increment": 1}}}] * 6)
        phone.history.clear()
        phone.sync()
        requests = [sum(len(mutation["ops"]) for frame in frames if frame["frame"] == "push"
                        for mutation in frame["muts"]) for frames, _ in phone.history]
        self.assertEqual([operations for operations in requests if operations], [4998, 1002])
        self.settle(phone, tablet)
        self.assertEqual(tablet.see("gigs")[row]["plays"], 6000)

    def streams(self, device):
        held = [stream for streams in device.references.values() for stream in streams]
        return {stream for stream in held if held.count(stream) > 24}

    def test_a_device_of_many_streams_heals_after_a_long_absence(self):
        bands = [self.band()[0] for _ in range(6)]
        rows = [self.made([{"title": f"Gig {n}", "band": band} for n in range(30)])
                for band in bands]
        theirs = self.device(self.bob)
        theirs.sync()
        streams = self.streams(theirs)
        self.assertGreaterEqual(len(streams), 6)
        new = set()
        for band, gigs in zip(bands, rows):
            self.ann.delete(f"/v1/gigs/{gigs[0]}")
            self.ann.patch(f"/v1/gigs/{gigs[1]}", {"title": "Changed"})
            new.add(self.made([{"title": "New", "band": band}])[0])
        # Cursors that no server can go on from, and no commit for years.
        theirs.cursors = {stream: at + 10 ** 6 for stream, at in theirs.cursors.items()}
        theirs.committed_at = 1
        theirs.history.clear()
        theirs.sync()
        compared = [sum(frame["frame"] in ("digest", "leaves") for frame in frames)
                    for frames, _ in theirs.history]
        self.assertLessEqual(max(compared), 4)
        told = [frame for _, answer in theirs.history for frame in answer]
        self.assertEqual({f["stream"] for f in told if f["frame"] == "gone"}, streams)
        entries = sum(len(f["entries"]) for f in told
                      if f["frame"] == "delta" and f["stream"] in streams)
        self.assertLessEqual(entries, 3 * len(streams))
        self.settle(theirs)
        self.assertEqual(set(theirs.see("gigs")),
                         new | {row for gigs in rows for row in gigs[1:]})

    def test_a_stream_of_which_too_much_differs_is_emptied_and_pulled_anew(self):
        rows = self.made([{"title": str(n), "notes": {"text": "x" * 8000}} for n in range(700)])
        phone = self.device()
        phone.sync()
        for start in range(0, 700, 100):
            operations = [{"method": "PATCH", "path": f"/v1/gigs/{row}", "body": {"fee": 1}}
                          for row in rows[start:start + 100]]
            answer = self.ann.post("/v1/batch", {"operations": operations, "atomic": True})
            self.assertEqual(answer.status, 200, answer)
        for row in rows[:5]:
            self.ann.delete(f"/v1/gigs/{row}")
        phone.cursors = {stream: at + 10 ** 6 for stream, at in phone.cursors.items()}
        phone.committed_at = 1
        # A row whose end the server has forgotten: no entry tells of it.
        gone = ("gigs", str(uuid.uuid4()))
        phone.references[gone] = dict(phone.references["gigs", rows[9]])
        phone.values[gone] = dict(phone.values["gigs", rows[9]])
        phone.sync()
        self.assertIn("too_large", [error["code"] for error in phone.errors])
        self.assertEqual(set(phone.see("gigs")), set(rows[5:]))
        self.settle(phone, errors=["too_large"])

    def test_rows_of_a_fetch_that_had_no_room_are_asked_for_again(self):
        rows = self.made([{"title": str(n), "notes": {"text": "x" * 9000}} for n in range(900)])
        phone = self.device()
        phone.sync()
        for row in rows:
            del phone.values["gigs", row]["title"]
            phone.fetch(max(phone.references["gigs", row]), {"coll": "gigs", "id": row})
        # Nothing tells of a row that is not there.
        phone.fetch(max(phone.references["gigs", rows[0]]),
                    {"coll": "gigs", "id": str(uuid.uuid4())})
        phone.sync()
        self.assertIn("too_large", [error["code"] for error in phone.errors])
        self.settle(phone, errors=["too_large"])


class RefusedValueTests(SyncCase):
    schema = SCHEMA + """
type Page @collection @merge(strategy: REJECT) @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  text: String
  note: String
}
type Sheet @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  text: String
  note: String
  more: String
  last: String
}
"""

    def test_a_row_beyond_an_answer_is_fetched_whole_and_nothing_more_is_said(self):
        row = self.ann.create("sheets", owner=self.ann.id)["id"]
        for name in ("text", "note", "more", "last"):
            answer = self.ann.patch(f"/v1/sheets/{row}", {name: name * 220_000})
            self.assertEqual(answer.status, 200, answer)
        phone = self.device()
        phone.sync()
        stream = next(iter(phone.references["sheets", row]))
        del phone.values["sheets", row]["last"]
        phone.questions = [
            {"frame": "fetch", "stream": stream, "rows": [{"coll": "sheets", "id": row}]}]
        phone.sync()
        self.assertEqual(phone.errors, [])
        self.assertEqual(len(phone.see("sheets")[row]["last"]), 880_000)

    def test_few_bytes_are_not_refused_for_many(self):
        row = self.ann.create("pages", owner=self.ann.id, text="x" * 100_000, note="short")["id"]
        phone = self.device()
        phone.sync()
        oids = [phone.change({"kind": "update", "coll": "pages", "id": row,
                              "args": {"text": "mine", "note": "mine"}}) for _ in range(20)]
        phone.sync()
        for oid in oids:
            self.assertEqual(self.outcome(phone, oid), ("rejected", "conflict"))
            # What there is room for.
            self.assertEqual(phone.results[oid]["values"], {"note": "short"})
        self.assertEqual(phone.see("pages")[row]["note"], "short")


if __name__ == "__main__":
    unittest.main()
