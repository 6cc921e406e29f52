"""Devices and a server in made-up worlds (`roost simulate`), and bugs that are planted in them."""

import os
import re
import subprocess

from harness.postgres import Cluster
from harness.server import BINARY

from .result import Result

NAME = "simulation"
PROMISE = "sync loses nothing, doubles nothing, and every queue drains"
TEST = "{tries} made-up worlds of devices, a network and a server whose disk fails, with every " \
       "invariant of sync checked (`roost simulate`); 1,000 worlds on PostgreSQL and 500 with " \
       "two servers there, which must end as on SQLite; and each planted bug, which must be found"
TRIES = (100_000, 1000)
ON_POSTGRES = 1000
# What engines do differently shows in few worlds, each of which takes as long as ten of the others.
FEW_ON_POSTGRES = 20
OF_TWO = 500
PLANTED = 2000


def simulate(*arguments, environment=None):
    """Runs the command; gives its status and its lines."""
    done = subprocess.run(
        [BINARY, "simulate", *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, **(environment or {})})
    return done.returncode, (done.stdout + done.stderr).splitlines()


def worlds(result, tries, *arguments, name="worlds", environment=None):
    status, lines = simulate("--seeds", str(tries), *arguments, environment=environment)
    found = re.match(r"(\d+) worlds, (\d+) a second, (\d+) failures", lines[0] if lines else "")
    if found:
        result.add(name, int(found[1]))
        result.add(f"{name} a second", int(found[2]))
        result.add("failures", int(found[3]))
    if status != 0 or not found:
        for line in [line for line in lines if line.startswith("seed ")] + lines[:60]:
            result.violate(line)


def run(_, tries):
    result = Result()
    worlds(result, tries)
    if tries < PLANTED:
        with Cluster(durable=False) as cluster:
            _on_postgres(cluster, FEW_ON_POSTGRES, result)
        return result
    status, lines = simulate("--bugs")
    result.add("planted bugs found", sum("found by invariant" in line and "NOT" not in line
                                         for line in lines))
    if status != 0:
        for line in lines:
            if "NOT FOUND" in line or line.startswith("  "):
                result.violate(line)
    # No power goes there.
    with Cluster(durable=False) as cluster:
        _on_postgres(cluster, ON_POSTGRES, result)
        worlds(result, OF_TWO, "--engine", "postgres", "--url", cluster.url, "--nodes", "2",
               name="of two servers")
    return result


def _on_postgres(cluster, tries, result):
    worlds(result, tries, "--engine", "postgres", "--url", cluster.url,
           name="worlds on PostgreSQL")
