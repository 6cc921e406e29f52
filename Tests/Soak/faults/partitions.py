"""The network between Roost and its PostgreSQL fails, one way or both, and comes back."""

import os
import random
import time
import urllib.parse

from harness.postgres import Cluster
from harness.server import Server

from .inspection import ServerStore, compare
from .network import Link
from .planted import prove_in
from .result import Result
from .writers import Crew, Insistent

NAME = "partitions"
PROMISE = "no acknowledged write is lost or doubled by a network that fails, and Roost goes on"
TEST = "PostgreSQL in a namespace of its own, {tries} × the link cut, cut one way, slowed to " \
       "64 kbit/s or down for up to 8 s under 8 writers that repeat what got no answer with its " \
       "key; as the control, repeats without a key must be there twice"
TRIES = (40, 0)
LONGEST = 8
PATIENCE = 60


class Careless(Insistent):
    """A writer that gives up soon, and repeats what it gave up without the key of before."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.connection.timeout = 1

    def connect(self, port, patience=30):
        super().connect(port, 1)

    def key(self):
        return {}


def run(folder, tries):
    result, chance, crew = Result(), random.Random(), Crew(kind=Insistent)
    result.counts.update({"partitions": 0, "acknowledged": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    with Link() as link, Cluster(prefix=link.prefix) as cluster:
        server = Server(os.path.join(folder, "data"), settings=_reach(cluster, link))
        server.start()
        crew.settle(server)
        times = []
        for number in range(tries):
            way = link.WAYS[number % len(link.WAYS)]
            when = f"partition {number + 1} ({way})"
            seconds = _partition(
                link, cluster, server, crew, way, chance.uniform(0.3, LONGEST), when, result)
            times.append((seconds or PATIENCE, way))
            if not result.passed:
                break
        result.add("acknowledged", crew.acknowledged())
        result.add("sent again", crew.retried())
        times.sort()
        result.counts["writes again after"] = f"{times[len(times) // 2][0]:.2f} s (median), " \
                                              f"{times[-1][0]:.1f} s at most ({times[-1][1]})"
        if result.passed:
            _control(link, cluster, server, crew, result)
        server.stop()
        with ServerStore(cluster) as store:
            prove_in(store, crew, result)
    return result


def _reach(cluster, link):
    """Lets PostgreSQL be reached over the link; gives the settings of a server that does."""
    cluster.query(f"ALTER SYSTEM SET listen_addresses = '127.0.0.1,{link.address}'")
    with open(os.path.join(cluster.folder, "data/pg_hba.conf"), "a", encoding="ascii") as file:
        file.write("host all all 10.213.77.0/30 scram-sha-256\n")
    cluster.stop()
    cluster.start()
    parts = urllib.parse.urlsplit(cluster.url)
    query = "sslmode=disable&connect_timeout=3"
    address = parts._replace(
        netloc=f"{parts.username}:{parts.password}@{link.address}:{parts.port}", query=query)
    return dict(cluster.settings(), ROOST_DATABASE=address.geturl())


def _partition(link, cluster, server, crew, way, seconds, when, result):
    """Cuts the link under writers; the seconds from its healing until each wrote again."""
    crew.start(server, patient=True)
    if not crew.wait_for(8):
        result.violate(f"{when}: the writers got nowhere: {crew.refusals()[:1]}")
        crew.stop()
        return None
    time.sleep(0.2)
    link.cut(way)
    time.sleep(seconds)
    link.heal()
    result.add("partitions")
    back = crew.recovery(PATIENCE)
    if back is None:
        result.violate(f"{when}: writes did not come back within {PATIENCE} s: {server.tail()}")
    crew.stop()
    for status, body in crew.refusals()[:1]:
        result.violate(f"{when}: a write was answered {status}: {body}")
    if not server.alive():
        result.violate(f"{when}: the server ended: {server.tail()}")
    with ServerStore(cluster) as store:
        compare(store, crew, result, when)
    return back


def _control(link, cluster, server, crew, result):
    """Clients that repeat without a key: what had been carried out is there twice."""
    careless, found = Crew(kind=Careless), Result()
    careless.accounts, careless.round = crew.accounts, 1000
    # The answers are lost, and not the requests.
    _partition(link, cluster, server, careless, "slow", 6, "control", found)
    result.counts["doubled by the control"] = found.counts.get("doubled", 0)
    if not found.counts.get("doubled"):
        result.violate("the control doubled nothing, so this test proves nothing here")
