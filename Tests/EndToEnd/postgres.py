"""What the tests of PostgreSQL share: a statement, an address, a cluster that may be hurt."""

import os
import subprocess
import sys
import unittest
import urllib.parse

from server import BINARY, REPOSITORY

# The clusters and the soak tests drive the same binary.
os.environ.setdefault("ROOST_BINARY", BINARY)
sys.path[:0] = [os.path.join(REPOSITORY, "Benchmarks"), os.path.join(REPOSITORY, "Tests/Soak")]

POSTGRES = os.environ.get("ROOST_TEST_POSTGRES")
ADMIN = os.environ.get("ROOST_TEST_POSTGRES_ADMIN")

needs_postgres = unittest.skipUnless(
    POSTGRES, "needs ROOST_TEST_POSTGRES, as Scripts/with-postgres.sh sets it")


def psql(*statements, address=None):
    """The lines that the statements print, which the superuser runs; fails when one of them does."""
    done = subprocess.run(
        ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", address or ADMIN, "-f", "-"],
        input=";\n".join(statements) + ";\n", text=True, capture_output=True, timeout=120,
        check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def address(url=None, user=None, password=None, host=None, port=None, database=None, **parameters):
    """The address of the tests with other parts; an empty password leaves it out."""
    parts = urllib.parse.urlsplit(url or POSTGRES)
    secret = parts.password if password is None else password
    who = (user or parts.username) + (f":{secret}" if secret else "")
    query = {**dict(urllib.parse.parse_qsl(parts.query)), **parameters}
    return urllib.parse.urlunsplit((
        parts.scheme, f"{who}@{host or parts.hostname}:{port or parts.port}",
        f"/{database}" if database else parts.path,
        urllib.parse.urlencode({key: value for key, value in query.items() if value}), ""))


def password(url=None):
    return urllib.parse.urlsplit(url or POSTGRES).password
