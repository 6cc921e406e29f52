"""A client of the sync protocol in plain Python, written from docs/protocol.md alone.

The store is a dictionary and the app is a test, but the protocol is whole: a device makes changes
without a server, is copied and put back, and comes to the same rows as everybody else.
"""

import copy
import json
import secrets
import time
import uuid

from sync_healing import Healing
from sync_lanes import TIERS, Lane, queue
from sync_merges import COMPARING, merge
from sync_questions import REQUEST_BYTES, REQUEST_FRAMES, Questions
from sync_rules import NO_STAMP, check, leaf, measured, restamped, tick, time_of

REQUEST_MUTATIONS, REQUEST_OPERATIONS = 1000, 5000
# After so long without a commit some stream may be in `resync`: digests are sent at once.
LONG_MILLISECONDS = 80 * 86_400_000


class Device(Questions, Healing):
    """A device of one account. `rules` has {collection: {"tier", "fields": {name: rule}}}."""

    def __init__(self, client, rules=None, schema="1.0.0", wall=None, name="Phone"):
        self.client = client
        self.rules = rules or {}
        self.schema = schema
        self.wall = wall or (lambda: time.time_ns() // 1_000_000)
        self.device = {"id": str(uuid.uuid4()), "name": name}
        self.cid = str(uuid.uuid4())
        self.epoch = self.mark = self.page = None
        self.clock = self.seen = self.offset = 0
        self.cursors, self.masks, self.tiers = {}, {}, {}
        # Rows by (collection, id): references by stream, and the values of all streams together.
        self.references, self.values, self.clocks = {}, {}, {}
        self.lanes = {}
        self.forget_staging()
        self.replaced, self.questions = set(), []
        self.by_digests, self.comparing, self.committed_at = True, set(), 0
        self.results, self.errors, self.history = {}, [], []
        self.waiting, self.tries, self.refused_now = {}, {}, set()
        self.forks = self.bytes_in = self.bytes_out = 0
        self.paused = self.revoked = False

    def renew(self, schema):
        """The app is renewed: changes stay as they were made, rows come anew in other words."""
        if schema.split(".")[0] != self.schema.split(".")[0]:
            self.begin_anew()
        self.schema, self.paused = schema, False

    # A backup of the whole device.

    def copy(self):
        kept = ("client", "wall", "rules")
        return copy.deepcopy({k: v for k, v in self.__dict__.items() if k not in kept})

    def restore(self, state):
        self.__dict__.update(copy.deepcopy(state))

    def clone(self):
        twin = Device(self.client, self.rules, self.schema, self.wall)
        twin.restore(self.copy())
        return twin

    # Changes.

    def change(self, *ops, lane=None):
        """Appends a mutation to the most urgent lane of what it changes; gives its `oid`.

        Throws `Refused` for one that no request can bring.
        """
        check(ops)
        tiers = [tier for op in ops for tier in self.tiers_of(op)]
        lane = self.lane(lane or min(tiers, key=TIERS.index))
        self.clock = tick(self.clock, self.wall() + self.offset)
        return lane.append({
            "nonce": secrets.token_hex(8), "hlc": f"{self.clock:016x}-{self.cid}",
            "schema": self.schema, "ops": list(ops), "seen": self.seen})["oid"]

    def tiers_of(self, op):
        home = self.rules.get(op.get("coll"), {}).get("tier", "LIVE")
        if op["kind"] != "update":
            return [home]
        return [self.rule(op["coll"], name).get("tier", home) for name in op["args"]] or [home]

    def create(self, coll, **args):
        row = str(uuid.UUID(int=(tick(0, self.wall()) >> 16) << 80 | 7 << 76
                            | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)))
        self.change({"kind": "create", "coll": coll, "id": row, "args": args})
        return row

    def update(self, coll, row, **args):
        op = {"kind": "update", "coll": coll, "id": row, "args": args}
        stamps = self.clocks.get((coll, row), {})
        base = {name: stamps[name] for name in args
                if self.rule(coll, name)["strategy"] in COMPARING and name in stamps}
        return self.change({**op, "base": base} if base else op)

    def delete(self, coll, row):
        return self.change({"kind": "delete", "coll": coll, "id": row})

    def resolve(self, conflict, **args):
        return self.change({"kind": "resolve", "id": conflict, "args": args})

    def lane(self, name):
        return self.lanes.setdefault(name, Lane(self.cid, name))

    def rule(self, coll, field):
        fields = self.rules.get(coll, {}).get("fields", {})
        return {"strategy": "LAST_WRITE_WINS", **fields.get(field, {})}

    # What the app sees.

    def pending(self):
        """What no commit shows yet, in order, with stamps that rise within a lane."""
        muts = {}
        for lane in self.lanes.values():
            latest = -1
            for mutation in lane.after(lane.committed):
                # One that was brought once more takes place at one of its places alone, and as it was.
                again = sum(each["oid"] == mutation["oid"] for each in lane.log) > 1
                made = time_of(mutation["hlc"])
                latest = latest if again else max(made, latest + 1)
                muts[mutation["oid"]] = {
                    **mutation, "hlc": f"{made if again else latest:016x}{mutation['hlc'][16:]}"}
        return sorted(muts.values(), key=lambda m: m["hlc"])

    def unacknowledged(self):
        return sum(len(lane.after(lane.acknowledged)) for lane in self.lanes.values())

    def see(self, coll):
        """The rows of a collection with what is pending, by id."""
        rows = {row: {name: {"value": value, "stamp": self.clocks[name_of, row].get(name, NO_STAMP),
                             "parts": {}, "origin": NO_STAMP} for name, value in values.items()}
                for (name_of, row), values in self.values.items() if name_of == coll}
        for mutation in self.pending():
            for op in mutation["ops"]:
                if op.get("coll") == coll:
                    self.fold(rows, op, mutation["hlc"])
        return {row: {name: copy.deepcopy(field["value"]) for name, field in fields.items()}
                for row, fields in rows.items()}

    def fold(self, rows, op, stamp):
        row = op["id"]
        if op["kind"] == "delete":
            rows.pop(row, None)
        elif op["kind"] == "create" and row not in rows:
            rows[row] = {name: {"value": value, "stamp": stamp, "parts": {}, "origin": stamp}
                         for name, value in op["args"].items()}
        elif op["kind"] == "update" and row in rows:
            for name, value in op["args"].items():
                field = rows[row].setdefault(
                    name, {"value": None, "stamp": NO_STAMP, "parts": {}, "origin": NO_STAMP})
                edit = {"set": value}
                if isinstance(value, dict) and "$increment" in value:
                    edit = {"increment": value["$increment"]}
                elif isinstance(value, dict) and value.keys() & {"$add", "$remove"}:
                    edit = {"add": value.get("$add", []), "remove": value.get("$remove", [])}
                merge(self.rule(op["coll"], name), field, {**edit, "stamp": stamp})

    def shown_results(self):
        """Results that are for the person, by `oid`."""
        return {oid: result for oid, result in self.results.items()
                if result["result"] in ("rejected", "conflict")}

    # Rounds.

    def sync(self, rounds=60, **members):
        """Rounds until all is taken in and there is nothing more to ask."""
        for _ in range(rounds):
            end = self.ask(**members)
            members.pop("wait", None)
            if self.revoked or end == "error":
                return self
            drained = self.paused or not self.unacknowledged()
            if end == "commit" and drained and not self.questions:
                return self
        raise AssertionError(f"no end after {rounds} rounds: {self.history[-1]}")

    def ask(self, lost=False, push=True, limit=REQUEST_MUTATIONS, **members):
        """One request; `lost` throws its answer away. Gives the kind of the last frame."""
        # Nothing has measured the clock before the first welcome: stamps are corrected first.
        pushes = self.pushes(limit) if push and self.epoch and not self.paused else []
        if self.by_digests and self.committed_at and (
                self.wall() + self.offset - self.committed_at > LONG_MILLISECONDS):
            self.compare(self.cursors)
        questions, left = self.asked(pushes)
        frames = [None, *pushes, *questions]
        sent = self.wall()
        frames[0] = {"frame": "hello", **self.hello(sent), **members}
        if any(question["frame"] != "fetch" for question in questions):
            # Streams that wait for their turn would be in `resync` meanwhile, and come whole.
            frames[0]["tiers"] = ["ON_DEMAND"]
        body = "\n".join(json.dumps(frame, ensure_ascii=False) for frame in frames).encode()
        answer = self.client.request(
            "POST", "/v1/sync", raw=body, headers={"Content-Type": "application/jsonl"})
        self.bytes_out += len(body)
        self.bytes_in += len(answer.body)
        if lost:
            return None
        if answer.status != 200:
            raise AssertionError(f"{answer} to {body[:2000]}")
        received, self.questions, cid = self.wall(), left, self.cid
        answered = [json.loads(line) for line in answer.body.decode().splitlines()]
        self.history.append((frames, answered))
        for frame in answered:
            if frame["frame"] == "welcome":
                self.welcome(frame, sent, received, cid == self.cid)
            elif frame["frame"] == "pushed" and cid == self.cid:
                self.pushed(frame)
            elif frame["frame"] == "commit":
                self.commit(frame, cid == self.cid)
            elif frame["frame"] == "delta" and not self.stage(frame):
                self.begin_again()
                return None
            elif frame["frame"] in ("restart", "gone", "ranges", "error"):
                getattr(self, frame["frame"])(frame)
        if any(frame.get("code") == "too_large" for frame in answered):
            self.too_large(questions, answered)
        end = answered[-1]
        self.page = end.get("page") if end["frame"] == "more" else None
        if end["frame"] == "more":
            self.mark = end.get("mark", self.mark)
        broken_off = {s for f in answered if f["frame"] == "welcome" for s in f["resync"]}
        if end["frame"] == "more" and self.by_digests and broken_off - self.comparing:
            asked = len(self.questions)
            self.compare(broken_off)
            if len(self.questions) > asked:
                # What was compared and staged before is forgotten with the rest.
                self.forget_staging()
                self.comparing = {question["stream"] for question in self.questions}
        return end["frame"]

    def hello(self, sent):
        hello = {"cid": self.cid, "device": self.device, "schema": self.schema, "wall": sent,
                 "lanes": {name: {"last": lane.last, "chain": lane.chain_at(lane.last)}
                           for name, lane in self.lanes.items() if lane.last},
                 "streams": {str(stream): cursor for stream, cursor in self.cursors.items()},
                 "epoch": self.epoch, "mark": self.mark, "page": self.page}
        if self.staged:
            hello["staged"] = {str(stream): place for stream, place in self.staged.items()}
        return {name: value for name, value in hello.items() if value is not None}

    def pushes(self, limit):
        """What is unacknowledged, in the order of the queue, as far as a request has room."""
        room, operations, frames = REQUEST_BYTES, REQUEST_OPERATIONS, []
        for name, mutation in queue(self.lanes):
            wire = {k: v for k, v in mutation.items() if k != "seen"}
            room, limit = room - len(json.dumps(wire)), limit - 1
            operations -= len(mutation["ops"])
            goes_on = frames and frames[-1]["lane"] == name
            if min(room, limit, operations) < 0 or not goes_on and len(frames) == REQUEST_FRAMES:
                break
            if not goes_on:
                frames.append({"frame": "push", "cid": self.cid, "lane": name, "muts": []})
            frames[-1]["muts"].append(wire)
        return frames

    def welcome(self, frame, sent, received, mine):
        if frame["epoch"] != self.epoch:
            # Streams come whole, and numbers may mean other streams than before.
            self.begin_anew()
            if self.epoch:
                self.begin_history()
            self.epoch = frame["epoch"]
        heard = frame.get("lanes", {}) if mine else {}
        if not all(self.learn(name, state) for name, state in heard.items()):
            self.fork()
        self.dropped = set(frame.get("drop", []))
        for stream in self.dropped:
            self.staged.pop(stream, None)
        self.questions = [q for q in self.questions if q["stream"] not in self.dropped]
        # A stream in `resync` comes whole; its old cursor is said until then, to be told again.
        self.replaced |= set(frame.get("resync", [])) - self.comparing
        for added in frame.get("add", []):
            self.cursors.setdefault(added["stream"], 0)
            self.tiers[added["stream"]] = added["tier"]
        self.take_masks(frame)
        self.offset, shift = measured(self.offset, sent, received, frame["now"])
        if shift is not None:
            self.restamp(shift, frame["now"])
        self.observe(frame["clock"])

    def restamp(self, shift, now):
        muts = [m for lane in self.lanes.values() for m in lane.after(lane.acknowledged)]
        muts.sort(key=lambda m: m["hlc"])
        taken = [time_of(m["hlc"]) for lane in self.lanes.values()
                 for m in lane.log[:len(lane.log) - len(lane.after(lane.acknowledged))]]
        times = restamped([(time_of(m["hlc"]), m["seen"]) for m in muts], shift, now,
                          max(taken, default=0))
        for mutation, corrected in zip(muts, times):
            mutation["hlc"] = f"{corrected:016x}{mutation['hlc'][16:]}"
        self.clock = max(times, default=0)

    def observe(self, text):
        self.seen = max(self.seen, int(text, 16))
        self.clock = max(self.clock, int(text, 16))

    def fork(self):
        self.cid, self.forks = str(uuid.uuid4()), self.forks + 1
        self.lanes = {name: lane.forked(self.cid) for name, lane in self.lanes.items()}

    def pushed(self, frame):
        lane = self.lane(frame["lane"])
        for result in frame["results"]:
            known = lane.after(result["seq"] - 1)
            if known:
                self.heard(lane, known[0], result)
        if frame["state"] == "forked" or not self.learn(frame["lane"], frame):
            self.fork()

    def learn(self, name, state):
        lane = self.lane(name)
        return lane.learn(state["last"], state["chain"], state.get("durable"), lane.committed)

    def error(self, frame):
        self.errors.append(frame)
        if frame["code"] == "upgrade_required":
            self.paused = True
        elif frame["code"] == "device_revoked":
            self.revoked = True

    # Staging and commit.

    def forget_staging(self):
        self.staging, self.staged, self.page = [], {}, None
        self.restarted, self.dropped, self.gone_leaves = set(), set(), {}

    def begin_anew(self):
        """Streams come whole."""
        self.begin_again()
        self.replaced |= set(self.cursors)
        self.cursors = dict.fromkeys(self.cursors, 0)

    def begin_again(self):
        """Forgets what is staged, and what was asked to compare it."""
        self.forget_staging()
        self.questions = [q for q in self.questions if q["frame"] == "fetch"]
        self.comparing = set()

    def take_masks(self, frame):
        self.masks.update({int(n): mask for n, mask in frame.get("masks", {}).items()})

    def stage(self, frame):
        stream = frame["stream"]
        if frame["from"] > self.staged.get(stream, self.cursors.get(stream, 0)):
            return False
        self.take_masks(frame)
        self.staging += [(stream, entry) for entry in frame["entries"]]
        self.staged[stream] = max(self.staged.get(stream, 0), frame["to"])
        return True

    def restart(self, frame):
        stream = frame["stream"]
        self.staging = [staged for staged in self.staging if staged[0] != stream]
        self.staged[stream] = 0
        self.restarted.add(stream)

    def commit(self, frame, mine):
        whole = self.dropped | self.restarted | self.replaced
        touched = set()
        for key, streams in self.references.items():
            for stream, reference in list(streams.items()):
                leaves = self.gone_leaves.get(stream, ())
                if stream in whole or leaf(*key, reference["seq"]) in leaves:
                    del streams[stream]
                    touched.add(key)
        touched |= {self.apply(stream, entry) for stream, entry in self.staging}
        for stream in self.dropped:
            self.cursors.pop(stream, None)
        for key in touched:
            self.prune(key)
        self.cursors.update({int(stream): head for stream, head in frame["heads"].items()})
        if mine:
            for name, last in frame["last"].items():
                self.lane(name).committed = last
        self.bring_again({entry["id"] for _, entry in self.staging
                          if entry.get("kind", "put") == "put"})
        self.mark = frame.get("mark", self.mark)
        self.observe(frame["clock"])
        self.comparing, self.committed_at = set(), self.wall() + self.offset
        self.forget_staging()
        self.replaced = set()

    def apply(self, stream, entry):
        key = (entry["coll"], entry["id"])
        streams = self.references.setdefault(key, {})
        if entry.get("kind", "put") != "put":
            streams.pop(stream, None)
            return key
        if "baseRv" in entry and streams.get(stream, {}).get("rv") != entry["baseRv"]:
            self.fetch(stream, {"coll": key[0], "id": key[1]})
            return key
        streams[stream] = {"mask": entry.get("mask", 0), "seq": entry["seq"], "rv": entry["rv"]}
        self.values.setdefault(key, {}).update(entry.get("fields", {}))
        self.clocks.setdefault(key, {}).update(entry.get("clocks", {}))
        return key

    def prune(self, key):
        """Leaves of a row what the masks of its references show together."""
        streams = self.references.get(key)
        home = self.rules.get(key[0], {}).get("tier", "LIVE")
        # Values of slower tiers go with the last reference in the home tier.
        if not any(self.tiers.get(stream, home) == home for stream in streams or ()):
            for table in (self.references, self.values, self.clocks):
                table.pop(key, None)
            return
        masks = {reference["mask"] for reference in streams.values()}
        if 0 not in masks:
            shown = {"createdAt", "updatedAt"}.union(*(self.masks[m]["fields"] for m in masks))
            for table in (self.values, self.clocks):
                table[key] = {name: v for name, v in table[key].items() if name in shown}
