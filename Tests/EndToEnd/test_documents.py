"""The READMEs: their commands are run, and their answers compared with what they show."""

import os
import re
import unittest
import urllib.parse

from server import EXAMPLES, REPOSITORY, Server
from walk import is_shown, values, walk


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

    def test_values_stand_one_behind_the_other(self):
        self.assertEqual(values('200\n{"a": [1]}\n\n404 []'), [200, {"a": [1]}, 404, []])
        self.assertEqual(values(" \n"), [])
        with self.assertRaises(ValueError):
            values("200 OK")


class WalkTests(unittest.TestCase):
    def walk(self, document, app, minimum):
        with open(os.path.join(REPOSITORY, document), encoding="utf-8") as file:
            text = file.read()
        server = Server(app)
        self.addCleanup(server.kill)
        server.start()
        walk(self, text, server, minimum, document, folder=REPOSITORY)
        server.stop()

    def test_the_readme(self):
        self.walk("README.md", os.path.join(EXAMPLES, "bandstand"), 7)

    def test_the_bandstand_readme(self):
        self.walk("Examples/bandstand/README.md", os.path.join(EXAMPLES, "bandstand"), 9)

    def test_the_breath_readme(self):
        self.walk("Examples/breath/README.md", os.path.join(EXAMPLES, "breath"), 8)

    def test_the_guide_to_rest(self):
        self.walk("docs/guides/rest.md", os.path.join(EXAMPLES, "bandstand"), 2)

    def test_filters_are_encoded_as_the_guide_to_rest_says(self):
        with open(os.path.join(REPOSITORY, "docs/guides/rest.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `([^`]+)` \| `filter=([^`]+)` \|$", file.read(), re.M)
        self.assertGreater(len(rows), 5)
        for meant, sent in rows:
            with self.subTest(meant=meant):
                decoded = urllib.parse.unquote(sent).replace(" ", "")
                self.assertEqual(decoded, meant.replace("\\|", "|").replace(" ", ""))

    def test_commands_of_the_runbooks_name_the_data_of_the_server(self):
        folder, found = os.path.join(REPOSITORY, "docs/runbooks"), 0
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                commands = re.findall(r"`roost (?:backup|doctor|followers|functions|jobs|rebuild) "
                                      r"[^`]*`", file.read())
            found += len(commands)
            for command in commands:
                with self.subTest(page=name, command=command):
                    self.assertRegex(command, "--data DATA|--database")
        self.assertGreater(found, 10)

    def test_what_the_page_on_reliability_names_is_there(self):
        with open(os.path.join(REPOSITORY, "docs/reliability.md"), encoding="utf-8") as file:
            page = file.read()
        tests = ""
        for name in os.listdir(os.path.join(REPOSITORY, "Tests/EndToEnd")):
            if name.endswith(".py"):
                with open(os.path.join(REPOSITORY, "Tests/EndToEnd", name), encoding="utf-8") as file:
                    tests += f"def {name.removesuffix('.py')}(\n" + file.read()
        named = set(re.findall(r"`(test_\w+)`", page))
        self.assertGreater(len(named), 15)
        for name in named:
            with self.subTest(test=name):
                self.assertIn(f"def {name}(", tests)
        # Whoever repeats the page has no other program than the one that they built.
        self.assertIn(".build/release/roost simulate --seeds", page)
        self.assertNotRegex(page, r"[`\s]roost simulate -")

    def test_the_settings_of_the_guide_are_those_of_the_program(self):
        with open(os.path.join(REPOSITORY, "docs/guides/operating.md"), encoding="utf-8") as file:
            rows = [[cell.strip().strip("`") for cell in line.split(" | ")]
                    for line in file.read().replace("| |", "|  |").replace("| |", "|  |").split("\n")
                    if re.match(r"\| `[a-z]+\.[\w.]+` \| `ROOST", line)]
        shown = {row[0].strip("|` "): row for row in rows}
        source = "Sources/RoostServer/Configuration/SettingKey.swift"
        with open(os.path.join(REPOSITORY, source), encoding="utf-8") as file:
            keys = re.findall(r'name: "([\w.]+)",\s*kind: .*?defaultText:\s*("[^"]*")?',
                              file.read(), re.S)
        self.assertGreater(len(keys), 50)
        self.assertEqual({name for name, _ in keys}, set(shown))
        for name, default in keys:
            if default.strip('"'):
                with self.subTest(setting=name):
                    self.assertIn(default.strip('"'), shown[name][2:4])

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
