"""An hour of mixed load, with a new version of the server every five minutes.

PostgreSQL, since only there two servers can stand beside each other: the new one starts, the clients
turn to it as a proxy would have them do, and the old one is told to end.
"""

import json
import os
import random
import threading
import time

from harness.connection import Disconnected, encode
from harness.postgres import Cluster
from harness.server import Server

from .inspection import ServerStore, compare
from .result import Result
from .sizes import Life, judge, leaking
from .writers import Crew, Insistent

NAME = "hour"
PROMISE = "a server that is replaced again and again fails nobody and does not grow"
TEST = "{tries} minutes of 4 writers, 6 readers of records, lists and pages and 2 devices of " \
       "POST /v1/sync on PostgreSQL, a deploy every 5 minutes (start, turn, SIGTERM); at least " \
       "99.99 % answered well, memory and descriptors flat in each process and from the first " \
       "half to the second; as the controls, a deploy by kill -9 must fail somebody, and a server " \
       "that forgets one of 100 blocks of memory must not be found flat"
TRIES = (60, 0)
DEPLOY = 300  # seconds
LOOK = 5  # seconds
TURN = 30  # seconds that clients have for turning to a new server
LEAKING = 90  # seconds of the control
LIVES = 4  # of fewer, each as long as its caches take to fill, nothing can be said of memory
SHARE = 0.9999
WAITING = "SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), left(query, 60) " \
          "FROM pg_stat_activity WHERE state <> 'idle'"
PAUSE = 0.01
# Each of the four accounts sends some 200,000 writes with a key, more than a day's room holds.
RECEIPTS = {"ROOST_DATABASE_RECEIPT_MEGABYTES": "4096"}


class Door:
    """Where clients go; turned to another server by a deploy."""

    def __init__(self, server):
        self.server = server

    @property
    def port(self):
        return self.server.port


class Turning(Insistent):
    """A writer that turns with the door; an answer that is not good counts, repeated or not."""

    door = None

    def _insist(self, operation, request):
        if self.connection.port != self.door.port:
            self.connection.close()
            self.connection.port = self.door.port
        return super()._insist(operation, request)


class Reader(threading.Thread):
    """Asks again and again for what its account has; counts what is answered well, and what not."""

    def __init__(self, door, crew, number):
        super().__init__(daemon=True)
        self.door, self.crew, self.number = door, crew, number
        self.good, self.bad, self.faults = 0, 0, []
        self.stopping, self.chance = threading.Event(), random.Random(number)
        self.connection = None

    def run(self):
        connection = self.connection = self.door.server.connection()
        while not self.stopping.is_set():
            if connection.port != self.door.port:
                connection.close()
                connection = self.connection = self.door.server.connection()
            what = self.request()
            try:
                connection.send(what)
                answer = connection.receive()
                fault = None if answer.ok else f"{answer.status} {answer.body[:200]!r}"
            except Disconnected as error:
                fault = str(error)
            self.good += fault is None
            self.bad += fault is not None
            if fault:
                self.faults.append(f"{what[:60]!r}: {fault}")
            time.sleep(PAUSE)
        connection.close()

    def request(self):
        account = self.crew.accounts[self.number]
        rows = [row for writer in list(self.crew.writers) if writer.account is account
                for row in writer.rows[-50:] if row.created]
        if self.number % 4 == 3:
            return encode("POST", "/v1/sync", self.hello(), account.token,
                          {"Content-Type": "application/jsonl"})
        if self.number % 4 == 2 or not rows:
            return encode("GET", "/v1/performances?sort=-date&limit=20&expand=venue",
                          token=account.token)
        return encode("GET", f"/v1/performances/{self.chance.choice(rows).id}",
                      token=account.token)

    def hello(self):
        return (b'{"frame":"hello","cid":"%s","device":{"id":"%s","name":"Hour"},'
                b'"schema":"1.0.0","wall":%d,"lanes":{},"streams":{}}' % (
                    _uuid(self.number), _uuid(self.number + 50), int(time.time() * 1000)))


def _uuid(number):
    return b"00000000-0000-4000-8000-%012d" % number


def run(folder, tries):
    result, crew = Result(), Crew(4, Turning)
    result.counts.update({"minutes": tries, "deploys": 0, "acknowledged": 0, "lost": 0,
                          "doubled": 0})
    os.makedirs(folder)
    leak = leaking(folder)
    with Cluster() as cluster:
        door = Door(_server(folder, cluster, 0))
        Turning.door = door
        crew.settle(door.server)
        readers = [Reader(door, crew, number) for number in range(8)]
        crew.start(door.server, pause=PAUSE)
        crew.wait_for(40)
        for reader in readers:
            reader.start()
        until, lives = time.monotonic() + tries * 60, []
        while time.monotonic() < until and result.passed:
            life = min(DEPLOY, max(30, tries * 60 / 2), until - time.monotonic())
            if life < LOOK * 6:
                break
            lives.append(_live(door, crew, life, result))
            if time.monotonic() < until:
                _deploy(door, _server(folder, cluster, len(lives)), crew, readers, cluster, result)
        if result.passed:
            _leak(door, crew, readers, cluster, _server(folder, cluster, "leak", leak), result)
        for reader in readers:
            reader.stopping.set()
            reader.join(60)
        crew.stop()
        with ServerStore(cluster) as store:
            compare(store, crew, result, "at the end")
        with open(os.path.join(folder, "lives.json"), "w", encoding="ascii") as file:
            json.dump([life.samples for life in lives], file)
        _judge(crew, readers, lives, result)
        if result.passed:
            _control(door, crew, result)
        door.server.stop()
    return result


def _server(folder, cluster, number, settings=()):
    server = Server(os.path.join(folder, f"data{number}"),
                    settings={**cluster.settings(), **RECEIPTS, **dict(settings)},
                    log=os.path.join(folder, "server.log"))
    server.start()
    return server


def _live(door, crew, seconds, result):
    """One life of a server, in which it is looked at again and again."""
    until, life = time.monotonic() + seconds, Life(door.server.pid)
    while time.monotonic() < until and door.server.alive():
        time.sleep(min(LOOK, max(0.1, until - time.monotonic())))
        # A token lives ten minutes.
        connection = door.server.connection()
        crew.accounts.freshen(connection)
        connection.close()
        life.look()
    if not door.server.alive():
        result.violate(f"the server ended: {door.server.tail()}")
    return life


def _leak(door, crew, readers, cluster, server, result):
    """A server that leaks takes the place of the last one: it must not be found flat."""
    _deploy(door, server, crew, readers, cluster, result)
    found, _ = judge([_live(door, crew, LEAKING, result)])
    result.counts["found of the one that leaks"] = len(found)
    for what in ("memory", "descriptors"):
        if not any(what in each for each in found):
            result.violate(f"{what} of a server that leaks was found flat, so this test proves "
                           "nothing here")


def _deploy(door, fresh, crew, readers, cluster, result):
    """The new one is ready: clients turn, and the old one ends when nobody asks it any more."""
    old, door.server = door.server, fresh
    until = time.monotonic() + TURN
    while any(client.connection.port == old.port for client in [*crew.writers, *readers]):
        if time.monotonic() > until:
            left = [client for client in [*crew.writers, *readers]
                    if client.connection.port == old.port]
            result.violate(f"{len(left)} clients did not turn within {TURN} s, of whom "
                           f"{sum(not client.is_alive() for client in left)} have ended: "
                           f"{crew.refusals()[:2]}; PostgreSQL: {cluster.query(WAITING)}")
            break
        time.sleep(0.05)
    code = old.stop()
    result.add("deploys")
    if code != 0:
        result.violate(f"a server that was replaced ended with {code}: {old.tail()}")


def _judge(crew, readers, lives, result):
    good = sum(reader.good for reader in readers) + crew.acknowledged()
    bad = sum(reader.bad for reader in readers) + crew.retried() + len(crew.refusals())
    faults = [fault for reader in readers for fault in reader.faults] + crew.refusals()
    result.counts.update({"acknowledged": crew.acknowledged(), "answered well": good,
                          "not answered well": bad,
                          "share": f"{good / max(1, good + bad):.5%}"})
    if faults:
        print(f"soak: hour: not answered well: {faults[:4]}", flush=True)
    if good / max(1, good + bad) < SHARE:
        result.violate(f"{bad} of {good + bad} were not answered well: {faults[:2]}")
    found, figures = judge(lives)
    result.counts.update(figures)
    if len(lives) < LIVES:
        result.counts["too short to judge memory by"] = "yes"
        return
    for each in found:
        result.violate(each)


def _control(door, crew, result):
    """A server that is killed in place of being told: somebody gets no answer."""
    readers = [Reader(door, crew, number) for number in range(8)]
    for reader in readers:
        reader.start()
    time.sleep(1)
    door.server.kill()
    time.sleep(0.5)
    for reader in readers:
        reader.stopping.set()
        reader.join(60)
    failed = sum(reader.bad for reader in readers)
    result.counts["failed by the control"] = failed
    if not failed:
        result.violate("the control failed nobody, so this test proves nothing here")
