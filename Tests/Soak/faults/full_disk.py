"""The disk runs full under writers: 507, reads go on, and all is well when space comes back.

Every second time the server's own reserve of free space is switched off, so that it is the disk
that refuses, in the middle of a commit or of a checkpoint.
"""

import os
import time

from harness.server import Server

from .inspection import check
from .planted import prove
from .result import Result
from .volume import Volume
from .writers import Crew

NAME = "full"
PROMISE = "a full disk is safe"
TEST = "a small ext4 filled at {tries} points under 4 writers, every second time without the " \
       "server's reserve of free space: writes answer 507 and nothing else, reads work, writes " \
       "work again when space is freed, nothing is lost; as the control, planted losses and " \
       "doublings must be found"
TRIES = (50, 3)
RESERVE = "ROOST_DATABASE_MINIMUM_FREE_MEGABYTES"
SIZE = 768 << 20
PATIENCE = 60


def run(folder, tries):
    result = Result()
    result.counts.update({"fillings": 0, "refused with 507": 0, "acknowledged": 0, "lost": 0,
                          "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "server.log")
    with Volume(folder, SIZE) as volume:
        data, crew = os.path.join(volume.path, "data"), Crew(4)
        with Server(data, log=log) as server:
            crew.settle(server)
        for leave, settings in _points(tries):
            server = Server(data, log=log, settings=settings)
            server.start()
            when = f"{leave:,} bytes left, {'without a' if settings else 'with the'} reserve"
            fill(volume, server, crew, leave, when, result)
            result.add("fillings")
            code = server.stop() if server.alive() else server.process.returncode
            if code != 0:
                result.violate(f"{when}: the server ended with {code}: {server.tail()}")
            check(data, folder, crew, result, when)
            if not result.passed:
                break
        prove(data, folder, crew, result)
        result.add("acknowledged", crew.acknowledged())
    return result


def _points(tries):
    """Bytes left free, and the settings of the server that meets them."""
    for index in range(tries):
        if index % 2:
            yield (index * index) << 14, {}  # all within the reserve, so refused before the disk
        else:
            yield (index // 2) << 13, {RESERVE: "0"}  # none at all, two pages, four pages, …


def fill(volume, server, crew, leave, when, result, patience=PATIENCE):
    """Fills the disk but for `leave` bytes under writers, and frees it again."""
    crew.start(server, patient=True)
    if not crew.wait_for(20):
        result.violate(f"{when}: no writes before the disk was full: {crew.refusals()[:1]}")
        crew.stop()
        return
    volume.fill(leave)
    deadline = time.monotonic() + patience
    # What a database has of free pages is used up first.
    while not crew.refusals() and time.monotonic() < deadline and server.alive():
        time.sleep(0.02)
    time.sleep(0.2)
    if not server.alive():
        result.violate(f"{when}: the server ended: {server.tail()}")
    elif not crew.refusals():
        result.violate(f"{when}: writes went on for {patience} s")
    else:
        reads(server, crew, when, result)
    volume.relieve()
    if server.alive():
        recovery(crew, when, result)
    crew.stop()
    for status, body in crew.refusals():
        if status == 507:
            result.add("refused with 507")
        else:
            result.violate(f"{when}: a write was answered {status}: {body}")
            break


def reads(server, crew, when, result):
    """Health, one record of each writer, and a list, while the disk is full."""
    connection = server.connection()
    paths = [("/health/live", None), ("/v1/performances?limit=20", crew.accounts[0].token)]
    for writer in crew.writers:
        row = next((row for row in list(writer.rows) if row.created), None)
        if row:
            paths.append((f"/v1/performances/{row.id}", writer.account.token))
    for path, token in paths:
        answer = connection.request("GET", path, token=token)
        if answer.status != 200:
            result.violate(f"{when}: GET {path} answered {answer.status}")
    connection.close()


def recovery(crew, when, result):
    """Every writer gets a write through again."""
    before = [writer.acknowledged for writer in crew.writers]
    deadline = time.monotonic() + PATIENCE
    while any(writer.acknowledged <= count for writer, count in zip(crew.writers, before)):
        if time.monotonic() > deadline:
            result.violate(f"{when}: writes did not come back within {PATIENCE} s of space")
            return
        time.sleep(0.02)
