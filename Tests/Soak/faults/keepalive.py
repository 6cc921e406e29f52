"""Connections that were answered once and then say nothing, by the ten thousand."""

import os
import socket
import time

from harness.connection import wait_until
from harness.crowd import REQUEST, open_idle, still_open
from harness.process import raise_file_limit, resident_kb
from harness.server import Server

from .inspection import check
from .load import milliseconds, paced, too_late, write_mix
from .result import Result, Unavailable
from .writers import Crew

NAME = "keepalive"
PROMISE = "connections that say nothing cost little, answer when they speak again, and are let " \
          "go in time"
TEST = "{tries} connections with one answer each, beside 2 writers and 500 requests a second; " \
       "then each asks again, and all are gone after the idle time; as the control, a server " \
       "with room for half as many must turn away those beyond it"
TRIES = (10_000, 400)
LEAST = 100  # of fewer, the server's own descriptors are as many
IDLE_SECONDS = 30
KILOBYTES = 3  # of memory, each
RATE = 500
BOUND = 100  # ms


def run(folder, tries):
    if raise_file_limit() < tries + 1000:
        raise Unavailable(f"needs {tries + 1000} descriptors")
    result = Result()
    result.counts.update({"connections": tries, "acknowledged": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder)
    data, crew = os.path.join(folder, "data"), Crew(2)
    settings = {"ROOST_SERVER_IDLE_SECONDS": str(IDLE_SECONDS if tries > 1000 else 10)}
    with Server(data, settings=settings) as server:
        crew.settle(server)
        crew.start(server)
        crew.wait_for(200)
        crew.stop()
        _crowd(folder, server, crew, tries, result)
    check(data, folder, crew, result, "at the end")
    result.add("acknowledged", crew.acknowledged())
    if result.passed:
        _control(data, tries, result)
    return result


def _open(port, count):
    sockets = []
    try:
        for start in range(0, count, 200):
            sockets += open_idle(port, min(200, count - start))
    except Exception:
        _close(sockets)
        raise
    return sockets


def _close(sockets):
    for each in sockets:
        each.close()


def _descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def _crowd(folder, server, crew, tries, result):
    requests = write_mix(folder, crew) if tries > 1000 else None
    calm = paced(folder, server, requests, RATE, 5) if requests else None
    memory, descriptors = resident_kb(server.pid), _descriptors(server)
    sockets = _open(server.port, tries)
    try:
        each = (resident_kb(server.pid) - memory) / tries
        result.counts["memory of each"] = f"{each:.2f} KB"
        if calm:  # of a few, it is the server's own that is counted
            if each > KILOBYTES:
                result.violate(f"a connection takes {each:.2f} KB")
            _others(folder, server, crew, requests, calm, result)
        alive = _ask_again(sockets)
        result.counts["answered again"] = alive
        if alive != tries:
            result.violate(f"{tries - alive} were closed before their time")
        wait_until(lambda: _descriptors(server) <= descriptors + 8, 3 * IDLE_SECONDS,
                   "the end of connections that say nothing")
        result.counts["let go"] = sum(1 for each in sockets if not _open_still(each))
    except TimeoutError as error:
        result.violate(str(error))
    finally:
        _close(sockets)


def _open_still(each):
    try:
        return still_open(each)
    except OSError:
        return False


def _others(folder, server, crew, requests, calm, result):
    crew.start(server, pause=0.02)
    others = paced(folder, server, requests, RATE, 10)
    crew.stop()
    wrong = others["refused"] + others["failed"] + others["disconnects"]
    result.counts.update({"others not answered": wrong,
                          "p99 without them": milliseconds(calm["p99"]),
                          "p99 of the others": milliseconds(others["p99"])})
    if wrong or crew.refusals():
        result.violate(f"others were not served: {others}, {crew.refusals()[:1]}")
    if too_late(others, calm, BOUND):
        result.violate(f"p99 of the others is {milliseconds(others['p99'])}")


def _ask_again(sockets):
    """How many connections answer a second request."""
    answered = 0
    for each in sockets:
        try:
            each.settimeout(20)
            each.sendall(REQUEST)
            answered += each.recv(65536).startswith(b"HTTP/1.1 200")
            each.setblocking(False)
        except OSError:
            pass
    return answered


def _control(data, tries, result):
    """A server that has room for half as many."""
    turned, sockets = 0, []
    with Server(data, settings={"ROOST_SERVER_CONNECTIONS": str(tries // 2)}) as server:
        try:
            sockets = _open(server.port, tries // 2 - 200)
            for _ in range(400):
                each = socket.create_connection(("127.0.0.1", server.port), 10)
                sockets.append(each)
                try:
                    each.sendall(REQUEST)
                    turned += not each.recv(65536).startswith(b"HTTP/1.1 200")
                except OSError:
                    turned += 1
        finally:
            _close(sockets)
        time.sleep(0.2)
    result.counts["turned away by the control"] = turned
    if not turned:
        result.violate("the control turned nobody away, so this test proves nothing here")
