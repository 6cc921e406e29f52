#!/usr/bin/env python3
"""Counts the instructions that the release binary takes for a mutation pushed and a row pulled.

    ROOST_BINARY=FILE Benchmarks/sync/instructions.py [--rows N] [--profile DIR]

Other work on the machine does not change the figures much. Prints a line for each kind: creates in
batches and alone, changes in batches and alone, and a first pull.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness import server as servers  # noqa: E402
from instructions import Measured  # noqa: E402
from measures.sync import APP, BATCH, FORGOTTEN, Phone  # noqa: E402

SINGLES = 100


def changes(phone, ids):
    return phone.request(
        phone.hello(tiers=["ON_DEMAND"]),
        {"frame": "push", "cid": phone.cid, "lane": "LIVE",
         "muts": [phone.mutation({"kind": "update", "coll": "notes", "id": each,
                                  "args": {"title": "Another title"}}) for each in ids]})


def creates(phone, count, ids):
    muts = []
    for _ in range(count):
        operation = phone.create()
        ids.append(operation["id"])
        muts.append(phone.mutation(operation))
    return phone.request(
        phone.hello(tiers=["ON_DEMAND"]),
        {"frame": "push", "cid": phone.cid, "lane": "LIVE", "muts": muts})


def total(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("totals:"):
                return int(line.split()[1])
    raise RuntimeError(f"{path} has no total")


def count(name, folder, rows, run):
    """The instructions of what `run` gives: a function that is measured, and how many it does."""
    out = os.path.join(folder, f"callgrind.{name}")
    server = Measured(os.path.join(folder, name), out, {})
    server.app = APP
    server.start(timeout=300)
    try:
        phone = Phone(server.port)
        phone.connection.socket.settimeout(300)
        ids = []
        for _ in range(max(1, rows // BATCH)):
            phone.send(creates(phone, BATCH, ids))
        work, done = run(phone, ids)
        server.control("-i", "on")
        work()
        server.control("-i", "off")
    finally:
        server.stop()
    print(f"{name}: {total(out) / done:,.0f} instructions", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=5000, help="rows in the stream before (5,000)")
    parser.add_argument("--profile", help="where callgrind's files are kept")
    chosen = parser.parse_args()
    if not shutil.which("valgrind"):
        parser.error("needs valgrind (Scripts/packages.sh bench)")
    dice = random.Random(7)

    def batch(phone, ids):
        made = creates(phone, BATCH, ids)
        return lambda: phone.send(made), BATCH

    def alone(phone, ids):
        made = [creates(phone, 1, ids) for _ in range(SINGLES)]
        return lambda: [phone.send(each) for each in made], SINGLES

    def change_batch(phone, ids):
        made = changes(phone, dice.sample(ids, BATCH))
        return lambda: phone.send(made), BATCH

    def change_alone(phone, ids):
        made = [changes(phone, [each]) for each in dice.sample(ids, SINGLES)]
        return lambda: [phone.send(each) for each in made], SINGLES

    def pull(phone, ids):
        own = Phone(phone.connection.port, phone.token)
        request = own.request(own.hello())
        body = own.send(request)
        # What this look had encoded is not to serve the measured one.
        time.sleep(FORGOTTEN)
        return lambda: own.send(request), body.count(b'"kind":"put"') or len(ids)

    with tempfile.TemporaryDirectory(prefix="roost-sync-") as folder:
        slim = os.path.join(folder, "roost")
        subprocess.run(["objcopy", "--strip-debug", servers.BINARY, slim], check=True)
        servers.BINARY = slim
        for name, run in (("create-batch", batch), ("create-alone", alone),
                          ("change-batch", change_batch), ("change-alone", change_alone),
                          ("pull", pull)):
            count(name, chosen.profile or folder, chosen.rows, run)


if __name__ == "__main__":
    main()
