"""Devices of an older major version: rows in their words, and what they change in those of now."""

import unittest

from client import Client, anonymous
from server import Folder, Server, roost
from sync_client import Device

FIRST = """
enum Mood { CALM WILD GLAD }
type Note @collection @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], to: USER, except: ["secret"], when: "mood == CALM") {
  owner: User! @immutable
  text: String! @constraint(maxLength: 40)
  size: Int
  mood: Mood
  secret: String
  gone: String
  choice: String @merge(strategy: USER_CHOICE)
  count: Int @merge(strategy: USER_CHOICE)
}
type Tally @collection @allow(ops: [ALL], to: USER) { n: Int }
type Left @collection @allow(ops: [ALL], to: USER) { text: String }
"""
SECOND = """
enum Mood { CALM WILD }
type Memo @collection @was(name: "Note") @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], to: USER, except: ["hidden"], when: "mood == CALM") {
  owner: User! @immutable
  body: String! @was(name: "text") @constraint(maxLength: 40)
  size: String
  mood: Mood
  hidden: String @was(name: "secret")
  pick: String @was(name: "choice") @merge(strategy: USER_CHOICE)
  amount: String @was(name: "count") @merge(strategy: USER_CHOICE)
  stars: Int! @default(value: "3")
  remark: String
}
type Tally @collection @allow(ops: [ALL], to: USER) { n: Int }
type Fresh @collection @allow(ops: [ALL], to: USER) { text: String }
"""
OLD_RULES = {"notes": {"fields": {"choice": {"strategy": "USER_CHOICE"},
                                  "count": {"strategy": "USER_CHOICE"}}}}
NEW_RULES = {"memos": {"fields": {"pick": {"strategy": "USER_CHOICE"},
                                  "amount": {"strategy": "USER_CHOICE"}}}}


class FormerSyncTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": FIRST})
        cls.addClassCleanup(cls.folder.remove)
        data = cls.folder.join("data")
        cls.server = Server(cls.folder.path, data=data)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()
        cls.ann = anonymous(cls.server.port)
        cls.tally = cls.ann.create("tallies", n=1)["id"]
        cls.waiting = Device(cls.ann, OLD_RULES)
        cls.early = cls.waiting.create("notes", owner=cls.ann.id, text="early", size=4, gone="g")
        cls.waiting.sync()
        # Made without a connection, and brought when the server has another schema.
        cls.oids = [cls.waiting.update("notes", cls.early, text="late", size=5),
                    cls.waiting.update("notes", cls.early, gone="h"),
                    cls.waiting.change({"kind": "delete", "coll": "lefts", "id": cls.early})]
        cls.server.stop()
        cls.folder.write("schema.graphql", SECOND)
        done = roost("migrate", "apply", cls.folder.path, "--data", data, "--allow-data-loss",
                     "Memo.gone,Left", seconds=120)
        assert done.returncode == 0, done.stderr
        cls.server = Server(cls.folder.path, data=data)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()
        cls.ann = Client(cls.server.port, cls.ann.token, cls.ann.session)
        cls.waiting.client = cls.ann

    def old(self, client=None):
        return Device(client or self.ann, OLD_RULES)

    def new(self, client=None):
        return Device(client or self.ann, NEW_RULES, schema="2.0.0")

    def test_what_waited_is_brought_and_what_cannot_be_said_is_a_result(self):
        self.waiting.sync()
        results = [self.waiting.results[oid] for oid in self.oids]
        self.assertEqual([r["result"] for r in results], ["ok", "rejected", "rejected"], results)
        self.assertEqual(results[1]["errors"][0]["code"], "dropped_field")
        self.assertEqual(results[1]["errors"][0]["pointer"], "/ops/0/args/gone")
        row = self.waiting.see("notes")[self.early]
        self.assertEqual((row["text"], row["size"], row["gone"]), ("late", 5, None))
        self.assertNotIn("stars", row)
        memo = self.ann.get(f"/v1/memos/{self.early}")
        self.assertEqual((memo["body"], memo["size"], memo["stars"]), ("late", "5", 3))

    def test_rows_travel_in_the_words_of_the_device(self):
        memo = self.ann.create("memos", body="b", size="12", hidden="s", remark="r")["id"]
        word = self.ann.create("memos", body="c", size="many")["id"]
        self.ann.create("freshes", text="f")
        old = self.old().sync()
        welcome = old.history[0][1][0]
        self.assertEqual(welcome["schema"],
                         {"current": "2.0.0", "minimum": "1.0.0", "lens": "1.0.0"})
        row = old.see("notes")[memo]
        self.assertEqual((row["text"], row["size"], row["secret"]), ("b", 12, "s"))
        self.assertEqual(set(row), {"owner", "text", "size", "mood", "secret", "gone", "choice",
                                    "count", "createdAt", "updatedAt"})
        # No number, so there is none.
        self.assertIsNone(old.see("notes")[word]["size"])
        self.assertIn(self.tally, old.see("tallies"))
        text = str(old.history)
        for word in ("memos", "freshes", "remark", "hidden"):
            self.assertNotIn(word, text)
        self.assertEqual(self.new().sync().see("memos")[memo]["remark"], "r")

    def test_a_renewed_app_has_its_rows_in_the_words_of_now(self):
        memo = self.ann.create("memos", body="kept", size="7")["id"]
        phone = self.old().sync()
        waits = phone.update("notes", memo, text="made before")
        phone.rules = NEW_RULES
        phone.renew("2.0.0")
        after = phone.update("memos", memo, remark="made after")
        phone.sync().sync()
        row = phone.see("memos")[memo]
        self.assertEqual((row["body"], row["size"], row["remark"]),
                         ("made before", "7", "made after"))
        self.assertEqual(phone.see("notes"), {})
        self.assertEqual([phone.results[oid]["result"] for oid in (waits, after)], ["ok", "ok"])
        self.assertEqual(phone.see("memos"), self.new().sync().see("memos"))

    def test_masks_hide_in_every_version(self):
        memo = self.ann.create("memos", body="calm", mood="CALM", hidden="s")["id"]
        stranger = anonymous(self.server.port)
        old = self.old(stranger).sync()
        row = old.see("notes")[memo]
        self.assertEqual(row["text"], "calm")
        self.assertNotIn("secret", row)
        masks = [mask for mask in old.masks.values() if mask["coll"] == "notes"]
        self.assertTrue(masks)
        self.assertTrue(all("secret" not in mask["fields"] for mask in masks))

    def test_an_edit_keeps_what_the_device_does_not_know(self):
        memo = self.ann.create("memos", body="b", remark="kept", stars=5)["id"]
        old, new = self.old().sync(), self.new().sync()
        oid = old.update("notes", memo, text="edited", gone="lost")
        old.sync()
        result = old.results[oid]
        self.assertEqual((result["result"], result["errors"][0]["code"]),
                         ("merged", "dropped_field"))
        new.sync()
        row = new.see("memos")[memo]
        self.assertEqual((row["body"], row["remark"], row["stars"]), ("edited", "kept", 5))
        made = old.create("notes", owner=self.ann.id, text="made", size=3)
        old.sync()
        new.sync()
        row = new.see("memos")[made]
        self.assertEqual((row["body"], row["size"], row["stars"]), ("made", "3", 3))

    def test_faults_are_told_in_the_words_of_the_device(self):
        other = self.old().sync()
        row = other.create("notes", owner=self.ann.id, text="fine")
        other.sync()
        for args, code in (({"text": "y" * 50}, "max_length"), ({"mood": "GLAD"}, None),
                           ({"body": "b"}, "unknown_field")):
            oid = other.change({"kind": "update", "coll": "notes", "id": row, "args": args})
            other.sync()
            result = other.results[oid]
            name = next(iter(args))
            self.assertEqual(result["result"], "rejected", result)
            self.assertEqual(result["errors"][0]["pointer"], f"/ops/0/args/{name}", result)
            self.assertNotIn("memo", str(result).lower())
        self.assertEqual(other.see("notes")[row]["text"], "fine")

    def test_conflicts_are_decided_across_versions(self):
        old, new = self.old(), self.new()
        row = new.create("memos", owner=self.ann.id, body="b", pick="owl")
        new.sync()
        old.sync()
        new.update("memos", row, pick="cat")
        new.sync()
        old.update("notes", row, choice="dog")
        old.sync()
        old.sync()
        shown = next(item for item in old.see("_conflicts").values() if item["row"] == row)
        self.assertEqual((shown["coll"], shown["field"], shown["mine"]), ("notes", "choice", "dog"))
        new.sync()
        conflict = next(key for key, item in new.see("_conflicts").items() if item["row"] == row)
        self.assertEqual(new.see("_conflicts")[conflict]["field"], "pick")
        oid = old.resolve(conflict, choose="mine")
        old.sync()
        self.assertEqual(old.results[oid]["result"], "ok")
        new.sync()
        self.assertEqual(new.see("memos")[row]["pick"], "dog")

    def contested(self, old, new):
        """A conflict about a count, 3 by the old device against "5", and its row."""
        row = new.create("memos", owner=self.ann.id, body="b", amount="4")
        new.sync()
        old.sync()
        new.update("memos", row, amount="5")
        new.sync()
        old.update("notes", row, count=3)
        old.sync()
        old.sync()
        return row, next(key for key, item in old.see("_conflicts").items() if item["row"] == row)

    def test_a_value_that_decides_is_read_in_the_words_of_the_device(self):
        old, new = self.old(), self.new()
        row, conflict = self.contested(old, new)
        oid = old.resolve(conflict, value="many")
        old.sync()
        refused = old.results[oid]
        self.assertEqual((refused["result"], refused["errors"][0]["pointer"]),
                         ("rejected", "/ops/0/args/value"), refused)
        new.sync()
        new.update("memos", row, amount="7")
        new.sync()
        oid = old.resolve(conflict, value=6)
        old.sync()
        self.assertEqual((old.results[oid]["code"], old.results[oid]["values"]),
                         ("outdated", {"count": 7}))
        oid = old.resolve(conflict, value=6)
        old.sync()
        self.assertEqual(old.results[oid]["result"], "ok", old.results[oid])
        new.sync()
        old.sync()
        self.assertEqual(new.see("memos")[row]["amount"], "6")
        self.assertEqual(old.see("notes")[row]["count"], 6)

    def test_digests_agree_in_the_words_of_the_device(self):
        person = anonymous(self.server.port)
        for number in range(60):
            person.create("memos", body=f"note {number}")
        person.create("freshes", text="nobody's")
        old = self.old(person).sync()
        old.history.clear()
        # As after a long absence: it compares before it pulls.
        old.committed_at = 1
        row = person.create("memos", body="new")["id"]
        old.sync()
        frames = [frame for _, answered in old.history for frame in answered]
        self.assertIn("ranges", [frame["frame"] for frame in frames])
        entries = sum(len(frame["entries"]) for frame in frames if frame["frame"] == "delta")
        self.assertLess(entries, 20)
        self.assertEqual(len(old.see("notes")), 61 + self.calm(person))
        self.assertEqual(old.see("notes")[row]["text"], "new")

    def calm(self, person):
        """How many notes of others this person sees too."""
        return sum(item["owner"] != person.id
                   for item in person.get("/v1/memos", limit=200)["items"])

    def test_a_device_from_the_future_reads_and_keeps_its_changes(self):
        future = Device(self.ann, NEW_RULES, schema="3.0.0").sync()
        self.assertIn(self.early, future.see("memos"))
        oid = future.update("memos", self.early, remark="later")
        future.sync()
        self.assertEqual([error["code"] for error in future.errors], ["upgrade_required"])
        self.assertNotIn(oid, future.results)
        self.assertEqual(future.unacknowledged(), 1)


# What the second version renamed has another name again, and a type again.
THIRD = """
enum Mood { CALM WILD }
type Letter @collection @was(name: "Memo") @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], to: USER, except: ["veiled"], when: "stars == 5") {
  owner: User! @immutable
  content: String! @was(name: "body") @constraint(maxLength: 40)
  extent: Int @was(name: "size")
  veiled: String @was(name: "hidden")
  choice: String @was(name: "pick") @merge(strategy: USER_CHOICE)
  amount: Float @merge(strategy: USER_CHOICE)
  stars: Int! @default(value: "3")
  sealed: Boolean
}
type Fresh @collection @allow(ops: [ALL], to: USER) { text: String }
"""
THIRD_RULES = {"letters": {"fields": {"choice": {"strategy": "USER_CHOICE"},
                                      "amount": {"strategy": "USER_CHOICE"}}}}
LOST = {SECOND: "Memo.gone,Left", THIRD: "Letter.mood,Letter.remark,Tally"}


class TwiceFormerTests(unittest.TestCase):
    """Devices of two and of one major version before, whose edits waited through both steps."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": FIRST})
        cls.addClassCleanup(cls.folder.remove)
        cls.start()
        cls.ann = anonymous(cls.server.port)
        cls.first = Device(cls.ann, OLD_RULES)
        cls.row = cls.first.create("notes", owner=cls.ann.id, text="early", size=4, mood="CALM",
                                   gone="g", secret="s")
        cls.tally = cls.first.create("tallies", n=1)
        cls.first.sync()
        cls.oids = [
            cls.first.update("notes", cls.row, text="late", size=5, mood="WILD"),
            cls.first.update("notes", cls.row, gone="h"),
            cls.first.update("notes", cls.row, mood="CALM"),
            cls.first.delete("lefts", cls.row),
            cls.first.update("tallies", cls.tally, n=2)]
        cls.made = cls.first.create("notes", owner=cls.ann.id, text="made", size=3, count=2)
        cls.second = cls.step(SECOND, NEW_RULES, "2.0.0")
        cls.second.sync()
        cls.middle = [
            cls.second.update("memos", cls.row, remark="r", stars=4, pick="owl"),
            cls.second.update("memos", cls.row, mood="CALM")]
        cls.third = cls.step(THIRD, THIRD_RULES, "3.0.0")

    @classmethod
    def start(cls):
        cls.server = Server(cls.folder.path, data=cls.folder.join("data"))
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()

    @classmethod
    def step(cls, schema, rules, version):
        """Migrates, and gives a device of the new version."""
        cls.server.stop()
        cls.folder.write("schema.graphql", schema)
        done = roost("migrate", "apply", cls.folder.path, "--data", cls.folder.join("data"),
                     "--allow-data-loss", LOST[schema], seconds=120)
        assert done.returncode == 0, done.stderr
        cls.start()
        cls.ann = Client(cls.server.port, cls.ann.token, cls.ann.session)
        return Device(cls.ann, rules, schema=version)

    def device(self, version, client=None):
        rules = {1: OLD_RULES, 2: NEW_RULES, 3: THIRD_RULES}[version]
        return Device(client or self.ann, rules, schema=f"{version}.0.0")

    def test_what_waited_through_two_versions_is_brought(self):
        for device in (self.first, self.second):
            device.client = self.ann
            device.sync()
        results = [self.first.results[oid] for oid in self.oids]
        self.assertEqual([r["result"] for r in results],
                         ["merged", "rejected", "rejected", "rejected", "rejected"], results)
        for result, name in zip(results, ("mood", "gone", "mood")):
            fault = result["errors"][0]
            self.assertEqual((fault["code"], fault["pointer"]),
                             ("dropped_field", f"/ops/0/args/{name}"))
        for result in results[3:]:
            self.assertEqual(result["code"], "invalid")
        results = [self.second.results[oid] for oid in self.middle]
        self.assertEqual([(r["result"], r["errors"][0]["code"]) for r in results],
                         [("merged", "dropped_field"), ("rejected", "dropped_field")], results)
        letter = self.ann.get(f"/v1/letters/{self.row}")
        self.assertEqual([letter[name] for name in ("content", "extent", "veiled", "stars",
                                                    "choice")], ["late", 5, "s", 4, "owl"])
        made = self.ann.get(f"/v1/letters/{self.made}")
        self.assertEqual((made["content"], made["extent"], made["amount"], made["stars"]),
                         ("made", 3, 2.0, 3))
        # What each of them shows then is in its own words.
        self.first.sync()
        note = self.first.see("notes")[self.row]
        self.assertEqual([note[name] for name in ("text", "size", "secret", "gone", "mood",
                                                  "choice")],
                         ["late", 5, "s", None, None, "owl"])
        self.assertEqual(self.first.see("notes")[self.made]["count"], 2)
        memo = self.second.see("memos")[self.row]
        self.assertEqual([memo[name] for name in ("body", "size", "hidden", "remark", "stars")],
                         ["late", "5", "s", None, 4])

    def test_rows_travel_in_the_words_of_each_version(self):
        letter = self.ann.create("letters", content="c", extent=12, veiled="s", amount=2.5,
                                 sealed=True)["id"]
        old, middle, new = (self.device(version).sync() for version in (1, 2, 3))
        self.assertEqual(old.history[0][1][0]["schema"],
                         {"current": "3.0.0", "minimum": "1.0.0", "lens": "1.0.0"})
        note, memo = old.see("notes")[letter], middle.see("memos")[letter]
        self.assertEqual(set(note), {"owner", "text", "size", "mood", "secret", "gone", "choice",
                                     "count", "createdAt", "updatedAt"})
        # There was no half in the first version, and the second one had it as a text.
        self.assertEqual((note["text"], note["size"], note["count"]), ("c", 12, None))
        self.assertEqual((memo["body"], memo["size"], memo["amount"]), ("c", "12", "2.5"))
        self.assertIs(new.see("letters")[letter]["sealed"], True)
        for device, words in ((old, ("letters", "memos", "veiled", "hidden", "freshes")),
                              (middle, ("letters", "notes", "veiled", "secret"))):
            for word in (*words, "sealed", "tallies"):
                self.assertNotIn(word, str(device.history))

    def test_edits_of_every_version_meet_in_one_row(self):
        devices = [self.device(version) for version in (1, 2, 3)]
        old, middle, new = devices
        row = old.create("notes", owner=self.ann.id, text="made", size=1)
        for device in devices:
            device.sync()
        old.update("notes", row, size=7)
        middle.update("memos", row, body="edited")
        new.update("letters", row, sealed=True, stars=1)
        for device in devices * 2:
            device.sync()
        self.assertEqual([device.shown_results() for device in devices], [{}, {}, {}])
        shown = new.see("letters")[row]
        self.assertEqual([shown[name] for name in ("content", "extent", "sealed", "stars")],
                         ["edited", 7, True, 1])
        self.assertEqual((old.see("notes")[row]["text"], old.see("notes")[row]["size"]),
                         ("edited", 7))
        self.assertEqual((middle.see("memos")[row]["size"], middle.see("memos")[row]["stars"]),
                         ("7", 1))
        new.delete("letters", row)
        for device in (new, old, middle):
            device.sync()
        self.assertNotIn(row, old.see("notes"))
        self.assertNotIn(row, middle.see("memos"))

    def test_faults_and_conflicts_are_told_in_the_words_of_the_first_version(self):
        old, new = self.device(1), self.device(3)
        row = new.create("letters", owner=self.ann.id, content="c", choice="owl", amount=4)
        new.sync()
        old.sync()
        for args, code in (({"text": "y" * 50}, "max_length"), ({"content": "c"}, "unknown_field"),
                           ({"body": "b"}, "unknown_field")):
            oid = old.change({"kind": "update", "coll": "notes", "id": row, "args": args})
            old.sync()
            fault = old.results[oid]["errors"][0]
            self.assertEqual((fault["code"], fault["pointer"]),
                             (code, f"/ops/0/args/{next(iter(args))}"), old.results[oid])
            for word in ("letter", "memo"):
                self.assertNotIn(word, str(old.results[oid]).lower())
        new.update("letters", row, amount=5)
        new.sync()
        old.update("notes", row, count=3)
        old.sync()
        old.sync()
        conflict, shown = next((key, item) for key, item in old.see("_conflicts").items()
                               if item["row"] == row)
        self.assertEqual((shown["coll"], shown["field"], shown["mine"]), ("notes", "count", 3))
        oid = old.resolve(conflict, value=6)
        old.sync()
        self.assertEqual(old.results[oid]["result"], "ok", old.results[oid])
        new.sync()
        self.assertEqual(new.see("letters")[row]["amount"], 6)

    def test_masks_and_digests_are_in_the_words_of_the_first_version(self):
        person, stranger = anonymous(self.server.port), anonymous(self.server.port)
        rows = [person.create("letters", content=f"c{n}", stars=5, veiled="v")["id"]
                for n in range(40)]
        old = self.device(1, stranger).sync()
        self.assertEqual(old.see("notes")[rows[0]]["text"], "c0")
        self.assertNotIn("secret", old.see("notes")[rows[0]])
        person.patch(f"/v1/letters/{rows[1]}", {"content": "changed"})
        person.delete(f"/v1/letters/{rows[0]}")
        old.history.clear()
        old.committed_at = 1
        old.sync()
        frames = [frame for _, answered in old.history for frame in answered]
        self.assertIn("ranges", [frame["frame"] for frame in frames])
        entries = sum(len(frame["entries"]) for frame in frames if frame["frame"] == "delta")
        self.assertLess(entries, 20)
        self.assertNotIn(rows[0], old.see("notes"))
        self.assertEqual(old.see("notes")[rows[1]]["text"], "changed")


if __name__ == "__main__":
    unittest.main()
