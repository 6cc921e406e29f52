"""What is hidden stays hidden by every way: the same question before and after a hidden change."""

import base64
import os
import random
import re
import unittest
import urllib.parse
import uuid

from cases import ServedCase
from client import Client
from filtergrammar import WORDS, Filters
from test_filters import Shelter
from worlds import PASSWORD

SCHEMA = """enum Role @roles { helper admin @inherits(from: ["helper"]) }

type Note @collection
  @allow(ops: [ALL], owner: "owner")
  @allow(ops: [READ, UPDATE], when: "shared", except: ["secret", "tries", "folder", "words"])
  @allow(ops: [READ], roles: ["helper"]) {
  owner: User!
  text: String!
  code: String @unique
  shared: Boolean! @default(value: "false")
  secret: String
  tries: Int @merge(strategy: COUNTER)
  words: [String!] @merge(strategy: SET_UNION)
  folder: Folder @relation(inverse: "notes", onDelete: SET_NULL)
}
type Folder @collection
  @allow(ops: [ALL], owner: "owner") @allow(ops: [READ], when: "open", fields: ["name", "open"]) {
  owner: User!
  name: String!
  open: Boolean! @default(value: "false")
  inside: String
  notes: [Note!]! @relation(inverse: "folder")
}
"""
MISSING_ID = "01970000-0000-7000-8000-00000000dead"


def told(answer):
    """All that an answer says, but for the number of the request."""
    body = re.sub(rb'"requestId":"[^"]*"', b"", answer.body)
    return answer.status, body, answer.headers.get("etag"), answer.headers.get("location")


class MaskTests(ServedCase):
    schema = SCHEMA

    def setUp(self):
        self.me, self.other = self.person(), self.person()

    def note(self, **fields):
        return self.me.create("notes", **{"text": "a", **fields})

    def path(self, record, collection="notes"):
        return f"/v1/{collection}/{record['id']}"

    def same(self, *answers):
        """All answers say the same; gives the first."""
        self.assertEqual(len({told(answer) for answer in answers}), 1, answers)
        return answers[0]

    def nowhere(self, collection="notes"):
        """Paths of a hidden, a deleted and a missing record."""
        fields = {"name": "x"} if collection == "folders" else {"text": "x"}
        hidden, deleted = (self.me.create(collection, **fields) for _ in range(2))
        self.me.delete(self.path(deleted, collection))
        return [f"/v1/{collection}/{id_}" for id_ in (hidden["id"], deleted["id"], MISSING_ID)]

    def test_a_hidden_record_is_like_a_missing_one(self):
        for collection, relation in (("notes", None), ("folders", "notes")):
            paths = self.nowhere(collection)
            body = {"text": "b"} if collection == "notes" else {"name": "b"}
            ways = [("GET", "", {}), ("GET", "?fields=id", {}), ("GET", "", {"If-None-Match": "*"}),
                    ("GET", "", {"If-None-Match": '"1-00000000"'}), ("DELETE", "", {}),
                    ("DELETE", "", {"If-Match": '"1-00000000"'}), ("HEAD", "", {}),
                    ("DELETE", "", {"If-Match": '"7-00000000"'})]
            if relation:
                ways += [("GET", f"/{relation}", {}), ("GET", f"?expand={relation}", {})]
            for method, more, headers in ways:
                with self.subTest(collection=collection, method=method, more=more, headers=headers):
                    answers = [self.other.request(method, p + more, headers=headers) for p in paths]
                    self.assertEqual(self.same(*answers).status, 404)
            for headers in ({}, {"If-Match": '"1-00000000"'}, {"If-Match": '"9-00000000"'}):
                answers = [self.other.patch(p, body, headers) for p in paths]
                self.expect(404, self.same(*answers), code="not_found")
            for atomic in (False, True):
                answers = []
                for path in paths:
                    operations = [{"method": "PATCH", "path": path, "body": body}]
                    if not relation or not atomic:
                        operations.append({"method": "DELETE", "path": path})
                    answers.append(self.other.post(
                        "/v1/batch", {"atomic": atomic, "operations": operations}))
                self.same(*answers)

    def test_a_reference_to_a_hidden_record_is_like_one_to_a_missing(self):
        ids = [path.rsplit("/", 1)[1] for path in self.nowhere("folders")]
        mine = self.other.create("notes", text="mine")
        for send in (lambda id_: self.other.post("/v1/notes", {"text": "a", "folder": id_}),
                     lambda id_: self.other.patch(self.path(mine), {"folder": id_})):
            answer = self.same(*[send(id_) for id_ in ids])
            self.refused(answer, folder="reference")
        visible = self.me.create("folders", name="v", open=True)
        self.expect(200, self.other.patch(self.path(mine), {"folder": visible["id"]}))

    def test_a_unique_value_says_nothing_of_who_has_it(self):
        own, hidden = f"own{uuid.uuid4()}", f"hidden{uuid.uuid4()}"
        mine = self.other.create("notes", text="mine", code=own)
        theirs = self.note(code=hidden, secret="s3cret")
        fresh = self.other.create("notes", text="fresh")
        answers = [
            self.other.post("/v1/notes", {"text": "x", "code": own}),
            self.other.post("/v1/notes", {"text": "x", "code": hidden}),
            self.other.post("/v1/notes", {"text": "x", "id": mine["id"]}),
            self.other.post("/v1/notes", {"text": "x", "id": theirs["id"]}),
            self.other.patch(self.path(fresh), {"code": own}),
            self.other.patch(self.path(fresh), {"code": hidden})]
        answer = self.expect(409, self.same(*answers), code="conflict")
        for word in (hidden, theirs["id"], self.me.id, "s3cret"):
            self.assertNotIn(word.encode(), answer.body)
        for atomic in (False, True):
            results = [self.other.post("/v1/batch", {"atomic": atomic, "operations": [
                {"method": "POST", "path": "/v1/notes", "body": {"text": "x", "code": code}}]})
                for code in (own, hidden)]
            self.same(*results)
        # The id of a deleted record is taken too, and says no more.
        self.me.delete(self.path(theirs))
        self.same(answers[0], self.other.post("/v1/notes", {"text": "x", "id": theirs["id"]}))

    def test_a_hidden_value_cannot_be_guessed_by_setting_it(self):
        note = self.note(shared=True, secret="s3cret", tries=3, words=["red"])
        path = self.path(note)
        etag = self.me.get(path).headers["etag"]
        guesses = {
            "secret": ["s3cret", "wrong", None, ""],
            "tries": [3, 4, {"$increment": 0}, {"$increment": 1}, None],
            "words": [["red"], ["blue"], {"$add": ["red"]}, {"$remove": ["red"]}, None],
            "folder": [None, MISSING_ID, self.me.create("folders", name="f")["id"]]}
        for name, values in guesses.items():
            for headers in ({}, {"If-Match": etag}, {"If-Match": '"9-00000000"'}):
                with self.subTest(name=name, headers=headers):
                    answers = [self.other.patch(path, {name: value}, headers) for value in values]
                    self.expect(403, self.same(*answers), f"/{name}", code="forbidden")
            for atomic in (False, True):
                self.same(*[self.other.post("/v1/batch", {"atomic": atomic, "operations": [
                    {"method": "PATCH", "path": path, "body": {"text": "t", name: value}}]})
                    for value in values])
            for value in values:
                self.expect(403, self.other.patch(path, {"text": "changed", name: value}), f"/{name}")
        seen = self.me.get(path)
        self.assertEqual((seen["version"], seen["text"], seen["secret"]), (1, "a", "s3cret"))
        self.expect(200, self.other.patch(path, {"text": "changed"}))
        self.assertNotIn("secret", self.other.get(path).json)

    def test_what_a_change_answers_is_masked_too(self):
        note = self.note(shared=True, secret="s3cret")
        answers = [self.other.patch(self.path(note), {"text": "b"}),
                   self.other.patch(self.path(note), {"text": "b"}),
                   self.other.patch(self.path(note), {"text": "c"}, {"Idempotency-Key": "k"}),
                   self.other.post("/v1/batch", {"operations": [
                       {"method": "PATCH", "path": self.path(note), "body": {"text": "d"}}]}),
                   self.other.post("/v1/batch", {"atomic": True, "operations": [
                       {"method": "PATCH", "path": self.path(note), "body": {"text": "e"}},
                       {"method": "GET", "path": self.path(note)}]}),
                   # The change that hides the record from who made it.
                   self.other.patch(self.path(note), {"shared": False})]
        for answer in answers:
            self.assertNotIn(b"s3cret", answer.body)
        # Done, and nothing of it is shown.
        self.expect(200, answers[-1])
        self.assertEqual(set(answers[-1].json), {"id", "version"})

    def test_an_idempotency_key_belongs_to_its_account(self):
        body = {"text": "mine", "secret": "s3cret"}
        key = {"Idempotency-Key": f"k{uuid.uuid4()}"}
        first = self.expect(201, self.me.post("/v1/notes", body, key))
        second = self.expect(201, self.other.post("/v1/notes", body, key))
        self.assertNotEqual(first["id"], second["id"])

    def test_tags_differ_by_what_is_seen(self):
        note = self.note(shared=True, secret="s3cret")
        path = self.path(note)
        mine, others = (client.get(path).headers["etag"] for client in (self.me, self.other))
        self.assertNotEqual(mine, others)
        self.assertEqual(mine.split("-")[0], others.split("-")[0])
        for client, tag, status in ((self.me, mine, 304), (self.me, others, 200),
                                    (self.other, others, 304), (self.other, mine, 200)):
            answer = client.get(path, headers={"If-None-Match": tag})
            self.assertEqual(answer.status, status, answer)
        # The version alone counts for a change: who sees less may make one all the same.
        self.expect(200, self.other.patch(path, {"text": "b"}, {"If-Match": others}))
        self.expect(412, self.me.patch(path, {"text": "c"}, {"If-Match": mine}))

    def test_a_tag_is_stale_when_the_view_changes(self):
        admin = self.registered()
        token = re.findall(r"/v1/admin/claim#(\S+)", self.server.messages())[-1]
        self.expect(204, admin.post("/v1/admin/claim", {"token": token}))
        folder = self.me.create("folders", name="f", open=True, inside="in")
        path = self.path(self.note(shared=True, secret="s3cret", folder=folder["id"]))
        tag = self.other.get(path).headers["etag"]
        role = f"/v1/admin/users/{self.other.id}/roles/helper"
        self.expect(204, admin.request("PUT", role))
        answer = self.expect(200, self.other.get(path, headers={"If-None-Match": tag}))
        self.assertEqual(answer["secret"], "s3cret")
        more = answer.headers["etag"]
        expanded = self.other.get(path + "?expand=folder")
        self.assertEqual(expanded["folder"]["name"], "f")
        self.assertNotIn("inside", expanded["folder"])
        # What was expanded is part of what a client holds.
        given = {"If-None-Match": expanded.headers["etag"]}
        self.assertEqual(self.other.get(path + "?expand=folder", headers=given).status, 304)
        self.me.patch(self.path(folder, "folders"), {"open": False})
        answer = self.expect(200, self.other.get(path + "?expand=folder", headers=given))
        self.assertEqual(answer["folder"], folder["id"])
        self.expect(204, admin.delete(role))
        answer = self.expect(200, self.other.get(path, headers={"If-None-Match": more}))
        self.assertNotIn("secret", answer.json)
        self.assertEqual(self.other.get(path, headers={"If-None-Match": tag}).status, 304)
        self.me.patch(path, {"shared": False})
        self.expect(404, self.other.get(path, headers={"If-None-Match": tag}))

    def registered(self):
        address = f"{uuid.uuid4().hex}@example.org"
        answer = self.nobody.post("/v1/auth/register", {"email": address, "password": PASSWORD})
        self.expect(201, answer)
        return Client(self.server.port, answer["accessToken"], answer.json)

    def test_nobody_takes_a_role_or_a_row_by_what_they_send(self):
        note, path = self.note(), "/v1/notes"
        for body in ({"text": "a", "roles": ["admin"]}, {"text": "a", "ctx": {"roles": ["admin"]}},
                     {"text": "a", "deletedAt": None}, {"text": "a", "version": 9}):
            self.expect(422, self.other.post(path, body))
        self.expect(403, self.other.post(path, {"text": "a", "owner": self.me.id}))
        for headers in ({"X-Role": "admin"}, {"X-Roles": "helper"}, {"X-User-Id": self.me.id},
                        {"X-HTTP-Method-Override": "PUT"}, {"Cookie": f"user={self.me.id}"}):
            self.expect(404, self.other.get(self.path(note), headers=headers))
        for operation in (
                {"method": "PUT", "path": f"/v1/admin/users/{self.other.id}/roles/admin"},
                {"method": "POST", "path": "/v1/admin/claim", "body": {"token": "x"}},
                {"method": "GET", "path": "/v1/admin/roles"},
                {"method": "GET", "path": self.path(note),
                 "headers": {"Authorization": f"Bearer {self.me.token}"}},
                {"method": "GET", "path": self.path(note), "caller": self.me.id},
                {"method": "GET", "path": self.path(note), "roles": ["admin"]},
                {"method": "GET", "path": "/v1/notes/../admin/roles"}):
            for atomic in (False, True):
                with self.subTest(operation=operation, atomic=atomic):
                    answer = self.other.post(
                        "/v1/batch", {"atomic": atomic, "operations": [operation]})
                    results = answer.json.get("results") or [answer.json]
                    self.assertGreaterEqual(results[0]["status"], 400, answer)
                    self.assertNotIn(note["id"].encode() + b'","version', answer.body)
        self.expect(422, self.other.post("/v1/batch", {"roles": ["admin"], "operations": []}))
        self.assertNotIn("roles", self.other.get("/v1/auth/me").json)

    def test_lists_end_where_what_is_seen_ends(self):
        """No page is short, and none announces a next one, because of hidden records."""
        marker = f"m{uuid.uuid4().hex}"
        for number in range(9):
            self.note(text=marker, shared=number % 3 == 0)
        query = "/v1/notes?filter=" + urllib.parse.quote(f'text == "{marker}"')
        for count in ("exact", "estimated"):
            self.assertEqual(self.other.get(f"{query}&count={count}&limit=1")["count"], 3)
        page = self.other.get(f"{query}&limit=3")
        self.assertEqual((len(page["items"]), page["next"]), (3, None))
        page = self.other.get(f"{query}&limit=2")
        self.assertEqual(len(page["items"]), 2)
        rest = self.other.get(f"{query}&limit=2&after={urllib.parse.quote(page['next'])}")
        self.assertEqual((len(rest["items"]), rest["next"]), (1, None))
        # A cursor of somebody else's view is no way into it.
        theirs = self.me.get(f"{query}&limit=2")["next"]
        self.expect(400, self.other.get(f"{query}&limit=2&after={urllib.parse.quote(theirs)}"))


class SearchTests(ServedCase):
    """Fields that are each shown by a rule of their own: more sets of them than can be listed."""

    count = 7
    schema = "\n".join([
        'type Card @collection @allow(ops: [ALL], owner: "owner")',
        *[f'  @allow(ops: [READ], when: "shows{n}", fields: ["text{n}"])' for n in range(count)],
        "{ owner: User!", *[f"  text{n}: String @search" for n in range(count)],
        *[f"  shows{n}: Boolean" for n in range(count)], "}"])

    def found(self, client, words):
        answer = self.expect(200, client.get("/v1/cards", search=words, count="exact"))
        self.assertEqual(answer["count"], len(answer["items"]))
        return {item["id"] for item in answer["items"]}

    def test_words_are_found_where_they_are_shown_and_nowhere_else(self):
        me, other = self.person(), self.person()
        cards = []
        for n in range(self.count):
            after = (n + 1) % self.count
            cards.append(me.create("cards", **{
                f"text{n}": f"word{n} blue moon", f"shows{n}": True, f"text{after}": f"hidden{n}"})["id"])
        both = me.create("cards", text0="left", text6="right", shows0=True, shows6=True)["id"]
        half = me.create("cards", text0="left", text6="right", shows0=True)["id"]
        for n in range(self.count):
            for client in (me, other):
                self.assertEqual(self.found(client, f"word{n}"), {cards[n]})
                self.assertEqual(self.found(client, f'"blue moon" wor* word{n}'), {cards[n]})
            self.assertEqual(self.found(me, f"hidden{n} word{n}"), {cards[n]})
            self.assertEqual(self.found(other, f"hidden{n}"), set())
            self.assertEqual(self.found(other, f"hidden{n} word{n}"), set())
        self.assertEqual(self.found(other, "moon"), set(cards))
        self.assertEqual(self.found(other, "left"), {both, half})
        self.assertEqual(self.found(other, "left right"), {both})
        self.assertEqual(self.found(me, "left right"), {both, half})


class InterferenceTests(unittest.TestCase):
    """Asks many questions, changes all that the asker may not see, and asks again."""

    seed = int(os.environ.get("ROOST_FILTERS_SEED", "20260103"))

    def setUp(self):
        self.house = Shelter(self.seed, 120)
        self.addCleanup(self.house.close)
        self.house.open()
        self.random = random.Random(self.seed)
        print(f"\nseed {self.seed}")

    def questions(self):
        names = ["name", "count", "price", "secret", "den", "den.label", "den.size", "den.open",
                 "den.owner", "den.region", "den.region.label", "note", "mood", "shared"]
        filters = Filters(self.random, self.house.values)
        for _ in range(150):
            query = {"filter": filters.valid(names)[0], "limit": "200", "count": "exact"}
            if self.random.random() < 0.5:
                keys = self.random.sample(["secret", "price", "count", "den", "name"], 2)
                query["sort"] = ",".join(self.random.choice(["", "-"]) + key for key in keys)
            if self.random.random() < 0.3:
                query["expand"] = self.random.choice(["den", "den.region", "den.animals"])
            yield "/v1/animals?" + urllib.parse.urlencode(query)
        for key in ("secret", "-secret", "price", "-count", "den,name"):
            yield f"/v1/animals?sort={key}&limit=3&count=estimated"
        for row in self.house.world.rows["Den"].values():
            yield f"/v1/dens/{row.id}?expand=animals"
            yield f"/v1/dens/{row.id}/animals"
        for word in ("ash", "elm", "zoe", "keeper"):
            yield f"/v1/animals?search={word}&limit=200&count=exact"
        yield "/v1/regions?expand=dens.animals"
        yield "/v1/dens?sort=size,-label&count=exact&limit=200"

    def answers(self, caller, questions):
        """What the caller is told, but for versions and times, which are everybody's."""
        found = {}
        for path in questions:
            answer = caller.client.get(path)
            body = re.sub(rb'"(requestId|next)":"[^"]*"|"version":\d+|"updatedAt":"[^"]*"', b"",
                          answer.body)
            found[path] = (answer.status, body)
        return found

    def change(self, row, **fields):
        owner = next(c for c in self.house.callers.values() if c.uid == row.values["owner"])
        answer = owner.client.patch(f"/v1/{row.type.route}/{row.id}", fields)
        assert answer.status == 200, (row.values, answer)

    def test_hidden_changes_are_not_noticed(self):
        # None of the callers here owns what is changed: the rows of the account `anonymous`.
        askers = [self.house.callers[name] for name in ("plain", "owner", "nobody")]
        keeper, hider = self.house.callers["keeper"], self.house.callers["anonymous"]
        questions = list(self.questions())
        before = {asker: self.answers(asker, questions) for asker in [*askers, keeper]}
        dens = [r for r in self.house.world.rows["Den"].values() if r.values["owner"] == hider.uid]
        changed = 0
        for row in self.house.world.rows["Animal"].values():
            if row.values["owner"] != hider.uid:
                continue
            if row.values["shared"]:
                # `den` is hidden as well, so it may move among the hider's own.
                fields = {"secret": self.random.choice(WORDS), "price": self.random.choice([None, 7, 8]),
                          "count": self.random.choice([None, 1, 3])}
                if dens:
                    fields["den"] = self.random.choice(dens).id
                self.change(row, **fields)
            elif changed % 3 == 0:
                assert hider.client.delete(f"/v1/animals/{row.id}").status == 204
            else:
                self.change(row, name=self.random.choice(WORDS), mood="LOUD")
            changed += 1
        for row in dens:
            if not row.values["open"]:
                self.change(row, label="changed", size=99)
            else:
                self.change(row, size=77)
        for _ in range(10):
            hider.client.create("animals", name="ash", secret="elm", mood="CALM")
        hider.client.create("dens", label="elm", size=5)
        self.assertGreater(changed, 20)
        for asker in askers:
            after = self.answers(asker, questions)
            for path in questions:
                self.assertEqual(before[asker][path], after[path],
                                 f"{asker} noticed by {urllib.parse.unquote_plus(path)}")
        after = self.answers(keeper, questions)
        noticed = sum(before[keeper][path] != after[path] for path in questions)
        # Who may see it does: else the questions would be idle.
        self.assertGreater(noticed, len(questions) // 3)
        self.house.server.stop()

    def test_cursors_hold_nothing_hidden(self):
        hider, plain = self.house.callers["anonymous"], self.house.callers["plain"]
        hider.client.create("animals", name="zz", shared=True, secret="unmistakable")
        for sort in ("secret", "-secret", "name,-secret"):
            after = ""
            while True:
                page = plain.client.get(f"/v1/animals?sort={sort}&limit=5{after}")
                self.assertEqual(page.status, 200, page)
                if page["next"] is None:
                    break
                text = page["next"]
                for part in text.split("."):
                    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
                    self.assertNotIn(b"unmistak", raw)
                after = "&after=" + urllib.parse.quote(text)
        self.house.server.stop()
