"""The two load generators: wrk for closed load, pace for steady and for single-connection load."""

import json
import os
import re
import resource
import shutil
import subprocess
import time

from .process import cpu_seconds, machine_seconds
from .server import REPOSITORY

FOLDER = os.path.join(REPOSITORY, "Benchmarks")
UNITS = {"us": 1, "ms": 1e3, "s": 1e6}


class Load:
    """What one run of a generator gave.

    `rate` is answers a second, `p50`, `p99` and `max` are microseconds, `cpu` is the server's CPU
    in microseconds a request, `wrong` counts requests without a good answer.
    """

    def __init__(self, requests, seconds, p50, p99, largest, wrong, cpu, late=0.0, share=0.0):
        self.requests, self.seconds = requests, seconds
        self.rate = requests / seconds if seconds else 0
        self.p50, self.p99, self.max = p50, p99, largest
        self.wrong = wrong
        self.cpu = cpu / requests * 1e6 if requests else 0
        self.late, self.share = late, share


def compile_pace(folder):
    """Builds the paced generator once; gives its path."""
    return _compiled(folder, "pace", os.path.join(FOLDER, "pace.c"))


def compile_fleet(folder):
    """Builds the many devices of sync once; gives their path."""
    return _compiled(folder, "fleet", os.path.join(FOLDER, "sync/fleet.c"))


def _compiled(folder, name, source):
    target = os.path.join(folder, name)
    if os.path.exists(target):
        return target
    subprocess.run(
        [compiler(), "-O2", "-o", target, source], check=True)
    return target


def compiler():
    """The C compiler of this machine."""
    found = next((each for each in ("cc", "clang", "gcc") if shutil.which(each)), None)
    if found is None:
        raise RuntimeError("no C compiler: install gcc, or put the Swift toolchain's clang in PATH")
    return found


# Of each load: the share of all cores that went to other processes, and to the machine's host.
noise = []


def _measured(command, pid):
    """Runs a generator; gives what it printed and the CPU seconds of the process, or of several."""
    def cpu():
        return sum(map(cpu_seconds, pid if isinstance(pid, (list, tuple)) else [pid]))

    before, machine, began = cpu(), machine_seconds(), time.monotonic()
    generators = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    after, used = cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
    all_cores = (time.monotonic() - began) * os.cpu_count()
    own = after - before + used.ru_utime + used.ru_stime - generators.ru_utime - generators.ru_stime
    busy, stolen = (now - then for now, then in zip(machine_seconds(), machine))
    noise.append((max(0, busy - own) / all_cores, stolen / all_cores))
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout, after - before


def wrk_plain(pid, url, seconds, connections=64, threads=2, token=None):
    """Closed load of one GET without a script, as light as wrk can be."""
    credentials = ["-H", f"Authorization: Bearer {token}"] if token else []
    text, cpu = _measured(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency", *credentials, url],
        pid)
    number, length = re.search(r"(\d+) requests in ([\d.]+\w+)", text).groups()
    wrong = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    wrong += sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    p50, p99 = (_microseconds(re.search(rf"(?m)^\s+{share}%\s+(\S+)", text)[1])
                for share in (50, 99))
    return Load(int(number), int(number) / rate, p50, p99, 0, wrong, cpu)


def _microseconds(text):
    number, unit = re.match(r"([\d.]+)(\w+)", text).groups()
    return float(number) * UNITS[unit]


def wrk_script(pid, port, kind, dataset, seconds, connections=64):
    """Closed load of one kind of load.lua: read, list or create."""
    text, cpu = _measured(
        ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency",
         "-s", os.path.join(FOLDER, "load.lua"), f"http://127.0.0.1:{port}", "--",
         kind, dataset.tokens_path, str(dataset.rows), dataset.venues_path], pid)
    got = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
    return Load(got["requests"], got["seconds"], got["p50"], got["p99"], got["max"],
                got["refused"] + got["broken"], cpu)


def pace(binary, pid, port, requests, connections, seconds, rate=None, warmup=0.5):
    """Steady load at `rate` a second, or one request after the other without a rate."""
    command = [binary, "--port", str(port), "--requests", requests,
               "--connections", str(connections)]
    command += ["--seconds", str(seconds), "--warmup", str(warmup)]
    command += ["--rate", str(rate)] if rate else []
    text, cpu = _measured(command, pid)
    got = json.loads(text)
    wrong = got["refused"] + got["failed"] + got["disconnects"]
    total = seconds + warmup
    cpu *= seconds / total  # it covers the warm-up too
    return Load(got["requests"], got["seconds"], got["p50"], got["p99"], got["max"], wrong, cpu,
                got["late_p99"], got["cpu_seconds"] / total)
