"""One run of the benchmarks: the server, its data, the samples taken so far."""

import collections
import os
import shutil
import sys
import time

from harness import process
from harness.accounts import Accounts
from harness.dataset import Dataset
from harness.generators import compile_pace, wrk_plain
from harness.nginx import Nginx
from harness.server import Server, free_port

ACCOUNTS = 8


class Bench:
    """Holds what the measures share. `seconds` is the length of one load."""

    def __init__(self, folder, rows, rounds, seconds):
        self.folder, self.rounds, self.seconds = folder, rounds, seconds
        self.samples = collections.defaultdict(list)
        self.notes = {}
        self.accounts = Accounts(ACCOUNTS)
        self.dataset = Dataset(folder, rows, self.accounts)
        self.data = os.path.join(folder, "data")
        self.server = Server(self.data)
        self.pace = compile_pace(folder)
        self.nginx = None
        self.files = {}

    def take_pace(self):
        """Has nginx answer what the server would, which says how fast the machine is just now."""
        body = self.server.connection().request("GET", "/health/live").body
        peer = self.peer(len(body))
        done = wrk_plain(peer.pid, f"http://127.0.0.1:{peer.port}/health/live", self.seconds)
        self.add("nginx_cpu", done.cpu)

    def pace_of_machine(self):
        """How much slower this machine is than the one the bounds were set for, where nginx took
        6.0 µs of CPU for the static answer; 1 where that was not measured in this run."""
        taken = sorted(self.samples["nginx_cpu"])
        return taken[len(taken) // 2] / 6.0 if taken else 1.0

    def at_most(self, limit):
        """A bound on CPU, at the pace of this machine, and what it is made from."""
        return ("<=", limit * self.pace_of_machine()), f"{limit} µs where nginx takes 6.0"

    def at_least(self, limit):
        """A bound on a rate, at the pace of this machine, and what it is made from."""
        return (">=", limit / self.pace_of_machine()), f"{limit:,}/s where nginx takes 6.0 µs"

    def say(self, text):
        print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)

    def add(self, name, value):
        self.samples[name].append(value)

    def prepare(self):
        """Starts the server once on an empty folder, makes accounts and venues, loads the rows."""
        self.say(f"importing {self.dataset.rows:,} rows")
        self.server.start()
        time.sleep(1)
        self.add("empty_rss", process.resident_kb(self.server.pid) / 1024)
        connection = self.server.connection()
        self.accounts.register(connection)
        self.dataset.write_tokens()
        self.dataset.create_venues(connection)
        connection.close()
        self.server.stop()
        self._import()
        self.server = Server(self.data)
        self.server.start()
        self._count()
        time.sleep(1)
        self.add("loaded_rss", process.resident_kb(self.server.pid) / 1024)

    def _import(self):
        """Imports the rows into copies of the prepared folder; the last one is then served."""
        seed = self.data + ".seed"
        shutil.move(self.data, seed)
        for _ in range(min(3, self.rounds)):
            shutil.rmtree(self.data, ignore_errors=True)
            shutil.copytree(seed, self.data)
            seconds, threads = self.dataset.import_into(self.data)
            self.add("import_rate", self.dataset.rows / seconds)
            self.add("import_cpu", sum(threads.values()) / seconds)
            self.notes["import_threads"] = threads
        shutil.rmtree(seed)

    def _count(self):
        """Makes sure that every account sees its share of the rows."""
        connection = self.server.connection()
        seen = 0
        for account in self.accounts:
            answer = connection.request(
                "GET", "/v1/performances?limit=1&count=exact", token=account.token)
            if answer.status != 200:
                raise RuntimeError(f"counting: {answer.status} {answer.body[:300]!r}")
            seen += answer.json()["count"]
        connection.close()
        if seen != self.dataset.rows:
            raise RuntimeError(f"{seen} rows are there after the import of {self.dataset.rows}")

    def freshen(self):
        """Makes sure that no token expires within the next load."""
        connection = self.server.connection()
        if self.accounts.freshen(connection) or not os.path.exists(self.dataset.tokens_path):
            self.dataset.write_tokens()
            self.files.clear()
        connection.close()

    def file(self, name, write):
        """A file of requests, written again only when the tokens have changed."""
        if name not in self.files:
            self.files[name] = write(os.path.join(self.folder, name))
        return self.files[name]

    def peer(self, size):
        """nginx answering a body of `size` bytes, started on first use."""
        if self.nginx is None:
            self.nginx = Nginx(self.folder, free_port(), size).__enter__()
        return self.nginx

    def restart(self):
        """A new process on the same data; gives the seconds until it was ready."""
        code = self.server.stop()
        if code != 0:
            raise RuntimeError(f"the server ended with {code}: {self.server.tail()}")
        self.server = Server(self.data)
        return self.server.start()

    def close(self):
        if self.nginx is not None:
            self.nginx.__exit__()
        if self.server.alive():
            self.server.stop()
