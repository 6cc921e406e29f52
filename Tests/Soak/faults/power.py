"""The power fails: the file system under the server stops and keeps only what was made durable."""

import os
import random
import signal
import sqlite3
import time

from harness.server import Server

from . import forgetful
from .inspection import check
from .planted import prove
from .result import Result
from .volume import Volume
from .writers import Crew

NAME = "power"
PROMISE = "no acknowledged write is lost when the power fails"
TEST = "{tries} × an ext4 shut down without flushing under 8 writers, mounted again and " \
       "inspected; as the control, a server that makes nothing durable must lose writes"
TRIES = (200, 3)
SIZE = 1 << 30


def run(folder, tries):
    result, chance = Result(), random.Random()
    result.counts.update({"power losses": 0, "acknowledged": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    control = forgetful.settings(folder)
    with Volume(folder, SIZE) as volume:
        data, crew = os.path.join(volume.path, "data"), Crew()
        server = Server(data, log=os.path.join(folder, "server.log"))
        server.start()
        crew.settle(server)
        for _ in range(tries):
            when = f"power loss {result.counts['power losses'] + 1}"
            _lose(volume, server, crew, chance)
            result.add("power losses")
            check(data, folder, crew, result, when)
            server = Server(data, log=os.path.join(folder, "server.log"))
            server.start()
            crew.resolve(server)
            if not result.passed:
                break
        server.stop()
        prove(data, folder, crew, result)
        result.add("acknowledged", crew.acknowledged())
    if result.passed:
        result.counts["lost by the control"] = _control(folder, chance, control)
        if result.counts["lost by the control"] == 0:
            result.violate("the control lost nothing, so this test proves nothing here")
    return result


def _lose(volume, server, crew, chance):
    """Writers at work, then no power: the server is stopped, the file system cut off."""
    crew.start(server)
    crew.wait_for(8)
    time.sleep(chance.uniform(0, 0.5))
    os.kill(server.pid, signal.SIGSTOP)
    volume.lose_power()
    server.kill()
    crew.join()
    volume.remount()


def _control(folder, chance, control):
    """Acknowledged writes that a server without durable writes loses; it must be some."""
    with Volume(folder, SIZE) as volume:
        data, crew = os.path.join(volume.path, "data"), Crew()
        log = os.path.join(folder, "server.log")
        with Server(data, log=log) as server:
            crew.settle(server)
        os.sync()
        server = Server(data, log=log, settings=control)
        server.start()
        _lose(volume, server, crew, chance)
        found = Result()
        try:
            check(data, folder, crew, found, "control")
        except (sqlite3.Error, RuntimeError):  # the kernel has written some of it, and not the rest
            return crew.acknowledged()
        return found.counts.get("lost", 0)
