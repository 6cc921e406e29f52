"""`roost import`: mapping files, real-world faults, repetition."""

import glob
import json
import os
import unittest

from client import anonymous
from server import ENGINE, EXAMPLES, Folder, Server, roost

LASTFM = os.path.join(EXAMPLES, "lastfm")

ARTISTS = (
    "id\tname\turl\tpictureURL\r\n"
    "1\tMALICE MIZER\thttp://www.last.fm/music/MALICE+MIZER\thttp://userserve-ak.last.fm/1.jpg\r\n"
    "2\t\"Weird Al\" Yankovic\thttp://www.last.fm/music/%22Weird+Al%22\t\r\n"
    f"3\t{'x' * 81}\thttp://www.last.fm/music/x\t\r\n"
    "4\tSigur R\u00f3s\tnot an address\t\r\n"
    "5\t\u5c71\u4e0b\u9054\u90ce\thttp://www.last.fm/music/a\t\r\n"
)
COUNTS = "userID\tartistID\tweight\r\n7\t1\t3\r\n7\t2\t352698\r\n8\t1\t0\r\n8\t3\t5\r\n8\t5\t1.5\r\n8\t5\t9\r\n8\t77\t5\r\n"
FRIENDS = "userID\tfriendID\r\n7\t8\r\n8\t7\r\n7\t9\r\n"
TAGS = "tagID\ttagValue\r\n1\tmetal\r\n2\ttropic\u00e1lia\r\n"


class ImportTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(copy=LASTFM)
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")

    def load(self, mapping, name, text, *options, encoding="utf-8", code=None):
        path = self.folder.write(name, text.encode(encoding))
        if not mapping.endswith(".yaml"):
            mapping = self.folder.join(f"mappings/{mapping}.yaml")
        done = roost(
            "import", self.folder.path, "--data", self.data, "--mapping", mapping, "--json",
            "--no-progress", *options, path)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def serve(self):
        server = Server(self.folder.path, data=self.data)
        self.addCleanup(server.kill)
        server.start()
        return server

    def result(self, done):
        result = json.loads(done.stdout)
        return {key: result[key] for key in ("rows", "imported", "unchanged", "refused")}

    def reasons(self):
        text = self.folder.read("refused.tsv.reasons.jsonl")
        return [json.loads(line) for line in text.splitlines()]

    def test_a_real_set_is_taken_in_with_its_faults(self):
        refused = self.folder.join("refused.tsv")
        done = self.load("artists", "artists.tsv", ARTISTS, "--refused", refused, code=3)
        self.assertEqual(
            self.result(done), {"rows": 5, "imported": 3, "unchanged": 0, "refused": 2}, done.stderr)
        rows = self.reasons()
        self.assertEqual([row["line"] for row in rows], [4, 5])
        self.assertEqual(rows[0]["issues"][0]["code"], "max_length")
        self.assertEqual(rows[1]["issues"][0]["code"], "type")
        # The refused lines as they stood, with the header, ready to be mended and imported.
        lines = ARTISTS.splitlines(keepends=True)
        with open(refused, "rb") as file:
            self.assertEqual(file.read(), "".join([lines[0], *lines[3:5]]).encode())
        mended = self.folder.read("refused.tsv").replace("x" * 81, "X").replace("not an address", "")
        done = self.load("artists", "mended.tsv", mended, code=0)
        self.assertEqual(self.result(done)["imported"], 2, done.stderr)

        done = self.load("counts", "user_artists.tsv", COUNTS, "--refused", refused)
        self.assertEqual(self.result(done)["imported"], 4, done.stderr)
        rows = self.reasons()
        self.assertEqual(
            {row["line"]: row["issues"][0]["code"] for row in rows},
            {4: "min", 6: "type", 8: "reference"})

        done = self.load("friends", "user_friends.tsv", FRIENDS)
        self.assertEqual(self.result(done)["imported"], 3, done.stderr)
        done = self.load("tags", "tags.tsv", TAGS, encoding="latin-1")
        self.assertEqual(self.result(done)["imported"], 2, done.stderr)

        server = self.serve()
        person = anonymous(server.port)
        artists = person.get("/v1/musicianProfiles", sort="stageName")["items"]
        self.assertEqual(
            [one["stageName"] for one in artists],
            ['"Weird Al" Yankovic', "MALICE MIZER", "Sigur R\u00f3s", "X", "\u5c71\u4e0b\u9054\u90ce"])
        self.assertIsNone(artists[0]["picture"])
        self.assertEqual(len({one["user"] for one in artists}), 5)
        self.assertIsNone(artists[2]["page"])
        # Whose they are is kept: nobody but a listener sees their counts.
        self.assertEqual(person.get("/v1/listeningCounts", count="exact")["count"], 0)
        self.assertEqual(person.get("/v1/friends", count="exact")["count"], 0)
        self.assertEqual(
            sorted(one["text"] for one in person.get("/v1/tags")["items"]), ["metal", "tropic\u00e1lia"])
        server.stop()

    def test_the_same_import_again_changes_nothing(self):
        self.load("tags", "tags.tsv", TAGS, encoding="latin-1", code=0)
        done = self.load("tags", "tags.tsv", TAGS, encoding="latin-1", code=0)
        self.assertEqual(
            self.result(done), {"rows": 2, "imported": 0, "unchanged": 2, "refused": 0})
        done = self.load("tags", "tags.tsv", TAGS + "3\tnew\r\n", encoding="latin-1", code=0)
        self.assertEqual(self.result(done)["imported"], 1)

    def test_doctor_counts_what_was_imported_before_a_start(self):
        self.load("tags", "tags.tsv", TAGS, encoding="latin-1", code=0)
        done = roost("doctor", self.folder.path, "--data", self.data, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["records of tags"], "2")
        self.serve().stop()
        done = roost("doctor", self.folder.path, "--data", self.data, "--json")
        self.assertEqual(json.loads(done.stdout)["records of tags"], "2")

    def test_a_wrong_encoding_is_refused_and_not_guessed(self):
        mapping = self.folder.write(
            "tags-utf8.yaml",
            'collection: tags\nformat: tsv\nid: { key: "t:{tagID}" }\nfields:\n  text: { column: tagValue }\n')
        done = self.load(mapping, "tags.tsv", TAGS, encoding="latin-1")
        self.assertEqual(self.result(done)["refused"], 1, done.stderr)
        self.assertEqual(self.result(done)["imported"], 1)

    def test_csv_and_json_lines_are_read(self):
        mapping = self.folder.write(
            "tags2.yaml", 'collection: tags\nid: { key: "t:{n}" }\nfields:\n  text: { column: words }\n')
        csv = 'n,words\r\n1,"a, ""quoted""\nword"\r\n2,plain\r\n'
        self.assertEqual(self.result(self.load(mapping, "a.csv", csv, code=0))["imported"], 2)
        lines = '{"n": 3, "words": "three"}\n\n{"n": 2, "words": "plain"}\n'
        self.assertEqual(
            self.result(self.load(mapping, "a.jsonl", lines, code=0)),
            {"rows": 2, "imported": 1, "unchanged": 1, "refused": 0})
        server = self.serve()
        texts = [one["text"] for one in anonymous(server.port).get("/v1/tags")["items"]]
        self.assertEqual(sorted(texts), ['a, "quoted"\nword', "plain", "three"])
        server.stop()

    def test_mappings_that_mean_nothing_are_refused_with_their_place(self):
        for text, part in (
            ("collection: tagz\nfields:\n  text: { column: a }\n", "tags"),
            ("collection: tags\nfields:\n  txt: { column: a }\n", "text"),
            ("collection: tags\nfeilds: {}\n", "fields"),
            ("collection: tags\nformat: xml\nfields: {}\n", "format"),
            ("collection: tags\nencoding: utf-7\nfields: {}\n", "encoding"),
            ("collection: [\n", ".yaml:"),
            ("fields: {}\n", "collection"),
            ("collection: tags\nfields:\n  text: { column: missing }\n", "missing"),
            ("collection: tags\nid: { key: \"t:{missing}\" }\nfields:\n  text: { column: words }\n", "missing"),
        ):
            with self.subTest(text=text):
                mapping = self.folder.write("bad.yaml", text)
                done = self.load(mapping, "a.csv", "n,words\n1,a\n")
                self.assertEqual(done.returncode, 2, done.stderr + done.stdout)
                self.assertIn("bad.yaml", done.stderr)
                self.assertIn(part, done.stderr)

    def test_files_that_are_not_there_are_named(self):
        done = roost(
            "import", self.folder.path, "--data", self.data, "--mapping",
            self.folder.join("mappings/tags.yaml"), self.folder.join("nothing.tsv"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nothing.tsv", done.stderr)
        done = roost(
            "import", self.folder.path, "--data", self.data, "--mapping", self.folder.join("no.yaml"),
            self.folder.join("schema.graphql"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no.yaml", done.stderr)

    @unittest.skipIf(ENGINE == "postgres", "several processes may use PostgreSQL")
    def test_a_server_on_the_same_data_is_noticed(self):
        server = self.serve()
        done = self.load("tags", "tags.tsv", TAGS, encoding="latin-1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.data, done.stderr)
        server.stop()

    @unittest.skipUnless(os.environ.get("ROOST_LASTFM"), "ROOST_LASTFM names no folder with the set")
    def test_the_whole_set_is_taken_in(self):
        source = os.environ["ROOST_LASTFM"]
        self.maxDiff = None
        self.assertTrue(glob.glob(os.path.join(source, "artists.*")), source)
        totals = {}
        for mapping, name in (("artists", "artists"), ("counts", "user_artists"),
                              ("friends", "user_friends"), ("tags", "tags")):
            done = roost(
                "import", self.folder.path, "--data", self.data, "--mapping",
                self.folder.join(f"mappings/{mapping}.yaml"), "--json", "--no-progress",
                glob.glob(os.path.join(source, name + ".*"))[0], seconds=600)
            totals[mapping] = self.result(done)
        # Names and tags of more than 80 characters are refused, and counts of refused artists.
        self.assertEqual(totals, {
            "artists": {"rows": 17_632, "imported": 17_622, "unchanged": 0, "refused": 10},
            "counts": {"rows": 92_846, "imported": 92_836, "unchanged": 0, "refused": 10},
            "friends": {"rows": 25_435, "imported": 25_435, "unchanged": 0, "refused": 0},
            "tags": {"rows": 11_946, "imported": 11_932, "unchanged": 0, "refused": 14},
        })
