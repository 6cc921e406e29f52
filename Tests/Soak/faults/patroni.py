"""The leader of a replicated PostgreSQL is gone, and another one takes its place."""

import os
import random
import time

from harness.postgres import Unreachable
from harness.server import Server

from .group import Group
from .inspection import ServerStore, compare
from .result import Result
from .writers import Crew, Insistent

NAME = "patroni"
PROMISE = "no acknowledged write is lost or doubled when PostgreSQL fails over, and Roost goes on"
TEST = "three PostgreSQLs under Patroni in strict synchronous mode, {tries} × `kill -9` of all " \
       "processes of the leader under 8 writers that repeat what got no answer with its key, " \
       "every second time half a second after its log has ceased to leave it; as the control, " \
       "the same without synchronous mode must lose writes"
TRIES = (20, 0)
PATIENCE = 180


def run(folder, tries):
    result, chance, crew = Result(), random.Random(), Crew(kind=Insistent)
    result.counts.update({"leaders killed": 0, "acknowledged": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    times, Insistent.PATIENCE = [], PATIENCE
    with Group() as group:
        server = Server(os.path.join(folder, "data"), settings={
            "ROOST_DATABASE": group.url, "ROOST_DATABASE_SCHEMA": "roost"})
        server.start()
        crew.settle(server)
        for number in range(tries):
            when = f"leader {number + 1}"
            times.append(_fail_over(group, server, crew, chance, number % 2, when, result))
            if not result.passed:
                break
        result.add("acknowledged", crew.acknowledged())
        result.add("sent again", crew.retried())
        known = sorted(each for each in times if each is not None)
        if known:
            result.counts["writes again after"] = \
                f"{known[len(known) // 2]:.1f} s (median), {known[-1]:.1f} s at most"
        if result.passed:
            result.counts["lost by the control"] = _control(group, server, crew, chance)
            if not result.counts["lost by the control"]:
                result.violate("the control lost nothing, so this test proves nothing here")
        server.stop()
    return result


def _fail_over(group, server, crew, chance, freezes, when, result, synchronous=True):
    """Kills the leader under writers; the seconds until each of them got a write through."""
    group.wait(synchronous=synchronous)
    crew.start(server, patient=True)
    if not crew.wait_for(8):
        result.violate(f"{when}: the writers got nowhere: {crew.refusals()[:1]}")
        crew.stop()
        return None
    time.sleep(chance.uniform(0.1, 1))
    if freezes:
        group.freeze_senders()
        time.sleep(0.5)
    leader = group.leader()
    leader.kill()
    result.add("leaders killed")
    seconds = crew.recovery(PATIENCE)
    if seconds is None:
        result.violate(f"{when}: writes did not come back within {PATIENCE} s: {server.tail()}")
    crew.stop()
    for status, body in crew.refusals()[:1]:
        result.violate(f"{when}: a write was answered {status}: {body}")
    if not server.alive():
        result.violate(f"{when}: the server ended: {server.tail()}")
    group.start(leader)
    try:
        # A new leader that is short of processor time may be replaced in its turn.
        group.wait(synchronous=synchronous)
        with ServerStore(group) as store:
            compare(store, crew, result, when)
    except (RuntimeError, Unreachable) as error:
        result.violate(f"{when}: Patroni has {group.members()}: {error}")
    return seconds


def _control(group, server, crew, chance):
    """Writes that a leader acknowledged without a standby, and took along; it must be some."""
    group.wait()
    group.configure(synchronous_mode=False, synchronous_mode_strict=False)
    deadline = time.monotonic() + 30
    while group.query("SHOW synchronous_standby_names", database="postgres") not in ([], [("",)]):
        if time.monotonic() > deadline:
            raise RuntimeError("synchronous mode does not end")
        time.sleep(0.2)
    found = Result()
    _fail_over(group, server, crew, chance, True, "control", found, synchronous=False)
    return found.counts.get("lost", 0)
