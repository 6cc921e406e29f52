"""SIGKILL of a process of PostgreSQL, which ends all connections and recovers, under Roost."""

import os
import random
import time

from harness.postgres import Cluster
from harness.server import Server

from .inspection import ServerStore, compare
from .planted import prove_in
from .result import Result
from .writers import Crew

NAME = "postgres-crashes"
PROMISE = "no acknowledged write is lost or doubled by a crash of PostgreSQL, and Roost goes on"
TEST = "{tries} × `kill -9` of a child of the postmaster under 8 writers; Roost answers 503 and " \
       "recovers without a restart, the database is inspected after each; as the control, planted " \
       "losses and doublings must be found"
TRIES = (20, 2)
PATIENCE = 120


def run(folder, tries):
    result, chance, crew = Result(), random.Random(), Crew()
    result.counts.update(crashes=0, acknowledged=0, lost=0, doubled=0)
    result.add("refused with 503", 0)
    os.makedirs(folder, exist_ok=True)
    with Cluster() as cluster, \
            Server(os.path.join(folder, "data"), settings=cluster.settings()) as server:
        crew.settle(server)
        for number in range(tries):
            when = f"crash {number + 1}"
            crew.start(server, patient=True)
            if not crew.wait_for(8):
                result.violate(f"{when}: the writers got nowhere: {crew.refusals()[:1]}")
                break
            time.sleep(chance.uniform(0, 0.6))
            _crash(cluster, chance, when, result)
            result.add("crashes")
            _recovery(cluster, crew, when, result)
            crew.stop()
            _refusals(crew, when, result)
            if not server.alive():
                result.violate(f"{when}: the server ended: {server.tail()}")
                break
            with ServerStore(cluster) as store:
                compare(store, crew, result, when)
            if not result.passed:
                break
        with ServerStore(cluster) as store:
            prove_in(store, crew, result)
    result.add("acknowledged", crew.acknowledged())
    return result


def _crash(cluster, chance, when, result):
    """Kills a child, and waits until all that were there have ended: before that PostgreSQL goes on."""
    before = set(cluster.children())
    while True:
        try:
            cluster.crash(chance)
            break
        except ProcessLookupError:  # it has just ended by itself
            pass
    deadline = time.monotonic() + PATIENCE
    while before & set(cluster.children()):
        if time.monotonic() > deadline:
            result.violate(f"{when}: PostgreSQL did not end its connections within {PATIENCE} s")
            return
        time.sleep(0.01)


def _recovery(cluster, crew, when, result):
    """PostgreSQL answers again, and then every writer gets a write through."""
    cluster.wait()
    before = [writer.acknowledged for writer in crew.writers]
    deadline = time.monotonic() + PATIENCE
    while any(writer.acknowledged <= count for writer, count in zip(crew.writers, before)):
        if time.monotonic() > deadline or not all(writer.is_alive() for writer in crew.writers):
            result.violate(f"{when}: writes did not come back within {PATIENCE} s")
            return
        time.sleep(0.02)


def _refusals(crew, when, result):
    for status, body in crew.refusals():
        if status == 503:
            result.add("refused with 503")
        else:
            result.violate(f"{when}: a write was answered {status}: {body}")
            break
