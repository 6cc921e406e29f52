"""POST /v1/batch: several requests for records in one."""

import uuid

from cases import ServedCase

THINGS = "/v1/things"


def create(**body):
    return {"method": "POST", "path": THINGS, "body": body}


class BatchTests(ServedCase):
    app = "types"

    def batch(self, person, *operations, **members):
        return person.post("/v1/batch", {"operations": list(operations), **members})

    def statuses(self, answer):
        return [result["status"] for result in answer["results"]]

    def test_operations_see_those_before_them(self):
        for atomic in (False, True):
            person, id = self.person(), str(uuid.uuid4())
            path = f"{THINGS}/{id}"
            answer = self.expect(200, self.batch(
                person, create(id=id, label="a"), create(label="b", friend=id),
                {"method": "PATCH", "path": path, "body": {"whole": 1}},
                {"method": "GET", "path": path}, {"method": "GET", "path": THINGS},
                {"method": "DELETE", "path": path}, {"method": "GET", "path": THINGS},
                atomic=atomic))
            self.assertEqual(self.statuses(answer), [201, 201, 200, 200, 200, 204, 200])
            results = answer["results"]
            self.assertEqual(results[3]["body"]["whole"], 1)
            self.assertEqual(len(results[4]["body"]["items"]), 2)
            self.assertIsNone(results[5]["body"])
            (left,) = results[6]["body"]["items"]
            self.assertIsNone(left["friend"])
            # What a batch answers is what the record's own route answers.
            alone = person.get(f"{THINGS}/{left['id']}")
            self.assertEqual(alone.json, left)

    def test_an_atomic_batch_that_fails_leaves_nothing(self):
        person = self.person()
        first = person.create("things", label="a", serial="s" + person.id)
        answer = self.expect(422, self.batch(
            person, create(label="b"),
            {"method": "PATCH", "path": f"{THINGS}/{first['id']}", "body": {"label": "c"}},
            create(label="d", serial="s" + person.id), create(label="e"), atomic=True),
            "/operations/2")
        self.assertEqual(self.statuses(answer), [424, 424, 409, 424])
        for result in answer["results"]:
            self.assertEqual(result["body"]["status"], result["status"])
        self.assertEqual(person.get(THINGS, count="exact").json["count"], 1)
        self.assertEqual(person.get(f"{THINGS}/{first['id']}").json, first)

    def test_single_operations_fail_alone(self):
        person, other = self.person(), self.person()
        hidden = other.create("things", label="a")
        answer = self.expect(200, self.batch(
            person, create(label="a"), create(),
            {"method": "GET", "path": f"{THINGS}/{hidden['id']}"},
            {"method": "DELETE", "path": f"{THINGS}/{hidden['id']}"},
            {"method": "GET", "path": "/v1/hiddens"}, create(label="b")))
        self.assertEqual(self.statuses(answer), [201, 422, 404, 404, 403, 201])
        self.assertEqual(answer["results"][1]["body"]["errors"][0]["pointer"], "/label")
        self.assertEqual(len(person.get(THINGS)["items"]), 2)

    def test_no_way_around_the_rules(self):
        person, other = self.person(), self.person()
        for atomic in (False, True):
            for body, place in (({"label": "a", "secret": "x"}, "/secret"),
                                ({"label": "a", "updatedAt": "2020-01-01T00:00:00Z"}, "/updatedAt"),
                                ({"label": "a", "roles": ["admin"]}, "/roles")):
                answer = self.batch(person, create(**body), atomic=atomic)
                (result,) = answer["results"]
                self.assertEqual(result["status"], 422)
                self.assertEqual([issue["pointer"] for issue in result["body"]["errors"]], [place])
            (result,) = self.batch(person, create(label="a", owner=other.id), atomic=atomic)["results"]
            self.assertIn(result["status"], (403, 422), result)
            operation = {**create(label="a"), "headers": {"Authorization": f"Bearer {other.token}"}}
            self.expect(422, self.batch(person, operation, atomic=atomic),
                        "/operations/0/headers/Authorization")
        self.assertEqual(person.get(THINGS)["items"], [])
        self.assertEqual(other.get(THINGS)["items"], [])

    def test_how_many_operations(self):
        person = self.person()
        for count in (0, 1, 100):
            for atomic in (False, True):
                answer = self.expect(200, self.batch(
                    person, *[create(label=str(number)) for number in range(count)], atomic=atomic))
                self.assertEqual([result["body"]["label"] for result in answer["results"]],
                                 [str(number) for number in range(count)])
        self.expect(422, self.batch(person, *[create(label="a")] * 101), "/operations")
        self.assertEqual(person.get(THINGS, count="exact").json["count"], 202)

    def test_a_batch_reaches_collections_only(self):
        person = self.person()
        inner = {"operations": [create(label="a")]}
        for path in ("/v1/batch", "/v1/auth/register", "/v1/admin", "/metrics", "things",
                     f"{self.server.address}{THINGS}", "/v1/things#a", "/v1/things\r\nA: b"):
            answer = self.batch(person, {"method": "POST", "path": path, "body": inner})
            self.expect(422, answer, "/operations/0/path")
        for path in ("/v1/../batch", "/v1/%62atch", "/v1/things/../../v1/batch", "/v1/things%2F"):
            answer = self.batch(person, {"method": "POST", "path": path, "body": inner})
            self.expect(200, answer)
            self.assertIn(answer["results"][0]["status"], (400, 404, 405), path)
        for method in ("PUT", "HEAD", "OPTIONS", "post", "", "GET\r\n", None, 1):
            self.expect(422, self.batch(person, {"method": method, "path": THINGS}),
                        "/operations/0/method")

    def test_bodies_that_are_too_much(self):
        person = self.person()
        deep = b"[" * 40 + b"]" * 40
        raw = b'{"operations":[{"method":"POST","path":"/v1/things","body":%s}]}' % deep
        self.expect(400, person.request("POST", "/v1/batch", raw=raw))
        raw = b'{"operations":[' + b" " * 1_100_000 + b"]}"
        self.expect(413, person.request("POST", "/v1/batch", raw=raw))
        raw = b'{"operations":[{"method":"GET","method":"GET","path":"/v1/things"}]}'
        self.expect(400, person.request("POST", "/v1/batch", raw=raw))
        many = {f"member{number}": 1 for number in range(20_000)}
        answer = self.batch(person, *[], **many)
        self.assertEqual(answer.status, 422)
        self.assertLessEqual(len(answer.pointers), 100)
        self.expect(415, person.request("POST", "/v1/batch", raw=b"{}",
                                        headers={"Content-Type": "text/plain"}))

    def test_who_calls(self):
        answer = self.expect(200, self.nobody.post("/v1/batch", {"operations": [
            create(label="a"), {"method": "GET", "path": "/v1/board"}]}))
        self.assertEqual(self.statuses(answer), [401, 200])
        self.expect(401, self.nobody.request(
            "POST", "/v1/batch", {"operations": []}, token="nonsense"))
        self.assertIn(self.person().get("/v1/batch").status, (404, 405))
