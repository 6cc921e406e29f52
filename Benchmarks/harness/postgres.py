"""A private PostgreSQL as a process: started, asked, hurt, removed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.parse

from .process import descendants

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WRAPPER = os.path.join(REPOSITORY, "Scripts/with-postgres.sh")
TELL = "import os,json,sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


class Unreachable(Exception):
    """The database does not answer."""


class Cluster:
    """A cluster of `Scripts/with-postgres.sh`; use as a context."""

    def __init__(self, durable=True):
        settings = {} if durable else {"ROOST_TEST_POSTGRES_FSYNC": "off"}
        self.environment = dict(os.environ, **settings)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [WRAPPER, sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=self.environment)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("no private PostgreSQL: Scripts/with-postgres.sh does not start one")
        told = json.loads(line)
        self.url = told["ROOST_TEST_POSTGRES"]
        self.admin = told["ROOST_TEST_POSTGRES_ADMIN"]
        self.folder = told["ROOST_TEST_POSTGRES_FOLDER"]
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(60)

    # What is in it

    def query(self, sql, url=None, schema=None):
        """The rows of a statement: whole numbers as int, NULL as None, all else as text."""
        address = url or self.admin
        environment = dict(os.environ, PGOPTIONS=f"-c search_path={schema}") if schema else None
        done = subprocess.run(
            ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", "-P",
             "null=\x1a", "-d", address, "-c", sql],
            capture_output=True, text=True, env=environment, timeout=120, check=False)
        if done.returncode != 0:
            raise Unreachable(done.stderr.strip())
        text = done.stdout.removesuffix("\n")
        return [tuple(map(_value, line.split("\x1f"))) for line in text.split("\x1e")] if text \
            else []

    def postmaster(self):
        """The process id of the server."""
        with open(os.path.join(self.folder, "data/postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def children(self):
        """The processes of the server: those of connections and its own."""
        return [pid for pid in descendants(self.postmaster()) if pid != self.postmaster()]

    # What happens to it

    def crash(self, chance=random):
        """Kills one child of the server with SIGKILL: it ends all others and recovers."""
        pid = chance.choice(self.children())
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait(self, seconds=60):
        """Waits until it answers again."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.query("SELECT 1")
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def settings(self, schema="roost"):
        """The environment of a server that keeps its data here."""
        return {"ROOST_DATABASE": self.url, "ROOST_DATABASE_SCHEMA": schema}

    def login(self, name, password="guest"):
        """The address of another login to the same database."""
        parts = urllib.parse.urlsplit(self.url)
        return parts._replace(
            netloc=f"{name}:{password}@{parts.hostname}:{parts.port}").geturl()


def _value(text):
    if text == "\x1a":
        return None
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text
