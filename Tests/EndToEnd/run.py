#!/usr/bin/env python3
"""Runs the end-to-end tests against the binary named by ROOST_BINARY (.build/debug/roost).

Usage: run.py [-j JOBS] [-v] [-k PATTERN]… [MODULE…], as `python3 -m unittest` takes them. With
JOBS above 1 so many modules run at a time, each in a process of its own; the longest begin first.
Of those that fail beside others at most MOST_AGAIN run once more, alone: one that passes then is
named as unsteady, a defect to look at, and one that fails again fails the run.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
# A module that hangs is ended, and is a failure: CI has nobody who would notice.
LONGEST_SECONDS = 1800
MOST_AGAIN = 3


def all_modules():
    names = [
        name.removesuffix(".py") for name in os.listdir(HERE)
        if name.startswith("test_") and name.endswith(".py")]
    # Long files take long.
    return sorted(names, key=lambda name: -os.path.getsize(os.path.join(HERE, name + ".py")))


def run_module(name, options):
    """Gives what the module printed, how many tests ran, and whether all is well."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, os.path.abspath(__file__), *options, name], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=LONGEST_SECONDS)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace")
        output += f"\nERROR: {name} took longer than {LONGEST_SECONDS} s\n"
        status = 1
    ran = re.findall(r"^Ran (\d+) tests?", output, re.MULTILINE)
    skipped = re.findall(r"skipped=(\d+)", output)
    if not ran and status == 0:
        output, status = output + f"\nERROR: {name} ran no tests\n", 1
    counts = (int(ran[-1]) if ran else 0, int(skipped[-1]) if skipped else 0)
    return name, output, counts, status, time.monotonic() - began


def run_together(jobs, names, options):
    began = time.monotonic()
    total = skipped = 0
    failed = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = [pool.submit(run_module, name, options) for name in names]
        for run in concurrent.futures.as_completed(runs):
            name, output, counts, status, seconds = run.result()
            total += counts[0]
            skipped += counts[1]
            if status != 0:
                failed.append(name)
            if status != 0 or "-v" in options:
                print(output, flush=True)
            words = "ok" if status == 0 else "FAILED"
            print(f"{words} {name}: {counts[0]} tests, {seconds:.0f} s", flush=True)
    unsteady = run_again(failed, options) if len(failed) <= MOST_AGAIN else []
    failed = [name for name in failed if name not in unsteady]
    print("-" * 70)
    print(f"Ran {total} tests in {time.monotonic() - began:.3f}s")
    for name in unsteady:
        print(f"UNSTEADY {name} failed beside other modules and passed alone")
    if failed:
        print(f"\nFAILED ({', '.join(sorted(failed))})")
        return 1
    print("\nOK" + (f" (skipped={skipped})" if skipped else ""))
    return 0


def run_again(names, options):
    """Runs modules one after the other; gives those that pass."""
    passed = []
    for name in names:
        print(f"== {name} failed beside other modules, now alone", flush=True)
        _, output, counts, status, seconds = run_module(name, options)
        if status == 0:
            passed.append(name)
        else:
            print(output)
        print(f"{'ok' if status == 0 else 'FAILED'} {name}: {counts[0]} tests, {seconds:.0f} s")
    return passed


def main(arguments):
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    jobs = 1
    if arguments[:1] == ["-j"]:
        if len(arguments) < 2 or not arguments[1].isdigit() or int(arguments[1]) < 1:
            print("run.py: -j takes a number from 1", file=sys.stderr)
            return 2
        jobs, arguments = int(arguments[1]), arguments[2:]
    names = [argument for argument in arguments if argument.startswith("test_")]
    options = [argument for argument in arguments if argument not in names]
    names = [name.removesuffix(".py") for name in names]
    if jobs > 1:
        whole = [name for name in names if "." in name]
        if whole:
            print(f"run.py: -j takes modules, not {whole[0]}", file=sys.stderr)
            return 2
        return run_together(jobs, names or all_modules(), options)
    if names:
        unittest.main(module=None, argv=["run.py", *options, *names])
    else:
        unittest.main(
            module=None, argv=["run.py", "discover", "-s", HERE, "-p", "test_*.py", *options])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
