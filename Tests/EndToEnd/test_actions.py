"""Actions, a follower and a scheduled function of a server with handlers of its own."""

import concurrent.futures
import http.client
import json
import os
import threading
import time
import unittest
import uuid

from client import Client, anonymous
from server import ACTION_SERVER, ENGINE, Folder, Server, roost

SCHEMA = """enum Role @roles { steward }
type Request @collection @allow(ops: [READ, CREATE], owner: "from") @allow(ops: [READ], owner: "to") {
  from: User! @immutable
  to: User! @immutable @relation(refCheck: NONE)
}
type Friendship @collection @allow(ops: [READ], owner: "one") @allow(ops: [READ], owner: "other") {
  one: User!
  other: User!
}
type Note @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ]) {
  owner: User!
  text: String! @constraint(maxLength: 40)
}
type Count @collection @allow(ops: [READ], owner: "owner") {
  owner: User! @unique
  notes: Int!
}
type Beat @collection @allow(ops: [READ]) { n: Int! }
input Greeting { name: String! @constraint(maxLength: 20) }
extend type Mutation {
  "Makes friends of two people."
  acceptRequest(id: ID!): Friendship! @action
  half(text: String!): Boolean! @action
  crash: Boolean! @action
  dawdle: Boolean! @action
  lie: Int! @action
  hello(name: String): String! @action
  inspect: Boolean! @action
  foreign(id: ID!): Note! @action
  slow(milliseconds: Int! @constraint(min: 0, max: 5000), to: [Greeting!]): Note! @action
  jot(milliseconds: Int!): Note! @action
}
"""


class ActionsTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": SCHEMA})
        cls.addClassCleanup(cls.folder.remove)
        cls.server = Server(cls.folder.path, binary=ACTION_SERVER)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()

    def setUp(self):
        self.ann = anonymous(self.server.port)
        self.bob = anonymous(self.server.port)

    def call(self, client, name, arguments=None, key=None, status=200):
        headers = {"Idempotency-Key": key} if key else None
        answer = client.request("POST", f"/v1/actions/{name}", arguments or {}, headers=headers)
        self.assertEqual(answer.status, status, answer)
        return answer

    def broken(self, client, name):
        """The problem of a call that fails by the server's own fault."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request(
            "POST", f"/v1/actions/{name}", "{}",
            {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        problem = json.loads(answer.read())
        self.assertEqual(answer.status, 500, problem)
        return problem

    def notes(self, client):
        return client.get("/v1/notes?filter=" + f"owner==%22{client.id}%22").json["items"]

    def test_an_action_does_several_things_at_once_under_the_rules(self):
        request = self.ann.post("/v1/requests", {"to": self.bob.id})
        self.assertEqual(request.status, 201, request)
        path = {"id": request["id"]}
        self.call(self.ann, "acceptRequest", path, status=403)
        self.call(anonymous(self.server.port), "acceptRequest", path, status=404)
        answer = self.call(self.bob, "acceptRequest", path)
        self.assertEqual(list(answer.json), ["result"])
        self.assertEqual(answer["result"]["one"], self.ann.id)
        self.assertEqual(answer["result"]["other"], self.bob.id)
        self.assertEqual(
            self.ann.get(f"/v1/friendships/{answer['result']['id']}").json, answer["result"])
        self.assertEqual(self.bob.get(f"/v1/requests/{request['id']}").status, 404)
        self.call(self.bob, "acceptRequest", path, status=404)

    def test_a_key_has_the_action_done_once(self):
        request = self.ann.post("/v1/requests", {"to": self.bob.id})
        path, key = {"id": request["id"]}, str(uuid.uuid4())
        first = self.call(self.bob, "acceptRequest", path, key)
        again = self.call(self.bob, "acceptRequest", path, key)
        self.assertEqual(again.body, first.body)
        self.assertEqual(again.headers.get("idempotent-replayed"), "true")
        other = self.call(self.bob, "acceptRequest", {"id": str(uuid.uuid4())}, key, status=422)
        self.assertEqual(other.issues, {"Idempotency-Key": "reused"})
        # The key of another caller is another operation.
        self.call(self.ann, "acceptRequest", path, key, status=404)

    def test_a_key_at_the_same_time_has_one_effect(self):
        key = str(uuid.uuid4())

        def once(_):
            return self.bob.request(
                "POST", "/v1/actions/slow", {"milliseconds": 300},
                headers={"Idempotency-Key": key})

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(once, range(8)))
        self.assertEqual(
            {answer.status for answer in answers} - {200, 409}, set(), answers)
        self.assertIn(200, [answer.status for answer in answers])
        self.assertEqual(len(self.notes(self.bob)), 1)
        # The function is told the operation's id, the same each time.
        final = self.call(self.bob, "slow", {"milliseconds": 300}, key)
        self.assertEqual(final["result"]["text"], self.notes(self.bob)[0]["text"])

    def test_an_unknown_action_names_the_nearest(self):
        answer = self.call(self.ann, "acceptReqest", status=404)
        self.assertIn("did you mean acceptRequest?", answer["detail"])
        self.assertEqual(self.ann.get("/v1/actions/half").status, 404)

    def test_arguments_are_checked_each_with_its_place(self):
        for arguments, issues in (
            ({}, {"/milliseconds": "required"}),
            ({"milliseconds": "1"}, {"/milliseconds": "type"}),
            ({"milliseconds": 9000}, {"/milliseconds": "max"}),
            ({"milliseconds": 1, "millis": 1}, {"/millis": "unknown_argument"}),
            ({"milliseconds": 1, "to": [{"name": "x" * 21}, {}]},
             {"/to/0/name": "max_length", "/to/1/name": "required"}),
        ):
            with self.subTest(arguments=arguments):
                answer = self.ann.post("/v1/actions/slow", arguments)
                self.assertEqual((answer.status, answer.issues), (422, issues))
        self.assertEqual(self.ann.post("/v1/actions/slow", []).status, 422)
        self.assertEqual(
            self.ann.request("POST", "/v1/actions/slow?milliseconds=1", {}).status, 422)
        self.assertEqual(
            self.ann.request("POST", "/v1/actions/slow", raw=b"{\"milliseconds\":").status, 400)
        self.assertEqual(
            self.ann.request("POST", "/v1/actions/slow", raw=b"{}",
                             headers={"Content-Type": "text/plain"}).status, 415)
        large = self.ann.request("POST", "/v1/actions/half", raw=b'"' + b"x" * 10_000_000 + b'"')
        self.assertEqual(large.status, 413)

    def test_nothing_remains_of_an_action_that_fails(self):
        answer = self.call(self.ann, "half", {"text": "x"}, status=409)
        self.assertEqual(answer["detail"], "Not this time.")
        answer = self.call(self.ann, "half", {"text": "x" * 41}, status=422)
        self.assertEqual(answer.issues, {"/text": "max_length"})
        for name in ("crash", "dawdle", "lie"):
            problem = self.broken(self.ann, name)
            self.assertNotIn("Broken", problem["detail"])
        self.assertEqual(self.notes(self.ann), [])
        log = self.server.messages()
        self.assertIn("Broken()", log)
        self.assertIn("awaits something else", log)
        self.assertIn("its result is not Int!", log)

    def test_who_may_call(self):
        nobody = Client(self.server.port)
        self.call(nobody, "half", {"text": "x"}, status=401)
        self.call(Client(self.server.port, "bad"), "hello", status=401)
        self.assertEqual(self.call(nobody, "hello")["result"], "Hello, you!")
        self.assertEqual(
            nobody.request("POST", "/v1/actions/hello", {"name": "Ann"})["result"], "Hello, Ann!")
        answer = nobody.request("POST", "/v1/actions/hello", raw=None)
        self.assertEqual((answer.status, answer["result"]), (200, "Hello, you!"))
        answer = self.call(self.ann, "inspect", status=403)
        self.assertIn("steward", answer["detail"])
        note = self.ann.post("/v1/notes", {"text": "a"})
        self.call(self.bob, "foreign", {"id": note["id"]}, status=403)
        self.assertEqual(self.call(self.ann, "foreign", {"id": note["id"]})["result"]["text"], "mine")

    def test_a_follower_counts_each_change_once(self):
        for number in range(5):
            self.ann.post("/v1/notes", {"text": str(number)})
        deadline = time.monotonic() + 60
        counts = []
        while time.monotonic() < deadline and [c["notes"] for c in counts] != [5]:
            counts = self.ann.get("/v1/counts").json["items"]
            time.sleep(0.1)
        self.assertEqual([count["notes"] for count in counts], [5])

    def test_a_schedule_runs_at_its_time(self):
        deadline = time.monotonic() + 130
        beats = []
        while time.monotonic() < deadline and not beats:
            beats = self.ann.get("/v1/beats").json["items"]
            time.sleep(0.5)
        self.assertTrue(beats)

    def test_the_descriptions_hold_the_actions(self):
        document = self.ann.get("/openapi.json").json
        operation = document["paths"]["/v1/actions/slow"]["post"]
        self.assertEqual(operation["operationId"], "actions.slow")
        schema = document["components"]["schemas"]["slow.arguments"]
        self.assertEqual(schema["required"], ["milliseconds"])
        self.assertEqual(schema["properties"]["milliseconds"]["maximum"], 5000)
        result = operation["responses"]["200"]["content"]["application/json"]["schema"]
        self.assertEqual(
            result["properties"]["result"], {"$ref": "#/components/schemas/Note"})
        self.assertIn("acceptRequest(id: ID!)", self.ann.get("/schema.graphql").body.decode())


class MissingHandlersTests(unittest.TestCase):
    def start(self, schema, binary=None):
        folder = Folder({"schema.graphql": schema})
        self.addCleanup(folder.remove)
        return folder, roost(
            "dev", folder.path, "--port", "0", "--data", folder.join("data"), binary=binary)

    def test_a_schema_with_actions_is_not_served_without_their_handlers(self):
        folder, done = self.start(SCHEMA)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 10, done.stderr)
        self.assertIn(
            f"{folder.path}/schema.graphql:22:3: the action acceptRequest has no handler", lines[0])
        self.assertIn("roost new DIR --template server", lines[0])
        self.assertFalse(os.path.exists(folder.join("data")))

    def test_a_handler_of_nearly_that_name_is_named(self):
        _, done = self.start(SCHEMA.replace("  half(", "  hlaf("), ACTION_SERVER)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("the action hlaf has no handler in this program (a handler is registered for "
                      "half", done.stderr)

    def test_a_follower_of_an_unknown_collection_is_refused(self):
        schema = SCHEMA.replace("type Note @collection", "type Note @collection(name: \"texts\")")
        _, done = self.start(schema, ACTION_SERVER)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("the follower counts follows the collection notes", done.stderr)

    def test_the_doctor_tells_of_both_sides(self):
        folder = Folder({"schema.graphql": SCHEMA.replace("  half(", "  third(")})
        self.addCleanup(folder.remove)
        done = roost("doctor", folder.path, "--json", binary=ACTION_SERVER)
        self.assertEqual(done.returncode, 0, done.stderr)
        codes = {finding["code"]: finding for finding in json.loads(done.stdout)["findings"]}
        self.assertIn("the action third", codes["no_handler"]["message"])
        self.assertIn("for the action half", codes["no_action"]["message"])
        self.assertIn("acceptRequest", json.loads(done.stdout)["actions"])

    def test_a_handler_without_an_action_is_told_in_the_log(self):
        schema = SCHEMA.replace("  inspect: Boolean! @action\n", "")
        folder = Folder({"schema.graphql": schema})
        self.addCleanup(folder.remove)
        server = Server(folder.path, binary=ACTION_SERVER)
        self.addCleanup(server.kill)
        server.start()
        self.assertIn("the action inspect, which the schema does not declare", server.messages())
        server.stop()


class KilledTests(unittest.TestCase):
    def test_each_key_has_one_effect_though_the_server_is_killed_again_and_again(self):
        folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(folder.remove)
        data = folder.join("data")
        person, sent = None, []
        for _ in range(5):
            server = Server(folder.path, data=data, binary=ACTION_SERVER)
            self.addCleanup(server.kill)
            server.start()
            person = Client(server.port, person.token) if person else anonymous(server.port)
            # What had no answer before is sent again, and all of it is answered now.
            for key, path in sent:
                answer = person.request(
                    "POST", f"/v1/actions/{path}", {"milliseconds": 0},
                    headers={"Idempotency-Key": key})
                self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.count(person), len(sent))
            killer = threading.Timer(0.3, server.kill)
            killer.start()
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for keys in pool.map(lambda n: self.send(person, n), range(4)):
                    sent += keys
            killer.join()

    @staticmethod
    def send(person, number):
        """Sends calls until the server is gone; their keys and actions."""
        sent = []
        while True:
            key, path = str(uuid.uuid4()), ("jot", "slow")[number % 2]
            sent.append((key, path))
            try:
                person.request("POST", f"/v1/actions/{path}", {"milliseconds": 0},
                               headers={"Idempotency-Key": key})
            except (OSError, http.client.HTTPException):
                return sent

    @staticmethod
    def count(person):
        return person.get("/v1/notes?count=exact&limit=1").json["count"]


@unittest.skipUnless(ENGINE == "postgres", "one process owns a file")
class TwoProcessesTests(unittest.TestCase):
    def test_a_key_has_one_effect_over_two_processes(self):
        folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(folder.remove)
        servers = []
        for _ in range(2):
            server = Server(folder.path, data=folder.join("data"), binary=ACTION_SERVER)
            self.addCleanup(server.kill)
            server.start()
            servers.append(server)
        person = anonymous(servers[0].port)
        clients = [Client(server.port, person.token) for server in servers]
        for round in range(5):
            key = str(uuid.uuid4())

            def once(number):
                return clients[number % 2].request(
                    "POST", "/v1/actions/slow", {"milliseconds": 100},
                    headers={"Idempotency-Key": key})

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(once, range(4)))
            statuses = [answer.status for answer in answers]
            self.assertEqual(set(statuses) - {200, 409}, set(), answers)
            self.assertIn(200, statuses)
            notes = person.get("/v1/notes").json["items"]
            self.assertEqual(len(notes), round + 1)
