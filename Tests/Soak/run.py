#!/usr/bin/env python3
"""Puts faults to the release binary and checks that its promises hold.

    Tests/Soak/run.py [--short] [--only NAME] [--tries N] [--record] [--json FILE]

Black box: kills, power losses, failed fsyncs, full disks, jumping clocks, failing networks, slow
and many clients, floods, failovers and SIGTERM under load, against `.build/release/roost`. `--short`
takes a minute or two. A whole run, and one with --record, writes its rows of docs/reliability.md.
Exits 1 when a promise is broken. A test this machine cannot run (no root, no strace) is skipped
and named; with --strict that fails too.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../../Benchmarks")]

from faults import ALL  # noqa: E402
from faults.result import Unavailable  # noqa: E402
from harness.server import BINARY, REPOSITORY, end_all  # noqa: E402

PAGE = os.path.join(REPOSITORY, "docs/reliability.md")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="few tries, a minute or two")
    parser.add_argument("--only", choices=[fault.NAME for fault in ALL])
    parser.add_argument("--tries", "--minutes", type=int,
                        help="tries of each test, connections of those about connections, rows of "
                             "the round trip, jobs, seconds of a flood, minutes of the hour; what "
                             "tells nothing with so few takes the least that does")
    parser.add_argument("--record", action="store_true",
                        help="write the rows of what was run into docs/reliability.md")
    parser.add_argument("--json", metavar="FILE", help="also write the counts as JSON")
    parser.add_argument("--strict", action="store_true", help="a skipped test fails")
    parser.add_argument("--keep", action="store_true", help="keep the data for a look")
    chosen = parser.parse_args()
    if chosen.tries is not None and chosen.tries < 1:
        parser.error("--tries takes a number from 1 on")
    return chosen


def tries_of(fault, chosen):
    """How many tries a test makes; 0 where it is left out of the short run."""
    if chosen.tries is None:
        return fault.TRIES[1 if chosen.short else 0]
    return max(chosen.tries, getattr(fault, "LEAST", 1))


def attempt(fault, folder, tries):
    """One test: (state, figures, violations)."""
    try:
        result = fault.run(os.path.join(folder, fault.NAME), tries)
    except Unavailable as reason:
        return "skipped", str(reason), []
    except Exception as error:  # what one test meets does not take along the others and their rows
        traceback.print_exc()
        return "failed", "nothing was counted", [f"{type(error).__name__}: {error}"]
    finally:
        end_all()  # what a test that broke off has left behind
    return "passed" if result.passed else "failed", result.summary(), result.violations


def filled(text, rows):
    """docs/reliability.md with the rows of a run in the place of those of the same tests.

    What could not be run here leaves the row of the last run.
    """
    lines = text.split("\n")
    for fault, tries, state, figures, violations in rows:
        if state == "skipped":
            continue
        command = f"`Tests/Soak/run.py --only {fault.NAME}"
        options = "" if tries == fault.TRIES[0] else f" --tries {tries}"
        told = figures if state == "passed" else f"**does not hold**: {figures}; {violations[0]}"
        row = (f"| {fault.PROMISE} | {fault.TEST.format(tries=f'{tries:,}')} | {command}{options}` "
               f"| {told} |".replace("\n", " "))
        old = [index for index, line in enumerate(lines)
               if f"| {command}`" in line or f"| {command} " in line]
        last = max(index for index, line in enumerate(lines) if "| `Tests/Soak/run.py" in line)
        at = old[0] if old else last + 1
        lines[at:at + len(old)] = [row]
    return "\n".join(lines)


def write(rows, chosen):
    """Writes what was found until now: a run of hours may end before its end."""
    if chosen.json:
        with open(chosen.json, "w") as file:
            json.dump([{"name": fault.NAME, "tries": tries, "state": state, "figures": figures,
                        "violations": violations}
                       for fault, tries, state, figures, violations in rows], file, indent=1)
    if chosen.record or not (chosen.short or chosen.only or chosen.tries):
        with open(PAGE, encoding="utf-8") as file:
            text = filled(file.read(), rows[-1:])
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(text)


def main():
    chosen = options()
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"soak: {BINARY} is not there; build it with `make build`")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it cleans up as well
    root = os.path.join(REPOSITORY, ".build")
    os.makedirs(root, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="soak-", dir=root)
    rows = []
    write(rows, chosen)
    try:
        for fault in ALL:
            if chosen.only not in (None, fault.NAME):
                continue
            tries = tries_of(fault, chosen)
            if tries == 0:
                continue
            if chosen.tries and tries > chosen.tries:
                print(f"soak: {fault.NAME}: takes {tries:,}, the least with which it tells anything",
                      flush=True)
            began = time.monotonic()
            state, figures, violations = attempt(fault, folder, tries)
            rows.append((fault, tries, state, figures, violations))
            print(f"soak: {fault.NAME}: {state} in {time.monotonic() - began:.0f} s: {figures}",
                  flush=True)
            for violation in violations[:10]:
                print(f"soak: {fault.NAME}:   {violation}", flush=True)
            write(rows, chosen)
    finally:
        if chosen.keep:
            print(f"soak: kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    states = [row[2] for row in rows]
    print(f"{states.count('passed')} passed, {states.count('failed')} failed, "
          f"{states.count('skipped')} skipped", flush=True)
    return 1 if "failed" in states or (chosen.strict and "skipped" in states) else 0


if __name__ == "__main__":
    sys.exit(main())
