"""The golden vectors of docs/vectors against the client in Python: two writers, one page."""

import copy
import itertools
import json
import os
import random
import unittest

import sync_client
import sync_merges
import sync_rules as sync
from server import REPOSITORY

CLIENT_KINDS = {"hello", "push", "digest", "leaves", "fetch", "ack"}
VECTORS = os.path.join(REPOSITORY, "docs/vectors")


def vectors(name):
    with open(os.path.join(VECTORS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def unordered(rule, parts):
    """Parts without those of members that go by their order, which each may name as it likes."""
    ordered = rule.get("elements", {}).get("ordered", {})
    return {name: at for name, at in parts.items()
            if len(json.loads(name)) < 2 or json.loads(name)[1] not in list(ordered)}


class VectorTests(unittest.TestCase):
    def test_canonical_bytes(self):
        cases = vectors("canonical")["cases"]
        self.assertGreater(len(cases), 20)
        for case in cases:
            with self.subTest(value=case["value"]):
                self.assertEqual(sync.canonical(case["value"]).hex(), case["hex"])

    def test_chains_from_genesis_and_over_a_fork(self):
        table = vectors("chain")
        for case in table["genesis"]:
            self.assertEqual(sync.genesis(case["cid"], case["lane"]), case["chain"])
        lane = sync_client.Lane(table["cid"], table["lane"])
        for case in table["mutations"]:
            made = {name: case[name] for name in ("nonce", "hlc", "schema", "ops")}
            mutation = lane.append(made)
            self.assertEqual(sync.hashed(mutation["prev"], mutation).hex(), case["hashed"])
            for name in ("seq", "prev", "chain", "oid"):
                self.assertEqual(mutation[name], case[name])
        self.assertEqual(lane.forked(table["forkedTo"]).log, table["forked"])

    def test_stamps_and_clocks(self):
        table = vectors("clock")
        for case in table["stamps"]:
            text = case["text"]
            self.assertTrue(sync.STAMP.fullmatch(text))
            self.assertEqual(text.replace("-", ""), case["hex"])
            time = sync.time_of(text)
            self.assertEqual((time >> 16, time & 0xFFFF, text[17:]),
                             (case["milliseconds"], case["counter"], case["client"]))
        self.assertEqual(sorted(table["sorted"]), table["sorted"])
        for text in table["refused"]:
            self.assertFalse(sync.STAMP.fullmatch(text), text)
        for case in table["clocks"]:
            last = int(case["start"], 16)
            for step in case["steps"]:
                if "receive" in step:  # what the server does with stamps
                    break
                if "tick" in step:
                    last = sync.tick(last, step["tick"])
                    self.assertEqual(f"{last:016x}", step["gives"], case["name"])
                else:
                    last = max(last, int(step["observe"], 16))
                self.assertEqual(f"{last:016x}", step["last"], case["name"])
        for case in table["offsets"]:
            self.assertEqual(
                sync.measured(case["before"], case["sent"], case["received"], case["server"]),
                (case["after"], case["shift"]))
        for case in table["restamped"]:
            stamps = [(int(s["made"], 16), int(s["seen"], 16)) for s in case["stamps"]]
            given = sync.restamped(stamps, case["shift"], case["now"], int(case["after"], 16))
            self.assertEqual([f"{time:016x}" for time in given],
                             [s["corrected"] for s in case["stamps"]], case["name"])

    def test_digests(self):
        table = vectors("digest")
        for case in table["entries"]:
            self.assertEqual(f"{sync.leaf(case['coll'], case['id'], case['seq']):016x}",
                             case["leaf"])
        for case in table["digests"]:
            hashes = [0] * (1 << case["bits"])
            for entry in table["entries"]:
                hashes[sync.range_of(entry["id"], case["bits"])] ^= int(entry["leaf"], 16)
            self.assertEqual(sync.hash_text(hashes), case["hashes"])
            self.assertEqual(sync.hash_values(case["hashes"]), hashes)
        for case in table["bits"]:
            self.assertEqual(sync.digest_bits(case["rows"]), case["bits"], case)

    def test_what_a_client_does_with_a_lane(self):
        table = vectors("lanes")
        for case in table["client"]:
            with self.subTest(case["name"]):
                lane = sync_client.Lane(table["cid"], table["lane"])
                lane.floor = (case["floor"]["last"], case["floor"]["chain"])
                lane.log = [{"seq": lane.floor[0] + n, "chain": chain}
                            for n, chain in enumerate(case["chains"], 1)]
                lane.acknowledged = case["acknowledged"]
                stays = lane.learn(case["server"]["last"], case["server"]["chain"],
                                   case["durable"])
                decision = ("fork" if not stays else
                            "replay" if lane.acknowledged < case["acknowledged"] else "go on")
                self.assertEqual(decision, case["decision"])
                self.assertEqual(lane.acknowledged, case["acknowledgedAfter"])
                self.assertEqual([m["seq"] for m in lane.log], case["retainedAfter"])

    def test_frames_of_the_server_are_taken_and_those_of_a_client_have_the_same_members(self):
        frames = vectors("frames")["frames"]
        device = sync_client.Device(None)
        kinds = set()
        for frame in frames:
            kinds.add(frame["frame"])
            if frame["frame"] == "delta":
                device.cursors[frame["stream"]] = frame["from"]
                self.assertTrue(device.stage(frame))
            elif frame["frame"] == "gone":
                device.gone(frame)
                self.assertEqual(device.gone_leaves, {17: {5}})
            elif frame["frame"] == "digest":
                self.assertEqual(len(sync.hash_values(frame["hashes"])), 1 << frame["bits"])
            elif frame["frame"] == "leaves":
                self.assertEqual(sync.hash_values(frame["ranges"]["7"]), [1, 2])
            elif frame["frame"] == "push":
                for mutation in frame["muts"]:
                    self.assertEqual(len(mutation["nonce"]), 16)
        self.assertTrue(CLIENT_KINDS <= kinds, kinds)
        known = set().union(*(f for f in frames if f["frame"] == "hello"))
        self.assertTrue(set(device.hello(1)) <= known | {"device", "mark", "page"})
        device.create("goals", title="a")
        made = device.pushes(10)[0]
        pattern = next(f for f in frames if f["frame"] == "push")
        self.assertEqual(set(made), set(pattern))
        optional = {"prev", "oid"}
        self.assertEqual(set(made["muts"][0]) - optional, set(pattern["muts"][0]) - optional)

    def test_merges(self):
        names = sorted(name.removesuffix(".json") for name in os.listdir(VECTORS)
                       if name.startswith("merge-"))
        self.assertGreater(len(names), 12)
        for name in names:
            for case in vectors(name)["cases"]:
                field = {"value": case["start"], "stamp": case["origin"], "parts": {},
                         "origin": case["origin"]}
                for number, edit in enumerate(case["edits"]):
                    with self.subTest(name, case=case["name"], edit=number):
                        gives = edit["gives"]
                        edit.setdefault("receivedAt", sync.time_of(edit["stamp"]) >> 16)
                        outcome = sync_merges.merge(case["rule"], field, edit)
                        self.assertEqual(
                            (outcome, field["value"], field["stamp"]),
                            (gives["outcome"], gives["value"], gives["stamp"]))
                        if name in ("merge-merge-deep", "merge-lists"):
                            self.assertEqual(
                                unordered(case["rule"], field["parts"]),
                                unordered(case["rule"], {
                                    part: at["stamp"] for part, at in gives["parts"].items()}))

    def test_documents_and_lists_of_objects_are_the_same_in_whatever_order_edits_arrive(self):
        stamp = "{:016x}-00000000-0000-0000-0000-000000000001".format
        listed = {"strategy": "MERGE_DEEP",
                  "elements": {"id": "id", "ordered": {"up": {"rising": True}}}}
        for seed in range(150):
            chance = random.Random(seed)
            for rule, start, edit in (
                    ({"strategy": "MERGE_DEEP"}, [None, 3, {}, {"a": 1, "b": {"a": 2}}], document),
                    (listed, [None, [], [{"id": "x", "n": 1, "up": 2}]], elements)):
                start = chance.choice(start)
                edits = [{**edit(chance), "stamp": stamp(10 + n)} for n in range(4)]
                # Also where the row was made under a later stamp than some of its edits, or all.
                values = [merged(rule, start, f"{origin:016x}-{'9' * 8}" + stamp(0)[25:], order)
                          for order in itertools.permutations(edits) for origin in (5, 11, 40)]
                with self.subTest(seed=seed, start=start, edits=edits):
                    self.assertEqual([v for v in values if v != values[0]], [])
                    self.assertEqual(merged(rule, start, stamp(5), edits * 2), values[0])


def document(chance, depth=0):
    """An edit of a document of few names, so that edits meet."""
    value = chance.choice([None, 1, 2, [1], "x"])
    if depth < 3 and chance.random() < 0.6:
        value = {name: document(chance, depth + 1)["set"]
                 for name in chance.sample("abc", chance.randrange(3))}
    return {"set": value}


def elements(chance):
    key, n = chance.choice("xy"), chance.randrange(4)
    return chance.choice([{"add": [{"id": key, "n": n}], "remove": []}, {"set": [{"id": key}]},
                          {"set": [{"id": key, "m": {"a": n}}]}, {"add": [], "remove": [key]},
                          {"set": [{"id": key, "up": chance.choice([n, None])}]},
                          {"set": chance.choice([None, []])}])


def merged(rule, start, origin, edits):
    """What a field is after edits; elements of a list in the order of their ids."""
    field = {"value": copy.deepcopy(start), "stamp": origin, "parts": {}, "origin": origin}
    for edit in edits:
        sync_merges.merge(rule, field, copy.deepcopy(edit))
    value = field["value"]
    return sorted(value, key=lambda e: e["id"]) if value and "elements" in rule else value


if __name__ == "__main__":
    unittest.main()
