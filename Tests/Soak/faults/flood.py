"""Five times what the server can do, for as long as it lasts: what is taken is answered in time."""

import os
import time

from harness.process import raise_file_limit
from harness.server import Server

from .inspection import check
from .load import milliseconds, paced, write_mix
from .quota import Quota
from .result import Result
from .writers import Crew

NAME = "flood"
PROMISE = "a server that is asked for five times what it can do answers what it takes in time, " \
          "turns the rest away, and is itself again within two seconds"
TEST = "a server held to a quarter of a processor, its capacity measured, then five times as " \
       "much for {tries} s (a third each of reads of one record, lists, creates), then half; as " \
       "the control, a server that does not shed must keep those whom it answers waiting"
TRIES = (20, 0)
SHARE = 0.25
SETTINGS = {"ROOST_SERVER_QUEUE_MILLISECONDS": "100"}  # the default, which other tests lift
KINDS = ("read", "list", "create")
CONNECTIONS = 512
BOUND = 200  # ms
RECOVERY = 2  # s
LEAST = 0.05  # of the capacity: who takes nobody keeps nobody waiting
WINDOW = 0.25  # s


def run(folder, tries):
    raise_file_limit()
    result = Result()
    result.counts.update({"acknowledged": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder)
    data, crew = os.path.join(folder, "data"), Crew(4)
    with Server(data) as server:
        crew.settle(server)
        crew.start(server)
        crew.wait_for(400)
        crew.stop()
    requests = write_mix(folder, crew, KINDS)
    with Quota(SHARE) as quota, \
            _server(data, quota, {"ROOST_SERVER_QUEUE_MILLISECONDS": "0"}) as server:
        capacity = _capacity(folder, server, requests)
        result.counts["capacity"] = f"{capacity:,.0f}/s"
        late = paced(folder, server, requests, 5 * capacity, 5, CONNECTIONS)
        result.counts["p99 of the control"] = milliseconds(late["ok_p99"])
    with Quota(SHARE) as quota, _server(data, quota, SETTINGS) as server:
        flood = paced(folder, server, requests, 5 * capacity, tries, CONNECTIONS, warmup=1)
        seconds = _recovery(folder, server, requests, capacity / 2)
    _judge(flood, late, seconds, result)
    if flood["ok"] < LEAST * capacity * flood["seconds"]:
        result.violate(f"only {flood['ok']} were taken, where {capacity:,.0f} a second can be")
    check(data, folder, crew, result, "after the flood")
    result.add("acknowledged", crew.acknowledged())
    return result


def _server(data, quota, settings):
    return Server(data, settings=settings, wrapper=quota.wrapper)


def _capacity(folder, server, requests):
    """Answers a second of 32 connections that each wait for theirs: what it can do."""
    paced(folder, server, requests, 0, 1)
    return paced(folder, server, requests, 0, 5)["rate"]


def _recovery(folder, server, requests, rate):
    """Seconds until half of what it can do is answered whole, and in time."""
    began = time.monotonic()
    while time.monotonic() < began + 30:
        at = time.monotonic() - began
        window = paced(folder, server, requests, rate, WINDOW, CONNECTIONS)
        if not window["failed"] + window["disconnects"] and window["p99"] < BOUND * 1000:
            return at + WINDOW
    return float("inf")


def _judge(flood, late, seconds, result):
    asked = flood["requests"] + flood["disconnects"]
    result.counts.update({
        "asked": asked, "taken": flood["ok"],
        "taken a second": round(flood["ok"] / flood["seconds"]),
        "turned away": f"{flood['failed'] / max(1, asked):.1%}",
        "p99 of what was taken": milliseconds(flood["ok_p99"]),
        "itself again after": f"{seconds:.2f} s"})
    if flood["refused"] or flood["disconnects"]:
        result.violate(f"answers were missing, or neither 2xx nor 5xx: {flood}")
    if flood["failed"] == 0:
        result.violate("nothing was turned away: the flood was none")
    if flood["ok_p99"] > BOUND * 1000:
        result.violate(f"p99 of what was taken is {milliseconds(flood['ok_p99'])}")
    if seconds > RECOVERY:
        result.violate(f"itself again after {seconds:.2f} s")
    if late["ok_p99"] <= BOUND * 1000:
        result.violate("the control was in time too, so this test proves nothing here")
