"""The rows of docs/reliability.md: a run of the long tests replaces its own and leaves the others."""

import contextlib
import importlib.util
import io
import json
import os
import re
import sys
import tempfile
import types
import unittest
from unittest import mock

from server import REPOSITORY

PAGE = """before

| promise | test | command | last figures |
|---|---|---|---|
| a | old | `Tests/Soak/run.py --only jobs --tries 3` | 3 jobs |
| b | kept | `Tests/Soak/run.py --only jobs-more` | **does not hold** |

after, `Tests/Soak/run.py --only jobs`
"""


def fault(name, tries=60):
    return types.SimpleNamespace(
        NAME=name, PROMISE="p", TEST="{tries} times", TRIES=(tries, 0))


class PageTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        spec = importlib.util.spec_from_file_location(
            "soak", os.path.join(REPOSITORY, "Tests/Soak/run.py"))
        cls.soak = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(cls.soak)

    def test_a_run_replaces_its_row(self):
        old = "| a | old | `Tests/Soak/run.py --only jobs --tries 3` | 3 jobs |"
        for row, expected in (
            ((fault("jobs"), 60, "passed", "60 done", []),
             "| p | 60 times | `Tests/Soak/run.py --only jobs` | 60 done |"),
            ((fault("jobs"), 4000, "passed", "all", []),
             "| p | 4,000 times | `Tests/Soak/run.py --only jobs --tries 4000` | all |"),
            ((fault("jobs"), 60, "failed", "1 lost", ["it was\nlost", "more"]),
             "| p | 60 times | `Tests/Soak/run.py --only jobs` | **does not hold**: 1 lost; "
             "it was lost |"),
            ((fault("jobs"), 60, "skipped", "no root", []), old),
        ):
            with self.subTest(row=row):
                self.assertEqual(self.soak.filled(PAGE, [row]), PAGE.replace(old, expected))

    def test_a_new_test_gets_a_row_at_the_end_of_the_table(self):
        last = "| b | kept | `Tests/Soak/run.py --only jobs-more` | **does not hold** |\n"
        self.assertEqual(
            self.soak.filled(PAGE, [(fault("new"), 60, "passed", "fine", [])]),
            PAGE.replace(last, last + "| p | 60 times | `Tests/Soak/run.py --only new` | fine |\n"))

    def test_each_row_of_the_page_is_that_of_a_test(self):
        with open(self.soak.PAGE, encoding="utf-8") as file:
            page = file.read()
        rows = [(each, each.TRIES[0], "passed", "mark-" + each.NAME, []) for each in self.soak.ALL]
        text = self.soak.filled(page, rows)
        for line in (line for line in text.split("\n") if "| `Tests/Soak/run.py" in line):
            with self.subTest(line=line):
                self.assertIn("mark-", line)

    def test_each_test_has_a_row(self):
        with open(self.soak.PAGE, encoding="utf-8") as file:
            page = file.read()
        for each in self.soak.ALL:
            with self.subTest(name=each.NAME):
                self.assertRegex(
                    page, rf"\| `Tests/Soak/run\.py --only {re.escape(each.NAME)}[ `]")

    def test_a_number_of_tries_that_tells_nothing_is_raised_to_the_least(self):
        least = fault("jobs", 4000)
        least.LEAST = 300
        for each, tries, short, expected in (
                (fault("jobs"), None, False, 60), (fault("jobs"), None, True, 0),
                (fault("jobs"), 2, False, 2), (least, 2, False, 300), (least, 400, False, 400)):
            with self.subTest(tries=tries, short=short):
                chosen = types.SimpleNamespace(tries=tries, short=short)
                self.assertEqual(self.soak.tries_of(each, chosen), expected)

    def test_what_a_test_stumbles_over_takes_no_rows_along(self):
        """Each row is written when its test has ended, and the next test is run all the same."""
        met = []

        def run(outcome):
            def act(_, tries):
                met.append(written())
                if isinstance(outcome, Exception):
                    raise outcome
                return types.SimpleNamespace(
                    passed=True, violations=[], summary=lambda: f"{tries} done")
            return act

        def written():
            with open(page, encoding="utf-8") as file, open(results, encoding="utf-8") as figures:
                return ([line.rsplit("| ", 1)[1] for line in file if "run.py --only jobs" in line
                         and line.startswith("|")], len(json.load(figures)))

        faults = [fault("jobs"), fault("jobs-more"), fault("jobs-last")]
        for each, outcome in zip(faults, (None, KeyError("gone"), None)):
            each.run = run(outcome)
        with tempfile.TemporaryDirectory() as folder:
            page, results = os.path.join(folder, "page.md"), os.path.join(folder, "results.json")
            with open(page, "w", encoding="utf-8") as file:
                file.write(PAGE)
            said = io.StringIO()
            with mock.patch.multiple(self.soak, PAGE=page, ALL=faults, BINARY=sys.executable,
                                     REPOSITORY=folder), \
                    mock.patch.object(sys, "argv", ["run.py", "--json", results]), \
                    mock.patch.object(self.soak.signal, "signal"), \
                    contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                self.assertEqual(self.soak.main(), 1)
            met.append(written())
        broken = "**does not hold**: nothing was counted; KeyError: 'gone' |\n"
        self.assertEqual(met, [
            (["3 jobs |\n", "**does not hold** |\n"], 0),
            (["60 done |\n", "**does not hold** |\n"], 1),
            (["60 done |\n", broken], 2), (["60 done |\n", broken, "60 done |\n"], 3)])
        self.assertIn("Traceback", said.getvalue())
        self.assertIn("2 passed, 1 failed, 0 skipped", said.getvalue())


if __name__ == "__main__":
    unittest.main()
