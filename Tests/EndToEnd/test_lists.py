"""Lists: pages, sorting, counts."""

import base64
import itertools
import json

from cases import ServedCase


class ListTests(ServedCase):
    app = "types"
    rows = 130

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from client import anonymous
        cls.owner = anonymous(cls.server.port)
        for number in range(cls.rows):
            cls.owner.create(
                "things", label=f"thing {number % 10}", whole=number,
                real=number / 4 if number % 3 else None, flag=number % 2 == 0,
                colour=("RED", "GREEN", "BLUE")[number % 3],
                moment=f"2024-01-{number % 28 + 1:02}T00:00:00Z")

    def all(self, **query):
        """Every page of a list, checked for repeats."""
        items, seen, after = [], set(), None
        for _ in range(200):
            page = self.owner.get("/v1/things", **query, **({"after": after} if after else {}))
            self.expect(200, page)
            for item in page["items"]:
                self.assertNotIn(item["id"], seen)
                seen.add(item["id"])
            items += page["items"]
            after = page["next"]
            if after is None:
                return items
        self.fail("the list has no end")

    def numbers(self, **query):
        return [item["whole"] for item in self.all(**query)]

    def test_a_page_holds_fifty_unless_told(self):
        answer = self.owner.get("/v1/things")
        self.assertEqual(len(answer["items"]), 50)
        self.assertTrue(answer["next"])
        self.assertNotIn("count", answer.json)

    def test_pages_cover_everything_once_in_every_order(self):
        for sort, limit in itertools.product(
                ("whole", "-whole", "label", "-label", "real", "-real", "colour", "-moment",
                 "flag", "createdAt", "-updatedAt", "version", "-id"), (7, 50, 200)):
            with self.subTest(sort=sort, limit=limit):
                numbers = self.numbers(sort=sort, limit=limit)
                self.assertEqual(sorted(numbers), list(range(self.rows)))
                if sort == "whole":
                    self.assertEqual(numbers, sorted(numbers))
                if sort == "-whole":
                    self.assertEqual(numbers, sorted(numbers, reverse=True))

    def test_limits_have_bounds(self):
        for limit in (1, 200):
            self.assertEqual(
                len(self.owner.get("/v1/things", limit=limit)["items"]), min(limit, self.rows))
        for limit in ("0", "-1", "201", "x", "", "1.5", "1e2", "99999999999999999999", "+5"):
            with self.subTest(limit=limit):
                self.expect(422, self.owner.get("/v1/things", limit=limit), "?limit")

    def test_sorting_by_what_is_not_there_is_refused(self):
        for sort in ("nothing", "_clocks", "-", "", "whole,", "whole,,label", "whole;--", "+whole",
                     "data", "words", "deletedAt", ",".join(["whole"] * 40)):
            with self.subTest(sort=sort):
                self.expect(422, self.owner.get("/v1/things", sort=sort), "?sort")

    def test_forged_cursors_are_refused(self):
        cursor = self.owner.get("/v1/things", limit=5)["next"]
        other_order = self.owner.get("/v1/things", limit=5, sort="-whole")["next"]
        guess = base64.urlsafe_b64encode(json.dumps({"id": "x"}).encode()).decode()
        flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
        middle = len(cursor) // 2
        changed = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1:]
        for after in ("x", "", guess, flipped, changed, cursor[:-4], cursor + "AA", other_order,
                      "A" * 5000, "%00"):
            with self.subTest(after=after[:40]):
                self.expect(400, self.owner.get("/v1/things", limit=5, after=after), code="malformed")
        self.expect(200, self.owner.get("/v1/things", limit=5, after=cursor))

    def test_a_cursor_of_one_caller_shows_another_nothing(self):
        cursor = self.owner.get("/v1/things", limit=5)["next"]
        self.expect(400, self.person().get("/v1/things", limit=5, after=cursor))

    def test_counts_are_given_when_asked_for(self):
        self.assertEqual(self.owner.get("/v1/things", count="exact", limit=1)["count"], self.rows)
        answer = self.owner.get("/v1/things", count="exact", limit=3)
        self.assertEqual((answer["count"], len(answer["items"])), (self.rows, 3))
        self.assertIsInstance(self.owner.get("/v1/things", count="estimated")["count"], int)
        self.assertNotIn("count", self.owner.get("/v1/things", count="none").json)
        self.expect(422, self.owner.get("/v1/things", count="all"), "?count")
        self.assertEqual(self.person().get("/v1/things", count="exact")["count"], 0)

    def test_an_estimate_tells_nothing_of_others(self):
        self.assertEqual(self.person().get("/v1/things", count="estimated")["count"], 0)

    def test_what_a_list_does_not_take_is_refused(self):
        for name in ("filter", "fields", "expand", "search", "limits", "offset", "page", "x" * 500, ""):
            with self.subTest(name=name[:20]):
                answer = self.owner.get("/v1/things", **{name: "1"})
                self.expect(422, answer, "?" + name[:60], code="invalid")
        self.assertIn("limit", self.owner.get("/v1/things?limits=5").body.decode())

    def test_malformed_queries_are_refused(self):
        for query in ("limit=5&limit=6", "limit=%", "limit=%zz", "sort=%ff", "sort=%00",
                      "&".join(f"a{number}=1" for number in range(101))):
            with self.subTest(query=query[:40]):
                self.expect(400, self.owner.get("/v1/things?" + query), code="malformed")
        self.expect(200, self.owner.get("/v1/things?"))
        self.expect(200, self.owner.get("/v1/things?&&limit=5&"))
