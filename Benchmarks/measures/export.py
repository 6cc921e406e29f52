"""`roost export` of all rows, and `roost import` of what it wrote into an empty project.

What comes back must be the same, and memory must not grow with the rows. The bounds on rates are at
the pace of the machine, told by nginx in the same run."""

import filecmp
import json
import os
import shutil
import subprocess
import tempfile
import time

from harness.figures import Figure
from harness.server import APP, BINARY, SETTINGS

NAME = "export"
ROWS = 1_000_000
# With a tenth the database's caches are not full yet, with a third they are.
FEWER = (ROWS // 10, ROWS // 3)


def _run(*arguments):
    """Seconds, processor seconds and most resident megabytes of a command that must succeed."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [BINARY, *arguments], stdout=output, stderr=output, env={**os.environ, **SETTINGS})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{arguments[0]}: {output.read()[-1000:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _rows(folder, count):
    """An export with `count` rows, made without a server: venues and performances."""
    os.makedirs(folder)
    venue = "01900000-0000-7000-9000-000000000001"
    person = "01900000-0000-7000-a000-000000000001"
    stamp = '"version":1,"createdAt":"2025-01-01T00:00:00.000Z","updatedAt":"2025-01-01T00:00:00.000Z"'
    with open(os.path.join(folder, "roost-accounts.jsonl"), "w") as file:
        file.write(f'{{"id":"{person}","email":null,"anonymous":true,'
                   '"createdAt":"2025-01-01T00:00:00.000Z","updatedAt":"2025-01-01T00:00:00.000Z"}\n')
    with open(os.path.join(folder, "venues.jsonl"), "w") as file:
        file.write(f'{{"id":"{venue}",{stamp},"name":"Hall","capacity":null}}\n')
    with open(os.path.join(folder, "performances.jsonl"), "w") as file:
        for index in range(count):
            file.write(
                f'{{"id":"01900000-{index >> 16:04x}-7000-8000-{index:012x}",{stamp},'
                f'"owner":"{person}","date":"2019-01-01T20:00:00.000Z","venue":"{venue}",'
                f'"duration":"PT45M","payment":{index % 1000},"audienceSize":50,'
                '"notes":"Second set after the break","locked":false}\n')


def once(bench):
    base = os.path.join(bench.folder, "export")
    for count in (*FEWER, ROWS):
        shutil.rmtree(base, ignore_errors=True)
        os.makedirs(base)
        made, data, out = (os.path.join(base, name) for name in ("made", "data", "out"))
        _rows(made, count)
        # The manifest of an empty project names the schema; without digests files are not compared.
        _run("export", APP, "--data", _empty(base), "--out", os.path.join(base, "none"))
        with open(os.path.join(base, "none", "roost-export.json")) as file:
            manifest = json.load(file)
        for file in manifest["files"]:
            for key in ("rows", "bytes", "sha256"):
                del file[key]
        with open(os.path.join(made, "roost-export.json"), "w") as file:
            json.dump(manifest, file)
        seconds, cpu, resident = _run("import", APP, "--data", data, "--trusted", made)
        bench.add(f"project_import_{count}", count / seconds)
        bench.notes[f"project_import_{count}"] = (cpu / count * 1e6, resident)
        seconds, cpu, resident = _run("export", APP, "--data", data, "--out", out)
        bench.add(f"project_export_{count}", count / seconds)
        bench.notes[f"project_export_{count}"] = (cpu / count * 1e6, resident)
        for name in ("venues", "performances"):
            # Piece by piece: what this process holds counts as the next command's until it runs.
            if not filecmp.cmp(*(os.path.join(each, name + ".jsonl") for each in (made, out)),
                               shallow=False):
                raise RuntimeError(f"{name} did not come back as they were")
    shutil.rmtree(base)


def _empty(base):
    """A data folder with nothing in it but the tables."""
    data = os.path.join(base, "empty")
    nothing = os.path.join(base, "nothing.jsonl")
    open(nothing, "w").close()
    _run("import", APP, "--data", data, "--collection", "venues", nothing)
    return data


def figures(bench):
    found = []
    pace = bench.pace_of_machine()
    for what, target in (("export", 100_000), ("import", 50_000)):
        key = f"project_{what}_{ROWS}"
        if key not in bench.samples:
            continue
        cpu, resident = bench.notes[key]
        bound, told = bench.at_least(target)
        rate = bench.samples[key][0]
        found.append(Figure(
            NAME, f"{what} of {ROWS:,} rows", "rows/s", bench.samples[key], bound,
            f"{rate * pace:,.0f}/s at the pace of that machine (× {pace:.2f}); {told}; "
            f"{cpu:.1f} µs of processor a row"))
        for fewer, name, limit in zip(FEWER, ("tenth", "third"), (("<=", 1.1), None)):
            small = bench.notes[f"project_{what}_{fewer}"][1]
            found.append(Figure(
                NAME, f"{what}: memory, × that of a {name} of the rows", "×", [resident / small],
                limit, f"{resident:.0f} MB and {small:.0f} MB at most"))
    return found
