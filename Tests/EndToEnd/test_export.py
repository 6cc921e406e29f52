"""`roost export` and the way back: `roost import` of what it wrote."""

import datetime
import hashlib
import json
import os
import subprocess
import unittest
import zipfile

from client import anonymous
from server import BINARY, ENGINE, ENVIRONMENT, Folder, Server, database, roost

SCHEMA = """
enum Size { S M L }
type Thing @collection @allow(ops: [ALL]) {
  flag: Boolean
  whole: Int
  long: Int64
  longs: [Int64!]
  price: Money
  ratio: Float
  text: String
  day: Date
  at: DateTime
  lasts: Duration
  mail: Email @pii(kind: "address")
  page: URL
  size: Size @default(value: "M")
  place: GeoPoint
  data: JSON
  words: [String!] @merge(strategy: SET_UNION)
  owner: User
  other: Thing
  band: Band
}
type Band @collection @allow(ops: [ALL]) {
  name: String! @unique
  leader: Thing
}
"""

THINGS = [
    {},
    {"flag": False, "whole": -2147483648, "long": "-9223372036854775808", "price": 1,
     "longs": [1, "9007199254740993"], "ratio": -0.0, "text": "", "day": "0001-01-01",
     "at": "1969-12-31T23:59:59.999Z", "lasts": "PT0.5S", "mail": "a@example.com",
     "page": "https://example.com/?a=1,2&b=\u00e9", "size": "L", "place": {"lat": -90, "lon": 180},
     "data": {"deep": [{"a": None}, 1e-7, 12345678901234567890, "\u2028"]}, "words": ["b", "", "a"]},
    {"text": "comma, \"quote\", tab\t, back\\slash \\t, CR\r LF\n CRLF\r\n, \U0001f3b8, e\u0301",
     "ratio": 1.7976931348623157e308, "size": None, "data": "text", "words": []},
    {"text": " space ", "data": [], "ratio": 5e-324},
    {"text": "\\N", "data": 0}, {"text": "\\e", "data": False}, {"text": "NULL"},
]


class ExportTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")

    def serve(self, data=None):
        server = Server(self.folder.path, data=data or self.data)
        self.addCleanup(server.kill)
        return server.start()

    def fill(self):
        server = self.serve()
        person = anonymous(server.port)
        rows = [person.post("/v1/things", each) for each in THINGS]
        for row in rows:
            self.assertEqual(row.status, 201, row)
        band = person.post("/v1/bands", {"name": "\u5c71", "leader": rows[0]["id"]})
        self.assertEqual(band.status, 201, band)
        mine = {"band": band["id"], "other": rows[-1]["id"], "owner": person.get("/v1/auth/me")["id"]}
        self.assertEqual(person.patch(f"/v1/things/{rows[1]['id']}", mine).status, 200)
        words = {"words": {"$add": ["z"], "$remove": ["b"]}}
        self.assertEqual(person.patch(f"/v1/things/{rows[1]['id']}", words).status, 200)
        gone = person.post("/v1/things", {"text": "deleted"})
        self.assertEqual(person.delete(f"/v1/things/{gone['id']}").status, 204)
        return server, person

    def export(self, data, out, *options, code=0):
        done = roost("export", self.folder.path, "--data", data, "--out", self.folder.join(out),
                     "--no-progress", *options, seconds=120)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def take(self, data, source, *options, code=0):
        done = roost("import", self.folder.path, "--data", data, "--no-progress", "--json",
                     *options, self.folder.join(source), seconds=120)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def same(self, left, right):
        names = sorted(os.listdir(self.folder.join(left)))
        self.assertEqual(names, sorted(os.listdir(self.folder.join(right))))
        for name in names:
            if name == "roost-export.json":
                continue
            with open(os.path.join(self.folder.path, left, name), "rb") as one:
                with open(os.path.join(self.folder.path, right, name), "rb") as two:
                    self.assertEqual(one.read(), two.read(), name)

    def test_a_project_comes_back_byte_for_byte(self):
        server, person = self.fill()
        listed = {one["id"]: one for one in person.get("/v1/things", limit=100)["items"]}
        server.stop()
        for number, (form, options) in enumerate((
                ("jsonl", []), ("jsonl", ["--trusted"]), ("csv", []), ("tsv", []))):
            with self.subTest(form=form, options=options):
                out, back, data = f"out{number}", f"back{number}", self.folder.join(f"data{number}")
                done = self.export(self.data, out, "--format", form, "--json")
                files = {each["name"]: each for each in json.loads(done.stdout)["files"]}
                self.assertEqual(files[f"things.{form}"]["rows"], len(THINGS))
                with open(os.path.join(self.folder.path, out, f"things.{form}"), "rb") as file:
                    content = file.read()
                self.assertEqual(
                    files[f"things.{form}"]["sha256"], hashlib.sha256(content).hexdigest())
                self.assertNotIn(b"deleted", content)
                if form == "jsonl":
                    lines = [json.loads(line) for line in content.splitlines()]
                    self.assertEqual([line["id"] for line in lines], sorted(listed))
                    self.assertEqual(lines, [listed[line["id"]] for line in lines])
                self.take(data, out, *options)
                self.export(data, back, "--format", form)
                self.same(out, back)
                # Again: nothing changes.
                again = [json.loads(line) for line in self.take(data, out).stdout.splitlines()]
                self.assertEqual(sum(each["imported"] for each in again), 0)
        served = self.serve(self.folder.join("data0"))
        other = anonymous(served.port)
        self.assertEqual(
            {one["id"]: one for one in other.get("/v1/things", limit=100)["items"]}, listed)
        served.stop()

    def test_an_archive_is_an_ordinary_zip(self):
        server, _ = self.fill()
        server.stop()
        self.export(self.data, "out.zip", "--zip")
        with zipfile.ZipFile(self.folder.join("out.zip")) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(
                archive.namelist(),
                ["roost-accounts.jsonl", "things.jsonl", "bands.jsonl", "roost-export.json"])
            manifest = json.loads(archive.read("roost-export.json"))
            self.assertEqual(
                manifest["personalFields"],
                [{"collection": "things", "field": "mail", "kind": "address"}])
            # One that another program packed is taken in too.
            with zipfile.ZipFile(self.folder.join("other.zip"), "w") as other:
                for name in archive.namelist():
                    other.writestr(name, archive.read(name))
        self.take(self.folder.join("b"), "other.zip")
        self.export(self.folder.join("b"), "b.out")
        self.export(self.data, "a.out")
        self.same("a.out", "b.out")

    def test_hostile_archives_are_refused_and_write_nothing(self):
        server, _ = self.fill()
        server.stop()
        self.export(self.data, "out.zip", "--zip")
        with zipfile.ZipFile(self.folder.join("out.zip")) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(files["roost-export.json"])

        def pack(name, changed, method=zipfile.ZIP_DEFLATED):
            with zipfile.ZipFile(self.folder.join(name), "w", method) as archive:
                for each, content in {**files, **changed}.items():
                    archive.writestr(each, content)
            return name

        def telling(**change):
            return {"roost-export.json": json.dumps({**manifest, **change})}

        bomb = b"\0" * 400_000_000
        path = [{**manifest["files"][0], "name": "../../escape.jsonl"}]
        bombs = [dict(each) for each in manifest["files"]]
        bombs[1].update(bytes=len(bomb), sha256=hashlib.sha256(bomb).hexdigest())
        for name, changed, part in (
                ("bomb.zip", {"things.jsonl": bomb, **telling(files=bombs)}, "unpack"),
                ("path.zip", {"../../escape.jsonl": b"x", **telling(files=path)}, "named after"),
                ("more.zip", {"../evil": b"x"}, "knows nothing"),
                ("other.zip", {"things.jsonl": b"{}\n"}, "things.jsonl"),
                ("version.zip", telling(formatVersion=2), "version")):
            with self.subTest(name):
                done = roost("import", self.folder.path, "--data", self.folder.join("b"),
                             self.folder.join(pack(name, changed)), seconds=120)
                self.assertIn(done.returncode, (1, 2), done.stdout)
                self.assertIn(part, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder.path, "..", "escape.jsonl")))
        left = [name for name in os.listdir(self.folder.join("b")) if "import" in name]
        self.assertEqual(left, [])
        self.export(self.folder.join("b"), "empty")
        self.assertEqual(os.path.getsize(os.path.join(self.folder.path, "empty", "things.jsonl")), 0)

    def test_one_collection_comes_back_with_its_values(self):
        server = self.serve()
        person = anonymous(server.port)
        for each in THINGS + [{"words": ["tab\there", "line\nhere", "\\e", "\\t"], "text": "\r\n"}]:
            self.assertEqual(person.post("/v1/things", each).status, 201)
        own = ("version", "createdAt", "updatedAt")

        def listed(port):
            items = anonymous(port).get("/v1/things", limit=100)["items"]
            return {one["id"]: {key: one[key] for key in one if key not in own} for one in items}

        before = listed(server.port)
        server.stop()
        for form in ("jsonl", "csv", "tsv"):
            with self.subTest(form):
                data, name = self.folder.join("one-" + form), f"one.{form}"
                self.export(self.data, name, "--collection", "things", "--format", form)
                self.take(data, name, "--collection", "things")
                served = self.serve(data)
                self.assertEqual(listed(served.port), before)
                served.stop()
                (again,) = [json.loads(line) for line in self.take(
                    data, name, "--collection", "things").stdout.splitlines()]
                self.assertEqual(again["unchanged"], len(before))

    def test_times_ahead_of_the_clock_become_those_of_the_import(self):
        server = self.serve()
        person = anonymous(server.port)
        row = person.post("/v1/things", {"text": "later"})
        server.stop()
        self.export(self.data, "out")

        def lie(name, **change):
            path = os.path.join(self.folder.path, "out", name)
            with open(path) as file:
                lines = [{**json.loads(line), **change} for line in file]
            with open(path, "w") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)

        with open(self.folder.join("out/roost-export.json")) as file:
            manifest = json.load(file)
        for each in manifest["files"]:
            for key in ("rows", "bytes", "sha256"):
                each.pop(key)
        self.folder.write("out/roost-export.json", json.dumps(manifest))
        lie("things.jsonl", updatedAt="2999-01-01T00:00:00.000Z")
        lie("roost-accounts.jsonl", createdAt="2998-01-01T00:00:00.000Z",
            updatedAt="2999-01-01T00:00:00.000Z")
        done = roost("import", self.folder.path, "--data", self.folder.join("b"),
                     self.folder.join("out"), seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 with times ahead of the clock", done.stdout)
        self.export(self.folder.join("b"), "again")
        for name in ("things.jsonl", "roost-accounts.jsonl"):
            with open(os.path.join(self.folder.path, "again", name)) as file:
                (line,) = [json.loads(line) for line in file]
            now = datetime.datetime.now(datetime.timezone.utc)
            for key in ("createdAt", "updatedAt"):
                self.assertLessEqual(datetime.datetime.fromisoformat(line[key]), now)
            if name == "things.jsonl":
                self.assertEqual(line["createdAt"], row["createdAt"])
        served = self.serve(self.folder.join("b"))
        after = anonymous(served.port).patch(f"/v1/things/{row['id']}", {"text": "now"})
        self.assertEqual((after.status, after["updatedAt"][:2]), (200, "20"))
        served.stop()

    def test_what_cannot_be_taken_in_is_told_with_its_code(self):
        server, _ = self.fill()
        server.stop()
        self.export(self.data, "out.zip", "--zip")
        self.export(self.data, "out")
        with open(self.folder.join("out.zip"), "rb") as file:
            whole = file.read()
        self.folder.write("cut.zip", whole[:-30])
        self.folder.write("wide.jsonl", '{"text": "a"}\n'.encode("utf-16"))
        self.folder.write("wider.csv", "id,text\n".encode("utf-32"))
        self.folder.write("other/schema.graphql", SCHEMA.replace("flag: Boolean", ""))
        os.makedirs(self.folder.join("empty"))
        one = ["--collection", "things"]
        for app, source, options, code, part in (
                ("", "cut.zip", [], "zip", "copied to its end"),
                ("", "empty", [], "manifest", "no roost-export.json"),
                ("other", "out", [], "schema", "it had flag Boolean"),
                ("", "wide.jsonl", one, "encoding", "iconv -f UTF-16 "),
                ("", "wider.csv", one, "encoding", "iconv -f UTF-32 ")):
            with self.subTest(source):
                words = ["import", self.folder.join(app), "--data", self.folder.join("b" + code),
                         "--no-progress", *options, self.folder.join(source)]
                done = roost(*words)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(part, done.stderr)
                self.assertIn(f"[{code}]", done.stderr)
                done = roost(*words, "--json")
                self.assertEqual(done.returncode, 2, done.stderr)
                told = json.loads(done.stdout)
                self.assertEqual(told["input"], self.folder.join(source))
                self.assertEqual((told["code"], told["exitStatus"]), (code, 2))
                self.assertIn(part, told["failure"])

    def test_one_collection_goes_to_standard_output(self):
        server, _ = self.fill()
        server.stop()
        done = roost("export", self.folder.path, "--data", self.data, "--collection", "bands")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(line)["name"] for line in done.stdout.splitlines()], ["\u5c71"])
        for options, part in (
                (["--collection", "bandz"], "bands"), (["--out", "-"], "--zip"), ([], "--out"),
                (["--format", "xml"], "csv"), (["--pii", "x"], "mask"),
                (["--out", "x", "--pii", "mask", "--with-credentials"], "move")):
            done = roost("export", self.folder.path, "--data", self.data, *options)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(part, done.stderr)

    def test_a_full_disk_is_told(self):
        server, _ = self.fill()
        server.stop()
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [BINARY, "export", self.folder.path, "--data", self.data, "--collection", "bands"],
                stdout=full, stderr=subprocess.PIPE, timeout=60,
                env={**os.environ, **ENVIRONMENT, **database(self.data)})
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"make room", done.stderr)

    @unittest.skipUnless(ENGINE == "postgres", "a file has one process")
    def test_it_runs_beside_the_server_and_sees_one_moment(self):
        server, person = self.fill()
        self.export(self.data, "beside")
        self.assertEqual(person.post("/v1/bands", {"name": "later"}).status, 201)
        self.export(self.data, "later")
        with open(os.path.join(self.folder.path, "beside", "bands.jsonl")) as file:
            self.assertEqual(len(file.readlines()), 1)
        with open(os.path.join(self.folder.path, "later", "bands.jsonl")) as file:
            self.assertEqual(len(file.readlines()), 2)
        server.stop()

    @unittest.skipIf(ENGINE == "postgres", "on a server it may")
    def test_a_running_server_keeps_its_file(self):
        server, _ = self.fill()
        done = self.export(self.data, "out", code=1)
        self.assertIn("is in use by", done.stderr)
        self.assertFalse(os.path.exists(self.folder.join("out")))
        server.stop()


if __name__ == "__main__":
    unittest.main()
