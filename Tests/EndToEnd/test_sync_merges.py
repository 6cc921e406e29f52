"""The merges of the server against those of the client in Python, over one history of edits."""

import copy
import random
import unittest

from sync_cases import SyncCase
from sync_merges import merge

SCHEMA = """
enum Stage { OPEN JOINED DONE }
type Board @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  notes: JSON @merge(strategy: MERGE_DEEP)
  tasks: [JSON!] @merge(strategy: SET_UNION) @elements
  steps: [JSON!] @merge(strategy: SET_UNION) @elements(rising: ["stage: Stage"], falling: ["n"])
}
"""
SEEDS = 40
BOARDS = {"boards": {"fields": {
    "notes": {"strategy": "MERGE_DEEP"},
    "tasks": {"strategy": "SET_UNION", "elements": {"id": "id", "ordered": {}}},
    "steps": {"strategy": "SET_UNION", "elements": {"id": "id", "ordered": {
        "stage": {"order": {"declared": ["OPEN", "JOINED", "DONE"]}, "rising": True},
        "n": {"rising": False}}}}}}}


class MergeTests(SyncCase):
    schema = SCHEMA

    def device(self):
        device = super().device()
        device.rules = BOARDS
        return device

    def document(self, chance, depth=0):
        if depth < 3 and (not depth or chance.random() < 0.6):
            return {name: self.document(chance, depth + 1)
                    for name in chance.sample("abc", chance.randrange(1 - (depth > 0), 3))}
        return chance.choice([None, 1, 2.5, [1, {"a": 2}], "x", {}])

    def elements(self, chance, ordered):
        if chance.random() < 0.1:
            return chance.choice([None, []])
        element = {"id": chance.choice(["x", "y", 7])}
        for name in chance.sample(["note", "more"], chance.randrange(3)):
            element[name] = self.document(chance, 2)
        if ordered and chance.random() < 0.7:
            element |= {"stage": chance.choice(["OPEN", "JOINED", "DONE", "OTHER", None]),
                        "n": chance.choice([0, 1, 2.5, 3, None, "x", True])}
        return chance.choice([[element], {"$add": [element]}, {"$add": [element]},
                              {"$remove": [chance.choice([element["id"], element])]}])

    def edit(self, chance):
        field = chance.choice(["notes", "tasks", "steps"])
        if field == "notes":
            return {field: None if chance.random() < 0.1 else self.document(chance)}
        return {field: self.elements(chance, field == "steps")}

    def expected(self, created, arrived):
        stamp, args = created["hlc"], created["ops"][0]["args"]
        fields = {name: {"value": copy.deepcopy(args[name]), "stamp": stamp, "parts": {},
                         "origin": stamp} for name in ("notes", "tasks", "steps")}
        for mutation in arrived:
            (name, value), = mutation["ops"][0]["args"].items()
            edit = {"set": value}
            if isinstance(value, dict) and value.keys() & {"$add", "$remove"}:
                edit = {"add": value.get("$add", []), "remove": value.get("$remove", [])}
            merge(BOARDS["boards"]["fields"][name], fields[name],
                  {**copy.deepcopy(edit), "stamp": mutation["hlc"]})
        return {name: field["value"] for name, field in fields.items()}

    def test_the_server_merges_as_the_page_says(self):
        devices = [self.device() for _ in range(3)]
        for seed in range(SEEDS):
            chance = random.Random(seed)
            row = devices[0].create(
                "boards", owner=self.ann.id, notes={"a": {"b": 1}, "c": 2},
                tasks=[{"id": "x", "note": 1}], steps=[{"id": "x", "stage": "JOINED", "n": 3}])
            created = devices[0].lanes["LIVE"].log[-1]
            for device in devices:
                device.sync()
            for _ in range(14):
                device = chance.choice(devices)
                device.change({"kind": "update", "coll": "boards", "id": row,
                               "args": self.edit(chance)})
            arrived = []
            for device in chance.sample(devices, 3):
                lane = device.lane("LIVE")
                arrived += lane.after(lane.acknowledged)
                device.sync()
            shown = self.ann.get(f"/v1/boards/{row}").json
            with self.subTest(seed=seed, arrived=[(m["hlc"], m["ops"][0]["args"])
                                                  for m in arrived]):
                self.assertEqual({name: shown[name] for name in ("notes", "tasks", "steps")},
                                 self.expected(created, arrived))
                self.assertEqual([d.shown_results() for d in devices], [{}, {}, {}])


if __name__ == "__main__":
    unittest.main()
