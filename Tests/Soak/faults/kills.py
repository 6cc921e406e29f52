"""SIGKILL at a random moment of concurrent writes, again and again on the same data."""

import os
import random
import time

from harness.server import Server

from .inspection import check
from .planted import prove
from .result import Result
from .writers import Crew

NAME = "kills"
PROMISE = "no acknowledged write is lost or doubled by a crash"
TEST = "{tries} × `kill -9` under 8 writers of creates and patches; the database is inspected " \
       "after each, unanswered writes are sent again; as the control, planted losses and " \
       "doublings must be found"
TRIES = (1000, 10)
GENERATION = 50  # cycles on one data folder


def run(folder, tries):
    result, chance = Result(), random.Random()
    done = 0
    result.counts.update(kills=0, acknowledged=0, lost=0, doubled=0)
    while done < tries and result.passed:
        generation = os.path.join(folder, f"kills-{done}")
        cycles = min(GENERATION, tries - done)
        _generation(generation, cycles, chance, result)
        done += cycles
    return result


def _generation(folder, cycles, chance, result):
    os.makedirs(folder)
    data, crew = os.path.join(folder, "data"), Crew()
    server = Server(data)
    server.start()
    crew.settle(server)
    for cycle in range(cycles):
        when = f"kill {result.counts['kills'] + 1}"
        if not kill_under_writers(server, crew, chance, result, when):
            break
        check(data, folder, crew, result, when)
        server = Server(data)
        server.start()
        result.add("unanswered and sent again", crew.resolve(server))
        _read_back(server, crew, chance, result, when)
        if not result.passed:
            break
    code = server.stop()
    if code != 0:
        result.violate(f"the last server ended with {code} on SIGTERM")
    if result.passed:
        check(data, folder, crew, result, "after the last restart")
        prove(data, folder, crew, result)
    result.add("acknowledged", crew.acknowledged())


def kill_under_writers(server, crew, chance, result, when):
    """Kills the server while the crew writes; false when the writers got nowhere."""
    crew.start(server)
    if not crew.wait_for(8):
        result.violate(f"{when}: the writers got nowhere: {crew.refusals()[:1]}")
        return False
    time.sleep(chance.uniform(0, 0.6))
    server.kill()
    crew.join()
    result.add("kills")
    for status, body in crew.refusals()[:1]:
        result.violate(f"{when}: a write was answered {status}: {body}")
    return True


def _read_back(server, crew, chance, result, when):
    """A sample of the acknowledged rows through the front door."""
    connection = server.connection()
    for writer in crew.writers:
        rows = [row for row in writer.rows if row.created]
        for row in chance.sample(rows, min(3, len(rows))):
            answer = connection.request(
                "GET", f"/v1/performances/{row.id}", token=writer.account.token)
            if answer.status != 200 or not \
                    row.acknowledged <= answer.json()["audienceSize"] <= row.sent:
                result.violate(f"{when}: reading {row.id} back: {answer.status} {answer.body!r}")
    connection.close()
