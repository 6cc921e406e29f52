"""Clients that dawdle, by the thousand, while others read and write."""

import os
import threading
import time

from harness.connection import wait_until
from harness.crowd import dawdle
from harness.process import raise_file_limit, resident_kb
from harness.server import Server

from .inspection import check
from .load import milliseconds, paced, too_late, write_mix
from .result import Result
from .writers import Crew

NAME = "slow"
PROMISE = "slow clients cost others nothing"
TEST = "{tries} connections at a time for 30 s that send heads and bodies two bytes at a time, " \
       "read answers 16 bytes at a time, or ask four times and read nothing, while others send " \
       "500 requests a second beside 2 writers; as the control, a server with room for half as " \
       "many connections must turn others away"
TRIES = (1000, 0)
KINDS = ["head", "body", "answer", "deaf"]
SECONDS = 30
RATE = 500
BOUND = 100  # ms
GROWTH = 32  # MB; a deaf client may leave 256 KB of answers lying


def run(folder, tries):
    raise_file_limit()
    result = Result()
    result.counts.update({"slow clients": tries, "acknowledged": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder)
    data, crew = os.path.join(folder, "data"), Crew(2)
    with Server(data) as server:
        crew.settle(server)
        crew.start(server)
        crew.wait_for(200)
        crew.stop()
        requests = write_mix(folder, crew)
        calm = paced(folder, server, requests, RATE, 5)
        result.counts["p99 without them"] = milliseconds(calm["p99"])
        _crowd(folder, server, crew, requests, calm, tries, result)
    check(data, folder, crew, result, "at the end")
    result.add("acknowledged", crew.acknowledged())
    if result.passed:
        _control(folder, data, crew, requests, tries, result)
    return result


def _crowd(folder, server, crew, requests, calm, tries, result):
    before, stop, found = resident_kb(server.pid), threading.Event(), {}
    thread = threading.Thread(
        target=dawdle, args=(tries, server.port, crew.accounts, stop, found, KINDS))
    thread.start()
    try:
        wait_until(lambda: "open" in found or "error" in found, 60, "the crowd")
        crew.start(server, pause=0.02)
        others = paced(folder, server, requests, RATE, SECONDS)
        grown = (resident_kb(server.pid) - before) / 1024
        crew.stop()
    finally:
        stop.set()
        thread.join()
    if found.get("error"):
        result.violate(found["error"])
    for status, body in crew.refusals()[:1]:
        result.violate(f"a write beside the crowd was answered {status}: {body}")
    wrong = others["refused"] + others["failed"] + others["disconnects"]
    result.counts.update({
        "dropped and come back": found["dropped"], "others answered": others["ok"],
        "others not answered": wrong, "p99 of the others": milliseconds(others["p99"]),
        "memory grown by": f"{grown:.1f} MB"})
    if wrong:
        result.violate(f"{wrong} of the others were not answered: {others}")
    if too_late(others, calm, BOUND):
        result.violate(f"p99 of the others is {milliseconds(others['p99'])}")
    if grown > GROWTH:
        result.violate(f"memory has grown by {grown:.1f} MB")


def _control(folder, data, crew, requests, tries, result):
    """A server that has room for half of the crowd: nobody else comes in."""
    settings = {"ROOST_SERVER_CONNECTIONS": str(tries // 2)}
    turned = 0
    with Server(data, settings=settings) as server:
        stop, found = threading.Event(), {}
        thread = threading.Thread(
            target=dawdle, args=(tries, server.port, crew.accounts, stop, found, ["head"]))
        thread.start()
        try:
            time.sleep(2)
            others = paced(folder, server, requests, 50, 2)
            turned = others["failed"] + others["disconnects"]
        finally:
            stop.set()
            thread.join()
    result.counts["turned away by the control"] = turned
    if not turned:
        result.violate("the control turned nobody away, so this test proves nothing here")
