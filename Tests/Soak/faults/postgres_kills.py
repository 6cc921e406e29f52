"""SIGKILL of Roost at a random moment of concurrent writes to PostgreSQL."""

import os
import random

from harness.postgres import Cluster
from harness.server import Server

from .inspection import ServerStore, compare
from .kills import kill_under_writers
from .planted import prove_in
from .result import Result
from .writers import Crew

NAME = "postgres-kills"
PROMISE = "no acknowledged write to PostgreSQL is lost or doubled by a crash of Roost"
TEST = "{tries} × `kill -9` of Roost under 8 writers of creates and patches; the database is " \
       "inspected after each, unanswered writes are sent again; as the control, planted losses " \
       "and doublings must be found"
TRIES = (100, 4)


def run(folder, tries):
    result, chance, crew = Result(), random.Random(), Crew()
    result.counts.update(kills=0, acknowledged=0, lost=0, doubled=0)
    os.makedirs(folder, exist_ok=True)
    data = os.path.join(folder, "data")
    with Cluster() as cluster:
        server = Server(data, settings=cluster.settings())
        server.start()
        crew.settle(server)
        for number in range(tries):
            when = f"kill {number + 1}"
            if not kill_under_writers(server, crew, chance, result, when):
                break
            server = Server(data, settings=cluster.settings())
            server.start()
            result.add("unanswered and sent again", crew.resolve(server))
            with ServerStore(cluster) as store:
                compare(store, crew, result, when)
            if not result.passed:
                break
        code = server.stop()
        if code != 0:
            result.violate(f"the last server ended with {code} on SIGTERM")
        with ServerStore(cluster) as store:
            prove_in(store, crew, result)
    result.add("acknowledged", crew.acknowledged())
    return result
