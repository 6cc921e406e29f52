"""SIGTERM under load: what was received is answered, the process ends with 0."""

import os
import random
import signal
import threading
import time

from harness.connection import Disconnected, encode
from harness.dataset import venue_id
from harness.server import Server

from .inspection import check
from .result import Result
from .writers import Crew, fresh_id

NAME = "drain"
PROMISE = "SIGTERM answers every request that was received, and exits 0"
TEST = "{tries} × SIGTERM under 8 writers, 16 readers, 8 connections not yet accepted and 2 " \
       "bodies not yet sent; each request sent before the signal has a whole answer; as the " \
       "control, a server that is killed instead must leave some without"
TRIES = (50, 5)
PATIENCE = 20


class Reader(threading.Thread):
    """Reads as fast as it can and notes when each request was sent and what came of it."""

    def __init__(self, server, path, token):
        super().__init__(daemon=True)
        self.connection = server.connection(PATIENCE)
        self.request = encode("GET", path, token=token)
        self.stopping = threading.Event()
        self.answered, self.statuses = 0, set()
        self.sent_at = None  # of the request that got no answer
        self.partial = False

    def run(self):
        try:
            while not self.stopping.is_set():
                self.sent_at = None
                self.connection.send(self.request)
                self.sent_at = time.monotonic()
                self.statuses.add(self.connection.receive().status)
                self.answered += 1
                self.sent_at = None
        except Disconnected as error:
            self.partial = error.received > 0
        finally:
            self.connection.close()


def run(folder, tries, settings=None):
    result, chance = Result(), random.Random()
    result.counts.update({"drains": 0, "answered": 0, "unanswered": 0, "acknowledged": 0,
                          "lost": 0, "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    data, crew = os.path.join(folder, "data"), Crew()
    with Server(data, settings=settings) as server:
        crew.settle(server)
    for number in range(tries):
        server = Server(data, settings=settings)
        server.start()
        _drain(server, crew, chance, f"drain {number + 1}", result)
        result.add("drains")
        if not result.passed:
            break
    if result.passed:
        _control(data, crew, chance, settings, result)
    check(data, folder, crew, result, "after the last drain")
    result.add("acknowledged", crew.acknowledged())
    return result


def _control(data, crew, chance, settings, result):
    """A server that does not drain: some requests must be without an answer."""
    server, found = Server(data, settings=settings), Result()
    server.start()
    _drain(server, crew, chance, "control", found, signal.SIGKILL)
    result.counts["unanswered by the control"] = found.counts.get("unanswered", 0)
    if not found.counts.get("unanswered"):
        result.violate("the control answered everything, so this test proves nothing here")


def _drain(server, crew, chance, when, result, how=signal.SIGTERM):
    crew.start(server)
    paths = ["/health/live", "/v1/performances?limit=20"]
    readers = [Reader(server, paths[number % 2], crew.accounts[number].token)
               for number in range(16)]
    for reader in readers:
        reader.start()
    crew.wait_for(8)
    time.sleep(chance.uniform(0, 0.3))
    bodies = [_half(server, crew) for _ in range(2)]
    time.sleep(0.05)
    fresh = [_fresh(server) for _ in range(8)]
    signalled = time.monotonic()
    os.kill(server.pid, how)
    time.sleep(0.2)
    for connection, rest in bodies:
        _finish(connection, rest, when, result)
    for connection in fresh:
        _expect(connection, "a connection not yet accepted", when, result)
    code = server.wait(PATIENCE)
    if code != 0:
        result.violate(f"{when}: ended with {code}")
    for reader in readers:
        reader.stopping.set()
        reader.join(PATIENCE)
        _judge(reader, signalled, when, result)
    crew.join()
    _judge_writers(crew, signalled, when, result)


def _half(server, crew):
    """A create whose head and half a body are sent."""
    body = {"id": fresh_id(random.Random()), "date": "2021-05-01T20:00:00.000Z",
            "venue": venue_id(0), "duration": "PT90M"}
    data = encode("POST", "/v1/performances", body, crew.accounts[0].token)
    connection = server.connection(PATIENCE)
    connection.send(data[:-20])
    return connection, data[-20:]


def _finish(connection, rest, when, result):
    try:
        connection.send(rest)
    except Disconnected as error:
        result.add("unanswered")
        result.violate(f"{when}: a body that was on its way was cut off: {error}")
        return
    _expect(connection, "a body that was on its way", when, result)


def _fresh(server):
    """A new connection with a request, perhaps still in the queue of the listener."""
    connection = server.connection(PATIENCE)
    connection.send(encode("GET", "/health/live"))
    return connection


def _expect(connection, what, when, result):
    try:
        status = connection.receive().status
    except Disconnected as error:
        result.add("unanswered")
        result.violate(f"{when}: {what} got no answer: {error}")
        return
    finally:
        connection.close()
    result.add("answered")
    if status not in (200, 201, 503):
        result.violate(f"{when}: {what} was answered {status}")


def _judge(reader, signalled, when, result):
    result.add("answered", reader.answered)
    if reader.is_alive():
        result.violate(f"{when}: a reader still waits")
    if reader.partial:
        result.violate(f"{when}: an answer was cut off in the middle")
    if reader.sent_at is not None and reader.sent_at < signalled:
        result.add("unanswered")
        result.violate(f"{when}: a read sent {(signalled - reader.sent_at) * 1000:.1f} ms before "
                       "the signal got no answer")
    if reader.statuses - {200, 503}:
        result.violate(f"{when}: reads were answered {sorted(reader.statuses)}")


def _judge_writers(crew, signalled, when, result):
    for writer in crew.writers:
        result.add("answered", writer.acknowledged)
        if writer.unknown is not None and writer.sent_at < signalled:
            result.add("unanswered")
            result.violate(f"{when}: a write sent {(signalled - writer.sent_at) * 1000:.1f} ms "
                           "before the signal got no answer")
        for status, body in writer.refusals:
            if status != 503:
                result.violate(f"{when}: a write was answered {status}: {body}")
