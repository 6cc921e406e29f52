"""A private PostgreSQL as a process: started, asked, hurt, stopped, removed."""

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
    """A cluster of `Scripts/with-postgres.sh`; use as a context.

    `prefix` is a command that its programs are started with, such as that of a network namespace.
    """

    def __init__(self, durable=True, prefix=()):
        self.prefix = list(prefix)
        settings = {} if durable else {"ROOST_TEST_POSTGRES_FSYNC": "off"}
        self.environment = dict(os.environ, **settings)
        self.process = None
        self.program = self.port = None

    def __enter__(self):
        self.process = subprocess.Popen(
            [*self.prefix, WRAPPER, sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=self.environment)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("no private PostgreSQL: Scripts/with-postgres.sh does not start one")
        told = json.loads(line)
        self.url = told["ROOST_TEST_POSTGRES"]
        self.admin = told["ROOST_TEST_POSTGRES_ADMIN"]
        self.folder = told["ROOST_TEST_POSTGRES_FOLDER"]
        self._program()  # while it runs
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(60)
        self.process.stdout.close()

    # What is in it

    def query(self, sql, url=None, schema=None):
        """The rows of a statement: whole numbers as int, NULL as None, all else as text."""
        address = url or self.admin
        environment = dict(os.environ, PGOPTIONS=f"-c search_path={schema}") if schema else None
        done = subprocess.run(
            [*self.prefix, "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", "-P",
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

    def control(self, *arguments):
        """Runs pg_ctl on the data folder, as its owner."""
        data = os.path.join(self.folder, "data")
        program = os.path.join(os.path.dirname(self._program()), "pg_ctl")
        owner = os.stat(data)
        become = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}",
                  "--clear-groups"] if os.geteuid() == 0 else []
        # Its output goes nowhere: the server would inherit a pipe and keep it open.
        subprocess.run(
            [*self.prefix, *become, program, "-D", data, "-w", *arguments], check=True,
            timeout=120, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def _program(self):
        """The path of the server's program."""
        if self.program is None:
            self.program = os.readlink(f"/proc/{self.postmaster()}/exe")
            self.port = urllib.parse.urlsplit(self.url).port
        return self.program

    def stop(self, mode="fast"):
        """Ends it in an orderly way, as for an upgrade; `start` brings it back."""
        self.control("-m", mode, "stop")

    def start(self):
        self._program()
        log = os.path.join(self.folder, "log.server")
        self.control("-o", f"-p {self.port}", "-l", log, "start")

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


class Session:
    """One connection that stays, by a psql that is asked and answers; use as a context."""

    END = "-- that was all --"

    def __init__(self, address, application="session"):
        self.process = subprocess.Popen(
            ["psql", "-qAtX", "-F", "\x1f", "-P", "null=\x1a", "-d", address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, PGAPPNAME=application))

    def query(self, sql):
        """The rows of one statement, in a transaction of its own."""
        try:
            self.process.stdin.write(f"{sql};\n\\echo '{self.END}'\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Unreachable(str(error)) from error
        rows = []
        for line in self.process.stdout:
            line = line.removesuffix("\n")
            if line == self.END:
                return rows
            if line.startswith(("ERROR:", "FATAL:", "psql: error")):
                raise Unreachable(line)
            rows.append(tuple(map(_value, line.split("\x1f"))))
        raise Unreachable("the connection has ended")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _value(text):
    if text == "\x1a":
        return None
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else text
