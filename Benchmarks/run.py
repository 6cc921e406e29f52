#!/usr/bin/env python3
"""Measures the release binary against the bounds it must hold.

    Benchmarks/run.py [--quick] [--only NAME] [--json FILE] [--record]

Prints the rows of a Markdown table as they are done, then what moved since the results that are
held in Benchmarks/results.json (harness/results.py says how); --record holds those of this run in
their place, and puts the table of a whole run into docs/benchmarks.md. Exits 1 when a figure misses
its bound, 2 when a measure could not be taken; what moved changes nothing about that.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import generators, nginx, process, results  # noqa: E402
from harness.connection import Disconnected  # noqa: E402
from harness.figures import HEADER, Figure, number, table  # noqa: E402
from harness.server import BINARY, REPOSITORY, end_all  # noqa: E402
from measures import ALL  # noqa: E402
from measures.bench import Bench  # noqa: E402

PAGE = os.path.join(REPOSITORY, "docs/benchmarks.md")
RESULTS = os.path.join(REPOSITORY, "Benchmarks/results.json")
# What of the page is written here; the rest is written by people.
BEGIN, END = "<!-- written by make bench -->\n", "<!-- up to here -->\n"


def _count(text):
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on is needed")
    return int(text)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short loads, two rounds, 20,000 rows")
    parser.add_argument("--only", metavar="NAME", help=f"one of {', '.join(m.NAME for m in ALL)}")
    parser.add_argument("--json", metavar="FILE", help="also write every sample as JSON")
    parser.add_argument("--record", action="store_true",
                        help="hold these results: later runs are compared with them")
    parser.add_argument("--rows", type=_count, help="rows to load (100,000)")
    parser.add_argument("--rounds", type=_count, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=_count, help="length of one load (6)")
    parser.add_argument("--folder", help="where the data lies; a real disk, not a tmpfs")
    chosen = parser.parse_args()
    if chosen.only and chosen.only not in [measure.NAME for measure in ALL]:
        parser.error(f"--only {chosen.only}: no such measure")
    if chosen.quick and chosen.record:
        parser.error("--record: the figures of a quick run are not worth holding")
    custom = chosen.rows or chosen.rounds or chosen.seconds
    chosen.whole = not (chosen.quick or chosen.only or custom)
    chosen.rows = chosen.rows or (20000 if chosen.quick else 100000)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (2 if chosen.quick else 6)
    return chosen


def check_tools():
    missing = [each for each in ("wrk", "nginx") if not shutil.which(each)]
    if missing:
        sys.exit(f"bench: install {' and '.join(missing)} (apt-get install {' '.join(missing)})")
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"bench: {BINARY} is not there; build it with `make build`")


def attempt(bench, each, step, failures):
    """Runs one step of a measure; one that cannot be measured joins the failures."""
    if each in failures:
        return
    try:
        getattr(each, step)(bench)
    except (RuntimeError, OSError, Disconnected, subprocess.SubprocessError) as error:
        bench.say(f"{each.NAME} could not be measured: {error}")
        failures.append(each)
        if not bench.server.alive():
            bench.say(f"the server has ended: {bench.server.tail()}")
            bench.server.start()


def measure(bench, chosen):
    """Runs the chosen measures; gives the figures and the names of those that failed to run."""
    picked = [each for each in ALL if chosen.only in (None, each.NAME)]
    in_rounds = [each for each in picked if hasattr(each, "round")]
    figures, failures = [], []

    def finish(found):
        figures.extend(found)
        print("\n".join(figure.row() for figure in found), flush=True)

    print("\n".join(HEADER), flush=True)
    bench.prepare()
    for each in picked:
        if not hasattr(each, "round") and not hasattr(each, "once"):
            finish(each.figures(bench))
    # The whole run has nginx in its rounds; what is measured alone has it before and after.
    is_alone = chosen.only is not None and chosen.only != "static"
    if is_alone:
        bench.take_pace()
    for index in range(bench.rounds if in_rounds else 0):
        bench.say(f"round {index + 1} of {bench.rounds}")
        for each in in_rounds:
            bench.freshen()
            attempt(bench, each, "round", failures)
            if each not in failures:
                bench.say(f"  {each.NAME}: " + last_round(each.figures(bench)))
    for each in picked:
        if hasattr(each, "once"):
            bench.say(each.NAME)
            bench.freshen()
            attempt(bench, each, "once", failures)
        if is_alone and bench.server.alive():
            bench.take_pace()
        if (hasattr(each, "round") or hasattr(each, "once")) and each not in failures:
            finish(each.figures(bench))
    if is_alone:
        finish([Figure("machine", "nginx CPU a request, before and after", "µs",
                       bench.samples["nginx_cpu"], better=None)])
    if generators.noise:
        finish([
            Figure("machine", "cores taken by other processes during a load", "%",
                   [100 * others for others, _ in generators.noise]),
            Figure("machine", "cores taken by the machine's host", "%",
                   [100 * stolen for _, stolen in generators.noise])])
    return figures, [each.NAME for each in failures]


def last_round(figures):
    """What the last round gave for the figures that have a bound, in one line."""
    return "; ".join(f"{each.name} {number(each.samples[-1])} {each.unit}"
                     for each in figures if each.bound and each.samples)


def machine():
    """One line about where this ran."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    return (f"{model}, {os.cpu_count()} cores, {memory:.0f} GB of memory, Linux "
            f"{platform.release()}, nginx {nginx.version()}")


def page(figures, chosen, seconds):
    """What docs/benchmarks.md says of a whole run."""
    failed = [figure for figure in figures if figure.passed is False]
    with open(os.path.join(REPOSITORY, "Benchmarks/page.md")) as file:
        text = file.read()
    return text.format(
        machine=machine(), date=time.strftime("%Y-%m-%d", time.gmtime()), rows=f"{chosen.rows:,}",
        rounds=chosen.rounds, seconds=chosen.seconds, minutes=f"{seconds / 60:.0f}",
        table=table(figures),
        verdict=f"{sum(1 for each in figures if each.passed)} of "
                f"{sum(1 for each in figures if each.passed is not None)} bounds hold"
                + (": " + "; ".join(f"{each.area}, {each.name}" for each in failed)
                   + " did not" if failed else ""))


def fill_in(path, text):
    """Puts `text` between the marks of a page."""
    with open(path, encoding="utf-8") as file:
        before, marked = file.read().split(BEGIN)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + text + END + marked.split(END)[1])


def main():
    chosen = options()
    check_tools()
    process.raise_file_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it cleans up as well
    root = chosen.folder or os.path.join(REPOSITORY, ".build")
    os.makedirs(root, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="bench-", dir=root)
    bench = Bench(folder, chosen.rows, chosen.rounds, chosen.seconds)
    began = time.monotonic()
    try:
        figures, broken = measure(bench, chosen)
    except (RuntimeError, OSError, Disconnected) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    finally:
        bench.close()
        end_all()
        shutil.rmtree(folder, ignore_errors=True)
    if chosen.json:
        with open(chosen.json, "w") as file:
            json.dump({"machine": machine(), "figures": [each.as_json() for each in figures],
                       "unmeasured": broken}, file, indent=1)
    seconds = time.monotonic() - began
    now = results.taken(figures, bench, machine())
    print("\n" + "\n".join(results.report(now, results.read(RESULTS))), flush=True)
    if chosen.record:
        results.write(RESULTS, now)
    if chosen.record and chosen.whole and not broken:
        fill_in(PAGE, page(figures, chosen, seconds))
    if broken:
        print(f"bench: not measured: {', '.join(broken)}", file=sys.stderr)
        return 2
    missed = [each for each in figures if each.passed is False]
    print(f"bench: {len(missed)} bounds missed", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
