"""The scenes that a person may watch: how each ends, and that a device which fails is seen."""

import contextlib
import io
import os
import re
import subprocess
import sys
import unittest
from unittest import mock

import scenes
from server import BINARY, ENGINE, HERE, REPOSITORY
from sync_client import Device

SECONDS = 120


def played(*names, binary=BINARY):
    """The script, finished, with texts."""
    return subprocess.run(
        [sys.executable, os.path.join(HERE, "scenes.py"), *names], capture_output=True, text=True,
        timeout=SECONDS, stdin=subprocess.DEVNULL, env={**os.environ, "ROOST_BINARY": binary})


def tables(text):
    """Of the tables in what was printed: what each of phone, tablet and server shows, by label."""
    rows = [re.split(r" {3,}", line.strip()) for line in text.splitlines()]
    return {row[0]: tuple(row[1:]) for row in rows if len(row) == 4}


@unittest.skipIf(ENGINE == "postgres", "a folder is what is put back")
class SceneTests(unittest.TestCase):
    def played(self, name, *lines, **table):
        done = played(name)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(tables(done.stdout), {
            label: (value,) * 3 for label, value in table.items()}, done.stdout)
        for line in (*lines, "All show the same; ", "\nConverged.\n"):
            self.assertIn(line, done.stdout)

    def test_two_devices_on_a_train(self):
        self.played(
            "train",
            "  phone   shows payment 31000, progress 2, fee 60000\n",
            "  tablet  shows payment 32000, progress 3, fee 55000\n",
            "  phone   rejected: Somebody else has changed this record",
            **{"payment (the later one)": "32000", "audience (only the phone's)": "120",
               "notes (only the tablet's)": "Bring the long cable", "progress (0 + 2 + 3)": "5",
               "settings (part by part)": '{"light": "blue", "monitor": 5}',
               "fee (what came first)": "55000"})

    def test_a_tablet_restored_from_a_backup(self):
        self.played(
            "tablet",
            "  tablet  shows progress 113, gig Written after the backup\n",
            "  tablet  shows progress 3, gig -\n",
            "  tablet  its changes were answered: dup, ok, ok\n",
            **{"progress (1 + 2 + 10 + 100 + 1000)": "1113",
               "the gig of the month": "Written after the backup",
               "the gig after it": "Written on the restored tablet"})

    def test_a_data_folder_put_back(self):
        self.played(
            "folder",
            "  phone   shows progress 111, gig Written today, venue The Blue Door\n",
            "  server  shows progress 1, gig -, venue -\n",
            **{"progress (1 + 10 + 100 + 1000)": "1111", "the gig of today": "Written today",
               "the venue, by REST alone": "-"})

    def test_the_readme_shows_what_is_printed(self):
        with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as file:
            shown = re.search(r"^```\n(The tablet is offline.*?)^```$", file.read(), re.M | re.S)
        done, end = played("tablet").stdout, 0
        for piece in shown.group(1).split("\u2026\n"):
            self.assertIn(piece, done[end:])
            end = done.index(piece, end) + len(piece)

    def test_a_device_that_does_not_take_in_what_comes_is_seen_in_each(self):
        take_in, taken = Device.apply, set()

        def half(device, stream, entry):
            """A tablet that takes in each goal once, and passes over what becomes of it."""
            key = (entry["coll"], entry["id"])
            if device.device["name"] == "Tablet" and key[0] == "goals":
                if key in taken:
                    return key
                taken.add(key)
            return take_in(device, stream, entry)

        for name in scenes.SCENES:
            with self.subTest(name), mock.patch.object(Device, "apply", half):
                with mock.patch.dict(os.environ, ROOST_BINARY=BINARY):
                    told = io.StringIO()
                    with contextlib.redirect_stdout(told):
                        self.assertEqual(scenes.main([name]), 1)
                self.assertRegex(told.getvalue(), r"\nWRONG: the tablet shows (\d+|-) for progress")
                self.assertIn(f"\nDid not converge: {name}\n", told.getvalue())

    def test_a_scene_or_a_binary_that_is_not_there_is_told(self):
        for done, words in ((played("boat"), "there is no scene boat"),
                            (played(binary="/nowhere/roost"), "there is no binary")):
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
