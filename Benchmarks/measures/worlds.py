"""The deterministic simulation: how many worlds a second, on all processors."""

import re
import resource
import subprocess

from harness.figures import Figure
from harness.server import BINARY

NAME = "worlds"
SEEDS = 1000


def _ended_seconds():
    """Processor time of all processes that were started here and have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def round(bench):
    before = _ended_seconds()
    done = subprocess.run([BINARY, "simulate", "--seeds", str(SEEDS)],
                          capture_output=True, text=True, timeout=600)
    found = re.match(r"(\d+) worlds, (\d+) a second, 0 failures", done.stdout)
    if done.returncode != 0 or not found or int(found[1]) != SEEDS:
        raise RuntimeError(f"a world failed: {(done.stdout + done.stderr)[:500]}")
    bench.add("worlds", int(found[2]))
    bench.add("worlds_cpu", (_ended_seconds() - before) / SEEDS * 1e6)


def figures(bench):
    bound, basis = bench.at_least(150)
    return [
        Figure(NAME, "simulated worlds", "/s", bench.samples["worlds"], bound, basis),
        Figure(NAME, "CPU of one", "µs", bench.samples["worlds_cpu"]),
    ]
