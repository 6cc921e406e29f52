#!/usr/bin/env python3
"""Builds the readers of what strangers send with libFuzzer and the address sanitizer, and runs
them.

    Tests/Fuzzing/run.py [--seconds 600] [--only NAME] [--jobs 2]

Each begins with its inputs in Tests/Fuzzing/seeds/NAME and what earlier runs found in
.build/fuzzing/found/NAME. An input that breaks something is kept in .build/fuzzing/broken, and the
line that runs it again is printed. Exits 1 where there is one.
"""

import argparse
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(REPOSITORY, ".build/fuzzing")
FUZZER = os.path.join(BUILD, "fuzzer")
SANITIZERS = "-sanitize=fuzzer,address"
# Readers, and the longest input that is of use to each.
READERS = {"http": 4096, "chunks": 4096, "json": 4096, "sdl": 8192, "filter": 2048, "rule": 4096,
           "frames": 8192, "cursor": 2048, "tsv": 4096, "csv": 4096, "yaml": 4096, "backup": 8192}


def options():
    parser = argparse.ArgumentParser(description=" ".join(__doc__.split("\n\n")[0].split()))
    parser.add_argument("--seconds", type=int, default=600, help="for each reader (600)")
    parser.add_argument("--only", choices=sorted(READERS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="readers at a time")
    return parser.parse_args()


def build():
    subprocess.run(
        ["swift", "build", "-c", "release", "--build-path", BUILD, "--product", "RoostFuzzing",
         "-Xswiftc", SANITIZERS, "-Xswiftc", "-parse-as-library"],
        cwd=REPOSITORY, check=True, env={**os.environ, "ROOST_FUZZING": "1"})
    libraries = subprocess.run(
        ["pkg-config", "--libs", "sqlite3", "libpq", "openssl", "libargon2", "yaml-0.1", "libcurl",
         "zlib"], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(
        ["swiftc", SANITIZERS, "-o", FUZZER, "-Xlinker", "--whole-archive",
         os.path.join(BUILD, "release/libRoostFuzzing.a"), "-Xlinker", "--no-whole-archive",
         *libraries, "-lre2", "-lstdc++"], check=True, stderr=subprocess.DEVNULL)


def start(name, seconds):
    found, broken = (os.path.join(BUILD, part, name) for part in ("found", "broken"))
    os.makedirs(found, exist_ok=True)
    os.makedirs(broken, exist_ok=True)
    log = open(os.path.join(BUILD, f"{name}.log"), "w", encoding="utf-8", errors="replace")
    seeds = os.path.join(HERE, "seeds", name)
    command = [FUZZER, f"-max_total_time={seconds}", f"-max_len={READERS[name]}", "-timeout=10",
               "-rss_limit_mb=2048", f"-artifact_prefix={broken}/", found, seeds]
    environment = {**os.environ, "ROOST_FUZZED": name, "SWIFT_BACKTRACE": "enable=no",
                   "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def report(name, process):
    with open(os.path.join(BUILD, f"{name}.log"), encoding="utf-8", errors="replace") as file:
        text = file.read()
    runs = re.findall(r"^#(\d+)", text, re.MULTILINE)
    cover = re.findall(r"cov: (\d+)", text)
    told = f"{int(runs[-1]) if runs else 0:,} inputs, {cover[-1] if cover else 0} edges"
    if process.returncode == 0:
        print(f"fuzz: {name}: {told}, nothing broke", flush=True)
        return True
    broken = sorted(glob.glob(os.path.join(BUILD, "broken", name, "*")), key=os.path.getmtime)
    print(f"fuzz: {name}: {told}, broken; again with\n  ROOST_FUZZED={name} {FUZZER} "
          f"{broken[-1] if broken else ''}\n" + "\n".join(text.splitlines()[-25:]), flush=True)
    return False


def main():
    chosen = options()
    build()
    waiting = [name for name in READERS if chosen.only in (None, name)]
    running, holds = {}, True
    while waiting or running:
        while waiting and len(running) < chosen.jobs:
            name = waiting.pop(0)
            running[name] = start(name, chosen.seconds)
        name = next(iter(running))
        process = running.pop(name)
        process.wait()
        holds &= report(name, process)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
