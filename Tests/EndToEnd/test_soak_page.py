"""The rows of docs/reliability.md: a run of the long tests replaces its own and leaves the others."""

import importlib.util
import os
import re
import types
import unittest

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


if __name__ == "__main__":
    unittest.main()
