"""What a caller may send: each type with its valid value beside its invalid neighbours."""

import json

from cases import ServedCase

BIG = 2**63
SHA = "ab" * 32

# field, value that is taken, value that is read back (None: the same)
TAKEN = [
    ("flag", True, None), ("flag", None, None),
    ("whole", -5, None), ("whole", 2147483647, None), ("whole", 3.0, 3),
    ("big", 2**53, None), ("big", str(BIG - 1), str(BIG - 1)), ("big", BIG - 1, str(BIG - 1)),
    ("big", -BIG, str(-BIG)), ("big", "12", 12),
    ("real", 0.1, None), ("real", 1e300, None), ("real", -2.5e-10, None), ("real", 7, None),
    ("day", "2024-02-29", None), ("day", "0001-01-01", None),
    ("moment", "2024-05-01T20:00:00Z", "2024-05-01T20:00:00.000Z"),
    ("moment", "2024-05-01T20:00:00.123+02:00", "2024-05-01T18:00:00.123Z"),
    ("span", "PT1H30M", None), ("span", "PT90M", "PT1H30M"), ("span", "P1DT1S", None),
    ("price", 0, None), ("price", 2**53, None),
    ("mail", "ada@example.org", None), ("link", "https://example.org/a?b=c#d", None),
    ("data", {"a": [1, {"b": None}], "c": "\u00e9"}, None), ("data", [], None),
    ("data", "text", None),
    ("place", {"lat": 90, "lon": -180}, None),
    ("picture", {"sha256": SHA, "size": 12, "mime": "image/png"}, None),
    ("colour", "GREEN", None), ("code", "ABC", None),
    ("words", ["a", "bcdef"], None), ("words", ["\U0001f600" * 5], None), ("words", None, None),
    ("numbers", [1, 2**53], None), ("numbers", [], None),
    ("label", "x" * 20, None), ("label", "\u00e9" * 20, None),
    ("label", "tab\tline\nquote\"\\", None), ("level", 7, None),
]

# field, value that is refused, pointer below the field, code
REFUSED = [
    ("flag", "true", "", "type"), ("flag", 1, "", "type"), ("flag", [], "", "type"),
    ("whole", "3", "", "type"), ("whole", 3.5, "", "type"), ("whole", 1e300, "", "range"),
    ("whole", -6, "", "min"), ("whole", 2147483648, "", "range"), ("whole", True, "", "type"),
    ("whole", {}, "", "type"),
    ("big", BIG, "", "range"), ("big", str(BIG), "", "range"), ("big", 1e300, "", "range"),
    ("big", "1e3", "", "type"), ("big", "", "", "type"), ("big", " 1", "", "type"),
    ("real", "0.1", "", "type"),
    ("day", "2023-02-29", "", "type"), ("day", "2024-2-9", "", "type"), ("day", 20240209, "", "type"),
    ("day", "9999-01-01", "", "past_or_present"), ("day", "2024-05-01T00:00:00Z", "", "type"),
    ("moment", "2024-05-01", "", "type"), ("moment", "2024-05-01T25:00:00Z", "", "type"),
    ("moment", "2024-05-01T20:00:00", "", "type"), ("moment", 1714593600, "", "type"),
    ("span", "1 hour", "", "type"), ("span", "P1M", "", "type"), ("span", "P1Y", "", "type"),
    ("span", "PT0S", "", "exclusive_min"), ("span", "-PT1S", "", None), ("span", 60, "", "type"),
    ("span", "P99999999999999999999D", "", "type"),
    ("price", 12.5, "", "type"), ("price", -1, "", "min"), ("price", BIG, "", "range"),
    ("price", "12", "", "type"),
    ("mail", "ada", "", "type"), ("mail", "a@b@c.org", "", "type"),
    ("link", "javascript:alert(1)", "", "type"), ("link", "/relative", "", "type"),
    ("data", {"a": "\u0000"}, "", "type"), ("data", "x" * 70000, "", "range"),
    ("place", {"lat": 91, "lon": 0}, "/lat", "range"), ("place", {"lat": 1}, "/lon", "required"),
    ("place", {"lat": 1, "lon": 2, "alt": 3}, "/alt", "type"), ("place", [1, 2], "", "type"),
    ("picture", {"sha256": "00", "size": 1, "mime": "a/b"}, "/sha256", "type"),
    ("picture", {"sha256": SHA, "size": -1, "mime": "a/b"}, "/size", "range"),
    ("colour", "green", "", "enum"), ("colour", 1, "", "type"),
    ("code", "abc", "", "pattern"), ("code", "ABCD", "", "pattern"), ("code", "ABC\n", "", "pattern"),
    ("words", "a", "", "type"), ("words", [], "", "min_items"), ("words", ["a"] * 4, "", "max_items"),
    ("words", ["a", "abcdef"], "/1", "max_length"), ("words", ["a", None], "/1", "required"),
    ("words", ["a", 1], "/1", "type"), ("words", [["a"]], "/0", "type"),
    ("numbers", [1, 1.5], "/1", "type"),
    ("label", "", "", "min_length"), ("label", "x" * 21, "", "max_length"), ("label", None, "", "required"),
    ("label", 5, "", "type"), ("label", "nul\u0000", "", "type"),
    ("friend", "not-a-uuid", "", "type"), ("friend", 5, "", "type"),
    ("friend", "01970000-0000-7000-8000-00000000dead", "", "reference"),
    ("secret", "mine", "", "server_only"),
]


class InputTests(ServedCase):
    app = "types"

    def test_values_that_fit_their_type_are_stored_and_read_back(self):
        person = self.person()
        for field, value, stored in TAKEN:
            with self.subTest(field=field, value=value):
                answer = self.expect(201, person.post("/v1/things", {"label": "a", field: value}))
                expected = value if stored is None else stored
                self.assertEqual(answer[field], expected)
                self.assertEqual(person.get(answer.headers["location"])[field], expected)

    def test_values_that_do_not_fit_are_refused_with_pointer_and_code(self):
        person = self.person()
        thing = person.create("things", label="a")
        for field, value, below, code in REFUSED:
            with self.subTest(field=field, value=str(value)[:60]):
                for answer in (
                    person.post("/v1/things", {"label": "a", field: value}),
                    person.patch(f"/v1/things/{thing['id']}", {field: value}),
                ):
                    self.expect(422, answer, f"/{field}{below}", code="invalid")
                    if code:
                        self.assertEqual(answer.issues[f"/{field}{below}"], code)
        self.assertEqual(person.get(f"/v1/things/{thing['id']}")["version"], 1)

    def test_all_faults_of_a_body_are_named_together(self):
        answer = self.person().post(
            "/v1/things", {"whole": "3", "colour": "PINK", "version": 7, "nonsense": 1})
        self.refused(
            answer, label="required", whole="type", colour="enum", version="server_only",
            nonsense="unknown_field")

    def test_an_unknown_field_is_refused_with_the_nearest_name(self):
        answer = self.refused(
            self.person().post("/v1/things", {"label": "a", "colur": "RED"}),
            colur="unknown_field")
        self.assertIn("colour", answer.json["errors"][0]["message"])

    def test_system_fields_belong_to_the_server(self):
        person = self.person()
        for field in ("version", "createdAt", "updatedAt", "deletedAt"):
            answer = person.post("/v1/things", {"label": "a", field: 1})
            self.refused(answer, **{field: "server_only"})

    def test_hostile_names_of_fields_are_escaped_in_the_pointer(self):
        answer = self.person().post("/v1/things", {"label": "a", "a/b~c": 1})
        self.expect(422, answer, "/a~1b~0c")
        for name in ("", "__proto__", "$where", "_clocks", "id; DROP TABLE thing", "\u0000"):
            with self.subTest(name=name):
                self.expect(422, self.person().post("/v1/things", {"label": "a", name: 1}))

    def test_defaults_fill_what_a_create_leaves_out(self):
        person = self.person()
        thing = person.create("things", label="a")
        self.assertEqual((thing["level"], thing["nick"]), (1, "none"))
        self.assertEqual(thing["owner"], person.id)
        self.assertIsNone(thing["whole"])
        thing = person.create("things", label="a", level=3)
        self.assertEqual(thing["level"], 3)
        self.refused(person.post("/v1/things", {"label": "a", "level": None}), level="required")

    def test_the_caller_may_choose_the_id(self):
        person = self.person()
        id = "0197aaaa-0000-7000-8000-000000000001"
        answer = self.expect(201, person.post("/v1/things", {"id": id, "label": "a"}))
        self.assertEqual(answer["id"], id)
        self.assertTrue(answer.headers["location"].endswith(f"/v1/things/{id}"))
        self.expect(409, person.post("/v1/things", {"id": id, "label": "b"}), code="conflict")
        self.expect(409, self.person().post("/v1/things", {"id": id, "label": "b"}))
        for bad in ("", "1", 5, None, [], "00000000-0000-0000-0000-000000000000", id + "0"):
            with self.subTest(id=bad):
                self.refused(person.post("/v1/things", {"id": bad, "label": "a"}), id="type")
        self.refused(
            person.patch(f"/v1/things/{id}", {"id": "0197aaaa-0000-7000-8000-000000000002"}),
            id="immutable")
        self.expect(200, person.patch(f"/v1/things/{id}", {"id": id, "label": "c"}))

    def test_negative_zero_is_zero(self):
        person = self.person()
        answer = person.request(
            "POST", "/v1/things", raw=b'{"label": "a", "whole": -0, "real": -0.0, "big": -0}')
        self.expect(201, answer)
        self.assertEqual((answer["whole"], answer["big"]), (0, 0))
        self.assertNotIn(b":-0", answer.body)

    def test_bodies_that_are_not_json_are_malformed(self):
        person = self.person()
        for body in (
            b"", b"{", b"{]", b'{"label": "a",}', b"{'label': 1}", b'{"label": NaN}',
            b'{"label": 01}', b'{"label": +1}', b'{"label": .5}', b'{"label": "a"} x',
            b'{"label": "a" // no\n}', b'\xef\xbb\xbf{"label": "a"}', b'{"label": "\xff"}',
            b'{"label": "\\ud800"}', b'{"label": "\\udc00\\ud800"}', b'{"label": "\\x41"}',
            b'{"label": "a", "label": "b"}', b'{"label": "a\nb"}', b'{"real": 1e400}',
            b"[" * 100_000, b'{"data": ' + b"[" * 33 + b"]" * 33 + b"}",
            b'{"data": ' + b'{"a":' * 100_000, b'"' + b"a" * 100_000,
            b'{"label": "\xed\xa0\x80"}', b'{"label": "\xc0\xaf"}', b"\x00", b"nul",
        ):
            with self.subTest(body=body[:40]):
                answer = person.request("POST", "/v1/things", raw=body)
                self.expect(400, answer, code="malformed")
                self.assertLess(len(answer.body), 1000)

    def test_bodies_that_are_no_objects_are_refused(self):
        person = self.person()
        for body in ([], "a", 1, None, True, [{"label": "a"}]):
            with self.subTest(body=body):
                self.expect(422, person.post("/v1/things", body), "")

    def test_huge_numbers_of_digits_are_answered(self):
        person = self.person()
        for number in (b"1" * 5000, b"-" + b"9" * 5000, b"0." + b"1" * 5000, b"1e-99999999",
                       b"1E+999999999999999999999"):
            with self.subTest(number=number[:20]):
                body = b'{"label": "a", "whole": ' + number + b"}"
                answer = person.request("POST", "/v1/things", raw=body)
                self.assertIn(answer.status, (201, 400, 422), answer)

    def test_a_body_of_another_media_type_is_refused(self):
        person = self.person()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml",
                     "application/jsonp", "text/json/x"):
            with self.subTest(kind=kind):
                answer = person.request(
                    "POST", "/v1/things", {"label": "a"}, headers={"Content-Type": kind})
                self.expect(415, answer, code="unsupported_media_type")
        for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
            with self.subTest(kind=kind):
                answer = person.request(
                    "POST", "/v1/things", {"label": "a"}, headers={"Content-Type": kind})
                self.expect(201, answer)

    def test_unicode_survives_and_is_not_normalised(self):
        person = self.person()
        for text in ("\u00e9", "e\u0301", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u202e", "\ufeff",
                     "\ud7ff\ue000", "\U0010ffff"):
            with self.subTest(text=text):
                thing = person.create("things", label=text)
                self.assertEqual(person.get(f"/v1/things/{thing['id']}")["label"], text)

    def test_a_body_beyond_a_megabyte_is_too_large(self):
        person = self.person()
        body = json.dumps({"label": "a", "nick": "x" * 1_048_576}).encode()
        self.expect(413, person.request("POST", "/v1/things", raw=body), code="payload_too_large")
        body = json.dumps({"label": "a", "nick": "x" * 1_000_000}).encode()
        self.expect(201, person.request("POST", "/v1/things", raw=body))
