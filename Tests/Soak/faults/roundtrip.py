"""An export that is taken in by an empty project, killed on the way, and exported again."""

import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

from harness.server import BINARY, SETTINGS

from .result import Result

NAME = "roundtrip"
PROMISE = "an export that is imported into an empty project comes back byte for byte, also where " \
          "the import was killed and gone on with"
TEST = "{tries} rows of every type with references within a collection, across and in a ring; " \
       "three `kill -9` of the import, each when it has got further; as the control, a row that is " \
       "lost and one that is there twice must be found"
TRIES = (1_000_000, 20_000)
LEAST = 20_000  # rows of which an import commits some more often than it is killed
KILLS = 3
LIVES = 60  # of an import until it was killed so often
BANDS = 50  # rows that belong to one band

SCHEMA = """
enum Size { S M L }
type Band @collection @allow(ops: [ALL]) {
  name: String! @unique
  leader: Thing
}
type Thing @collection @allow(ops: [ALL], owner: "owner") @index(fields: ["owner", "at"]) {
  owner: User!
  band: Band
  other: Thing
  flag: Boolean
  whole: Int
  long: Int64
  price: Money
  ratio: Float
  text: String
  day: Date
  at: DateTime
  lasts: Duration
  size: Size @default(value: "M")
  place: GeoPoint
  data: JSON
  words: [String!] @merge(strategy: SET_UNION)
}
"""
WORDS = ["", "a", "comma, \"quote\"", "tab\t, back\\slash", "CR\r LF\n", "\U0001f3b8", "e\u0301",
         "\\N", "NULL", " space ", "\u2028"]


def _run(*arguments):
    """A command that must succeed; gives what it printed."""
    done = subprocess.run([BINARY, *arguments], env={**os.environ, **SETTINGS},
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"roost {arguments[0]}: {done.stderr[-800:]}{done.stdout[-800:]}")
    return done.stdout


def _id(kind, index):
    return f"01900000-{index >> 16:04x}-7000-8{kind:03x}-{index:012x}"


def _thing(index, rows, chance):
    """A row of which every field may be missing but its owner."""
    value = {
        "band": lambda: _id(2, chance.randrange(rows // BANDS)),
        "other": lambda: _id(1, chance.randrange(rows)),
        "flag": lambda: chance.random() < 0.5,
        "whole": lambda: chance.randint(-2**31, 2**31 - 1),
        "long": lambda: str(chance.randint(-2**63, 2**63 - 1)),
        "price": lambda: chance.randint(-10**6, 10**6),
        "ratio": lambda: chance.uniform(-1, 1) * 10.0 ** chance.randint(-300, 300),
        "text": lambda: " ".join(chance.choices(WORDS, k=3)),
        "day": lambda: f"{chance.randint(1, 9999):04}-{chance.randint(1, 12):02}-"
                       f"{chance.randint(1, 28):02}",
        "at": lambda: f"{chance.randint(1900, 2100)}-{chance.randint(1, 12):02}-"
                      f"{chance.randint(1, 28):02}T20:00:00.{chance.randint(0, 999):03}Z",
        "lasts": lambda: f"PT{chance.randint(1, 10**6)}S",
        "size": lambda: chance.choice("SML"),
        "place": lambda: {"lat": chance.uniform(-90, 90), "lon": chance.uniform(-180, 180)},
        "data": lambda: {"deep": [chance.random(), None, chance.choice(WORDS)]},
        "words": lambda: chance.sample(WORDS, k=2),
    }
    row = {"id": _id(1, index), "version": chance.randint(1, 9),
           "createdAt": "2025-01-01T00:00:00.000Z", "updatedAt": "2025-02-01T00:00:00.000Z",
           "owner": _id(3, chance.randrange(8))}
    row.update({name: made() for name, made in value.items() if chance.random() < 0.8})
    return row


def _write(folder, app, rows, scratch):
    """An export by hand, with the manifest of an empty project and no digests."""
    empty = os.path.join(scratch, "empty")
    nothing = os.path.join(scratch, "nothing.jsonl")
    open(nothing, "w").close()
    _run("import", app, "--data", empty, "--collection", "bands", nothing)
    _run("export", app, "--data", empty, "--out", folder)
    path = os.path.join(folder, "roost-export.json")
    with open(path) as file:
        manifest = json.load(file)
    for file in manifest["files"]:
        for key in ("rows", "bytes", "sha256"):
            del file[key]
    with open(path, "w") as file:
        json.dump(manifest, file)
    chance = random.Random(5)
    stamp = {"createdAt": "2025-01-01T00:00:00.000Z", "updatedAt": "2025-01-01T00:00:00.000Z"}

    def fill(name, made):
        with open(os.path.join(folder, name + ".jsonl"), "w") as file:
            file.writelines(json.dumps(each) + "\n" for each in made)
    fill("roost-accounts", ({"id": _id(3, index), "email": None, "anonymous": True, **stamp}
                            for index in range(8)))
    fill("bands", ({"id": _id(2, index), "version": 1, **stamp, "name": f"band {index}",
                    "leader": _id(1, chance.randrange(rows))} for index in range(rows // BANDS)))
    fill("things", (_thing(index, rows, chance) for index in range(rows)))


def _interrupted(arguments, data, seconds, result):
    """The import, killed a few times and run again until it is done.

    A kill counts when it has stored more rows than at the one before. It comes behind a change of
    the log, by up to a twentieth of the time that the first import took: behind the first change, and
    behind one more each time that nothing more was stored yet.
    """
    chance, known, changes = random.Random(), 0, 1
    result.counts["kills"] = 0
    for _ in range(LIVES):
        with subprocess.Popen([BINARY, *arguments], env={**os.environ, **SETTINGS},
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _wait_for_changes(process, os.path.join(data, "roost.sqlite-wal"), changes)
            try:
                process.wait(chance.uniform(0, seconds / 20))
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        stored = _stored(data)
        if stored > known:
            result.add("kills")
            known, changes = stored, 1
        else:
            changes += 1
        if result.counts["kills"] == KILLS:
            break
    if result.counts["kills"] < KILLS:
        result.violate(f"the import was killed {result.counts['kills']} times and not {KILLS}")
    return [json.loads(line) for line in _run(*arguments).splitlines()]


def _wait_for_changes(process, path, count):
    """Waits until a file has changed so often, or the process has ended."""
    def state():
        try:
            found = os.stat(path)
            return found.st_mtime_ns, found.st_size
        except FileNotFoundError:
            return None

    last = state()
    while count and process.poll() is None:
        time.sleep(0.005)
        now = state()
        count -= now != last
        last = now


def _stored(data):
    """How many things are there, in a copy: what a kill has left is not touched."""
    copy = data + "-copy"
    shutil.copytree(data, copy)
    try:
        with sqlite3.connect(os.path.join(copy, "roost.sqlite")) as database:
            return database.execute("SELECT count(*) FROM things").fetchone()[0]
    except sqlite3.OperationalError:  # there is no such table yet
        return 0
    finally:
        database.close()
        shutil.rmtree(copy)


def run(folder, tries):
    os.makedirs(folder)
    result = Result()
    app, made, one, two = (os.path.join(folder, name) for name in ("app", "made", "one", "two"))
    os.makedirs(app)
    with open(os.path.join(app, "schema.graphql"), "w") as file:
        file.write(SCHEMA)
    _write(made, app, tries, folder)
    began = time.monotonic()
    _run("import", app, "--data", os.path.join(folder, "data1"), "--no-progress", made)
    seconds = time.monotonic() - began
    _run("export", app, "--data", os.path.join(folder, "data1"), "--out", one)
    reports = _interrupted(
        ["import", app, "--data", os.path.join(folder, "data2"), "--no-progress", "--json",
         "--trusted", one], os.path.join(folder, "data2"), seconds, result)
    for report in reports:
        # Of a batch that was stored when the kill came nobody was told: it is met again.
        there = report["imported"] + report["unchanged"]
        if report["refused"] or there != report["rows"]:
            result.violate(f"{report['target']}: {there} of {report['rows']} came back, "
                           f"{report['refused']} were refused")
        if report["target"] == "things":
            result.counts["things there from before the last kill"] = report["unchanged"]
            if not report["unchanged"]:
                result.violate("the last import met nothing of those before, so it was not killed "
                               "on the way")
    _run("export", app, "--data", os.path.join(folder, "data2"), "--out", two)
    _compare_all(one, two, result)
    if result.passed:
        shutil.rmtree(two)
        _control(app, os.path.join(folder, "data2"), one, two, result)
    return result


def _compare_all(one, two, result):
    for name in sorted(os.listdir(one)):
        if name == "roost-export.json":  # says when it was written
            continue
        with open(os.path.join(one, name), "rb") as left:
            with open(os.path.join(two, name), "rb") as right:
                _compare(name, left, right, result)


def _control(app, data, one, two, result):
    """A row is taken away and another is doubled in the second project: both must be found."""
    with sqlite3.connect(os.path.join(data, "roost.sqlite")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(things)")]
        others = ", ".join(f'"{column}"' for column in columns if column != "id")
        database.execute("DELETE FROM bands WHERE id = (SELECT max(id) FROM bands)")
        database.execute(f"INSERT INTO things (id, {others}) SELECT randomblob(16), {others} "
                         "FROM things WHERE id = (SELECT min(id) FROM things)")
    database.close()
    _run("export", app, "--data", data, "--out", two)
    found = Result()
    _compare_all(one, two, found)
    for name in ("bands", "things"):
        if any(violation.startswith(name) for violation in found.violations):
            result.add("planted faults found")
        else:
            result.violate(f"a fault was planted in {name} and not found, so this test proves "
                           "nothing here")


def _compare(name, left, right, result):
    rows = 0
    for number, (mine, theirs) in enumerate(itertools.zip_longest(left, right), 1):
        rows = number
        if mine != theirs:
            result.violate(f"{name}:{number}: {(mine or b'')[:300]!r} came back as "
                           f"{(theirs or b'')[:300]!r}")
            return
    result.add(f"rows of {name.split('.')[0]} the same", rows)
