"""What `make bench` says has moved, and the results that it holds; nothing is measured here."""

import copy
import importlib.util
import os
import re
import sys
import types
import unittest

from server import Folder, REPOSITORY

sys.path.append(os.path.join(REPOSITORY, "Benchmarks"))

from harness import results  # noqa: E402
from harness.figures import Figure  # noqa: E402


def area(*figures, nginx=6.0, disk=100.0, rows=1000, machine="a machine"):
    return {"date": "2026-01-01", "machine": machine, "rows": rows, "rounds": 3, "seconds": 6,
            "pace": {"nginx": nginx, "disk": disk}, "figures": list(figures)}


def figure(samples, name="one", unit="µs", **told):
    made = Figure("read", name, unit, samples, **told)
    return {"name": name, "unit": unit, "better": made.better, "pace": made.pace,
            "value": made.value, "low": min(samples), "high": max(samples),
            "samples": len(samples)}


def moved(now, held):
    """The group of the only figure of two areas, and its ratio."""
    (change,), _ = results.compare({"read": now}, {"read": held})
    return change.group, change.ratio


class ChangeTests(unittest.TestCase):
    def test_more_than_ten_per_cent_beyond_the_spread_has_moved(self):
        for unit, held, now, group in (
            ("µs", [99, 100, 101], [109, 110, 111], None),
            ("µs", [99, 100, 101], [110, 111, 112], "worse"),
            ("µs", [99, 100, 101], [91, 92, 93], None),
            ("µs", [99, 100, 101], [89, 90, 91], "better"),
            ("/s", [99, 100, 101], [110, 111, 112], "better"),
            ("rows/s", [99, 100, 101], [89, 90, 91], "worse"),
            ("MB", [100], [112], "worse"),
            # Within the spread of the one, or of the other.
            ("µs", [80, 100, 120], [114, 115, 116], None),
            ("µs", [99, 100, 101], [95, 115, 135], None),
            ("µs", [80, 100, 120], [122, 123, 124], "worse"),
            # Nothing was expected: a share of it cannot be said.
            ("", [0], [0], None),
            ("", [0], [2], "worse"),
        ):
            with self.subTest(unit=unit, held=held, now=now):
                self.assertEqual(
                    moved(area(figure(now, unit=unit)), area(figure(held, unit=unit)))[0], group)

    def test_held_figures_are_brought_to_the_pace_of_the_run(self):
        for told, nginx, disk, now, group in (
            ({"unit": "µs"}, 9.0, 100, 150, None),
            ({"unit": "µs"}, 9.0, 100, 100, "better"),
            ({"unit": "/s"}, 9.0, 100, 66.7, None),
            ({"unit": "/s"}, 9.0, 100, 100, "better"),
            ({"unit": "/s", "pace": None}, 9.0, 100, 66.7, "worse"),
            ({"unit": "µs", "pace": "disk"}, 9.0, 200, 200, None),
            ({"unit": "µs", "pace": "disk"}, 9.0, 100, 150, "worse"),
            ({"unit": "ms"}, 9.0, 100, 150, "worse"),
            ({"unit": "×"}, 9.0, 100, 1.5 * 100, "worse"),
            ({"unit": "µs", "better": None}, 9.0, 100, 150, "other"),
            ({"unit": "%", "bound": (">=", 99)}, 9.0, 100, 80, "worse"),
        ):
            with self.subTest(told=told, now=now):
                found = moved(area(figure([now], **told), nginx=nginx, disk=disk),
                              area(figure([100], **told)))
                self.assertEqual(found[0], group)

    def test_what_cannot_be_compared_is_named(self):
        one, other = figure([100]), figure([200], name="other")
        for now, held, says in (
            ({"read": area(one)}, {}, "read: no results are held yet"),
            ({"read": area(one, rows=20000)}, {"read": area(one)}, "20,000 rows, and 1,000"),
            ({"read": area(one, nginx=None)}, {"read": area(one)}, "what nginx took was not measured"),
            ({"read": area(one)}, {"read": area(one, nginx=None)}, "what nginx took was not measured"),
            ({"read": area(other)}, {"read": area(other, one)}, "one: held, and not measured now"),
            ({"read": area(other, one)}, {"read": area(other)}, "one: not in what is held"),
        ):
            with self.subTest(says=says):
                changes, notes = results.compare(now, held)
                self.assertEqual([each.name for each in changes if each.name == "one"], [])
                self.assertRegex("\n".join(notes), re.escape(says))
        # Another machine is no reason to say nothing.
        changes, notes = results.compare(
            {"read": area(one)}, {"read": area(one, machine="a slow one")})
        self.assertEqual((len(changes), len(notes)), (1, 1))
        self.assertIn("a slow one", notes[0])

    def test_the_report_tells_worse_and_better_apart(self):
        held = {"read": area(
            figure([99, 100, 101], "slower"), figure([99, 100, 101], "faster"),
            figure([100], "lone"), figure([80, 100, 120], "unsure"), figure([100], "same"))}
        now = {"read": area(
            figure([149, 150, 151], "slower"), figure([49, 50, 51], "faster"),
            figure([150], "lone"), figure([113, 115, 119], "unsure"), figure([101], "same"))}
        text = "\n".join(results.report(now, held))
        worse, better = text.split("Better by more than 10 %")
        self.assertIn("| read | slower, µs | 100 (99.0 … 101) |  | 150 (149 … 151) | +50 % |", worse)
        self.assertIn("+50 % (one sample) |", worse)
        self.assertIn("| read | faster, µs | 100 (99.0 … 101) |  | 50.0 (49.0 … 51.0) | -50 % |",
                      better)
        self.assertIn("within the spread: read, unsure.", better)
        self.assertNotIn("same,", text)
        self.assertIn("5 figures compared: 2 worse, 1 better, 2 as they were", better)


class HeldTests(unittest.TestCase):
    def setUp(self):
        folder = Folder({})
        self.addCleanup(folder.remove)
        self.path = folder.join("results.json")

    def test_an_area_takes_the_place_of_its_own_and_leaves_the_others(self):
        self.assertEqual(results.read(self.path), {})
        first = {"read": area(figure([100])), "tls": area(figure([1, 2, 3]))}
        results.write(self.path, first)
        self.assertEqual(results.read(self.path), first)
        results.write(self.path, {"read": area(figure([1 / 3]))})
        held = results.read(self.path)
        self.assertEqual(held["tls"], first["tls"])
        self.assertEqual(held["read"]["figures"][0]["value"], 0.3333)

    def test_a_file_of_another_format_is_refused(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write('{"format": 2, "areas": {}}')
        self.assertRaises(RuntimeError, results.read, self.path)

    def test_what_a_run_measured_has_its_pace_and_leaves_the_machine_out(self):
        bench = types.SimpleNamespace(
            samples={"nginx_cpu": [9.0, 8.0, 7.0], "write": []}, rounds=3, seconds=6,
            dataset=types.SimpleNamespace(rows=1000))
        found = results.taken(
            [Figure("read", "one", "µs", [3, 1, 2]), Figure("machine", "noise", "%", [1])],
            bench, "a machine", "2026-01-01")
        self.assertEqual(list(found), ["read"])
        self.assertEqual(found["read"]["pace"], {"nginx": 8.0})
        self.assertEqual(found["read"]["figures"], [figure([3, 1, 2])])

    def test_what_is_in_the_repository_can_be_read_and_has_not_moved_from_itself(self):
        held = results.read(os.path.join(REPOSITORY, "Benchmarks/results.json"))
        self.assertGreater(len(held), 10)
        changes, notes = results.compare(copy.deepcopy(held), held)
        self.assertEqual([each.name for each in changes if each.group], [])
        self.assertEqual([note for note in notes if "measured in both" not in note], [])
        for name, each in held.items():
            for one in each["figures"]:
                with self.subTest(area=name, figure=one["name"]):
                    self.assertLessEqual(one["low"], one["value"])
                    self.assertLessEqual(one["value"], one["high"])


class PageTests(unittest.TestCase):
    def test_the_page_has_its_marks_and_only_what_is_between_them_is_written(self):
        spec = importlib.util.spec_from_file_location(
            "bench", os.path.join(REPOSITORY, "Benchmarks/run.py"))
        bench = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(bench)
        with open(bench.PAGE, encoding="utf-8") as file:
            text = file.read()
        before, after = text.split(bench.BEGIN)[0], text.split(bench.END)[1]
        folder = Folder({"page.md": text})
        self.addCleanup(folder.remove)
        bench.fill_in(folder.join("page.md"), "new\n")
        with open(folder.join("page.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), before + bench.BEGIN + "new\n" + bench.END + after)


if __name__ == "__main__":
    unittest.main()
