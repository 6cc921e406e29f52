"""Devices that wait for something new while what their person may do changes."""

import threading
import time
import unittest
import uuid

from cases import ServedCase
from client import Client, anonymous
from server import ENGINE, Server, roost
from test_roles import LINK, PASSWORD, put, register
from test_sync import Puller

SCHEMA = """enum Role @roles { support admin }
type News @collection(name: "news") @allow(ops: [READ], when: "team in ctx.claims")
  @allow(ops: [ALL], roles: ["support"]) {
  team: String!
}
"""
# The longest that a server waits, and more than a test waits for it.
WAIT = 60
PATIENCE = 30


class WaitTests(ServedCase):
    schema = SCHEMA

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = roost("admin", cls.server.app, "--data", cls.server.data, "--port",
                     str(cls.server.port))
        cls.admin = register(cls.server.port)
        token = LINK.match(done.stdout.strip()).group(2)
        assert cls.admin.post("/v1/admin/claim", {"token": token}).status == 204
        answer = put(cls.admin, f"/v1/admin/users/{cls.admin.id}/roles/support")
        assert answer.status == 204, answer
        cls.red = cls.admin.create("news", team="red")["id"]

    def during(self, puller, body):
        """What a wait is answered during which `body` is done."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(puller.ask(wait=WAIT)))
        thread.start()
        # Where the wait has not begun by now, its first look finds what changed.
        thread.join(0.5)
        body()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive(), "the wait goes on")
        return answers[0]

    def test_a_claim_that_is_granted_or_withdrawn_ends_the_wait(self):
        bob = anonymous(self.server.port)
        puller = Puller(bob)
        puller.pull()
        path = f"/v1/admin/users/{bob.id}/claims/red"
        self.during(puller, lambda: self.expect(204, put(self.admin, path)))
        self.assertEqual(len(puller.frames[0]["add"]), 1)
        puller.pull()
        self.assertIn(self.red, puller.see("news"))
        self.during(puller, lambda: self.expect(204, self.admin.request("DELETE", path)))
        self.assertEqual(len(puller.frames[0]["drop"]), 1)
        puller.pull()
        self.assertEqual(puller.see("news"), {})

    def test_a_role_that_is_granted_ends_the_wait(self):
        bob = register(self.server.port)
        puller = Puller(bob)
        puller.pull()
        path = f"/v1/admin/users/{bob.id}/roles/support"
        self.during(puller, lambda: self.expect(204, put(self.admin, path)))
        self.assertEqual(len(puller.frames[0]["add"]), 1)

    def test_a_device_that_is_signed_out_is_told_at_once(self):
        bob = anonymous(self.server.port)
        notice = {"id": str(uuid.uuid4()), "name": "Phone"}
        puller = Puller(bob, device=notice)
        puller.pull()
        answer = self.during(
            puller, lambda: self.expect(204, bob.request("DELETE", f"/v1/devices/{notice['id']}")))
        self.expect(401, answer)

    def test_a_session_that_ends_ends_its_wait(self):
        bob = register(self.server.port)
        puller = Puller(bob)
        puller.pull()
        other = Client(self.server.port, bob.token)
        answer = self.during(
            puller, lambda: self.expect(200, other.post("/v1/auth/logout", {})))
        self.expect(401, answer)

    @unittest.skipUnless(ENGINE == "postgres", "one process alone has a file")
    def test_what_another_process_changes_ends_the_wait(self):
        other = Server(self.server.app, data=self.server.data)
        self.addCleanup(other.kill)
        other.start()
        admin = Client(other.port, self.admin.token)
        address = f"{uuid.uuid4().hex}@example.org"
        bob = register(self.server.port, address)
        notice = {"id": str(uuid.uuid4()), "name": "Phone"}
        puller = Puller(bob, device=notice)
        puller.pull()
        path = f"/v1/admin/users/{bob.id}/claims/red"
        self.during(puller, lambda: self.expect(204, put(admin, path)))
        self.assertEqual(len(puller.frames[0]["add"]), 1)
        puller.pull()
        # Its session is the one of its last hello, so that this one goes on.
        signed_in = self.expect(200, bob.post("/v1/auth/login", {"email": address, "password": PASSWORD}))
        last = Client(other.port, signed_in["accessToken"])
        Puller(last, device=notice).pull()
        self.during(
            puller,
            lambda: self.expect(204, last.request("DELETE", f"/v1/devices/{notice['id']}")))
        self.assertEqual([frame.get("code") for frame in puller.frames], ["device_revoked"])

    @unittest.skipUnless(ENGINE == "postgres", "one process alone has a file")
    def test_a_session_that_another_process_ends_is_refused_here(self):
        other = Server(self.server.app, data=self.server.data)
        self.addCleanup(other.kill)
        other.start()
        bob = register(self.server.port)
        self.expect(200, bob.get("/v1/devices"))
        self.expect(200, Client(other.port, bob.token).post("/v1/auth/logout", {}))
        deadline = time.monotonic() + PATIENCE
        while (status := bob.get("/v1/devices").status) == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(status, 401)


if __name__ == "__main__":
    unittest.main()
