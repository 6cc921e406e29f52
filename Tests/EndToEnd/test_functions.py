"""Functions over HTTP: signed calls for actions, changes and schedules; what they answer, however they
answer it, is done once and as whom it may."""

import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import uuid

from client import Client, administrator, anonymous
from functions import Functions, verify
from server import Folder, Server, roost

OLD, NEW = b"an old key of thirty-two bytes!!", b"a new key of thirty-two bytes!!!"
SCHEMA = """enum Role @roles { steward }
type Booking @collection @allow(ops: [ALL], owner: "owner")
  @allow(roles: ["steward"], ops: [READ, UPDATE], fields: ["title", "status", "count"]) {
  owner: User!
  title: String!
  status: String
  count: Int @default(value: "0")
  note: String
}
type Entry @collection @allow(roles: ["steward"], ops: [ALL]) @allow(to: PUBLIC, ops: [READ]) {
  text: String!
  operation: String @unique
}
extend type Mutation {
  charge(booking: ID!, amount: Int!): Booking @action
  slow: Boolean! @action
  open(word: String!): String! @action
}
"""


def settings(port, **more):
    """The settings of all functions; `more` are lines that replace a function's."""
    lines = ["functions:", "  allowLoopback: true"]
    functions = {
        "charge": ["on: action", "timeout: 2s"],
        "slow": ["on: action", "timeout: 300ms", "retries: 0"],
        "open": ["on: action", "public: true", "signedAnswers: true"],
        "audit": ["on: [bookings.create, bookings.update, bookings.delete]", "roles: [steward]",
                  "retries: 6", "timeout: 2s"],
    }
    functions.update(more)
    for name, settings in functions.items():
        if settings is None:
            continue
        lines += [f"  {name}:", f"    url: http://127.0.0.1:{port}/{name}",
                  "    secrets: [env:ROOST_TEST_KEY, file:old.key]"]
        lines += ["    " + line for line in settings]
    return "\n".join(lines) + "\n"


def signed(handler, call, answer, key=NEW):
    """Answers with a signature."""
    import hashlib
    import hmac
    body = json.dumps(answer).encode()
    now = str(int(time.time()))
    message = f"{call.id}.{now}.".encode() + body
    code = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    handler.reply(200, body, webhook_id=call.id, webhook_timestamp=now,
                  webhook_signature="v1," + code)


class FunctionsCase(unittest.TestCase):
    def setUp(self):
        self.functions = Functions([NEW])
        self.addCleanup(self.functions.close)
        self.folder = Folder({
            "schema.graphql": SCHEMA, "roost.yaml": settings(self.functions.port),
            "old.key": OLD.decode().replace(" ", "_") + "\n"})
        self.addCleanup(self.folder.remove)
        self.environment = {
            "ROOST_TEST_KEY": "whsec_" + base64.b64encode(NEW).decode(),
            "ROOST_JOBS_LEASE_SECONDS": "2",
            # Nobody listens there: a call that took a proxy would fail.
            "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
            "all_proxy": "http://127.0.0.1:9", "no_proxy": ""}
        self.server = Server(
            self.folder.path, data=self.folder.join("data"), environment=self.environment)
        self.addCleanup(self.server.kill)

    def tearDown(self):
        # Whatever was said on the way, no key was.
        for key in (self.environment["ROOST_TEST_KEY"], OLD.decode().replace(" ", "_")):
            self.assertNotIn(key.removeprefix("whsec_"), self.server.messages())

    def start(self, **more):
        self.folder.write("roost.yaml", settings(self.functions.port, **more))
        self.server.start()
        self.person = anonymous(self.server.port)

    def answer(self, name, function):
        self.functions.answers["/" + name] = function

    def wait(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            self.assertLess(time.monotonic(), deadline, self.server.messages()[-3000:])
            time.sleep(0.02)

    def administrator(self):
        link = roost("admin", self.folder.path, "--data", self.server.data,
                     environment=self.environment).stdout
        return administrator(self.server.port, link)

    def act(self, name, client=None, headers=None, **arguments):
        """An action's answer; the client's own checks refuse 502 and 504, which are right here."""
        import http.client
        client = client or self.person
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        fields = {"Content-Type": "application/json", **(headers or {})}
        if client.token:
            fields["Authorization"] = f"Bearer {client.token}"
        connection.request("POST", f"/v1/actions/{name}", json.dumps(arguments), fields)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        self.assertEqual(
            response.getheader("content-type").split(";")[0],
            "application/json" if response.status < 400 else "application/problem+json")
        return response.status, json.loads(body), response

    def runs(self, name, admin):
        return admin.get(f"/v1/admin/functions/{name}/runs")["items"]

    def metric(self, line):
        return line in Client(self.server.port).get("/metrics").body.decode()


class ActionTests(FunctionsCase):
    def test_an_action_is_answered_by_its_function_before_the_transaction(self):
        self.start(audit=None)
        booking = self.person.create("bookings", title="Room 7")
        self.answer("charge", lambda call, _: {"mutations": [
            {"update": "bookings", "id": call.json["arguments"]["booking"],
             "values": {"status": f"paid {call.json['arguments']['amount']}"}}]})
        status, body, _ = self.act("charge", booking=booking["id"], amount=5)
        self.assertEqual(status, 200, body)
        self.assertEqual(body["result"]["status"], "paid 5")
        (call,) = self.functions.to("/charge")
        said = call.json
        self.assertEqual(set(said), {"id", "kind", "name", "at", "caller", "arguments"})
        self.assertEqual((said["kind"], said["name"], said["id"]), ("action", "charge", call.id))
        self.assertEqual(said["caller"]["id"], self.person.id)
        self.assertEqual(self.functions.unsigned, 0)

    def test_what_a_function_returns_is_judged_as_the_caller(self):
        self.start(audit=None)
        other = anonymous(self.server.port)
        foreign = other.create("bookings", title="Not yours")
        own = self.person.create("bookings", title="Mine")
        for mutations, code in (
                ([{"update": "bookings", "id": foreign["id"], "values": {"title": "x"}}], 404),
                ([{"delete": "bookings", "id": foreign["id"]}], 404),
                ([{"create": "entries", "values": {"text": "x"}}], 403),
                ([{"create": "bookings", "values": {"title": "x", "owner": other.id}}], 403),
                ([{"update": "bookings", "id": own["id"], "values": {"nothing": 1}}], 422)):
            first = {"update": "bookings", "id": own["id"], "values": {"status": "half"}}
            self.answer("charge", lambda *_, m=mutations: {"mutations": [first] + m})
            status, body, _ = self.act("charge", booking=own["id"], amount=1)
            self.assertEqual(status, code, (mutations, body))
            # Nothing of it was done, the first mutation included.
            self.assertIsNone(self.person.get(f"/v1/bookings/{own['id']}")["status"])
        self.assertEqual(other.get(f"/v1/bookings/{foreign['id']}")["title"], "Not yours")

    def test_an_answer_that_cannot_be_used_changes_nothing_and_says_why(self):
        self.start(audit=None, charge=["on: action", "retries: 0"])
        own = self.person.create("bookings", title="Mine")
        update = {"update": "bookings", "id": own["id"], "values": {"status": "x"}}

        def plain(data, kind="application/json", status=200):
            return lambda _, handler: handler.reply(status, data, kind)

        def early(_, handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(b'{"mutations"')
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)

        def redirect(_, handler):
            handler.reply(302, Location="http://169.254.169.254/latest/meta-data/")

        whole = json.dumps({"mutations": [update]}).encode()
        cases = {
            "10 MB": (plain(b'{"result": "' + b"x" * 10_000_000 + b'"}'), 502, "too_large"),
            "redirect": (redirect, 502, "redirected"),
            "closes early": (early, 502, "broken_off"),
            "no JSON": (plain(b"{]"), 502, "not JSON"),
            "wrong type": (plain(whole, "text/html"), 502, "application/json"),
            "no object": (plain(b"[]"), 502, "no object"),
            "unknown member": (plain(b'{"mutation": []}'), 502, '"mutation"'),
            "no collection": (plain(b'{"mutations": [{"create": "nothing", "values": {}}]}'), 502,
                              "no collection"),
            "deep": (plain(b"[" * 1000), 502, "not JSON"),
            "500": (plain(b"", status=500), 502, "answered 500"),
            "refused": (plain(b'{"message": "The card was declined."}', status=422), 422,
                        "The card was declined."),
            "refused without a word": (plain(b"", status=422), 502, "answered 422"),
        }
        for name, (answer, code, words) in cases.items():
            with self.subTest(name):
                self.answer("charge", answer)
                status, body, _ = self.act("charge", booking=own["id"], amount=1)
                self.assertEqual(status, code, body)
                self.assertIn(words, body["detail"])
                self.assertIsNone(self.person.get(f"/v1/bookings/{own['id']}")["status"])
        admin = self.administrator()
        runs = self.runs("charge", admin)
        self.assertIn("169.254.169.254", next(
            run["error"] for run in runs if "redirects" in run.get("error", "")))
        self.assertEqual(
            {run["outcome"] for run in runs}, {"failed", "refused", "declined"})

    def test_a_late_answer_is_not_waited_for(self):
        self.start(audit=None)

        def late(*_):
            time.sleep(1)
            return {"result": True}

        self.answer("slow", late)
        began = time.monotonic()
        status, body, response = self.act("slow")
        self.assertEqual(status, 504, body)
        self.assertEqual(body["type"], "urn:roost:problem:function_timeout")
        self.assertLess(time.monotonic() - began, 30)
        self.assertIsNotNone(response.getheader("retry-after"))

    def test_a_repeated_call_has_the_same_id_and_takes_effect_once(self):
        self.start(audit=None)
        own = self.person.create("bookings", title="Mine")
        self.answer("charge", lambda call, _: {"mutations": [
            {"update": "bookings", "id": own["id"], "values": {"count": {"$increment": 1}}}]})
        headers = {"Idempotency-Key": "one"}
        first = self.act("charge", headers=headers, booking=own["id"], amount=1)
        again = self.act("charge", headers=headers, booking=own["id"], amount=1)
        self.assertEqual((first[0], again[0]), (200, 200), (first, again))
        self.assertEqual(first[1], again[1])
        self.assertEqual(self.person.get(f"/v1/bookings/{own['id']}")["count"], 1)
        self.assertEqual(len(self.functions.to("/charge")), 1)

    def test_an_answer_that_is_sent_twice_counts_once_and_for_its_own_call(self):
        self.start(audit=None)
        own = self.person.create("bookings", title="Mine")

        def twice(call, handler):
            amount = call.json["arguments"]["amount"]
            data = json.dumps({"mutations": [
                {"update": "bookings", "id": own["id"],
                 "values": {"status": f"paid {amount}", "count": {"$increment": 1}}}]}).encode()
            handler.reply(200, data)
            handler.reply(200, data)

        self.answer("charge", twice)
        for amount in range(1, 6):
            status, body, _ = self.act("charge", booking=own["id"], amount=amount)
            self.assertEqual(status, 200, body)
            self.assertEqual(
                (body["result"]["status"], body["result"]["count"]), (f"paid {amount}", amount))
        self.assertEqual(len(self.functions.to("/charge")), 5)

    def test_failures_are_tried_again_within_the_time_with_one_id(self):
        self.start(audit=None)
        own = self.person.create("bookings", title="Mine")
        answers = [500, 503]

        def recovers(_, handler):
            return handler.reply(answers.pop()) if answers else {"mutations": []}

        self.answer("charge", recovers)
        status, body, _ = self.act("charge", booking=own["id"], amount=1)
        self.assertEqual((status, body), (200, {"result": None}))
        calls = self.functions.to("/charge")
        self.assertEqual([call.headers["roost-attempt"] for call in calls], ["1", "2", "3"])
        self.assertEqual(len({call.id for call in calls}), 1)

    def test_the_breaker_opens_and_closes_again(self):
        self.start(audit=None, charge=["on: action", "retries: 0"])
        own = self.person.create("bookings", title="Mine")
        self.answer("charge", lambda _, handler: handler.reply(500))
        for _ in range(10):
            status, body, _ = self.act("charge", booking=own["id"], amount=1)
            self.assertEqual(status, 502, body)
        status, body, response = self.act("charge", booking=own["id"], amount=1)
        self.assertEqual(status, 503, body)
        self.assertEqual(body["type"], "urn:roost:problem:function_unavailable")
        self.assertLessEqual(1, int(response.getheader("retry-after")))
        self.assertEqual(len(self.functions.to("/charge")), 10)
        admin = self.administrator()
        (shown,) = [item for item in admin.get("/v1/admin/functions")["items"]
                    if item["name"] == "charge"]
        self.assertEqual(shown["breaker"]["state"], "open")
        self.assertTrue(self.metric('roost_function_breaker_open{function="charge"} 1'))
        self.answer("charge", lambda *_: {})
        self.wait(lambda: self.act("charge", booking=own["id"], amount=1)[0] == 200)
        self.assertTrue(self.metric('roost_function_breaker_open{function="charge"} 0'))
        # One probe was enough.
        self.assertEqual(len(self.functions.to("/charge")), 11)

    def test_credentials_that_are_not_accepted_open_the_breaker_at_once(self):
        self.functions.secrets = [b"another key that nobody knows!!!"]
        self.start(audit=None, charge=["on: action", "retries: 0"])
        own = self.person.create("bookings", title="Mine")
        self.assertEqual(self.act("charge", booking=own["id"], amount=1)[0], 502)
        self.assertEqual(self.act("charge", booking=own["id"], amount=1)[0], 503)
        self.assertEqual(self.functions.unsigned, 1)

    def test_a_key_that_is_not_accepted_is_told_as_such_by_the_first_call(self):
        self.functions.secrets = [b"another key that nobody knows!!!"]
        self.start(audit=None, charge=["on: action", "retries: 3"])
        own = self.person.create("bookings", title="Mine")
        status, body, _ = self.act("charge", booking=own["id"], amount=1)
        self.assertEqual(status, 502, body)
        self.assertIn("does not accept the key", body["detail"])
        status, body, response = self.act("charge", booking=own["id"], amount=1)
        self.assertEqual(status, 503, body)
        self.assertIn("does not accept the key", body["detail"])
        self.assertNotIn("too often", body["detail"])
        self.assertLessEqual(1, int(response.getheader("retry-after")))
        self.assertEqual(self.functions.unsigned, 1)
        self.wait(lambda: "a function does not accept the key" in self.server.messages())

    def test_keys_are_changed_without_a_call_that_fails(self):
        self.start(audit=None)
        own = self.person.create("bookings", title="Mine")
        old = OLD.decode().replace(" ", "_").encode()
        for secrets in ([old], [old, NEW], [NEW]):
            self.functions.secrets = secrets
            self.assertEqual(self.act("charge", booking=own["id"], amount=1)[0], 200)
        self.assertEqual(self.functions.unsigned, 0)
        # What was recorded is worth nothing later, nor with another body.
        call = self.functions.to("/charge")[-1]
        self.assertTrue(verify(call.headers, call.raw, [NEW]))
        self.assertFalse(verify(call.headers, call.raw, [NEW], time.time() + 301))
        self.assertFalse(verify(call.headers, call.raw + b" ", [NEW]))

    def test_a_signed_answer_is_checked_and_an_unsigned_one_is_refused_where_it_must_be(self):
        self.start(audit=None)
        nobody = Client(self.server.port)
        self.answer("open", lambda call, handler: signed(handler, call, {"result": "yes"}))
        status, body, _ = self.act("open", nobody, word="x")
        self.assertEqual((status, body), (200, {"result": "yes"}))
        self.answer("open", lambda call, handler: signed(handler, call, {"result": "yes"}, b"x" * 32))
        self.assertEqual(self.act("open", nobody, word="x")[0], 502)
        self.answer("open", lambda *_: {"result": "yes"})
        status, body, _ = self.act("open", nobody, word="x")
        self.assertEqual(status, 502)
        self.assertIn("signature", body["detail"])
        self.assertEqual(self.act("charge", nobody, booking=str(uuid.uuid4()), amount=1)[0], 401)


class TriggerTests(FunctionsCase):
    def note(self, call, _):
        """Writes down what it was told, once for each operation."""
        change = call.json["change"]
        return {"mutations": [{"create": "entries", "values": {
            "text": f"{change['operation']} {change['id']} {change['version']}",
            "operation": call.id}}]}

    def entries(self):
        return Client(self.server.port).get("/v1/entries", limit=200)["items"]

    def test_changes_are_told_and_what_is_returned_is_done_as_the_functions_roles(self):
        self.start()
        self.answer("audit", self.note)
        booking = self.person.create("bookings", title="Room 7", note="secret")
        self.person.patch(f"/v1/bookings/{booking['id']}", {"title": "Room 8", "note": "hidden"})
        self.person.delete(f"/v1/bookings/{booking['id']}")
        self.wait(lambda: len(self.entries()) == 3)
        calls = {call.json["change"]["operation"]: call.json
                 for call in self.functions.to("/audit")}
        self.assertEqual(set(calls), {"create", "update", "delete"})
        for operation, said in calls.items():
            self.assertEqual(set(said), {"id", "kind", "name", "at", "change"})
            self.assertEqual((said["kind"], said["name"]), ("trigger", "audit"))
            self.assertEqual(said["change"]["collection"], "bookings")
            record = said["change"]["record"]
            # The role does not see the note; the deleted record is not there.
            if record is not None:
                self.assertNotIn("note", record)
                self.assertEqual(record["id"], booking["id"])
        self.assertIn(calls["update"]["change"]["changed"], (["title"], []))
        self.assertIsNone(calls["delete"]["change"]["record"])

    def test_a_function_that_fails_is_called_again_later_with_the_same_id(self):
        self.start()
        answers = [500, 429, 503]

        def recovers(call, handler):
            return handler.reply(answers.pop()) if answers else self.note(call, handler)

        self.answer("audit", recovers)
        self.person.create("bookings", title="Room 7")
        self.wait(lambda: len(self.entries()) == 1)
        calls = self.functions.to("/audit")
        self.assertEqual(len(calls), 4)
        self.assertEqual(len({call.id for call in calls}), 1)
        self.assertEqual(len({call.raw for call in calls}), 1)
        admin = self.administrator()
        runs = self.runs("audit", admin)
        self.assertEqual([run["outcome"] for run in runs], ["done"] + ["failed"] * 3)
        self.assertEqual([run["status"] for run in runs], [200, 500, 429, 503])
        self.assertEqual([run["attempt"] for run in runs], [4, 3, 2, 1])

    def test_a_function_is_left_alone_for_as_long_as_it_asks(self):
        self.start()
        answers = [lambda handler: handler.reply(503, Retry_After="2")]

        def busy(call, handler):
            return answers.pop()(handler) if answers else self.note(call, handler)

        self.answer("audit", busy)
        self.person.create("bookings", title="Room 7")
        self.wait(lambda: len(self.entries()) == 1)
        first, second = self.functions.to("/audit")
        self.assertGreaterEqual(second.at - first.at, 2)

    def test_what_may_not_be_done_is_not_done_and_the_job_is_dead(self):
        self.start()
        foreign = self.person.create("bookings", title="First", note="mine")
        self.wait(lambda: len(self.functions.to("/audit")) == 1)
        for mutations, words in (
                # The role may not set the note, nor delete; and knows no such record.
                ([{"update": "bookings", "id": foreign["id"], "values": {"note": "x"}}],
                 "forbidden"),
                ([{"delete": "bookings", "id": foreign["id"]}], "forbidden"),
                ([{"update": "bookings", "id": str(uuid.uuid4()), "values": {"title": "x"}}],
                 "not_found"),
                ([{"create": "bookings", "values": {"title": "x"}}], "forbidden")):
            before = len(self.functions.to("/audit"))
            self.answer("audit", lambda *_, m=mutations: {
                "mutations": [{"create": "entries", "values": {"text": "half"}}] + m})
            self.person.create("bookings", title="Next")
            self.wait(lambda: len(self.functions.to("/audit")) > before)
            self.assertEqual(self.entries(), [])
            admin = getattr(self, "admin", None) or self.administrator()
            self.admin = admin
            found = self.wait(lambda: [
                run for run in self.runs("audit", admin) if words in run.get("error", "")])
            self.assertEqual(found[0]["outcome"], "refused")
        # Of several faults in a record each is told.
        self.answer("audit", lambda *_: {"mutations": [
            {"create": "entries", "values": {"text": 7, "operation": False, "word": "x"}}]})
        self.person.create("bookings", title="Last")
        dead = self.wait(lambda: [
            job for job in admin.get(
                "/v1/admin/jobs", kind="function.audit", state="dead")["items"]
            if "3 fields" in job.get("error", "")])
        for pointer in ("/text", "/operation", "/word"):
            self.assertIn(pointer + " ", dead[0]["error"])
        self.assertNotIn("see errors", dead[0]["error"])
        # The run is written down before the job ends.
        self.wait(lambda: len(admin.get(
            "/v1/admin/jobs", kind="function.audit", state="dead")["items"]) == 5)

    def test_a_function_is_not_called_for_its_own_changes_and_circles_end(self):
        self.start(
            audit=["on: [bookings.create, bookings.update]", "roles: [steward]"],
            second=["on: [bookings.update]", "roles: [steward]"])

        def bump(call, _):
            return {"mutations": [{"update": "bookings", "id": call.json["change"]["id"],
                                   "values": {"count": {"$increment": 1}}}]}

        self.answer("audit", bump)
        self.answer("second", bump)
        booking = self.person.create("bookings", title="Room 7")
        self.wait(lambda: self.metric('roost_function_loops_total{function="audit"} 1'))
        # audit for the create, then second, audit, second: four deep, and no further.
        self.assertEqual(self.person.get(f"/v1/bookings/{booking['id']}")["count"], 4)
        self.assertEqual(len(self.functions.to("/audit")), 2)
        self.assertEqual(len(self.functions.to("/second")), 2)

    def test_a_late_answer_does_nothing_and_the_next_attempt_does_it_once(self):
        self.start(audit=["on: [bookings.create]", "roles: [steward]", "timeout: 300ms"])
        waits = [1.0]

        def late(call, handler):
            if waits:
                time.sleep(waits.pop())
            return self.note(call, handler)

        self.answer("audit", late)
        self.person.create("bookings", title="Room 7")
        self.wait(lambda: len(self.entries()) == 1)
        self.assertEqual(len(self.functions.to("/audit")), 2)

    def test_a_function_that_is_new_begins_with_the_changes_that_come(self):
        self.start(audit=None)
        self.person.create("bookings", title="Before")
        self.server.stop()
        self.answer("audit", self.note)
        self.start()
        after = self.person.create("bookings", title="After")
        self.wait(lambda: len(self.entries()) == 1)
        self.assertIn(after["id"], self.entries()[0]["text"])
        self.assertEqual(len(self.functions.to("/audit")), 1)

    def test_kills_between_answer_and_commit_leave_one_effect(self):
        self.start(audit=["on: [bookings.create]", "roles: [steward]", "retries: 20"])
        delays = [0, 0.001, 0.003, 0.01, 0.002, 0.005]
        armed, killed, seen = threading.Event(), threading.Event(), set()

        def kill(call, handler):
            answer = self.note(call, handler)
            if call.id in seen:
                return answer
            seen.add(call.id)
            armed.wait(30)
            handler.reply(200, json.dumps(answer).encode())
            handler.wfile.flush()
            time.sleep(delays[len(seen) - 1])
            os.kill(self.server.process.pid, signal.SIGKILL)
            killed.set()
            return None

        self.answer("audit", kill)
        made = []
        for _ in delays:
            killed.clear()
            made.append(self.person.create("bookings", title="Room")["id"])
            armed.set()
            self.assertTrue(killed.wait(60), self.server.messages())
            armed.clear()
            self.server.process.communicate()
            self.server.process = None
            self.server.start()
            self.person = Client(self.server.port, self.person.token, self.person.session)
        self.wait(lambda: len(self.entries()) >= len(made))
        time.sleep(0.5)
        self.assertEqual(
            sorted(entry["text"] for entry in self.entries()),
            sorted(f"create {record} 1" for record in made))
        self.assertEqual(len(seen), len(delays))

    def test_the_breaker_puts_calls_off_without_spending_their_attempts(self):
        self.start(audit=["on: [bookings.create]", "roles: [steward]", "retries: 3",
                          "concurrency: 16"])
        broken = [True]

        def answer(call, handler):
            return handler.reply(500) if broken else self.note(call, handler)

        self.answer("audit", answer)
        for _ in range(12):
            self.person.create("bookings", title="Room")
        self.wait(lambda: self.metric('roost_function_breaker_open{function="audit"} 1'))
        # Most jobs are not even taken while it is open: all of them have attempts left afterwards.
        broken.clear()
        self.wait(lambda: len(self.entries()) == 12, seconds=120)
        self.assertTrue(self.metric('roost_function_breaker_open{function="audit"} 0'))

    def test_a_schedule_calls_its_function(self):
        self.start(audit=None, tick=["on: {schedule: \"* * * * *\"}", "roles: [steward]"])
        self.answer("tick", lambda call, _: {"mutations": [
            {"create": "entries", "values": {"text": call.json["kind"], "operation": call.id}}]})
        self.wait(lambda: len(self.entries()) == 1, seconds=90)
        call = self.functions.to("/tick")[0].json
        self.assertEqual(set(call), {"id", "kind", "name", "at"})
        self.assertEqual((call["kind"], call["name"]), ("schedule", "tick"))


class CommandTests(FunctionsCase):
    def functions_command(self, *words, status=0):
        done = roost("functions", *words, "--data", self.server.data,
                     environment=self.environment)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_functions_are_listed_tried_out_and_their_runs_shown(self):
        path = self.folder.path
        text = self.functions_command("list", path).stdout
        self.assertIn("audit  on bookings.create, bookings.delete, bookings.update", text)
        self.assertNotIn(base64.b64encode(NEW).decode(), text)
        tried = self.functions_command("test", path, "charge").stdout
        self.assertIn("test  answered  200", tried)
        self.assertEqual(self.functions.to("/charge")[0].json["kind"], "test")
        self.answer("charge", lambda _, handler: handler.reply(500))
        self.assertIn("answered 500", self.functions_command("test", path, "charge", status=1).stdout)
        self.assertIn("did you mean charge",
                      self.functions_command("test", path, "charg", status=1).stderr)
        self.start(audit=None)
        admin = self.administrator()
        self.answer("charge", lambda *_: {})
        tried = admin.post("/v1/admin/functions/charge/test", {})
        self.assertEqual((tried.status, tried["outcome"]), (200, "answered"), tried)
        self.assertEqual(admin.post("/v1/admin/functions/charg/test", {}).status, 404)
        self.assertEqual(self.person.get("/v1/admin/functions").status, 403)
        self.assertEqual(Client(self.server.port).get("/v1/admin/functions").status, 401)
        self.assertEqual(admin.get("/v1/admin/functions/charge/runs", limit=0).status, 422)
        self.server.stop()
        runs = json.loads(self.functions_command("runs", path, "charge", "--json").stdout)["items"]
        self.assertEqual([run["cause"] for run in runs], ["test"])
        for name, words in (("charg", "did you mean charge"), ("nope", "no function \"nope\"")):
            self.assertIn(words, self.functions_command("runs", path, name, status=1).stderr)
        self.assertIn("no runs", self.functions_command("runs", path, "slow").stderr)
        # One that was taken out of roost.yaml is known by its runs.
        self.folder.write("roost.yaml", settings(self.functions.port, charge=None))
        self.assertIn("test  answered", self.functions_command("runs", path, "charge").stdout)

    def test_settings_that_cannot_be_used_say_where_and_why(self):
        path = self.folder.path
        good = settings(self.functions.port)

        def doctor(text, status=2, command=("doctor",), environment=None):
            self.folder.write("roost.yaml", text)
            done = roost(*command, path, environment=self.environment | (environment or {}))
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            return done.stdout + done.stderr

        self.assertNotIn("no handler", doctor(good, 0))
        for old, new, place, words in (
                ("on: action", "on: acton", "6:9", "on takes action"),
                ("[bookings.create", "[booking.create", None, "did you mean bookings"),
                ("bookings.create,", "bookings.creat,", None, "did you mean create"),
                ("roles: [steward]", "roles: [stewart]", None, "did you mean steward"),
                ("timeout: 300ms", "timeout: 300", None, "from 100ms to 60s"),
                ("retries: 6", "retries: 600", None, "from 0 to 20"),
                ("env:ROOST_TEST_KEY", "env:NOTHING", None, "no variable NOTHING"),
                ("env:ROOST_TEST_KEY", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None,
                 "does not hold it"),
                ("file:old.key", "file:new.key", None, "new.key"),
                ("  charge:\n", "  charg:\n", None, "did you mean charge"),
                ("url: http", "url: ftp", "4:10", "begins with https://"),
                ("url:", "uri:", None, "did you mean url"),
                ("    on: action\n    timeout: 2s", "    on: action\n    roles: [steward]", None,
                 "leave roles out"),
                ("  allowLoopback: true", "  allowLoopback: perhaps", "2:18", "true or false"),
                ("  allowLoopback: true", "  allowLopback: true", None, "holds settings")):
            with self.subTest(new):
                self.assertIn(old, good)
                text = doctor(good.replace(old, new, 1))
                self.assertIn(words, text)
                self.assertIn(f"roost.yaml:{place or ''}", text)
                self.assertNotIn("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", text)
        short = doctor(good, environment={"ROOST_TEST_KEY": "short"})
        self.assertIn("fewer than 24 bytes", short)
        self.assertIn(
            "roost dev alone",
            doctor(good, command=("serve", "--data", self.folder.join("other"))))
        self.assertIn(
            "by https:// alone",
            doctor(good.replace("  allowLoopback: true\n", ""),
                   command=("serve", "--data", self.folder.join("other"))))

    def test_a_certificate_that_nobody_vouches_for_is_not_trusted(self):
        key, certificate = self.folder.join("tls.key"), self.folder.join("tls.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
             certificate, "-days", "1", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.functions.server.socket = context.wrap_socket(
            self.functions.server.socket, server_side=True)
        self.folder.write("roost.yaml", settings(self.functions.port).replace(
            "http://127.0.0.1", "https://localhost"))
        path = self.folder.path
        refused = self.functions_command("test", path, "charge", status=1).stdout
        self.assertIn("the TLS of localhost is not right: SSL peer certificate", refused)
        self.assertEqual(self.functions.calls, [])

    def test_inner_addresses_are_not_called(self):
        self.folder.write(
            "roost.yaml", settings(self.functions.port).replace("  allowLoopback: true\n", ""))
        done = self.functions_command("test", self.folder.path, "charge", status=1)
        self.assertIn("127.0.0.1 is a loopback address", done.stdout)
        self.assertEqual(self.functions.calls, [])


if __name__ == "__main__":
    unittest.main()
