"""Accounts and sessions: from anonymous to upgraded, from sign-in to sign-out."""

import base64
import json
import uuid

from cases import ServedCase
from client import Client

PASSWORD = "an old oak by the river"


def email():
    return f"{uuid.uuid4().hex}@example.org"


class SessionTests(ServedCase):
    app = "types"

    def register(self, address=None):
        address = address or email()
        answer = self.nobody.post("/v1/auth/register", {"email": address, "password": PASSWORD})
        self.expect(201, answer)
        return Client(self.server.port, answer["accessToken"], answer.json), address

    def refresh(self, token):
        return self.nobody.post("/v1/auth/refresh", {"refreshToken": token})

    def check_session(self, session):
        self.assertTrue({"user", "accessToken", "refreshToken", "expiresIn"} <= set(session), session)
        self.assertIsInstance(session["expiresIn"], int)
        self.assertGreater(session["expiresIn"], 0)
        self.assertEqual(session["user"]["id"], str(uuid.UUID(session["user"]["id"])))

    def test_an_anonymous_account_is_signed_in_at_once(self):
        answer = self.expect(201, self.nobody.post("/v1/auth/anonymous", {}))
        self.check_session(answer.json)
        self.assertIs(answer["user"]["anonymous"], True)
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertNotIn("email", answer["user"])
        me = Client(self.server.port, answer["accessToken"]).get("/v1/auth/me")
        self.expect(200, me)
        self.assertEqual(me.json, answer["user"])
        self.expect(201, self.nobody.request("POST", "/v1/auth/anonymous"))

    def test_register_and_login(self):
        person, address = self.register()
        self.check_session(person.session)
        self.assertEqual(person.session["user"]["email"], address)
        self.assertIs(person.session["user"]["anonymous"], False)
        for spelling in (address, address.upper()):
            answer = self.nobody.post("/v1/auth/login", {"email": spelling, "password": PASSWORD})
            self.expect(200, answer)
            self.assertEqual(answer["user"]["id"], person.id)

    def test_no_answer_tells_whether_an_address_is_known(self):
        _, address = self.register()
        wrong = self.nobody.post("/v1/auth/login", {"email": address, "password": "x" * 20})
        unknown = self.nobody.post("/v1/auth/login", {"email": email(), "password": "x" * 20})
        for answer in (wrong, unknown):
            self.expect(401, answer, code="unauthenticated")
        self.assertEqual(wrong["detail"], unknown["detail"])

    def test_an_address_is_registered_once(self):
        _, address = self.register()
        for spelling in (address, address.upper()):
            answer = self.nobody.post(
                "/v1/auth/register", {"email": spelling, "password": PASSWORD})
            self.expect(409, answer, code="conflict")

    def test_what_registers_is_checked(self):
        for body, pointer in (
            ({"email": email(), "password": "short"}, "/password"),
            ({"email": email(), "password": "passwordpassword"}, "/password"),
            ({"email": email(), "password": 123456789012345}, "/password"),
            ({"email": email(), "password": "x" * 5000}, "/password"),
            ({"email": "ada", "password": PASSWORD}, "/email"),
            ({"email": 5, "password": PASSWORD}, "/email"),
            ({"email": email()}, "/password"),
            ({"password": PASSWORD}, "/email"),
            ({"email": email(), "password": PASSWORD, "role": "admin"}, "/role"),
            ({"email": email(), "password": PASSWORD, "id": str(uuid.uuid4())}, "/id"),
        ):
            with self.subTest(body=str(body)[:80]):
                self.expect(422, self.nobody.post("/v1/auth/register", body), pointer)
        self.expect(400, self.nobody.request("POST", "/v1/auth/register", raw=b"{"))
        self.expect(422, self.nobody.post("/v1/auth/register", []))

    def test_a_refresh_token_is_used_once(self):
        session = self.register()[0].session
        second = self.expect(200, self.refresh(session["refreshToken"])).json
        self.check_session(second)
        self.assertNotEqual(second["refreshToken"], session["refreshToken"])
        self.assertEqual(second["user"]["id"], session["user"]["id"])
        self.expect(200, Client(self.server.port, second["accessToken"]).get("/v1/auth/me"))

    def test_an_old_refresh_token_ends_the_whole_session(self):
        session = self.register()[0].session
        second = self.expect(200, self.refresh(session["refreshToken"])).json
        third = self.expect(200, self.refresh(second["refreshToken"])).json
        # Two behind: stolen. The newest goes with it.
        self.expect(401, self.refresh(session["refreshToken"]), code="unauthenticated")
        self.expect(401, self.refresh(third["refreshToken"]))
        self.expect(401, Client(self.server.port, third["accessToken"]).get("/v1/auth/me"))

    def test_an_answer_that_was_lost_can_be_asked_for_again(self):
        session = self.register()[0].session
        self.expect(200, self.refresh(session["refreshToken"]))
        again = self.expect(200, self.refresh(session["refreshToken"])).json
        self.expect(200, self.refresh(again["refreshToken"]))

    def test_other_sessions_outlive_the_end_of_one(self):
        person, address = self.register()
        other = self.nobody.post("/v1/auth/login", {"email": address, "password": PASSWORD}).json
        self.expect_signed_out(person)
        self.expect(200, Client(self.server.port, other["accessToken"]).get("/v1/auth/me"))
        self.expect(200, self.refresh(other["refreshToken"]))

    def expect_signed_out(self, person):
        self.expect(200, person.post("/v1/auth/logout", {}))
        self.expect(401, person.get("/v1/auth/me"), code="unauthenticated")
        self.expect(401, person.get("/v1/things"))
        self.expect(401, self.refresh(person.session["refreshToken"]))

    def test_logout_ends_both_tokens(self):
        self.expect_signed_out(self.register()[0])
        self.expect_signed_out(self.person())
        self.expect(401, self.nobody.post("/v1/auth/logout", {}))

    def test_logout_works_by_refresh_token_alone(self):
        person = self.person()
        body = {"refreshToken": person.session["refreshToken"]}
        self.expect(200, self.nobody.post("/v1/auth/logout", body))
        self.expect(401, person.get("/v1/auth/me"))
        self.expect(401, self.nobody.post("/v1/auth/logout", body))

    def test_logout_everywhere_ends_all_sessions(self):
        person, address = self.register()
        other = self.nobody.post("/v1/auth/login", {"email": address, "password": PASSWORD}).json
        self.expect(200, person.post("/v1/auth/logout", {"everywhere": True}))
        self.expect(401, Client(self.server.port, other["accessToken"]).get("/v1/auth/me"))
        self.expect(401, self.refresh(other["refreshToken"]))
        self.expect(
            422, self.person().post("/v1/auth/logout", {"everywhere": "yes"}), "/everywhere")

    def test_an_upgrade_keeps_the_person_and_what_is_theirs(self):
        person = self.person()
        thing = person.create("things", label="mine")
        address = email()
        answer = self.expect(
            200, person.post("/v1/auth/upgrade", {"email": address, "password": PASSWORD}))
        self.assertEqual(answer["user"]["id"], person.id)
        self.assertIs(answer["user"]["anonymous"], False)
        self.assertEqual(answer["user"]["email"], address)
        upgraded = Client(self.server.port, answer["accessToken"], answer.json)
        self.assertEqual(upgraded.get(f"/v1/things/{thing['id']}")["label"], "mine")
        # The tokens from before are rotated away.
        self.expect(401, self.refresh(person.session["refreshToken"]))
        again = self.nobody.post("/v1/auth/login", {"email": address, "password": PASSWORD})
        self.assertEqual(again["user"]["id"], person.id)
        # Once is enough.
        self.expect(409, upgraded.post("/v1/auth/upgrade", {"email": email(), "password": PASSWORD}))

    def test_an_upgrade_does_not_take_the_address_of_another(self):
        _, address = self.register()
        person = self.person()
        body = {"email": address, "password": PASSWORD}
        self.expect(409, person.post("/v1/auth/upgrade", body))
        self.expect(200, person.get("/v1/auth/me"))
        self.expect(401, self.nobody.post("/v1/auth/upgrade", body))

    def test_forged_tokens_are_refused(self):
        token = self.person().token
        forged = ["", "x", "a.b.c", token[:-2], token + "A", token.swapcase(), token[::-1],
                  "A" * 12_000, token + " " + token, "null"]
        if token.count(".") == 2:
            head, body, signature = token.split(".")
            none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode())
            none = none.rstrip(b"=").decode()
            forged += [f"{none}.{body}.", f"{none}.{body}.{signature}", f"{head}.{body}.",
                       f"{head}.{body[:-4]}AAAA.{signature}"]
        for value in forged:
            with self.subTest(token=value[:40]):
                self.expect(401, Client(self.server.port, value).get("/v1/auth/me"))
        for scheme in ("Basic abc", "Bearer", "bearer" + token, token):
            with self.subTest(scheme=scheme[:20]):
                answer = self.nobody.get("/v1/auth/me", headers={"Authorization": scheme})
                self.expect(401, answer)
        answer = self.nobody.get("/v1/auth/me", headers={"Authorization": "bearer " + token})
        self.assertEqual(answer.status, 200, "the scheme's name has no case")

    def test_a_bad_token_is_refused_even_where_none_is_needed(self):
        answer = Client(self.server.port, "x").get("/v1/board")
        self.expect(401, answer)

    def test_bad_refreshes_are_refused(self):
        for body, status in (
            ({}, 422), ({"refreshToken": 5}, 422), ({"refreshToken": None}, 422),
            ({"refreshToken": ""}, None), ({"refreshToken": "x"}, 401),
            ({"refreshToken": "A" * 5000}, None), ([], 422), ({"refreshToken": "x", "y": 1}, 422),
        ):
            with self.subTest(body=str(body)[:40]):
                answer = self.nobody.post("/v1/auth/refresh", body)
                self.assertIn(answer.status, (status,) if status else (401, 422), answer)

    def test_sessions_survive_a_restart(self):
        person, address = self.register()
        self.server.restart()
        person.port = self.server.port
        self.assertEqual(person.get("/v1/auth/me")["id"], person.id)
        self.expect(200, self.refresh(person.session["refreshToken"]))
        signed_out = self.register()[0]
        signed_out.post("/v1/auth/logout", {})
        self.server.restart()
        signed_out.port = self.server.port
        self.expect(401, signed_out.get("/v1/auth/me"))
        self.expect(401, self.refresh(signed_out.session["refreshToken"]))


class RateLimitTests(ServedCase):
    app = "types"
    environment = {"ROOST_AUTH_RATE_LIMITS": "on"}

    def test_guessing_passwords_is_slowed_down(self):
        address = email()
        statuses = []
        for _ in range(40):
            answer = self.nobody.post("/v1/auth/login", {"email": address, "password": "x" * 20})
            statuses.append(answer.status)
            if answer.status == 429:
                self.assertGreater(int(answer.headers["retry-after"]), 0)
                break
        self.assertEqual(statuses[-1], 429, statuses)
        self.assertGreaterEqual(statuses.count(401), 5)
        self.assertEqual(self.nobody.get("/health/live").status, 200)
