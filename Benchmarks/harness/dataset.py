"""The rows that are loaded: venues, and performances dealt out to the accounts in turn."""

import json
import os
import random
import subprocess
import time

from .generators import pace
from .connection import encode
from .process import thread_seconds
from .server import APP, BINARY, SETTINGS

VENUES = 50
PLACEHOLDER = "%%%%%%%%-%%%%-%%%%-%%%%-%%%%%%%%%%%%"

# The mapping of `roost import`: which column of the input fills which field.
MAPPING = """\
collection: {collection}
format: jsonl
id: {{column: id}}
fields:
{fields}
"""


def performance_id(index):
    """The id of row `index`; load.lua makes the same."""
    return f"01900000-{index >> 16:04x}-7000-8000-{index:012x}"


def venue_id(index):
    return f"01900000-0000-7000-9000-{index:012x}"


class Dataset:
    """`rows` performances of `accounts`, written below `folder`."""

    def __init__(self, folder, rows, accounts):
        self.folder, self.rows, self.accounts = folder, rows, accounts
        self.tokens_path = os.path.join(folder, "tokens")
        self.venues_path = os.path.join(folder, "venues")
        with open(self.venues_path, "w") as file:
            file.writelines(venue_id(index) + "\n" for index in range(VENUES))

    def performance(self, chance):
        """The fields of one performance, without id and owner."""
        return {
            "date": f"20{chance.randint(10, 25)}-{chance.randint(1, 12):02}-"
                    f"{chance.randint(1, 28):02}T20:00:00.000Z",
            "venue": venue_id(chance.randrange(VENUES)),
            "duration": f"PT{chance.randint(30, 180)}M",
            "payment": chance.randint(0, 500000),
            "audienceSize": chance.randint(0, 2000),
            "notes": "Second set after the break",
        }

    def write_tokens(self):
        """The accounts' tokens for wrk, in the order of the accounts."""
        with open(self.tokens_path, "w") as file:
            file.writelines(each.token + "\n" for each in self.accounts)

    def create_venues(self, connection):
        """Makes the venues over HTTP."""
        for index in range(VENUES):
            answer = connection.request(
                "POST", "/v1/venues", {"id": venue_id(index), "name": f"Hall {index}"},
                self.accounts[0].token)
            if answer.status != 201:
                raise RuntimeError(f"a venue: {answer.status} {answer.body[:300]!r}")

    def write_input(self, path):
        """The performances as JSON Lines with the owner's account in column `user`."""
        chance = random.Random(1)
        with open(path, "w") as file:
            for index in range(self.rows):
                row = {"id": performance_id(index), "user": self.accounts[index].id}
                row.update(self.performance(chance))
                file.write(json.dumps(row, separators=(",", ":")) + "\n")

    def write_mapping(self, path):
        columns = ["date", "venue", "duration", "payment", "audienceSize", "notes"]
        fields = [f"  {name}: {{column: {name}}}" for name in columns]
        fields.append("  owner: {column: user}")
        with open(path, "w") as file:
            file.write(MAPPING.format(collection="performances", fields="\n".join(fields)))

    def import_into(self, data, settings=None):
        """Runs `roost import`; gives seconds, the process's CPU seconds and its busiest threads."""
        source = os.path.join(self.folder, "performances.jsonl")
        mapping = os.path.join(self.folder, "performances.yaml")
        if not os.path.exists(source):
            self.write_input(source)
            self.write_mapping(mapping)
        began = time.monotonic()
        process = subprocess.Popen(
            [BINARY, "import", APP, "--data", data, "--mapping", mapping, source],
            env=dict(os.environ, **SETTINGS, **(settings or {})),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        threads = {}
        os.set_blocking(process.stderr.fileno(), False)
        said = b""
        while process.poll() is None:
            try:
                threads = thread_seconds(process.pid) or threads
            except OSError:
                pass
            said += process.stderr.read() or b""
            time.sleep(0.05)
        seconds = time.monotonic() - began
        said += process.stderr.read() or b""
        process.stderr.close()
        if process.returncode != 0:  # 3 says that rows were refused
            raise RuntimeError(f"roost import ended with {process.returncode}: "
                               f"{said.decode(errors='replace')[-500:]}")
        return seconds, threads

    def write_reads(self, path, count=20000):
        """Random reads of single performances, for the paced generator."""
        chance = random.Random(2)

        def reads():
            for _ in range(count):
                index = chance.randrange(self.rows)
                yield encode("GET", f"/v1/performances/{performance_id(index)}",
                             token=self.accounts[index].token)
        return write_requests(path, reads())

    def write_creates(self, path, count=1000):
        """Creates with a fresh id at each sending, for the paced generator."""
        chance = random.Random(3)

        def creates():
            for index in range(count):
                body = {"id": PLACEHOLDER}
                body.update(self.performance(chance))
                yield encode("POST", "/v1/performances", body, self.accounts[index].token)
        return write_requests(path, creates())


def write_requests(path, requests):
    """Writes requests in the form that pace reads; gives the path."""
    with open(path, "wb") as file:
        for request in requests:
            file.write(str(len(request)).encode() + b"\n" + request)
    return path
