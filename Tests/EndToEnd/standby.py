"""Streaming standbys of the cluster of Scripts/with-postgres.sh, and what a test does to them."""

import os
import subprocess
import time
import urllib.parse
import uuid

from server import REPOSITORY

POSTGRES = os.environ.get("ROOST_TEST_POSTGRES")
ADMINISTRATOR = os.environ.get("ROOST_TEST_POSTGRES_ADMIN")


def at_port(address, port):
    parts = urllib.parse.urlsplit(address)
    place = parts.netloc.rpartition(":")[0] + f":{port}"
    return urllib.parse.urlunsplit(parts._replace(netloc=place))


def sql(address, text):
    """What a statement gives, unaligned."""
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", address, "-c", text],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(condition, what, seconds=60):
    """Waits for a condition; what it waited for is told when that never comes."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


class Standby:
    """A copy of the cluster, or of another copy, that follows it; `pause` makes it stay where it is."""

    def __init__(self, of=None):
        self.name = uuid.uuid4().hex[:8]
        self.source = at_port(ADMINISTRATOR, of.port) if of else ADMINISTRATOR
        self.port = int(self._do("make"))

    def _do(self, action):
        done = subprocess.run(
            [os.path.join(REPOSITORY, "Scripts/postgres-standby.sh"), action, self.name],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
            env={**os.environ, "ROOST_TEST_POSTGRES_ADMIN": self.source})
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def address(self):
        return at_port(POSTGRES, self.port)

    @property
    def label(self):
        """Its name in the figures and the log."""
        return f"127.0.0.1:{self.port}"

    def sql(self, text):
        return sql(at_port(ADMINISTRATOR, self.port), text)

    def pause(self):
        """Nothing that is written from now on is seen here."""
        self.sql("SELECT pg_wal_replay_pause()")
        until(lambda: self.sql("SELECT pg_get_wal_replay_pause_state()") == "paused", "the pause")

    def resume(self):
        def resumed():
            # The replay, which goes on at once, may stand in the way of the very statement.
            try:
                self.sql("SELECT pg_wal_replay_resume()")
                return True
            except AssertionError:
                return False
        until(resumed, "the replay goes on")

    def catch_up(self):
        end = sql(self.source, "SELECT pg_current_wal_flush_lsn()")
        until(lambda: self.sql(f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == "t", "the replay")

    def follow(self, other):
        """Follows another from now on."""
        address = at_port(ADMINISTRATOR, other.port)
        self.sql(f"ALTER SYSTEM SET primary_conninfo = '{address}'")
        self.sql("SELECT pg_reload_conf()")

    def start(self):
        self._do("start")

    def stop(self):
        self._do("stop")

    def promote(self):
        self._do("promote")

    def remove(self):
        self._do("remove")
