"""The gate of sync as devices meet it: closed, opened, answered, left; and features."""

import datetime
import threading
import time
import unittest

from client import anonymous
from cases import ServedCase
from server import Folder, Server, roost
from sync_client import Device
from test_roles import LINK, register

SCHEMA = """
enum Plan { FREE PRO }
type Journey @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @unique @immutable @relation(onDelete: CASCADE)
  xp: Int! @merge(strategy: COUNTER) @default(value: "0")
  streak: Int! @default(value: "0")
}
type Session @collection @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], owner: "friend") {
  owner: User! @immutable @relation(onDelete: CASCADE)
  friend: User @relation(refCheck: NONE)
  minutes: Int!
  isDone: Boolean! @default(value: "true")
}
type Receipt @collection @sync(tier: SERVER_ONLY) @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  text: String!
}
type Album @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ], to: USER) {
  owner: User! @immutable
  name: String!
}
type Track @collection @allow(ops: [ALL], owner: "owner") {
  owner: User! @immutable
  album: Album @relation(onDelete: RESTRICT)
  name: String!
}
"""
MEASURES = """
measures:
  level: {field: journeys.xp, levels: [0, 100, 250, 450, 700]}
  sessions: {count: sessions, where: isDone}
  minutes: {sum: sessions.minutes}
  streak: {field: journeys.streak}
  age: {account: age}
"""
GATE = MEASURES + """
gate:
  trust: device
  requires: {level: 2, sessions: 2, streak: 3, age: 0}
"""
FULL = {"level": 2, "sessions": 2, "streak": 3}


def gate(client):
    answer = client.get("/v1/sync/gate")
    assert answer.status == 200, answer
    return answer.json


def say(client, **body):
    return client.post("/v1/sync/gate", body)


def join(client, **claims):
    answer = say(client, claims={**FULL, **claims}, invitation="accepted")
    assert answer.status == 200 and answer["state"] == "open", answer
    return answer.json


class GateTests(ServedCase):
    schema = SCHEMA
    files = {"roost.yaml": GATE}

    def closed(self, device):
        """Asks as a device that is not let through; gives what it is told."""
        before = len(device.errors)
        device.sync()
        self.assertEqual([error["code"] for error in device.errors[before:]], ["gate_closed"])
        self.assertEqual([frame["frame"] for frame in device.history[-1][1]], ["error"])
        return device.errors[-1]

    def test_before_it_opens_everything_stays_on_the_device(self):
        ann = self.person()
        device = Device(ann)
        row = device.create("sessions", minutes=10)
        told = self.closed(device)
        self.assertEqual(told["details"]["state"], "closed")
        self.assertEqual(told["details"]["next"], {
            "kind": "measure", "name": "level", "current": 1, "required": 2,
            "message": "Sync opens when level reaches 2: it is 1 now."})
        self.assertEqual(told["message"], told["details"]["next"]["message"])
        self.assertEqual([(one["name"], one["met"]) for one in told["details"]["requirements"]],
                         [("level", False), ("sessions", False), ("streak", False), ("age", True)])
        self.assertIn(row, device.see("sessions"))
        self.assertEqual(ann.get("/v1/sessions")["items"], [])
        self.assertEqual(ann.get("/v1/devices")["items"], [])

    def test_the_next_requirement_is_named_until_none_is_left(self):
        ann = self.person()
        for claims, name in (({}, "level"), ({"level": 2}, "sessions"),
                             ({"sessions": 5}, "streak"), ({"streak": 3}, "invitation")):
            if claims:
                self.assertEqual(say(ann, claims=claims).status, 200)
            self.assertEqual(gate(ann)["next"]["name"], name)
        self.assertEqual(gate(ann)["state"], "invited")
        self.assertEqual(self.closed(Device(ann))["details"]["next"]["kind"], "invitation")

    def test_the_server_counts_what_it_has(self):
        ann, bob = self.person(), self.person()
        ann.create("journeys", xp=99, streak=7)
        for done in (True, True, False):
            ann.create("sessions", minutes=30, isDone=done, friend=bob.id)
        standing = {one["name"]: one for one in gate(ann)["requirements"]}
        self.assertEqual({name: one["current"] for name, one in standing.items()},
                         {"level": 1, "sessions": 2, "streak": 7, "age": 0})
        journey = ann.get("/v1/journeys")["items"][0]["id"]
        ann.patch(f"/v1/journeys/{journey}", {"xp": {"$increment": 1}})
        self.assertEqual(gate(ann)["state"], "invited")
        self.assertFalse(any(one["claimed"] for one in gate(ann)["requirements"]))
        # What others own and show is not one's own.
        others = {one["name"]: one["current"] for one in gate(bob)["requirements"]}
        self.assertEqual(others["sessions"], 0)

    def test_what_was_made_before_the_account_is_adopted(self):
        device = Device(None)
        rows = [device.create("sessions", minutes=minutes) for minutes in (10, 20)]
        journey = device.create("journeys", xp=0, streak=4)
        device.update("journeys", journey, xp={"$increment": 250})
        device.update("sessions", rows[0], minutes=15)
        device.delete("sessions", rows[1])
        ann = device.client = self.person()
        self.closed(device)
        join(ann)
        device.sync()
        self.assertEqual(device.errors[1:], [])
        self.assertEqual({result["result"] for result in device.results.values()}, {"ok"})
        self.assertEqual(device.pending(), [])
        self.assertEqual([item["id"] for item in ann.get("/v1/sessions")["items"]], [rows[0]])
        tablet = Device(ann)
        tablet.sync()
        shown = tablet.see("sessions")[rows[0]]
        self.assertEqual((shown["owner"], shown["minutes"]), (ann.id, 15))
        self.assertEqual(tablet.see("journeys")[journey]["xp"], 250)
        self.assertEqual(device.see("sessions"), tablet.see("sessions"))
        self.assertEqual(ann.get("/v1/devices")["count"], 2)

    def test_a_lapsed_streak_closes_nothing(self):
        ann = self.person()
        journey = ann.create("journeys", xp=300, streak=3)["id"]
        for _ in range(2):
            ann.create("sessions", minutes=10)
        since = gate(ann)["eligibleSince"]
        self.assertIsNotNone(since)
        ann.patch(f"/v1/journeys/{journey}", {"streak": 0})
        standing = gate(ann)
        self.assertEqual((standing["state"], standing["eligibleSince"]), ("invited", since))
        self.assertFalse([r for r in standing["requirements"] if r["name"] == "streak"][0]["met"])
        self.assertEqual(say(ann, invitation="accepted")["state"], "open")
        device = Device(ann).sync()
        self.assertEqual(device.errors, [])
        self.assertEqual(device.see("journeys")[journey]["streak"], 0)

    def test_the_invitation_is_answered_and_asked_again(self):
        ann = self.person()
        self.expect(409, say(ann, invitation="accepted"), code="conflict")
        self.assertIsNone(gate(ann)["invitation"]["answer"])
        standing = say(ann, claims=FULL).json
        self.assertEqual((standing["state"], standing["invitation"]["due"]), ("invited", True))
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        text = until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        later = say(ann, invitation="later", until=text).json["invitation"]
        self.assertEqual((later["answer"], later["until"], later["due"]), ("later", text, False))
        self.closed(Device(ann))
        while not gate(ann)["invitation"]["due"]:
            time.sleep(0.1)
        declined = say(ann, invitation="declined").json["invitation"]
        self.assertEqual((declined["answer"], declined["until"], declined["due"]),
                         ("declined", None, False))
        self.closed(Device(ann))
        week = say(ann, invitation="later").json["invitation"]
        ahead = datetime.datetime.fromisoformat(week["until"]) - until
        self.assertGreater(ahead, datetime.timedelta(days=6))
        self.assertEqual(say(ann, invitation="accepted")["state"], "open")
        self.expect(409, say(ann, invitation="declined"), code="conflict")
        self.assertEqual(say(ann, invitation="accepted").status, 200)

    def test_what_is_wrong_with_a_reply_is_named(self):
        ann = self.person()
        for body, pointers in (
            ({}, [""]), ({"invitation": "yes"}, ["/invitation"]),
            ({"invitation": None}, ["/invitation"]), ({"other": 1, "claims": {}}, ["/other"]),
            ({"claims": {"level": -1}}, ["/claims/level"]),
            ({"claims": {"level": "5"}}, ["/claims/level"]),
            ({"claims": {"age": 100}}, ["/claims/age"]),
            ({"claims": {"leval": 100}}, ["/claims/leval"]), ({"claims": []}, ["/claims"]),
            ({"invitation": "accepted", "until": "2999-01-01T00:00:00Z"}, ["/until", "/until"]),
            ({"invitation": "later", "until": "2001-01-01T00:00:00Z"}, ["/until"]),
            ({"invitation": "later", "until": 5}, ["/until"]),
        ):
            with self.subTest(body):
                self.expect(422, say(ann, **body), *pointers)
        self.expect(400, ann.request("POST", "/v1/sync/gate", raw=b"{"))
        self.assertEqual(gate(ann)["next"]["current"], 1)

    def test_without_an_account_there_is_nothing_to_sync(self):
        standing = gate(self.nobody)
        self.assertEqual((standing["state"], standing["next"]["kind"]), ("closed", "account"))
        self.assertEqual({one["current"] for one in standing["requirements"]}, {None})
        for answer in (say(self.nobody, invitation="accepted"),
                       self.nobody.delete("/v1/sync/gate")):
            self.expect(401, answer)
        self.assertEqual(self.closed(Device(self.nobody))["details"]["next"]["kind"], "account")

    def leaving(self):
        """Ann with two devices, their rows, and what Bob sees of them."""
        ann, bob = self.person(), self.person()
        join(ann)
        join(bob)
        phone, tablet = Device(ann), Device(ann, name="Tablet")
        rows = [phone.create("sessions", minutes=10, friend=bob.id) for _ in range(3)]
        phone.sync()
        tablet.sync()
        friend = Device(bob)
        friend.sync()
        self.assertEqual(set(friend.see("sessions")), set(rows))
        return ann, bob, phone, tablet, friend, rows

    def test_leaving_removes_the_copy_and_nothing_of_the_devices(self):
        ann, bob, phone, tablet, friend, rows = self.leaving()
        ann.create("receipts", text="Paid")
        answer = ann.delete("/v1/sync/gate")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer["state"], answer["invitation"]["answer"]), ("invited", "left"))
        self.assertEqual((answer["removed"], answer["held"]), (3, 0))
        self.assertEqual(ann.get("/v1/sessions")["items"], [])
        self.assertEqual(len(ann.get("/v1/receipts")["items"]), 1)
        self.assertEqual(ann.get("/v1/devices")["items"], [])
        for device in (phone, tablet):
            self.assertEqual(self.closed(device)["details"]["invitation"]["answer"], "left")
            self.assertEqual(set(device.see("sessions")), set(rows))
        # A change waits on its device.
        oid = phone.update("sessions", rows[0], minutes=99)
        self.closed(phone)
        self.assertNotIn(oid, phone.results)
        self.assertEqual(phone.see("sessions")[rows[0]]["minutes"], 99)
        # Others hear of it as of any removal.
        friend.sync()
        self.assertEqual(friend.see("sessions"), {})
        again = ann.delete("/v1/sync/gate")
        self.assertEqual((again.status, again["removed"]), (200, 0))

    def test_who_waits_for_news_hears_that_the_gate_is_closed(self):
        ann, _, phone, tablet, _, rows = self.leaving()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(tablet.ask(wait=30)))
        waiting.start()
        time.sleep(0.3)
        self.assertEqual(say(ann, invitation="left")["removed"], 3)
        waiting.join(20)
        self.assertEqual(answers, ["error"])
        self.assertEqual(tablet.errors[-1]["code"], "gate_closed")
        self.assertEqual(set(tablet.see("sessions")), set(rows))

    def test_joining_again_brings_what_the_device_made(self):
        ann, bob, phone, tablet, friend, rows = self.leaving()
        ann.delete("/v1/sync/gate")
        phone.update("sessions", rows[0], minutes=99)
        self.closed(phone)
        self.assertEqual(say(ann, invitation="accepted")["state"], "open")
        phone.sync()
        self.assertEqual({item["id"]: item["minutes"] for item in ann.get("/v1/sessions")["items"]},
                         {rows[0]: 99, rows[1]: 10, rows[2]: 10})
        self.assertEqual(set(phone.see("sessions")), set(rows))
        new = Device(ann)
        new.sync()
        self.assertEqual(new.see("sessions"), phone.see("sessions"))

    def test_what_others_hold_stays_and_is_counted(self):
        ann, bob = self.person(), self.person()
        join(ann)
        join(bob)
        albums = [ann.create("albums", name=name)["id"] for name in ("Moth", "Owl")]
        ann.create("tracks", name="One", album=albums[0])
        bob.create("tracks", name="Two", album=albums[1])
        answer = ann.delete("/v1/sync/gate")
        # Her own track held the first album, and went in the round before.
        self.assertEqual((answer["removed"], answer["held"]), (2, 1))
        self.assertEqual([item["id"] for item in bob.get("/v1/albums")["items"]], [albums[1]])

    def test_many_rows_go_in_several_transactions(self):
        ann = self.person()
        join(ann)
        for _ in range(5):
            operations = [{"method": "POST", "path": "/v1/sessions", "body": {"minutes": 1}}] * 100
            self.assertEqual(ann.post("/v1/batch", {"operations": operations}).status, 200)
        self.assertEqual(ann.delete("/v1/sync/gate")["removed"], 500)
        self.assertEqual(ann.get("/v1/sessions")["items"], [])

    def test_who_never_joined_has_nothing_to_leave(self):
        ann = self.person()
        self.expect(409, ann.delete("/v1/sync/gate"), code="conflict")
        say(ann, claims=FULL, invitation="declined")
        self.expect(409, ann.delete("/v1/sync/gate"), code="conflict")

    def test_records_over_rest_are_not_behind_it(self):
        ann = self.person()
        self.assertEqual(gate(ann)["state"], "closed")
        self.assertEqual(ann.post("/v1/sessions", {"minutes": 3}).status, 201)

    def test_nobody_but_administrators_sees_the_gate_of_others(self):
        ann = self.person()
        self.expect(403, ann.get("/v1/admin/gate"))
        self.expect(401, self.nobody.get(f"/v1/admin/users/{ann.id}/gate"))

    def test_a_malformed_body_is_malformed_before_the_gate(self):
        answer = self.person().request("POST", "/v1/sync", raw=b"{}")
        self.assertIn(answer.status, (400, 422))


class AdministratorTests(unittest.TestCase):
    def test_administrators_see_where_people_stand(self):
        roles = "enum Role @roles { admin }\n"
        tiers = "tiers: {order: [free, pro]}\nfeatures: {deep: {tier: pro}}\n"
        folder = Folder({"schema.graphql": roles + SCHEMA, "roost.yaml": GATE + tiers})
        self.addCleanup(folder.remove)
        server = Server(folder.path)
        self.addCleanup(server.kill)
        server.start()
        root, ann = register(server.port), anonymous(server.port)
        links = [line.strip() for line in server.messages().splitlines()]
        token = next(LINK.match(line)[2] for line in links if LINK.match(line))
        self.assertEqual(root.post("/v1/admin/claim", {"token": token}).status, 204)
        say(ann, claims=FULL)
        self.assertEqual(root.get(f"/v1/admin/users/{ann.id}/gate")["state"], "invited")
        counts = root.get("/v1/admin/gate").json
        self.assertEqual((counts["gate"], counts["invited"], counts["accepted"]), (True, 1, 0))
        join(ann)
        self.assertEqual(root.get("/v1/admin/gate")["accepted"], 1)
        deep = ann.get("/v1/features")["items"][0]
        self.assertEqual((deep["state"], deep["next"]["name"]), ("requires_upgrade", "pro"))
        grant = root.request("PUT", f"/v1/admin/users/{ann.id}/claims/pro")
        self.assertEqual(grant.status, 204)
        found = ann.get("/v1/features").json
        self.assertEqual((found["tier"], found["items"][0]["state"]), ("pro", "available"))
        server.stop()


class TrustTests(ServedCase):
    schema = SCHEMA
    files = {"roost.yaml": MEASURES + "gate: {requires: {level: 2, age: 0}, rest: true}\n"}

    def test_a_server_that_trusts_nobody_takes_no_claims(self):
        ann = self.person()
        self.expect(422, say(ann, claims={"level": 9}), "/claims/level")
        self.assertEqual(gate(ann)["next"]["name"], "level")

    def test_rest_is_behind_the_gate_where_the_app_says_so(self):
        ann = self.person()
        # Also by another spelling of the name.
        for answer in (ann.get("/v1/sessions"), ann.get("/v1/%73essions"), ann.post("/v1/sessions", {"minutes": 1}),
                       ann.post("/v1/batch", {"operations": []})):
            self.expect(403, answer, "")
            self.assertEqual(answer.issues, {"": "gate_closed"})
        self.assertEqual(ann.get("/v1/auth/me").status, 200)
        self.assertEqual(self.nobody.get("/v1/albums").status, 401)


class OldTests(ServedCase):
    """An account whose own age is asked for."""

    schema = SCHEMA
    files = {"roost.yaml": MEASURES
             + "gate: {trust: device, requires: {age: 7}}\n"}

    def test_the_age_of_an_account_is_the_servers(self):
        ann = self.person()
        self.expect(422, say(ann, claims={"age": 30}), "/claims/age")
        self.assertEqual(gate(ann)["next"]["message"],
                         "Sync opens when age reaches 7: it is 0 now.")


class OpenTests(ServedCase):
    schema = SCHEMA

    def test_without_a_gate_it_is_open(self):
        ann = self.person()
        standing = gate(ann)
        self.assertEqual((standing["state"], standing["next"], standing["requirements"]),
                         ("open", None, []))
        self.expect(404, say(ann, invitation="accepted"))
        self.expect(404, ann.delete("/v1/sync/gate"))
        self.assertEqual(Device(ann).sync().errors, [])
        self.assertEqual(ann.get("/v1/features").json, {"tier": None, "items": []})

    def test_who_synced_before_there_was_a_gate_goes_on(self):
        folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(folder.remove)
        server = Server(folder.path, data=folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        ann, bob, eve = (anonymous(server.port) for _ in range(3))
        device, early = Device(ann), Device(eve)
        row = device.create("sessions", minutes=1)
        early.create("sessions", minutes=1)
        device.sync()
        early.sync()
        server.stop()
        folder.write("roost.yaml", GATE)
        server = Server(folder.path, data=folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        ann.port = bob.port = eve.port = server.port
        # Her new app says what it has counted before it syncs.
        self.assertEqual(say(eve, claims={"level": 2}).json["state"], "open")
        self.assertEqual(early.sync().errors, [])
        device.update("sessions", row, minutes=2)
        device.sync()
        self.assertEqual(device.errors, [])
        self.assertEqual(gate(ann)["state"], "open")
        self.assertEqual(gate(bob)["state"], "closed")
        ann.delete("/v1/sync/gate")
        self.assertEqual(gate(ann)["state"], "invited")
        server.stop()


class FeatureTests(ServedCase):
    schema = SCHEMA
    files = {"roost.yaml": GATE + """
tiers: {order: [free, pro, life]}
features:
  breath:
  boards: {after: shared, label: Boards}
  shared: {after: sync}
  dojo: {requires: {level: 3, sessions: 1}}
  deep: {requires: {level: 3}, tier: pro}
  early: {tier: life, after: deep}
  after-deep: {after: deep}
"""}

    def features(self, client):
        answer = client.get("/v1/features")
        self.assertEqual(answer.status, 200, answer)
        return answer["tier"], {one["name"]: one for one in answer["items"]}

    def states(self, client):
        return {name: one["state"] for name, one in self.features(client)[1].items()}

    def test_everybody_sees_what_there_is_and_what_it_takes(self):
        tier, found = self.features(self.nobody)
        self.assertEqual(tier, "free")
        self.assertEqual({name: one["state"] for name, one in found.items()}, {
            "breath": "available", "boards": "unlockable", "shared": "unlockable",
            "dojo": "unlockable", "deep": "requires_upgrade", "early": "requires_upgrade",
            "after-deep": "requires_upgrade"})
        self.assertEqual(found["boards"]["next"]["kind"], "account")
        self.assertEqual((found["dojo"]["next"]["name"], found["dojo"]["next"]["current"]),
                         ("level", None))
        self.assertEqual((found["deep"]["next"]["kind"], found["deep"]["next"]["name"]),
                         ("tier", "pro"))
        self.assertIsNone(found["breath"]["next"])

    def test_features_open_with_the_numbers_and_with_sync(self):
        ann = self.person()
        say(ann, claims={"level": 3, "sessions": 1, "streak": 3})
        states = self.states(ann)
        self.assertEqual((states["dojo"], states["shared"]), ("available", "unlockable"))
        self.assertEqual(self.features(ann)[1]["boards"]["next"]["name"], "sessions")
        join(ann, level=3)
        states = self.states(ann)
        self.assertEqual((states["boards"], states["shared"]), ("available", "available"))
        ann.delete("/v1/sync/gate")
        self.assertEqual(self.features(ann)[1]["shared"]["next"]["kind"], "invitation")


class RefusedTests(unittest.TestCase):
    def test_what_cannot_be_is_refused_at_the_start_with_its_place(self):
        for text, message in (
            (MEASURES + "gate: {requires: {levle: 5}}\n",
             "roost.yaml:8:19: there is no measure \"levle\"; did you mean level?"),
            ("features:\n  a: {after: b}\n  b: {after: a}\n",
             "roost.yaml:2:3: these features wait for one another: a after b after a"),
            ("measures:\n  x: {field: journeys.xpp}\n",
             "roost.yaml:2:14: journeys has no field \"xpp\"; did you mean xp?"),
        ):
            folder = Folder({"schema.graphql": SCHEMA, "roost.yaml": text})
            self.addCleanup(folder.remove)
            for command in (("dev", folder.path, "--port", "0"), ("doctor", folder.path)):
                with self.subTest(message, command=command[0]):
                    done = roost(*command)
                    self.assertEqual(done.returncode, 2, done)
                    self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
