#!/usr/bin/env python3
"""Runs the built Swift tests, and the few that failed beside the others once more, alone.

Usage: swift-tests.py [what `swift test` takes]…

The tests share two cores with each other, and some wait for what another process does. One that
fails in the crowd and passes alone is named as unsteady at the end, and is a defect to look at; one
that fails alone too fails the run, and so does a crash, or more than MOST failures.
"""

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

MOST = 3


def run(arguments):
    """Runs `swift test` with the arguments; gives its status and the report of each test."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tests.xml")
        status = subprocess.call(
            ["swift", "test", "--skip-build", *arguments, "--xunit-output", path])
        # Swift Testing's part has a name of its own.
        report = os.path.join(folder, "tests-swift-testing.xml")
        if not os.path.exists(report):
            return status, []
        cases = xml.etree.ElementTree.parse(report).getroot().iter("testcase")
        return status, [
            (f"{case.get('classname')}/{case.get('name')}", case.find("failure") is not None)
            for case in cases]


def main(arguments):
    sys.stdout.reconfigure(line_buffering=True)
    status, cases = run(arguments)
    failed = [name for name, has_failed in cases if has_failed]
    # A negative status, or none that failed: the process crashed, and what ran says nothing.
    if status != 1 or not failed or len(failed) > MOST:
        return 1 if status else 0
    filters = [word for name in failed for word in ("--filter", "^" + re.escape(name))]
    print(f"== {len(failed)} failed beside the others, now alone: {', '.join(failed)}")
    status, cases = run(filters)
    passed = {name for name, has_failed in cases if not has_failed}
    if status or not passed.issuperset(failed):
        return 1
    for name in failed:
        print(f"UNSTEADY {name} failed beside the others and passed alone")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
