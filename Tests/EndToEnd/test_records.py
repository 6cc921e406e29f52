"""Create, read, update and delete, and whose records are whose."""

import uuid

from cases import ServedCase


class RecordTests(ServedCase):
    app = "types"

    def test_a_record_lives_and_goes(self):
        person = self.person()
        answer = self.expect(201, person.post("/v1/things", {"label": "a", "whole": 1}))
        path = answer.headers["location"]
        self.assertEqual(answer["version"], 1)
        self.assertEqual(answer["createdAt"], answer["updatedAt"])
        self.assertRegex(answer["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(uuid.UUID(answer["id"]).version, 7)
        self.assertEqual(list(answer.json)[:5], ["id", "version", "createdAt", "updatedAt", "owner"])
        read = self.expect(200, person.get(path))
        self.assertEqual(read.json, answer.json)
        self.assertEqual(read.headers["etag"], answer.headers["etag"])

        answer = self.expect(200, person.patch(path, {"whole": 2}))
        self.assertEqual((answer["version"], answer["whole"], answer["label"]), (2, 2, "a"))
        self.assertGreaterEqual(answer["updatedAt"], answer["createdAt"])

        answer = person.delete(path)
        self.assertIn(answer.status, (200, 204), answer)
        self.expect(404, person.get(path), code="not_found")
        self.expect(404, person.patch(path, {"whole": 3}))
        self.expect(404, person.delete(path))
        self.assertEqual(person.get("/v1/things")["items"], [])

    def test_a_patch_that_changes_nothing_is_no_new_version(self):
        person = self.person()
        thing = person.create("things", label="a", fixed="f")
        path = f"/v1/things/{thing['id']}"
        for body in ({}, {"label": "a"}, {"fixed": "f"}):
            self.assertEqual(self.expect(200, person.patch(path, body))["version"], 1)

    def test_a_field_becomes_null_only_when_it_may(self):
        person = self.person()
        thing = person.create("things", label="a", whole=1)
        path = f"/v1/things/{thing['id']}"
        self.assertIsNone(self.expect(200, person.patch(path, {"whole": None}))["whole"])
        self.refused(person.patch(path, {"label": None}), label="required")

    def test_immutable_and_server_only_fields_are_refused(self):
        person = self.person()
        thing = person.create("things", label="a", fixed="f")
        path = f"/v1/things/{thing['id']}"
        self.refused(person.patch(path, {"fixed": "g"}), fixed="immutable")
        self.refused(person.patch(path, {"secret": "g"}), secret="server_only")
        self.refused(person.patch(path, {"owner": self.person().id}), owner="immutable")
        self.assertEqual(person.get(path)["fixed"], "f")

    def test_other_peoples_records_are_not_there(self):
        owner, other = self.person(), self.person()
        thing = owner.create("things", label="a")
        path = f"/v1/things/{thing['id']}"
        for caller in (other,):
            self.expect(404, caller.get(path), code="not_found")
            self.expect(404, caller.patch(path, {"label": "b"}), code="not_found")
            self.expect(404, caller.delete(path), code="not_found")
            self.assertEqual(caller.get("/v1/things", count="exact")["count"], 0)
        # The answer for a record of another is the answer for one that never was.
        never = other.get(f"/v1/things/{uuid.uuid4()}").json
        hidden = other.get(path).json
        for problem in (never, hidden):
            problem.pop("requestId")
        self.assertEqual(never, hidden)
        self.assertEqual(owner.get(path)["label"], "a")

    def test_a_reference_to_a_hidden_record_is_a_reference_to_nothing(self):
        owner, other = self.person(), self.person()
        thing = owner.create("things", label="a")
        self.refused(other.post("/v1/things", {"label": "b", "friend": thing["id"]}), friend="reference")
        own = other.create("things", label="b")
        self.refused(
            other.patch(f"/v1/things/{own['id']}", {"friend": thing["id"]}), friend="reference")
        self.expect(201, owner.post("/v1/things", {"label": "b", "friend": thing["id"]}))

    def test_a_record_cannot_be_made_for_somebody_else(self):
        person, other = self.person(), self.person()
        answer = person.post("/v1/things", {"label": "a", "owner": other.id})
        self.expect(403, answer, code="forbidden")
        answer = person.post("/v1/things", {"label": "a", "owner": str(uuid.uuid4())})
        self.assertIn(answer.status, (403, 422), answer)
        self.expect(201, person.post("/v1/things", {"label": "a", "owner": person.id}))

    def test_callers_without_an_account_are_sent_to_sign_in(self):
        thing = self.person().create("things", label="a")
        path = f"/v1/things/{thing['id']}"
        for answer in (
            self.nobody.get("/v1/things"), self.nobody.post("/v1/things", {"label": "a"}),
            self.nobody.get(path), self.nobody.patch(path, {}), self.nobody.delete(path),
            self.nobody.post("/v1/board", {"text": "a"}),
        ):
            self.expect(401, answer, code="unauthenticated")
            self.assertTrue(answer.headers["www-authenticate"].startswith("Bearer"))

    def test_a_public_collection_is_open_to_everybody(self):
        self.expect(201, self.person().post("/v1/board", {"text": "hello"}))
        answer = self.expect(200, self.nobody.get("/v1/board"))
        self.assertIn("hello", [item["text"] for item in answer["items"]])

    def test_what_no_rule_allows_is_forbidden(self):
        person = self.person()
        self.expect(403, person.get("/v1/hiddens"), code="forbidden")
        self.expect(403, person.post("/v1/hiddens", {"label": "a"}), code="forbidden")
        notice = person.create("board", text="mine")
        self.expect(403, person.patch(f"/v1/board/{notice['id']}", {"text": "b"}))
        self.expect(403, person.delete(f"/v1/board/{notice['id']}"))

    def test_a_unique_value_is_refused_without_telling_whose_it_is(self):
        owner, other = self.person(), self.person()
        first = owner.create("things", label="a", serial="S-1")
        answer = other.post("/v1/things", {"label": "b", "serial": "S-1"})
        self.expect(409, answer, code="conflict")
        self.assertNotIn(first["id"], answer.body.decode())
        second = other.create("things", label="b", serial="S-2")
        self.expect(409, other.patch(f"/v1/things/{second['id']}", {"serial": "S-1"}))
        owner.delete(f"/v1/things/{first['id']}")
        self.expect(200, other.patch(f"/v1/things/{second['id']}", {"serial": "S-1"}))
        # Null is no value: many records may have none.
        self.expect(201, other.post("/v1/things", {"label": "c", "serial": None}))
        self.expect(201, other.post("/v1/things", {"label": "d", "serial": None}))
