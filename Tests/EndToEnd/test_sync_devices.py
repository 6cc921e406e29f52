"""Devices that change hands, fall behind, and are renewed."""

import json
import unittest
import uuid

from client import anonymous
from sync_cases import SyncCase
from test_sync import Puller

PASSWORD = "correct horse 9 battery"


class RenewalTests(SyncCase):
    def test_what_an_app_made_before_it_was_renewed_is_refused_and_the_queue_goes_on(self):
        phone, _, row = self.pair()
        before = phone.update("gigs", row, title="In words of now")
        phone.schema = "0.9.0"
        former = phone.update("gigs", row, title="From the past")
        phone.sync()
        self.assertIn("upgrade_required", [error["code"] for error in phone.errors])
        self.assertEqual(phone.unacknowledged(), 2)
        # The app is renewed; its changes stay as they were made.
        phone.renew("1.0.0")
        phone.errors.clear()
        after = phone.update("gigs", row, fee=3)
        self.settle(phone)
        self.assertEqual(self.outcome(phone, before), ("ok", None))
        self.assertEqual(self.outcome(phone, former), ("rejected", "invalid"))
        result = phone.results[former]
        self.assertIn("Make it anew", result["message"])
        self.assertEqual([(e["pointer"], e["code"]) for e in result["errors"]],
                         [("/schema", "former")])
        self.assertEqual(self.outcome(phone, after), ("ok", None))
        self.assertEqual(phone.see("gigs")[row]["title"], "In words of now")

    def test_a_change_of_no_version_at_all_is_refused(self):
        phone, _, row = self.pair()
        phone.schema = "yesterday"
        oid = phone.update("gigs", row, title="?")
        phone.schema = "1.0.0"
        after = phone.update("gigs", row, fee=4)
        self.settle(phone)
        self.assertEqual(self.outcome(phone, oid), ("rejected", "invalid"))
        self.assertEqual(self.outcome(phone, after), ("ok", None))


class OwnerTests(SyncCase):
    def registered(self):
        ann = anonymous(self.server.port)
        email = f"{uuid.uuid4()}@example.org"
        answer = ann.post("/v1/auth/upgrade", {"email": email, "password": PASSWORD})
        self.assertEqual(answer.status, 200, answer)
        ann.token = answer.json["accessToken"]
        return ann, email

    def signed_in(self, email):
        client = anonymous(self.server.port)
        answer = client.post("/v1/auth/login", {"email": email, "password": PASSWORD})
        self.assertEqual(answer.status, 200, answer)
        client.token = answer.json["accessToken"]
        return client

    def test_nobody_else_undoes_that_a_device_was_signed_out(self):
        ann, email = self.registered()
        notice = {"id": str(uuid.uuid4()), "name": "Phone"}
        lost = self.signed_in(email)
        Puller(lost, device=notice).pull()
        self.assertEqual(ann.request("DELETE", f"/v1/devices/{notice['id']}").status, 200)
        # Whoever has it signs in with an account of their own: it is a device of theirs.
        thief = anonymous(self.server.port)
        Puller(thief, device=notice).pull()
        self.assertEqual(thief.get("/v1/devices").json["count"], 1)
        # Of Ann's it stays what it was.
        item, = ann.get("/v1/devices").json["items"]
        self.assertEqual(item["id"], notice["id"])
        self.assertIsNotNone(item["revokedAt"])
        again = Puller(self.signed_in(email), device=notice)
        again.ask()
        self.assertEqual([frame.get("code") for frame in again.frames], ["device_revoked"])

    def test_nobody_strikes_a_device_from_the_list_of_its_owner(self):
        ann, _ = self.registered()
        notice = {"id": str(uuid.uuid4()), "name": "Phone"}
        Puller(ann, device=notice).pull()
        other = anonymous(self.server.port)
        Puller(other, device={**notice, "name": "Mine"}).pull()
        self.assertEqual([d["name"] for d in ann.get("/v1/devices").json["items"]], ["Phone"])
        self.assertEqual([d["name"] for d in other.get("/v1/devices").json["items"]], ["Mine"])

    def test_a_device_that_has_pulled_all_is_not_behind(self):
        for number in range(3):
            self.ann.create("gigs", owner=self.ann.id, title=f"Gig {number}")
        puller = Puller(self.ann, device={"id": str(uuid.uuid4()), "name": "Tablet"})
        puller.pull()
        # It says nothing more before it goes offline.
        item, = self.ann.get("/v1/devices").json["items"]
        self.assertEqual(item["entriesBehind"], 0)
        self.assertEqual(item["cursors"], {str(s): c for s, c in puller.cursors.items()})
        self.ann.create("gigs", owner=self.ann.id, title="One more")
        item, = self.ann.get("/v1/devices").json["items"]
        # It lies in two streams, since one of its fields comes daily.
        self.assertEqual(item["entriesBehind"], 2)


class WholeRequestTests(SyncCase):
    def test_nothing_of_a_request_with_a_push_that_is_too_large_counts(self):
        phone = self.device()
        row = phone.create("gigs", owner=self.ann.id, title="First")
        for number in range(600):
            phone.change(*[{"kind": "update", "coll": "gigs", "id": row,
                            "args": {"fee": number}}] * 10)
        first, *others = [{k: v for k, v in mutation.items() if k != "seen"}
                          for mutation in phone.lanes["LIVE"].log]
        push = {"frame": "push", "cid": phone.cid, "lane": "LIVE"}
        frames = [{"frame": "hello", **phone.hello(1)},
                  {**push, "muts": [first]}, {**push, "muts": others}]
        body = "\n".join(json.dumps(frame) for frame in frames)
        answer = self.ann.request("POST", "/v1/sync", raw=body.encode(),
                                  headers={"Content-Type": "application/x-ndjson"})
        self.assertEqual(answer.status, 413, answer)
        self.assertIn("5000 operations", answer.json["detail"])
        self.assertEqual(self.ann.get(f"/v1/gigs/{row}").status, 404)


if __name__ == "__main__":
    unittest.main()
