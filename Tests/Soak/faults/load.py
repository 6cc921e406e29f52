"""An open load beside a fault: what comes is due at its time, whatever the server does."""

import json
import os
import random
import subprocess

from harness.connection import encode
from harness.dataset import PLACEHOLDER, venue_id, write_requests
from harness.generators import compile_pace

COUNT = 2000  # requests of a file, which is begun again at its end


def paced(folder, server, requests, rate, seconds, connections=32, warmup=0):
    """What `pace` counted: answers by class, latencies in microseconds (see Benchmarks/pace.c)."""
    done = subprocess.run(
        [compile_pace(folder), "--port", str(server.port), "--requests", requests,
         "--connections", str(connections), "--rate", str(rate), "--seconds", str(seconds),
         "--warmup", str(warmup)], capture_output=True, text=True, timeout=seconds + 120)
    if done.returncode != 0:
        raise RuntimeError(f"pace ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def write_mix(folder, crew, kinds=("read", "read", "read", "read", "list", "create")):
    """A file of requests of these kinds over the rows that a crew has made; gives its path."""
    chance = random.Random(5)
    rows = [(row, writer.account.token) for writer in crew.past + crew.writers
            for row in writer.rows if row.created]

    def one(kind):
        row, token = chance.choice(rows)
        if kind == "read":
            return encode("GET", f"/v1/performances/{row.id}", token=token)
        if kind == "list":
            return encode("GET", "/v1/performances?sort=-date&limit=20", token=token)
        return encode("POST", "/v1/performances", {
            "id": PLACEHOLDER, "date": "2021-05-01T20:00:00.000Z", "venue": venue_id(0),
            "duration": "PT90M"}, token)

    return write_requests(os.path.join(folder, "requests"),
                          [one(kinds[index % len(kinds)]) for index in range(COUNT)])


def milliseconds(microseconds):
    """As it stands among the counts of a result."""
    return f"{microseconds / 1000:.1f} ms"


def too_late(others, calm, bound):
    """Whether the p99 of `others` is beyond `bound` milliseconds; a machine on which it is beyond
    them with nothing going on is held to thrice what it was then."""
    return others["p99"] > max(bound * 1000, 3 * calm["p99"])
