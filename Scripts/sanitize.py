#!/usr/bin/env python3
"""Builds the Swift tests with the thread sanitizer and runs them, a target after the other.

    Scripts/sanitize.py [--skip-build] [--width N] [TARGET[/TEST]…]

Each target runs in a process of its own, those of ON_POSTGRES once more on PostgreSQL. What the
sanitizer reports beyond Scripts/sanitize.supp is printed once for each place, with one of its
reports; all of them are in .build/tsan/reports. Exits 1 where there is a report or a test fails.
"""

import argparse
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(REPOSITORY, ".build/tsan")
REPORTS = os.path.join(BUILD, "reports")
# A target that hangs is ended, and has failed.
LONGEST_SECONDS = 3600
ON_POSTGRES = ("RecordsTests", "RoostServerTests", "PostgresDriverTests")
LOCKS = os.path.join(BUILD, "locks.so")
PROGRAM = os.path.join(BUILD, "debug/roostPackageTests.xctest")
SWIFT = ["--sanitize=thread", "--scratch-path", BUILD]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--skip-build", action="store_true")
    parser.add_argument("--width", type=int, default=4, help="tests at a time (4)")
    parser.add_argument("targets", nargs="*", metavar="TARGET[/TEST]",
                        help="RecordsTests, or RecordsTests/WriteTests; all without any")
    return parser.parse_args()


def build():
    subprocess.run(["swift", "build", "--build-tests", *SWIFT], cwd=REPOSITORY, check=True)
    subprocess.run(
        ["clang", "-O1", "-fPIC", "-shared", "-o", LOCKS,
         os.path.join(REPOSITORY, "Scripts/sanitize-locks.c"), "-ldl"], check=True)


def all_targets():
    return sorted(os.path.basename(path) for path in glob.glob(f"{REPOSITORY}/Tests/*Tests"))


def run(target, width, engine):
    """Runs one target; gives (exit code, seconds, its reports)."""
    name = target.replace("/", "-") + ("-postgres" if engine else "")
    tsan = {"suppressions": os.path.join(REPOSITORY, "Scripts/sanitize.supp"),
            "log_path": os.path.join(REPORTS, name), "history_size": "4", "exitcode": "0",
            "second_deadlock_stack": "1", "print_suppressions": "1"}
    environment = {
        **os.environ, "SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH": str(width),
        "TSAN_OPTIONS": ":".join(f"{key}={value}" for key, value in tsan.items())}
    # Without `swift test` before it: what is loaded first is meant for the tests alone.
    command = ["env", f"LD_PRELOAD={LOCKS}", PROGRAM, "--testing-library", "swift-testing",
               "--filter", rf"^{target.replace('/', '[.]')}[./]"]
    if engine:
        environment.update({"ROOST_TEST_ENGINE": "postgres", "ROOST_TEST_POSTGRES_FSYNC": "off"})
        command = [os.path.join(REPOSITORY, "Scripts/with-postgres.sh"), *command]
    began = time.monotonic()
    with open(os.path.join(REPORTS, f"{name}.log"), "wb") as log:
        try:
            code = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=log,
                                  stderr=log, timeout=LONGEST_SECONDS).returncode
        except subprocess.TimeoutExpired:
            code = -1
    return code, time.monotonic() - began, reports(name)


def reports(name):
    """What the sanitizer wrote of the processes of a run, by the line that sums it up."""
    found = collections.defaultdict(list)
    for path in glob.glob(os.path.join(REPORTS, name + ".[0-9]*")):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        for each in re.findall(r"(?ms)^WARNING: ThreadSanitizer.*?^SUMMARY: [^\n]*", text):
            found[each.rsplit("\n", 1)[1]].append(each)
    return found


def main():
    chosen = options()
    if not chosen.skip_build:
        build()
    shutil.rmtree(REPORTS, ignore_errors=True)
    os.makedirs(REPORTS)
    total, failed = collections.defaultdict(list), []
    for target in chosen.targets or all_targets():
        for engine in (False, True) if target.split("/")[0] in ON_POSTGRES else (False,):
            code, seconds, found = run(target, chosen.width, engine)
            where = target + (" on PostgreSQL" if engine else "")
            print(f"sanitize: {where}: {'passed' if code == 0 else f'failed with {code}'} in "
                  f"{seconds:.0f} s, {sum(map(len, found.values()))} reports of {len(found)} places",
                  flush=True)
            if code != 0:
                failed.append(where)
            for summary, each in found.items():
                total[summary] += each
    for summary, each in total.items():
        print(f"\n{len(each)} × {summary}\n{each[0]}")
    print(f"\nsanitize: {len(total)} places reported; failed: {', '.join(failed) or 'none'}")
    return 1 if total or failed else 0


if __name__ == "__main__":
    sys.exit(main())
