"""Clients that dawdle, by the thousand, while others read and write."""

import os
import re
import shutil
import subprocess
import threading
import time

from harness.connection import wait_until
from harness.crowd import dawdle
from harness.process import raise_file_limit, resident_kb
from harness.server import Server

from .inspection import check
from .load import milliseconds, paced, too_late, write_mix
from .result import Result, Unavailable
from .writers import Crew

NAME = "slow"
PROMISE = "slow clients cost others nothing"
TEST = "{tries} connections at a time for 30 s that send heads and bodies two bytes at a time, " \
       "read answers 16 bytes at a time, or ask four times and read nothing, while others send " \
       "500 requests a second beside 2 writers, of which all are answered, the p99 within 100 ms, " \
       "or within three times what it is without them where that is more; then as many of " \
       "slowhttptest, slow in the head and slow in the body, 20 s each; as the control, a server " \
       "with room for half as many connections must turn others away"
TRIES = (1000, 0)
KINDS = ["head", "body", "answer", "deaf"]
SECONDS = 30
# What slowhttptest calls its modes, and how long each goes on.
MODES = {"heads": "-H", "bodies": "-B"}
MODE_SECONDS = 20
RATE = 500
BOUND = 100  # ms
GROWTH = 32  # MB; a deaf client may leave 256 KB of answers lying


def run(folder, tries):
    if shutil.which("slowhttptest") is None:
        raise Unavailable("needs slowhttptest")
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
        for words in MODES:
            _slowhttptest(words, folder, server, requests, calm, tries, result)
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
    result.counts["dropped and come back"] = found["dropped"]
    _judge(others, calm, "the others", result)
    result.counts["memory grown by"] = f"{grown:.1f} MB"
    if grown > GROWTH:
        result.violate(f"memory has grown by {grown:.1f} MB")


def _judge(others, calm, who, result):
    wrong = others["refused"] + others["failed"] + others["disconnects"]
    result.add("others answered", others["ok"])
    result.add("others not answered", wrong)
    result.counts[f"p99 of {who}"] = milliseconds(others["p99"])
    if wrong:
        result.violate(f"{wrong} of {who} were not answered: {others}")
    if too_late(others, calm, BOUND):
        result.violate(f"p99 of {who} is {milliseconds(others['p99'])}")


def _slowhttptest(words, folder, server, requests, calm, tries, result):
    """The tool that this promise is known by, in one of its modes."""
    with open(os.path.join(folder, f"slowhttptest-{words}"), "w+") as said:
        process = subprocess.Popen(
            ["slowhttptest", MODES[words], "-c", str(tries), "-r", str(max(1, tries // 2)), "-i",
             "1", "-x", "4", "-s", "8192", "-l", str(MODE_SECONDS), "-p", "5", "-v", "1", "-u",
             f"http://127.0.0.1:{server.port}/v1/performances"], stdout=said, stderr=said)
        try:
            time.sleep(3)
            others = paced(folder, server, requests, RATE, MODE_SECONDS - 5)
            process.wait(4 * MODE_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        said.seek(0)
        text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said.read())
    _judge(others, calm, f"those beside slow {words}", result)
    connected = max(map(int, re.findall(r"connected:\s+(\d+)", text)), default=0)
    result.counts[f"slow {words} of slowhttptest"] = connected
    if connected < tries * 0.9:
        result.violate(f"slowhttptest had {connected} connections with slow {words}: {text[-500:]}")
    if re.search(r"service available:\s+NO", text):
        result.violate(f"slowhttptest found no service beside slow {words}")


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
