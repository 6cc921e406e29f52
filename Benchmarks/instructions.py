#!/usr/bin/env python3
"""Counts the instructions that the release binary takes for one request, by callgrind.

    Benchmarks/instructions.py [--binary FILE] [--count N] [--rows N] [--folder DIR]
                               [--profile DIR] [--setting NAME=VALUE ...] [KIND ...]

Other work on the machine does not change the figures, so they tell what a change of the code is
worth where seconds cannot. Prints one line for each kind of request; with --profile callgrind's
files are kept, for callgrind_annotate.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.accounts import Accounts  # noqa: E402
from harness.connection import encode  # noqa: E402
from harness import dataset as rows  # noqa: E402
from harness import server as servers  # noqa: E402

ACCOUNTS = 8
WARM_UP = 64
# Creates are sent by so many connections at once, so that they are committed in groups.
TOGETHER = 16


class Measured(servers.Server):
    """The server under callgrind, which counts only while it is told to."""

    def __init__(self, data, out, settings):
        super().__init__(
            data, wrapper=[
                "valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet",
                f"--callgrind-out-file={out}"],
            settings={"ROOST_SERVER_LOOPS": "1", **settings})

    @property
    def pid(self):
        return self.process.pid  # valgrind becomes the program, it does not start it

    def control(self, *arguments):
        subprocess.run(["callgrind_control", *arguments, str(self.pid)],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def requests(kind, dataset, number):
    """Request `number` of a kind, as load.lua sends them."""
    token = dataset.accounts[number].token
    if kind == "list":
        return encode("GET", "/v1/performances?sort=-date&limit=20", token=token)
    if kind == "first":
        return encode("GET", "/v1/performances?limit=20", token=token)
    if kind == "read":
        index = number * 7919 % dataset.rows
        return encode("GET", f"/v1/performances/{rows.performance_id(index)}",
                      token=dataset.accounts[index].token)
    body = {
        "date": f"20{10 + number % 16}-{1 + number % 12:02}-{1 + number % 28:02}T20:00:00.000Z",
        "venue": rows.venue_id(number % rows.VENUES), "duration": f"PT{30 + number % 150}M",
        "payment": number * 31 % 500000, "audienceSize": number * 7 % 2000,
        "notes": "Second set after the break"}
    return encode("POST", "/v1/performances", body, token)


def send(kind, dataset, connections, first, count):
    """Sends requests `first` and on; reads one by one, creates by all connections at once."""
    width = len(connections) if kind == "create" else 1
    for start in range(first, first + count, width):
        for place in range(width):
            connections[place].send(requests(kind, dataset, start + place))
        for place in range(width):
            answer = connections[place].receive()
            if not answer.ok:
                raise RuntimeError(f"{kind}: {answer.status} {answer.body[:300]!r}")


def prepare(folder, count):
    """A data folder with the rows, made once and used again, and tokens for its accounts."""
    data = os.path.join(folder, "data")
    accounts = Accounts(ACCOUNTS)
    dataset = rows.Dataset(folder, count, accounts)
    is_new = not os.path.exists(data)
    with servers.Server(data) as server:
        connection = server.connection()
        if is_new:
            accounts.register(connection)
            dataset.create_venues(connection)
        else:
            accounts.login(connection)
        connection.close()
    if is_new:
        dataset.import_into(data)
    return data, dataset


def measure(chosen, folder):
    data, dataset = prepare(folder, chosen.rows)
    # Valgrind gives up at the debugging information of newer compilers; names stay.
    slim = os.path.join(folder, "roost")
    subprocess.run(["objcopy", "--strip-debug", servers.BINARY, slim], check=True)
    servers.BINARY = slim
    for kind in chosen.kinds:
        out = os.path.join(chosen.profile or folder, f"callgrind.{kind}")
        # Creates would leave their rows to the next run.
        copy = shutil.copytree(data, data + ".measured")
        try:
            server = Measured(copy, out, chosen.setting)
            server.start(timeout=300)
            connections = [server.connection(timeout=120) for _ in range(TOGETHER)]
            send(kind, dataset, connections, 0, WARM_UP)
            server.control("-i", "on")
            send(kind, dataset, connections, WARM_UP, chosen.count)
            server.control("-i", "off")
            for connection in connections:
                connection.close()
            server.stop()
        finally:
            shutil.rmtree(copy)
        with open(out) as file:
            total = int(re.search(r"^totals: (\d+)", file.read(), re.M)[1])
        print(f"{kind}: {total / chosen.count:,.0f} instructions", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="list, first, read, create")
    parser.add_argument("--binary", help="the binary to measure (.build/release/roost)")
    parser.add_argument("--count", type=int, default=400, help="requests of each kind (400)")
    parser.add_argument("--rows", type=int, default=100000, help="rows to load (100,000)")
    parser.add_argument("--folder", help="where the data lies, and stays for the next run")
    parser.add_argument("--setting", metavar="NAME=VALUE", action="append", default=[],
                        help="a variable of the server's environment, such as "
                             "ROOST_TRACES_SAMPLE=0")
    parser.add_argument("--profile", metavar="DIR", help="keep callgrind's files here")
    chosen = parser.parse_args()
    if not shutil.which("valgrind"):
        parser.error("needs valgrind (Scripts/packages.sh bench)")
    chosen.setting = dict(setting.split("=", 1) for setting in chosen.setting)
    chosen.kinds = chosen.kinds or ["list", "first", "read", "create"]
    if chosen.binary:
        servers.BINARY = rows.BINARY = os.path.abspath(chosen.binary)
    folder = chosen.folder or tempfile.mkdtemp(
        prefix="bench-", dir=os.path.join(servers.REPOSITORY, ".build"))
    for each in (folder, chosen.profile):
        if each:
            os.makedirs(each, exist_ok=True)
    try:
        measure(chosen, folder)
    finally:
        servers.end_all()
        if not chosen.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
