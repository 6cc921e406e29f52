"""Sync over POST /v1/sync: what devices pull, and what they are told when they may see it no more."""

import json
import threading
import time
import unittest
import uuid

from cases import ServedCase
from client import Client, anonymous
from server import ENGINE, Folder, Server

SCHEMA = """enum Role @roles { staff }
type Band @collection @allow(ops: [ALL], owner: "founder")
  @allow(ops: [READ], member: "members.user") {
  founder: User!
  name: String! @constraint(maxLength: 40)
  members: [Member!]! @relation(inverse: "band")
}
type Member @collection @allow(ops: [READ, CREATE, DELETE], owner: "band.founder")
  @allow(ops: [READ], owner: "user") {
  band: Band! @immutable @relation(inverse: "members", onDelete: CASCADE)
  user: User! @immutable @relation(refCheck: NONE)
}
type Gig @collection @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], member: "band.members.user", except: ["fee"]) {
  owner: User! @immutable
  band: Band @relation(onDelete: SET_NULL)
  title: String!
  fee: Int
  diary: String @sync(tier: DAILY)
}
type News @collection(name: "news") @sync(tier: DAILY) @allow(ops: [READ], to: PUBLIC) @allow(ops: [ALL]) {
  text: String!
}
type Deep @collection @sync(tier: SERVER_ONLY) @allow(ops: [ALL]) { text: String! }
"""


class Puller:
    """As much of a client as pulling takes: rows by what each stream shows of them."""

    def __init__(self, client, **hello):
        self.client = client
        self.cid = str(uuid.uuid4())
        self.epoch = self.mark = None
        self.cursors = {}
        self.rows = {}
        self.hello = hello
        self.masks = {}
        self.frames = []
        self.bytes = 0

    def ask(self, *more, **members):
        hello = {"frame": "hello", "cid": self.cid, "schema": "1.0.0", "wall": 1,
                 "lanes": {}, "streams": {str(s): c for s, c in self.cursors.items()},
                 **self.hello, **members}
        if self.epoch:
            hello["epoch"] = self.epoch
        if self.mark:
            hello["mark"] = self.mark
        body = "\n".join(json.dumps(frame) for frame in (hello, *more))
        answer = self.client.request(
            "POST", "/v1/sync", raw=body.encode(), headers={"Content-Type": "application/x-ndjson"})
        self.bytes += len(answer.body)
        if answer.status != 200:
            return answer
        self.frames = [json.loads(line) for line in answer.body.decode().splitlines()]
        return answer

    def pull(self, **members):
        """Pulls until a commit, and applies it; gives all frames of it."""
        staged, page, gathered, emptied = {}, None, [], set()
        for _ in range(1000):
            extra = dict(members)
            if staged:
                extra["staged"] = {str(s): p for s, p in staged.items()}
                extra["page"] = page
            answer = self.ask(**extra)
            assert answer.status == 200, answer
            frames = self.frames
            gathered += frames
            for frame in frames:
                kind = frame["frame"]
                if kind == "welcome":
                    self.epoch = frame["epoch"]
                    self.masks.update(frame["masks"])
                    emptied |= set(frame["resync"])
                    for stream in frame["drop"]:
                        staged.pop(stream, None)
                elif kind == "restart":
                    staged.pop(frame["stream"], None)
                elif kind == "delta":
                    staged[frame["stream"]] = frame["to"]
            if frames[-1]["frame"] == "commit":
                break
            assert frames[-1]["frame"] == "more", frames[-1]
            page = frames[-1]["page"]
            members.pop("wait", None)
        else:
            raise AssertionError("no commit after 1000 answers")
        self.apply(gathered, emptied)
        return gathered

    def apply(self, frames, emptied):
        for stream in emptied:
            self.unreference(stream)
        for frame in frames:
            if frame["frame"] == "welcome":
                for stream in frame["drop"]:
                    self.unreference(stream)
                    self.cursors.pop(stream, None)
            elif frame["frame"] == "delta":
                for entry in frame["entries"]:
                    key = (entry["coll"], entry["id"])
                    if entry.get("kind", "put") == "put":
                        self.rows.setdefault(key, {})[frame["stream"]] = entry
                    else:
                        self.rows.get(key, {}).pop(frame["stream"], None)
        self.rows = {key: shown for key, shown in self.rows.items() if shown}
        commit = frames[-1]
        self.mark = commit.get("mark")
        for stream, head in commit["heads"].items():
            self.cursors[int(stream)] = head

    def unreference(self, stream):
        for shown in self.rows.values():
            shown.pop(stream, None)
        self.rows = {key: shown for key, shown in self.rows.items() if shown}

    def see(self, collection):
        """What is visible of a collection: by id, the fields of all streams together."""
        seen = {}
        for (name, row), shown in self.rows.items():
            if name == collection:
                seen[row] = {}
                for entry in sorted(shown.values(), key=lambda entry: entry["rv"]):
                    seen[row].update(entry["fields"])
        return seen


class SyncTests(ServedCase):
    schema = SCHEMA

    def setUp(self):
        self.ann = anonymous(self.server.port)
        self.bob = anonymous(self.server.port)

    def make(self, client, collection, **values):
        answer = client.request("POST", f"/v1/{collection}", values)
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def band(self):
        """A band of Ann's that Bob is a member of; gives its id and that of his membership."""
        band = self.make(self.ann, "bands", founder=self.ann.id, name="The Owls")["id"]
        member = self.make(self.ann, "members", band=band, user=self.bob.id)["id"]
        return band, member

    def test_a_first_pull_gives_what_a_list_gives(self):
        band, _ = self.band()
        made = [self.make(self.ann, "gigs", owner=self.ann.id, band=band, title=f"Gig {n}", fee=n)
                for n in range(3)]
        puller = Puller(self.ann)
        puller.pull()
        seen = puller.see("gigs")
        self.assertEqual(set(seen), {gig["id"] for gig in made})
        for gig in made:
            expected = {name: value for name, value in gig.items()
                        if name not in ("id", "version")}
            self.assertEqual(seen[gig["id"]], expected)
        self.assertEqual(set(puller.see("bands")), {band})
        self.assertEqual(puller.see("deeps"), {})

    def test_what_changed_and_nothing_else_comes_the_second_time(self):
        band, _ = self.band()
        gigs = [self.make(self.ann, "gigs", owner=self.ann.id, title=f"Gig {n}") for n in range(20)]
        puller = Puller(self.ann)
        puller.pull()
        frames = puller.pull()
        self.assertEqual([frame["frame"] for frame in frames], ["welcome", "commit"])
        self.assertEqual(frames[0]["add"], [])
        self.assertEqual(frames[-1]["heads"], {})
        answer = self.ann.request("PATCH", f"/v1/gigs/{gigs[7]['id']}", {"title": "New"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.ann.request("DELETE", f"/v1/gigs/{gigs[3]['id']}").status, 204)
        frames = puller.pull()
        entries = [entry for frame in frames if frame["frame"] == "delta"
                   for entry in frame["entries"]]
        self.assertEqual({entry["id"] for entry in entries}, {gigs[7]["id"], gigs[3]["id"]})
        gone = next(entry for entry in entries if entry["id"] == gigs[3]["id"])
        self.assertEqual(gone["kind"], "del")
        self.assertNotIn("fields", gone)
        self.assertEqual(puller.see("gigs")[gigs[7]["id"]]["title"], "New")
        self.assertNotIn(gigs[3]["id"], puller.see("gigs"))
        del band

    def test_a_member_sees_what_the_rules_show_and_no_more(self):
        band, _ = self.band()
        gig = self.make(self.ann, "gigs", owner=self.ann.id, band=band, title="Loud", fee=987654321)
        other = self.make(self.ann, "gigs", owner=self.ann.id, title="Alone", fee=1)
        puller = Puller(self.bob)
        frames = puller.pull()
        self.assertEqual(set(puller.see("gigs")), {gig["id"]})
        seen = puller.see("gigs")[gig["id"]]
        self.assertEqual(seen["title"], "Loud")
        self.assertNotIn("fee", seen)
        self.assertNotIn("987654321", json.dumps([f for f in frames if f["frame"] == "delta"]))
        masks = frames[0]["masks"]
        # One for each tier.
        self.assertEqual([mask["coll"] for mask in masks.values()], ["gigs", "gigs"])
        for mask in masks.values():
            self.assertNotIn("fee", mask["fields"])
        del other

    def test_a_hidden_change_moves_nothing_and_tells_no_time(self):
        band, _ = self.band()
        gig = self.make(self.ann, "gigs", owner=self.ann.id, band=band, title="Loud", fee=300)
        puller = Puller(self.bob)
        puller.pull()
        answer = self.ann.request("PATCH", f"/v1/gigs/{gig['id']}", {"fee": 400})
        self.assertEqual(answer.status, 200)
        frames = puller.pull()
        self.assertEqual([f for f in frames if f["frame"] == "delta"], [])
        late = Puller(self.bob)
        late.pull()
        self.assertEqual(puller.see("gigs")[gig["id"]]["updatedAt"], gig["updatedAt"])
        self.assertNotIn("updatedAt", late.see("gigs")[gig["id"]])

    def test_who_leaves_a_band_keeps_nothing_of_it(self):
        band, member = self.band()
        gig = self.make(self.ann, "gigs", owner=self.ann.id, band=band, title="Loud")
        puller = Puller(self.bob)
        puller.pull()
        self.assertIn(gig["id"], puller.see("gigs"))
        self.assertEqual(self.ann.request("DELETE", f"/v1/members/{member}").status, 204)
        frames = puller.pull()
        self.assertNotEqual(frames[0]["drop"], [])
        self.assertEqual(puller.see("gigs"), {})
        self.assertEqual(puller.see("bands"), {})

    def test_a_row_that_moves_leaves_by_its_id_alone(self):
        band, _ = self.band()
        gig = self.make(self.ann, "gigs", owner=self.ann.id, band=band, title="Secret plan")
        puller = Puller(self.bob)
        puller.pull()
        answer = self.ann.request("PATCH", f"/v1/gigs/{gig['id']}", {"band": None, "title": "Hush"})
        self.assertEqual(answer.status, 200)
        frames = puller.pull()
        entries = [entry for frame in frames if frame["frame"] == "delta"
                   for entry in frame["entries"]]
        # In the stream of each tier.
        self.assertEqual([(entry["id"], entry["kind"]) for entry in entries],
                         [(gig["id"], "leave")] * 2)
        self.assertNotIn("Hush", json.dumps(frames))
        self.assertEqual(puller.see("gigs"), {})

    def test_tiers_are_pulled_when_they_are_asked_for(self):
        news = self.make(self.ann, "news", text="Hello")["id"]
        puller = Puller(self.ann, tiers=["LIVE"])
        puller.pull()
        self.assertNotIn(news, puller.see("news"))
        puller.hello = {}
        puller.pull()
        self.assertIn(news, puller.see("news"))
        # What a slower tier lost comes with the next live commit, so that nothing stays in sight.
        self.assertEqual(self.ann.request("DELETE", f"/v1/news/{news}").status, 204)
        puller.hello = {"tiers": ["LIVE"]}
        puller.pull()
        self.assertNotIn(news, puller.see("news"))

    def test_a_field_of_a_slower_tier_comes_with_its_tier(self):
        band, _ = self.band()
        gig = self.make(self.ann, "gigs", owner=self.ann.id, band=band, title="Loud", diary="Dear")
        puller = Puller(self.bob, tiers=["LIVE"])
        frames = puller.pull()
        self.assertNotIn("Dear", json.dumps(frames))
        self.assertEqual(puller.see("gigs")[gig["id"]]["title"], "Loud")
        puller.hello = {"tiers": ["DAILY"]}
        frames = puller.pull()
        self.assertNotIn("Loud", json.dumps(frames))
        self.assertEqual(puller.see("gigs")[gig["id"]]["diary"], "Dear")
        # Its change is no news for those who ask for the others.
        answer = self.ann.request("PATCH", f"/v1/gigs/{gig['id']}", {"diary": "Diary"})
        self.assertEqual(answer.status, 200)
        puller.hello = {"tiers": ["LIVE", "HOURLY"]}
        frames = puller.pull()
        self.assertEqual([f["frame"] for f in frames], ["welcome", "commit"])
        self.assertEqual(frames[-1]["heads"], {})
        # What goes out of sight goes at once, with the values of all tiers.
        answer = self.ann.request("PATCH", f"/v1/gigs/{gig['id']}", {"band": None})
        self.assertEqual(answer.status, 200)
        frames = puller.pull()
        kinds = [entry["kind"] for frame in frames if frame["frame"] == "delta"
                 for entry in frame["entries"]]
        self.assertEqual(kinds, ["leave", "leave"])
        self.assertNotIn(gig["id"], puller.see("gigs"))

    def test_without_an_account_what_is_public_is_pulled(self):
        news = self.make(self.ann, "news", text="Hello all")["id"]
        gig = self.make(self.ann, "gigs", owner=self.ann.id, title="Mine")["id"]
        nobody = anonymous(self.server.port)
        nobody.token = None
        puller = Puller(nobody)
        puller.pull()
        self.assertIn(news, puller.see("news"))
        self.assertNotIn(gig, puller.see("gigs"))

    def test_large_pulls_come_in_pages_and_apply_at_once(self):
        client = anonymous(self.server.port)
        text = "x" * 4000
        ids = set()
        for start in range(0, 3000, 100):
            operations = [{"method": "POST", "path": "/v1/gigs",
                           "body": {"owner": client.id, "title": f"{start + n} {text}"}}
                          for n in range(100)]
            answer = client.request("POST", "/v1/batch", {"operations": operations, "atomic": True})
            self.assertEqual(answer.status, 200, answer)
            ids |= {result["body"]["id"] for result in answer.json["results"]}
        puller = Puller(client)
        frames = puller.pull()
        self.assertGreater(sum(frame["frame"] == "more" for frame in frames), 1)
        self.assertEqual(set(puller.see("gigs")), ids)

    def test_rows_that_are_fetched_again_and_again_share_the_room_of_one_answer(self):
        gig = self.make(self.ann, "gigs", owner=self.ann.id, title="x" * 900_000)["id"]
        puller = Puller(self.ann)
        puller.pull()
        stream = next(stream for (_, row), shown in puller.rows.items() if row == gig
                      for stream in shown)
        fetch = {"frame": "fetch", "stream": stream, "rows": [{"coll": "gigs", "id": gig}]}
        answer = puller.ask(*[fetch] * 40)
        self.assertEqual(answer.status, 200, answer)
        self.assertLess(len(answer.body), 5_000_000)
        self.assertEqual([f["code"] for f in puller.frames if f["frame"] == "error"], ["too_large"])
        self.assertGreater(sum(f["frame"] == "delta" for f in puller.frames), 1)

    def test_a_wait_ends_when_something_comes(self):
        band, _ = self.band()
        puller = Puller(self.bob)
        puller.pull()
        took = []

        def wait():
            began = time.monotonic()
            puller.pull(wait=30)
            took.append(time.monotonic() - began)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.5)
        gig = self.make(self.ann, "gigs", owner=self.ann.id, band=band, title="Now")["id"]
        thread.join(20)
        self.assertFalse(thread.is_alive())
        self.assertLess(took[0], 20)
        self.assertIn(gig, puller.see("gigs"))
        text = Client(self.server.port).get("/metrics").body.decode()
        self.assertRegex(text, r"(?m)^roost_sync_wake_seconds_count [1-9]")

    def test_a_wait_ends_when_a_band_is_joined(self):
        band = self.make(self.ann, "bands", founder=self.ann.id, name="The Owls")["id"]
        puller = Puller(self.bob)
        puller.pull()
        thread = threading.Thread(target=lambda: puller.pull(wait=30))
        thread.start()
        time.sleep(0.5)
        self.make(self.ann, "members", band=band, user=self.bob.id)
        thread.join(20)
        self.assertFalse(thread.is_alive())
        self.assertIn(band, puller.see("bands"))

    def test_a_wait_ends_at_its_time(self):
        puller = Puller(self.ann)
        puller.pull()
        began = time.monotonic()
        frames = puller.pull(wait=1)
        self.assertGreaterEqual(time.monotonic() - began, 0.9)
        self.assertEqual(frames[-1]["heads"], {})

    def test_bad_requests_say_what_is_wrong(self):
        commit = {"frame": "commit", "heads": {}, "last": {}, "clock": "0" * 16}
        device = {"id": str(uuid.uuid4()), "name": "Phone"}
        cases = [
            ([], "/0", "hello_first"),
            ([{"frame": "commit"}], "/0/frame", "unexpected_frame"),
            ([self.push(str(uuid.uuid4()))], "/0", "hello_first"),
            ([{"frame": "hello", "cid": str(uuid.uuid4()), "schema": "1.0.0"}], "/0/wall",
             "required"),
            ([self.hello(), self.hello()], "/1/frame", "unexpected_frame"),
            ([self.hello(), {"frame": "welcome"}], "/1/frame", "unexpected_frame"),
            ([self.hello(), commit], "/1/frame", "unexpected_frame"),
            ([self.hello(), {"frame": "push", "cid": str(uuid.uuid4()), "lane": "LIVE",
                             "muts": []}], "/1/muts", "required"),
            ([self.hello(), self.push(str(uuid.uuid4()))], "/1/cid", "client"),
            ([self.hello(streams={"x": 1})], "/0/streams/x", "type"),
            ([self.hello(streams={"1": -1})], "/0/streams/1", "range"),
            ([self.hello(tiers=["HOURY"])], "/0/tiers/0", "enum"),
            ([self.hello(wall=2 ** 60)], "/0/wall", "range"),
            ([self.hello(device={**device, "name": "Pho\0ne"})], "/0/device/name", "type"),
            ([self.hello(device={**device, "platform": "\0"})], "/0/device/platform", "type"),
        ]
        for frames, pointer, code in cases:
            with self.subTest(frames=frames):
                answer = self.ann.request(
                    "POST", "/v1/sync", raw="\n".join(json.dumps(f) for f in frames).encode(),
                    headers={"Content-Type": "application/x-ndjson"})
                self.assertEqual(answer.status, 400, answer)
                self.assertEqual([(fault["pointer"], fault["code"])
                                  for fault in answer.json["errors"]], [(pointer, code)])
        for body, status in [(b"{", 400), (b"x" * 5_000_000, 413), (b"[" * 100_000, 400)]:
            answer = self.ann.request(
                "POST", "/v1/sync", raw=body, headers={"Content-Type": "application/x-ndjson"})
            self.assertEqual(answer.status, status, answer)

    def test_the_doors_of_devices_are_no_collections(self):
        for method, path, allow in (
                ("GET", "/v1/sync", "POST, OPTIONS"), ("PATCH", "/v1/sync", "POST, OPTIONS"),
                ("POST", "/v1/devices", "GET, HEAD, OPTIONS"),
                ("POST", "/v1/features", "GET, HEAD, OPTIONS"),
                ("GET", "/v1/batch", "POST, OPTIONS"),
                ("POST", "/v1/explain", "GET, HEAD, OPTIONS")):
            answer = self.ann.request(method, path, {} if method != "GET" else None)
            self.assertEqual((answer.status, answer.headers.get("allow")), (405, allow), answer)

    def test_all_that_a_hello_lacks_is_named_at_once(self):
        answer = self.ann.request("POST", "/v1/sync", raw=b'{"frame":"hello"}')
        self.assertEqual(answer.status, 400, answer)
        self.assertEqual([fault["pointer"] for fault in answer.json["errors"]],
                         ["/0/wall", "/0/cid", "/0/schema"])

    def test_what_a_client_may_send_is_named_in_full(self):
        def told(frame):
            answer = self.ann.request(
                "POST", "/v1/sync", raw="\n".join(map(json.dumps, (self.hello(), frame))).encode())
            return answer.json["errors"][0]["message"]

        self.assertEqual(told(self.hello()), "A request has one hello, which is its first frame.")
        self.assertEqual(told({"frame": "more", "page": 1}),
                         "A client sends hello, push, digest, leaves, fetch and ack; more is the "
                         "server's.")
        answer = Puller(self.ann).ask({"frame": "ack", "heads": {}})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["content-type"], "application/x-ndjson")

    def hello(self, **members):
        return {"frame": "hello", "cid": str(uuid.uuid4()), "schema": "1.0.0", "wall": 1,
                "lanes": {}, "streams": {}, **members}

    def push(self, cid):
        return {"frame": "push", "cid": cid, "lane": "LIVE", "muts": [
            {"seq": 1, "nonce": "0" * 16, "prev": "0" * 32, "chain": "1" * 32,
             "hlc": "0" * 16 + "-" + str(uuid.uuid4()), "schema": "1.0.0", "ops": [
                 {"kind": "delete", "coll": "gigs", "id": str(uuid.uuid4())}]}]}

    def test_streams_of_others_are_not_to_be_had(self):
        self.make(self.ann, "gigs", owner=self.ann.id, title="Mine alone")
        puller = Puller(self.ann)
        puller.pull()
        spy = Puller(self.bob)
        spy.cursors = {stream: 0 for stream in puller.cursors} | {10 ** 9: 5}
        frames = spy.pull()
        self.assertNotIn("Mine alone", json.dumps(frames))
        self.assertIn(10 ** 9, frames[0]["drop"])
        for stream in puller.cursors:
            for frame in ({"frame": "digest", "stream": stream, "bits": 0, "hashes": "AAAAAAAAAAA"},
                          {"frame": "fetch", "stream": stream,
                           "rows": [{"coll": "gigs", "id": str(uuid.uuid4())}]}):
                spy.ask(frame)
                self.assertNotIn("Mine alone", json.dumps(spy.frames))


class DeviceTests(ServedCase):
    schema = SCHEMA

    def device(self, client, name="Phone"):
        notice = {"id": str(uuid.uuid4()), "name": name, "platform": "ios"}
        puller = Puller(client, device=notice)
        puller.pull()
        return notice["id"], puller

    def listed(self, client):
        answer = client.request("GET", "/v1/devices")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def test_devices_are_listed_named_and_signed_out(self):
        ann = anonymous(self.server.port)
        phone, _ = self.device(ann)
        tablet, _ = self.device(ann, "Tablet")
        listed = self.listed(ann)
        self.assertEqual(listed["count"], 2)
        self.assertEqual({item["id"] for item in listed["items"]}, {phone, tablet})
        answer = ann.request("PATCH", f"/v1/devices/{phone}", {"name": "Old phone"})
        self.assertEqual(answer.status, 200, answer)
        names = {item["id"]: item["name"] for item in self.listed(ann)["items"]}
        self.assertEqual(names[phone], "Old phone")
        for body in ({}, {"name": ""}, {"name": "x" * 81}, {"name": 3}, {"name": "a", "id": "b"}):
            self.assertEqual(
                ann.request("PATCH", f"/v1/devices/{phone}", body).status, 422, body)

    def test_a_name_that_a_person_gave_stays_whatever_the_device_says(self):
        ann = anonymous(self.server.port)
        device, puller = self.device(ann)

        def says(name, **members):
            puller.hello["device"] = {"id": device, "name": name, **members}
            self.assertEqual(puller.ask().status, 200)
            item, = self.listed(ann)["items"]
            return item["name"], item["platform"]

        # Nobody named it: it is called what it calls itself.
        self.assertEqual(says("Ann's phone"), ("Ann's phone", "ios"))
        answer = ann.request("PATCH", f"/v1/devices/{device}", {"name": "Kitchen tablet"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(says("Ann's phone"), ("Kitchen tablet", "ios"))
        self.assertEqual(says("Phone 2", platform="ios 20"), ("Kitchen tablet", "ios 20"))
        answer = ann.request("PATCH", f"/v1/devices/{device}", {"name": "Hall tablet"})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(says("Phone 2"), ("Hall tablet", "ios 20"))

    def test_what_a_device_holds_and_how_far_it_is_behind_is_told(self):
        ann = anonymous(self.server.port)
        device, puller = self.device(ann)
        item, = self.listed(ann)["items"]
        # It held nothing when it said its first hello.
        self.assertEqual(item["cursors"], {})
        answer = ann.request("POST", "/v1/bands", {"founder": ann.id, "name": "The Owls"})
        self.assertEqual(answer.status, 201, answer)
        behind = self.listed(ann)["items"][0]["entriesBehind"]
        self.assertGreater(behind, 0)
        puller.pull()
        # What changes of the device itself is noted at once.
        puller.hello["device"] = {"id": device, "name": "Phone", "platform": "ios 20"}
        puller.ask()
        item, = self.listed(ann)["items"]
        self.assertEqual(item["cursors"], {str(s): c for s, c in puller.cursors.items()})
        self.assertTrue(item["cursors"])
        self.assertEqual((item["entriesBehind"], item["platform"]), (0, "ios 20"))

    def test_a_revoked_device_is_told_so_and_its_session_ends(self):
        ann = anonymous(self.server.port)
        email = f"{uuid.uuid4()}@example.org"
        answer = ann.request(
            "POST", "/v1/auth/upgrade", {"email": email, "password": "correct horse 9 battery"})
        self.assertEqual(answer.status, 200, answer)
        ann.token = answer.json["accessToken"]
        lost = anonymous(self.server.port)
        answer = lost.request(
            "POST", "/v1/auth/login", {"email": email, "password": "correct horse 9 battery"})
        self.assertEqual(answer.status, 200, answer)
        lost.token = answer.json["accessToken"]
        device, puller = self.device(lost, "Lost phone")
        self.device(ann)
        self.assertEqual(ann.request("DELETE", f"/v1/devices/{device}").status, 200)
        self.assertEqual(puller.ask().status, 401)
        # Signed in again, but still the device that was signed out.
        puller.client = ann
        puller.ask()
        self.assertEqual([(f["frame"], f["code"]) for f in puller.frames],
                         [("error", "device_revoked")])
        self.assertEqual(self.listed(ann)["count"], 1)

    def test_devices_of_others_are_not_there(self):
        ann, bob = anonymous(self.server.port), anonymous(self.server.port)
        device, _ = self.device(ann)
        self.assertEqual(bob.request("DELETE", f"/v1/devices/{device}").status, 404)
        self.assertEqual(bob.request("PATCH", f"/v1/devices/{device}", {"name": "x"}).status, 404)
        self.assertEqual(self.listed(bob)["items"], [])
        ann.token = None
        self.assertEqual(ann.request("GET", "/v1/devices").status, 401)


@unittest.skipIf(ENGINE == "postgres", "marks are of a database that one process has")
class EpochTests(unittest.TestCase):
    def test_a_database_that_was_put_back_begins_an_epoch(self):
        import shutil
        folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(folder.remove)
        server = Server(folder.path, data=folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        ann = anonymous(server.port)
        first = ann.request("POST", "/v1/gigs", {"owner": ann.id, "title": "Kept"}).json["id"]
        puller = Puller(ann)
        puller.pull()
        server.stop()
        copy = folder.join("copy")
        shutil.copytree(server.data, copy)
        server.start()
        ann.port = server.port
        lost = ann.request("POST", "/v1/gigs", {"owner": ann.id, "title": "Lost"}).json["id"]
        puller.pull()
        epoch = puller.epoch
        self.assertEqual(set(puller.see("gigs")), {first, lost})
        server.stop()
        shutil.rmtree(server.data)
        shutil.copytree(copy, server.data)
        server.start()
        ann.port = server.port
        # So much happens meanwhile that no number tells of the loss.
        made = {ann.request("POST", "/v1/gigs", {"owner": ann.id, "title": f"New {n}"}).json["id"]
                for n in range(5)}
        puller.pull()
        self.assertNotEqual(puller.epoch, epoch)
        self.assertEqual(set(puller.see("gigs")), {first} | made)
        epoch = puller.epoch
        server.stop()
        server.start()
        ann.port = server.port
        puller.pull()
        self.assertEqual(puller.epoch, epoch, "a restart alone begins no epoch")


if __name__ == "__main__":
    unittest.main()
