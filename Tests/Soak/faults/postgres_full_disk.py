"""The disk of PostgreSQL runs full under writers: 507, reads go on, and space brings all back.

The tables are in a tablespace on a small file system, the log of PostgreSQL is not: a server that
cannot write its log ends, which `postgres_crashes` is about.
"""

import os
import shutil
import tempfile

from harness.postgres import Cluster
from harness.server import Server

from .full_disk import fill
from .inspection import ServerStore, compare
from .planted import prove_in
from .result import Result
from .volume import Volume
from .writers import Crew

NAME = "postgres-full"
PROMISE = "a full disk under PostgreSQL is safe"
TEST = "a small ext4 under PostgreSQL's tables, filled {tries} times under 8 writers: writes " \
       "answer 507 and nothing else, reads work, writes work again when space is freed, nothing " \
       "is lost; as the control, planted losses and doublings must be found"
TRIES = (30, 0)
SIZE = 256 << 20
PATIENCE = 60


def run(folder, tries):
    result, crew = Result(), Crew()
    result.counts.update({"fillings": 0, "refused with 507": 0, "acknowledged": 0, "lost": 0,
                          "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    # PostgreSQL's own account must come to it, whatever stands above the data of this test.
    place = tempfile.mkdtemp(prefix="roost-full-")
    os.chmod(place, 0o755)
    try:
        with Volume(place, SIZE) as volume, Cluster() as cluster:
            _settle(cluster, volume)
            with Server(os.path.join(folder, "data"), settings=cluster.settings()) as server:
                crew.settle(server)
                for number in range(tries):
                    fill(
                        volume, server, crew, (number % 10) << 13, f"filling {number + 1}",
                        result, patience=PATIENCE)
                    result.add("fillings")
                    with ServerStore(cluster) as store:
                        compare(store, crew, result, f"filling {number + 1}")
                    if not result.passed:
                        break
                with ServerStore(cluster) as store:
                    prove_in(store, crew, result)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    result.add("acknowledged", crew.acknowledged())
    return result


def _settle(cluster, volume):
    """Puts the tables that are to come onto the volume."""
    owner = os.stat(os.path.join(cluster.folder, "data"))
    tables = os.path.join(volume.path, "tables")
    os.mkdir(tables, 0o700)
    os.chown(tables, owner.st_uid, owner.st_gid)
    cluster.query(f"CREATE TABLESPACE small OWNER roost LOCATION '{tables}'")
    cluster.query("ALTER ROLE roost SET default_tablespace = small")
