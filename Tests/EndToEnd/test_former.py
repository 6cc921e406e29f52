"""Clients of an older version of an app's API, after its schema was renamed, retyped and narrowed."""

import unittest
import uuid

from client import Client, anonymous
from former import Former
from server import Folder, Server, roost

FIRST = """
enum Mood { CALM WILD GLAD }
type Note @collection @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], except: ["secret"], when: "mood == CALM") {
  owner: User! @immutable
  text: String! @constraint(maxLength: 40)
  size: Int
  mood: Mood
  secret: String
  gone: String
  tags: [Int!]
  band: Band @relation(inverse: "notes", onDelete: SET_NULL)
}
type Band @collection @allow(ops: [ALL], owner: "owner") @allow(ops: [READ]) {
  owner: User! @immutable
  name: String
  notes: [Note!]! @relation(inverse: "band")
}
type Tally @collection @allow(ops: [ALL]) { n: Int }
type Left @collection @allow(ops: [ALL]) { text: String }
"""
SECOND = """
enum Mood { CALM WILD }
type Memo @collection @was(name: "Note") @deprecated(reason: "Old", since: "2026-01-31")
  @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ], except: ["hidden"], when: "mood == CALM") {
  owner: User! @immutable
  body: String! @was(name: "text") @constraint(maxLength: 40)
  size: String
  mood: Mood
  hidden: String @was(name: "secret")
  stars: Int! @default(value: "3")
  remark: String
  tags: [Int!]
  group: Group @was(name: "band") @relation(inverse: "memos", onDelete: SET_NULL)
}
type Group @collection @was(name: "Band") @allow(ops: [ALL], owner: "owner") @allow(ops: [READ]) {
  owner: User! @immutable
  title: String @was(name: "name")
  memos: [Memo!]! @relation(inverse: "group")
}
type Tally @collection @allow(ops: [ALL]) { n: String }
"""
ALLOWED = ("Memo.gone", "Left")


class FormerTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder({"schema.graphql": FIRST})
        cls.addClassCleanup(cls.folder.remove)
        data = cls.folder.join("data")
        cls.server = Server(cls.folder.path, data=data)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()
        person = anonymous(cls.server.port)
        cls.early = Former(cls.server.port, person.token, person.session)
        cls.band = cls.early.create("bands", name="Ash")
        cls.note = cls.early.create(
            "notes", text="a", size=1, mood="CALM", secret="s", gone="g", tags=[1],
            band=cls.band["id"])
        # What is answered once is answered the same again, whatever the schema has become.
        cls.repeat = ("/v1/notes", {"text": "once", "size": 9}, {"Idempotency-Key": "early"})
        cls.first = cls.early.post(*cls.repeat)
        for number in range(2):
            cls.early.create("tallies", n=number)
        cls.cursor = cls.early.get("/v1/tallies", sort="n", limit=1)["next"]
        cls.tag = cls.early.get(f"/v1/notes/{cls.note['id']}").headers["etag"]
        cls.server.stop()
        cls.folder.write("schema.graphql", SECOND)
        allow = ("--allow-data-loss", ",".join(ALLOWED))
        done = roost("migrate", "apply", cls.folder.path, "--data", data, *allow, seconds=120)
        assert done.returncode == 0, done.stderr
        cls.server = Server(cls.folder.path, data=data)
        cls.addClassCleanup(cls.server.kill)
        cls.server.start()

    def setUp(self):
        self.old = Former(self.server.port, self.early.token, self.early.session)
        self.new = Client(self.server.port, self.early.token, self.early.session)
        other = anonymous(self.server.port)
        self.stranger = Former(self.server.port, other.token, other.session)

    def test_a_record_is_read_as_it_was(self):
        answer = self.old.get(f"/v1/notes/{self.note['id']}")
        self.assertEqual(answer.status, 200, answer)
        known = {key: value for key, value in self.note.items()
                 if key not in ("version", "updatedAt")}
        # What is gone has no value any more.
        known["gone"] = None
        record = answer.json
        self.assertEqual({key: record[key] for key in known}, known)
        self.assertEqual(list(record), list(self.note))
        self.assertEqual(answer.headers["roost-version"], "2.0.0")
        self.assertEqual(answer.headers["roost-compatibility"],
                         'partial; version="1.0.0"; breaking="2.0.0"')
        self.assertEqual(answer.headers["deprecation"], "@1769817600")
        self.assertEqual(self.new.get(f"/v1/memos/{self.note['id']}")["size"], "1")

    def test_words_of_other_versions_are_unknown(self):
        for client, path, status in (
                (self.old, "/v1/memos", 404), (self.old, f"/v1/memos/{self.note['id']}", 404),
                (self.new, "/v1/notes", 404), (self.old, "/v1/nothing", 404)):
            self.assertEqual(client.get(path).status, status, path)
        gone = self.old.get("/v1/lefts")
        self.assertEqual(gone.status, 404)
        self.assertIn("since version 2.0.0", gone["detail"])
        self.assertEqual(Former(self.server.port).get("/v1/notes").status, 401)
        # The current version may be named, too, and is answered as it is.
        current = self.new.get("/v1/memos", headers={"Roost-Version": "2"})
        self.assertIn("body", current["items"][0])

    def test_a_create_gets_defaults_for_what_it_does_not_know(self):
        answer = self.old.post("/v1/notes", {
            "text": "b", "size": 7, "mood": "WILD", "gone": "x", "tags": [2], "secret": None})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json
        self.assertEqual((made["text"], made["size"], made["gone"]), ("b", 7, None))
        self.assertNotIn("stars", made)
        self.assertEqual(answer.headers["location"], f"/v1/notes/{made['id']}")
        self.assertEqual(answer.headers["roost-lost"], "gone")
        now = self.new.get(f"/v1/memos/{made['id']}").json
        self.assertEqual((now["body"], now["size"], now["stars"]), ("b", "7", 3))

    def test_a_change_leaves_alone_what_it_does_not_know(self):
        made = self.new.create("memos", body="c", stars=5, remark="kept", size="8")
        path = f"/v1/notes/{made['id']}"
        answer = self.old.patch(path, {"text": "d", "size": 9, "tags": {"$add": [4]}},
                                headers={"If-Match": self.old.get(path).headers["etag"]})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual((answer["text"], answer["size"], answer["tags"]), ("d", 9, [4]))
        now = self.new.get(f"/v1/memos/{made['id']}").json
        self.assertEqual((now["body"], now["stars"], now["remark"], now["size"]),
                         ("d", 5, "kept", "9"))
        stale = self.old.patch(path, {"text": "e"}, headers={"If-Match": '"1-00000000"'})
        self.assertEqual(stale.status, 412)
        self.assertEqual(self.old.delete(path).status, 204)
        self.assertEqual(self.old.get(path).status, 404)

    def test_faults_are_told_in_the_old_words(self):
        for body, issues in (
                ({"text": "x" * 41}, {"/text": "max_length"}),
                ({}, {"/text": "required"}),
                ({"text": "a", "size": "5"}, {"/size": "type"}),
                ({"text": "a", "size": 2 ** 40}, {"/size": "range"}),
                ({"text": "a", "mood": "GLAD"}, {"/mood": "enum"}),
                ({"text": "a", "mood": "NONE"}, {"/mood": "enum"}),
                ({"text": "a", "stars": 1}, {"/stars": "unknown_field"}),
                ({"body": "a"}, {"/body": "unknown_field"}),
                ({"text": "a", "band": str(uuid.uuid4())}, {"/band": "reference"})):
            with self.subTest(body=body):
                answer = self.old.post("/v1/notes", body)
                self.assertEqual((answer.status, answer.issues), (422, issues), answer)
                if "body" not in body:
                    self.assertNotIn("body", answer["detail"])
        narrowed = self.old.post("/v1/notes", {"text": "a", "mood": "GLAD"})
        self.assertIn("since version 2.0.0", narrowed["detail"])

    def test_what_the_old_types_cannot_hold_is_null_and_told(self):
        made = self.new.create("memos", body="e", size="large", mood="WILD")
        answer = self.old.get(f"/v1/notes/{made['id']}")
        self.assertEqual((answer["size"], answer["mood"]), (None, "WILD"))
        self.assertEqual(answer.headers["roost-lost"], "size")
        self.assertEqual(self.new.delete(f"/v1/memos/{made['id']}").status, 204)

    def test_lists_are_filtered_sorted_and_paged_in_the_old_words(self):
        for number in range(5):
            self.old.create("notes", text=f"page {number}", size=100 + number % 2, tags=[77])
        seen, after = [], None
        while True:
            query = {"filter": "77 in tags && size == 101 || text == \"page 0\"", "sort": "-text",
                     "limit": 1, "fields": "text,gone", "count": "exact"}
            page = self.old.get("/v1/notes", **query, **({"after": after} if after else {}))
            self.assertEqual(page.status, 200, page)
            self.assertEqual(page["count"], 3)
            self.assertEqual([list(item) for item in page["items"]], [["id", "text", "gone"]])
            seen += [item["text"] for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        self.assertEqual(seen, ["page 3", "page 1", "page 0"])
        # A cursor is good for the same list alone, and that of another version is another.
        first = self.old.get("/v1/notes", sort="text", limit=1)
        self.assertEqual(self.new.get("/v1/memos", sort="size", limit=1, after=first["next"]).status,
                         400)
        # A number is no place in an order of texts.
        stale = self.new.get("/v1/tallies", sort="n", limit=1, after=self.cursor)
        self.assertEqual(stale.status, 400)
        for query, pointer, code in (
                ({"filter": "gone == \"g\""}, "?filter", "dropped_field"),
                ({"sort": "gone"}, "?sort", "dropped_field"),
                ({"filter": "size > 3"}, "?filter", "retyped_field"),
                ({"sort": "-size"}, "?sort", "retyped_field"),
                ({"filter": "stars == 3"}, "?filter", "unknown_field"),
                ({"filter": "body == \"a\""}, "?filter", "unknown_field"),
                ({"fields": "stars"}, "?fields", "unknown_field"),
                ({"expand": "group"}, "?expand", "unknown_relation"),
                ({"colour": "red"}, "?colour", "unknown_parameter")):
            with self.subTest(query=query):
                answer = self.old.get("/v1/notes", **query)
                self.assertEqual((answer.status, answer.issues), (422, {pointer: code}), answer)
                if code in ("dropped_field", "retyped_field"):
                    self.assertIn("since version 2.0.0", answer["detail"])

    def test_relations_are_expanded_and_listed_in_the_old_words(self):
        note = self.old.get(f"/v1/notes/{self.note['id']}", expand="band.notes").json
        self.assertEqual(note["band"]["name"], "Ash")
        self.assertEqual([one["text"] for one in note["band"]["notes"]], ["a"])
        page = self.old.get(f"/v1/bands/{self.band['id']}/notes", filter="text == \"a\"",
                            expand="band")
        self.assertEqual([item["band"]["name"] for item in page["items"]], ["Ash"])
        self.assertNotIn("stars", page["items"][0])
        for path in (f"/v1/bands/{self.band['id']}/memos", f"/v1/groups/{self.band['id']}/notes"):
            self.assertEqual(self.old.get(path).status, 404, path)

    def test_an_old_name_shows_nothing_that_is_masked(self):
        path = f"/v1/notes/{self.note['id']}"
        seen = self.stranger.get(path)
        self.assertEqual((seen.status, seen["text"]), (200, "a"))
        self.assertNotIn("secret", seen.json)
        self.assertEqual(self.old.get(path)["secret"], "s")
        # The one rule shows it to none of these rows, so nothing is learned by asking.
        for query in ({"filter": "secret == \"s\""}, {"filter": "secret != \"t\""},
                      {"sort": "secret"}, {"filter": "band.name == \"Ash\" && secret == \"s\""}):
            answer = self.stranger.get("/v1/notes", **query)
            if answer.status == 200:
                self.assertEqual([item for item in answer["items"] if "filter" in query], [])
                self.assertTrue(all("secret" not in item for item in answer["items"]))
            else:
                self.assertEqual(list(answer.issues.values()), ["hidden_field"])
                self.assertIn("secret", answer["detail"])
                self.assertNotIn("hidden ", answer["detail"])

    def test_a_tag_is_that_of_its_version(self):
        path = f"/v1/notes/{self.note['id']}"
        old, new = self.old.get(path), self.new.get(f"/v1/memos/{self.note['id']}")
        tags = {self.tag, old.headers["etag"], new.headers["etag"]}
        self.assertEqual(len(tags), 3)
        known = self.old.get(path, headers={"If-None-Match": old.headers["etag"]})
        self.assertEqual((known.status, known.headers["etag"]), (304, old.headers["etag"]))
        self.assertEqual(known.headers["roost-version"], "2.0.0")
        for tag in tags - {old.headers["etag"]}:
            self.assertEqual(self.old.get(path, headers={"If-None-Match": tag}).status, 200)
        self.assertEqual(self.new.get(f"/v1/memos/{self.note['id']}", headers={
            "If-None-Match": old.headers["etag"]}).status, 200)
        head = self.old.request("HEAD", path)
        self.assertEqual((head.status, head.headers["etag"]), (200, old.headers["etag"]))

    def test_a_repeat_is_answered_as_the_first_was(self):
        again = self.old.post(*self.repeat)
        self.assertEqual((again.status, again.body), (201, self.first.body))
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assertEqual(again.headers["location"], self.first.headers["location"])
        path, body, _ = self.repeat
        later = {"Idempotency-Key": str(uuid.uuid4())}
        made = self.old.post(path, body, headers=later)
        self.assertEqual((made.status, made["size"]), (201, 9), made)
        repeated = self.old.post(path, body, headers=later)
        self.assertEqual((repeated.body, repeated.headers["idempotent-replayed"]),
                         (made.body, "true"))
        # The same key in another version asks for something else.
        other = self.old.post(path, body, headers={**later, "Roost-Version": "1.0.0"})
        self.assertEqual((other.status, other.issues), (422, {"Idempotency-Key": "reused"}))
        refused = self.old.post(path, {"text": "x" * 41},
                                headers={"Idempotency-Key": str(uuid.uuid4())})
        self.assertEqual((refused.status, refused.issues), (422, {"/text": "max_length"}))

    def test_batches(self):
        for atomic in (False, True):
            one = str(uuid.uuid4())
            answer = self.old.post("/v1/batch", {"atomic": atomic, "operations": [
                {"method": "POST", "path": "/v1/notes", "body": {"id": one, "text": "z", "size": 4}},
                {"method": "PATCH", "path": f"/v1/notes/{one}", "body": {"size": 5}},
                {"method": "GET", "path": f"/v1/notes/{one}"},
                {"method": "GET", "path": "/v1/notes?limit=1&fields=text"},
                {"method": "DELETE", "path": f"/v1/notes/{one}"}]})
            self.assertEqual(answer.status, 200, answer)
            results = answer["results"]
            self.assertEqual([result["status"] for result in results], [201, 200, 200, 200, 204])
            self.assertEqual(results[0]["headers"]["Location"], f"/v1/notes/{one}")
            self.assertEqual(results[2]["body"]["size"], 5)
            self.assertEqual(results[1]["headers"]["ETag"], results[2]["headers"]["ETag"])
            self.assertEqual(list(results[3]["body"]["items"][0]), ["id", "text"])
        refused = self.old.post("/v1/batch", {"atomic": True, "operations": [
            {"method": "POST", "path": "/v1/notes", "body": {"text": "x" * 41}},
            {"method": "GET", "path": "/v1/memos"},
            {"method": "GET", "path": "/v1/notes?sort=gone"}]})
        self.assertEqual(refused.status, 422)
        self.assertEqual(refused.issues, {
            "/operations/0/body/text": "max_length", "/operations/1": "not_found",
            "/operations/2/path": "dropped_field"})

    def test_hostile_requests_are_refused_and_nothing_else(self):
        path = f"/v1/notes/{self.note['id']}"
        for body in ([], 5, "x", None, {"": 1}, {"text": {}}, {"text": ["a"]}, {"size": {"$add": [1]}},
                     {"size": {"$increment": "x"}}, {"size": {"$increment": 1}}, {"size": {}},
                     {"size": {"$": 1}}, {"mood": ["CALM"]}, {"mood": {"$increment": 1}},
                     {"size": 1.5}, {"tags": {"$remove": [None]}}, {"band": {"id": 1}},
                     {"gone": {"deep": [[[1]]]}, "text": 5}, {"a/b~c": 1}, {"id": 5, "text": "a"},
                     {"\u0000": 1}, {"size": "1"}):
            for method, place in (("POST", "/v1/notes"), ("PATCH", path)):
                answer = self.old.request(method, place, body)
                self.assertIn(answer.status, (200, 400, 422), (body, answer))
                if answer.status == 200:
                    self.assertEqual((method, body), ("PATCH", {"gone": body.get("gone")})
                                     if "gone" in body else (method, body), body)
        for query in ({"filter": ""}, {"filter": "("}, {"filter": "(" * 40 + "text == null"},
                      {"filter": "ctx.uid == owner"}, {"filter": "\"x\" in ctx.roles"},
                      {"filter": "band.name.more == 1"}, {"filter": "band.band == null"},
                      {"filter": "size in []"}, {"filter": "size in [null]"}, {"filter": "3 == size"},
                      {"filter": "size == size"}, {"filter": "mood in [\"x\"]"},
                      {"filter": " || ".join(["text == 'a'"] * 60)}, {"filter": "size"},
                      {"sort": ""}, {"sort": ","}, {"sort": "-"}, {"sort": "text,text"},
                      {"sort": "--text"}, {"fields": ""}, {"fields": ",".join(["text"] * 101)},
                      {"expand": ""}, {"expand": "."}, {"expand": "band.notes.band.notes"},
                      {"expand": "text"}, {"after": "x"}, {"limit": "0"}, {"search": "a"}):
            answer = self.old.get("/v1/notes", **query)
            self.assertIn(answer.status, (200, 400, 422), (query, answer))
        for raw in (b"{", b"", b"[" * 40 + b"]" * 40, b"\xff"):
            self.assertEqual(self.old.request("POST", "/v1/notes", raw=raw).status, 400)
        for place in ("/v1/notes?filter=%ff", "/v1/notes?filter=gone%3D%3Dnull&filter=b", "/v1/notes/x/y",
                      f"{path}/band", f"{path}/x", "/v1/%6eotes", "/v1/notes/%00"):
            answer = self.old.get(place)
            self.assertIn(answer.status, (200, 400, 404, 422), (place, answer))

    def test_a_description_is_that_of_the_current_version(self):
        document = self.new.get("/openapi.json").json
        versions = document["components"]["parameters"]["Roost-Version"]["schema"]["enum"]
        self.assertEqual(versions, ["2.0.0"])


if __name__ == "__main__":
    unittest.main()
