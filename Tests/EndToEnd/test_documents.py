"""The READMEs: their commands are run, and their answers compared with what they show."""

import json
import os
import re
import subprocess
import unittest

from server import EXAMPLES, REPOSITORY, Folder, Server

BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.M | re.S)
MARK = "@@end of block@@"


def is_shown(shown, found):
    """Whether `found` has everything that `shown` has; … stands for any value."""
    if shown == "\u2026":
        return found is not None
    if isinstance(shown, dict):
        return isinstance(found, dict) and all(
            key in found and is_shown(value, found[key]) for key, value in shown.items())
    if isinstance(shown, list):
        return isinstance(found, list) and len(found) == len(shown) and all(
            map(is_shown, shown, found))
    return type(shown) is type(found) and shown == found


class ComparisonTests(unittest.TestCase):
    def test_the_comparison_finds_what_differs(self):
        found = {"a": 1, "b": [{"c": None, "d": "x"}], "e": False}
        for shown, expected in (
            ({}, True), ({"a": 1}, True), ({"a": 2}, False), ({"a": "\u2026"}, True), ({"z": "\u2026"}, False),
            ({"b": [{"d": "x"}]}, True), ({"b": []}, False), ({"b": [{"d": "y"}]}, False),
            ({"a": True}, False), ({"e": 0}, False), ({"b": [{"c": None}]}, True),
            ({"b": [{"c": "\u2026"}]}, False),
        ):
            with self.subTest(shown=shown):
                self.assertEqual(is_shown(shown, found), expected)


class WalkTests(unittest.TestCase):
    def walk(self, document, app, minimum):
        """Runs the sh blocks of a page in one shell; a json block shows what the one before prints."""
        with open(os.path.join(REPOSITORY, document), encoding="utf-8") as file:
            blocks = BLOCK.findall(file.read())
        server = Server(app)
        self.addCleanup(server.kill)
        server.start()
        script, shown = "set -eu\n", []
        for kind, text in blocks:
            if kind == "sh":
                text = text.replace("http://127.0.0.1:8080", server.address)
                script += text + f"\nprintf '\\n%s\\n' '{MARK}'\n"
                shown.append(None)
            else:
                self.assertIsNone(shown[-1], "two json blocks behind one sh block")
                shown[-1] = json.loads(text)
        self.assertGreaterEqual(len([one for one in shown if one is not None]), minimum)
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL)
        outputs = done.stdout.split(MARK + "\n")[:-1]
        self.assertEqual((done.returncode, len(outputs)), (0, len(shown)), done.stderr + done.stdout)
        for number, (output, expected) in enumerate(zip(outputs, shown), 1):
            if expected is not None:
                with self.subTest(document=document, block=number):
                    found = json.loads(output)
                    self.assertTrue(is_shown(expected, found), f"{found}\nis not\n{expected}")
        server.stop()

    def test_the_readme(self):
        self.walk("README.md", os.path.join(EXAMPLES, "bandstand"), 7)

    def test_the_bandstand_readme(self):
        self.walk("Examples/bandstand/README.md", os.path.join(EXAMPLES, "bandstand"), 9)

    def test_links_between_documents_lead_somewhere(self):
        pages = []
        for top, folders, names in os.walk(REPOSITORY):
            # Pages under Tests and Benchmarks are forms that are filled in and put elsewhere.
            folders[:] = [one for one in folders
                          if one not in ("data", "Tests", "Benchmarks") and not one.startswith(".")]
            pages += [os.path.join(top, name) for name in names if name.endswith(".md")]
        self.assertGreater(len(pages), 8)
        for page in pages:
            with open(page, encoding="utf-8") as file:
                text = file.read()
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if not re.match(r"[a-z]+:", target):
                    with self.subTest(page=os.path.relpath(page, REPOSITORY), target=target):
                        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(page), target)))
