"""Lists: pages, filters, sorting, counts, expansion."""

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
                ("whole", "-whole", "label", "-label", "real", "-real", "colour,-whole", "-moment",
                 "flag,label", "createdAt", "-id"), (7, 50, 200)):
            with self.subTest(sort=sort, limit=limit):
                numbers = self.numbers(sort=sort, limit=limit)
                self.assertEqual(sorted(numbers), list(range(self.rows)))
                if sort == "whole":
                    self.assertEqual(numbers, sorted(numbers))
                if sort == "-whole":
                    self.assertEqual(numbers, sorted(numbers, reverse=True))

    def test_enums_sort_in_their_declared_order(self):
        colours = [item["colour"] for item in self.all(sort="colour")]
        order = ["RED", "GREEN", "BLUE"]
        self.assertEqual(colours, sorted(colours, key=order.index))

    def test_limits_have_bounds(self):
        for limit in (1, 200):
            self.assertEqual(
                len(self.owner.get("/v1/things", limit=limit)["items"]), min(limit, self.rows))
        for limit in ("0", "-1", "201", "x", "", "1.5", "1e2", "99999999999999999999", "+5"):
            with self.subTest(limit=limit):
                answer = self.owner.get("/v1/things", limit=limit)
                self.assertIn(answer.status, (400, 422), answer)
                self.assertIn("limit", answer.body.decode())

    def test_filters_find_what_they_say(self):
        cases = {
            "whole == 5": [5],
            "whole < 3": [0, 1, 2],
            "whole >= 128": [128, 129],
            "whole > 2 && whole <= 4": [3, 4],
            "whole == 1 || whole == 3": [1, 3],
            "whole in [2, 4, 6]": [2, 4, 6],
            "!(whole > 1)": [0, 1],
            'colour == "RED" && whole < 7': [0, 3, 6],
            "flag == true && whole < 5": [0, 2, 4],
            "real == null && whole < 7": [0, 3, 6],
            "real != null && whole < 5": [1, 2, 4],
            'moment < "2024-01-03T00:00:00Z" && whole < 28': [0, 1],
            'label == "thing 3" && whole < 30': [3, 13, 23],
            "real > 0.5 && real < 1.5": [4, 5],
        }
        for text, expected in cases.items():
            with self.subTest(filter=text):
                self.assertEqual(sorted(self.numbers(filter=text)), expected)

    def test_bad_filters_are_refused_with_a_reason(self):
        for text in (
            "whole =", "whole == ", "== 1", "whole == 1 &&", "(whole == 1", "whole == 1)",
            "nothing == 1", "whole == \"a\"", "label > 5", "label == label2", "_clocks == 1",
            "deletedAt == null; DROP TABLE things", "whole == 1 -- x", "whole LIKE 1",
            "label == 'a' OR 1=1", "secret.length > 1", "whole == 99999999999999999999",
            "colour == \"PINK\"", "moment == \"yesterday\"", "a" * 2001,
            " && ".join(["whole == 1"] * 60), "(" * 200 + "whole == 1" + ")" * 200, "!" * 500 + "flag",
        ):
            with self.subTest(filter=text[:60]):
                answer = self.owner.get("/v1/things", filter=text)
                self.assertIn(answer.status, (400, 422), answer)
                self.assertIn("filter", answer.body.decode())

    def test_sorting_by_what_is_not_there_is_refused(self):
        for sort in ("nothing", "_clocks", "-", "", "whole,", "whole,,label", "whole;--", "+whole",
                     "data", "words", "deletedAt", ",".join(["whole"] * 40)):
            with self.subTest(sort=sort):
                answer = self.owner.get("/v1/things", sort=sort)
                self.assertIn(answer.status, (400, 422), answer)

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
                answer = self.owner.get("/v1/things", limit=5, after=after)
                self.assertIn(answer.status, (400, 422), answer)
        answer = self.owner.get("/v1/things", limit=5, after=cursor, filter="whole > 3")
        self.assertIn(answer.status, (400, 422), "a cursor belongs to its filter")
        self.expect(200, self.owner.get("/v1/things", limit=5, after=cursor))

    def test_a_cursor_of_one_caller_shows_another_nothing(self):
        cursor = self.owner.get("/v1/things", limit=5)["next"]
        answer = self.person().get("/v1/things", limit=5, after=cursor)
        if answer.status == 200:
            self.assertEqual(answer["items"], [])
        else:
            self.assertIn(answer.status, (400, 422), answer)

    def test_counts_are_given_when_asked_for(self):
        self.assertEqual(self.owner.get("/v1/things", count="exact", limit=1)["count"], self.rows)
        answer = self.owner.get("/v1/things", count="exact", filter="whole < 10", limit=3)
        self.assertEqual((answer["count"], len(answer["items"])), (10, 3))
        self.assertIsInstance(self.owner.get("/v1/things", count="estimated")["count"], int)
        self.assertNotIn("count", self.owner.get("/v1/things", count="none").json)
        self.assertIn(self.owner.get("/v1/things", count="all").status, (400, 422))
        self.assertEqual(self.person().get("/v1/things", count="exact")["count"], 0)

    def test_a_filter_sees_only_what_its_caller_may(self):
        other = self.person()
        self.assertEqual(other.get("/v1/things", filter="whole >= 0")["items"], [])
        self.assertEqual(other.get("/v1/things", filter="whole >= 0", count="exact")["count"], 0)

    def test_sparse_lists_hold_what_was_asked_for(self):
        answer = self.owner.get("/v1/things", fields="whole", limit=2, sort="whole")
        self.assertEqual(answer["items"], [{"whole": 0}, {"whole": 1}])

    def test_relations_expand_one_level(self):
        person = self.person()
        friend = person.create("things", label="friend")
        thing = person.create("things", label="a", friend=friend["id"])
        answer = person.get(f"/v1/things/{thing['id']}", expand="friend")
        self.assertEqual(answer["friend"]["label"], "friend")
        items = person.get("/v1/things", expand="friend", sort="label")["items"]
        self.assertEqual([item["friend"] and item["friend"]["label"] for item in items],
                         ["friend", None])
        for expand in ("nothing", "label", "friend.nothing", "friend,,", "owner.password"):
            with self.subTest(expand=expand):
                answer = person.get("/v1/things", expand=expand)
                self.assertIn(answer.status, (400, 422), answer)
