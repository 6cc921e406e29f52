"""The wall clock jumps by hours, forward and back, while people write, page and sync.

A server that runs does not let a jump end anybody's session, and believes it when it starts anew; so
it is started anew with every fifth jump.
"""

import os
import random
import sys
import threading
import time

from harness.accounts import PASSWORD, Account
from harness.connection import Connection, Disconnected
from harness.dataset import venue_id
from harness.server import REPOSITORY, Server

from .clocks_schedule import judge_schedule
from .inspection import check
from .planted import prove
from .result import Result
from .wall_clock import WallClock
from .writers import Crew, Insistent

sys.path.append(os.path.join(REPOSITORY, "Tests/EndToEnd"))

from sync_client import Device  # noqa: E402

NAME = "clocks"
PROMISE = "a wall clock that jumps loses no write, signs nobody out, and leaves cursors and " \
          "devices where they were"
TEST = "{tries} × the clock moved by up to 11 hours, forward and back, under 4 writers, a reader " \
       "in the middle of a list and a device that syncs, every fifth one taken for the truth by " \
       "a restart; then ten years ahead and ten years back; then a schedule of every minute, whose " \
       "runs are counted while the same minutes come again after hours and years; as the control, " \
       "a restart forty days ahead must sign everybody out"
TRIES = (100, 4)
LIFE = 5  # jumps of one process, fewer where there are few
HOURS = 3600
DAYS = 24 * HOURS
YEARS = 365 * DAYS
PATIENCE = 30
FEW = 5  # rows of a page
PAGES = 4  # of what an account has, of which the clock jumps behind the first


class Returning(Insistent):
    """A writer that exchanges its token when it is told to, as an app does."""

    refreshed = 0

    def _insist(self, operation, request):
        answer = super()._insist(operation, request)
        for _ in range(5):
            if answer is None or answer.status != 401:
                return answer
            old = self.account.token.encode()
            if not sign_in_again(self.connection, self.account):
                return answer
            self.refreshed += 1
            request = request.replace(old, self.account.token.encode())
            answer = super()._insist(operation, request)
        return answer


def sign_in_again(connection, account):
    """Whether the refresh token is good for a new session."""
    answer = connection.request("POST", "/v1/auth/refresh", {"refreshToken": account.refresh_token})
    if answer.status == 200:
        account.take(answer.json())
    return answer.status == 200


class Caller:
    """What a device speaks through: one account's requests."""

    def __init__(self, port, account):
        self.connection, self.account = Connection(port), account

    def request(self, method, path, raw=None, headers=None):
        answer = self.connection.request(method, path, raw, self.account.token)
        if answer.status == 401 and sign_in_again(self.connection, self.account):
            answer = self.connection.request(method, path, raw, self.account.token)
        return answer


class Phone(threading.Thread):
    """A device that makes rows and syncs until it is stopped; of one life of the server."""

    def __init__(self, port, account, former=None):
        super().__init__(daemon=True)
        self.account, self.stopping, self.fault = account, threading.Event(), None
        self.made = former.made if former else []
        self.device = former.device if former else \
            Device(None, {"performances": {"tier": "LIVE", "fields": {}}})
        self.device.client = Caller(port, account)

    def run(self):
        try:
            self.device.sync()
            while not self.stopping.is_set():
                self.made.append(self.device.create(
                    "performances", owner=self.account.id, date="2021-05-01T20:00:00.000Z",
                    venue=venue_id(0), duration="PT90M", notes=f"phone-{len(self.made)}"))
                self.device.sync()
                time.sleep(0.1)
            self.device.sync()
        except (AssertionError, KeyError, OSError, Disconnected) as error:
            self.fault = f"{type(error).__name__}: {error}"

    def has_made_more(self, count):
        """Whether it comes to more than so many rows, while nobody waits for it in vain."""
        until = time.monotonic() + PATIENCE
        while len(self.made) <= count and not self.fault and time.monotonic() < until:
            time.sleep(0.02)
        return len(self.made) > count

    def finish(self):
        self.stopping.set()
        self.join(60)
        if self.is_alive():
            self.fault = self.fault or "it does not come to an end"
        self.device.client.connection.close()


def run(folder, tries):
    result, chance = Result(), random.Random()
    result.counts.update({"jumps": 0, "pages read after a jump": 0, "acknowledged": 0, "lost": 0,
                          "doubled": 0})
    os.makedirs(folder)
    data, crew, phone = os.path.join(folder, "data"), Crew(4, Returning), None
    clock, owner = WallClock(folder), Account("phone@example.org")
    with Server(data, settings=clock.settings) as server:
        crew.settle(server)
        connection = server.connection()
        session = connection.request(
            "POST", "/v1/auth/register", {"email": owner.email, "password": PASSWORD})
        owner.take(session.json())
    life = min(LIFE, max(1, tries // 2))
    for begin in range(0, tries, life):
        with Server(data, settings=clock.settings) as server:
            phone = Phone(server.port, owner, phone)
            _life(clock, chance, range(begin, min(tries, begin + life)), server, crew, phone,
                  result)
        check(data, folder, crew, result, f"after jump {result.counts['jumps']}")
        if not result.passed:
            break
    if result.passed:
        with Server(data, settings=clock.settings) as server:
            _judge(server.connection(), phone, result)
            for years, words in ((10, "ten years ahead"), (-10, "ten years back")):
                _far(clock, server, crew, years, words, result)
        check(data, folder, crew, result, "after ten years ahead and back")
    if result.passed:
        judge_schedule(folder, clock, result)
    if result.passed:
        clock.set(40 * DAYS)
        with Server(data, settings=clock.settings) as server:
            _control(server, crew, result)
        check(data, folder, crew, result, "at the end")
        prove(data, folder, crew, result)
    result.add("acknowledged", crew.acknowledged())
    result.add("tokens exchanged", sum(writer.refreshed for writer in crew.past + crew.writers))
    return result


def _life(clock, chance, jumps, server, crew, phone, result):
    """Jumps under one process."""
    connection, made = server.connection(), len(phone.made)
    phone.start()
    crew.start(server, pause=0.005)
    if not crew.wait_for(20):
        result.violate(f"the writers got nowhere at {clock.offset / HOURS:+.1f} h: "
                       f"{crew.refusals()[:1]}")
    if not phone.has_made_more(made):
        result.violate(f"the device got nowhere at {clock.offset / HOURS:+.1f} h")
    for number in jumps:
        if result.passed and not phone.fault:
            _jump(clock, chance, number, connection, crew, result)
    crew.stop()
    phone.finish()
    if phone.fault:
        result.violate(f"the device at {clock.offset / HOURS:+.1f} h: {phone.fault}"[:600])
    for status, body in crew.refusals()[:1]:
        result.violate(f"a write was answered {status}: {body}")


def _jump(clock, chance, number, connection, crew, result):
    """One jump in the middle of a list, after which every writer must get on."""
    writer = crew.writers[number % len(crew.writers)]
    known = _known(crew, writer, PAGES * FEW)
    # Of few rows the pages are small, of many they are as large as there are any.
    pages = _pages(connection, writer.account, PATIENCE, max(FEW, min(200, len(known) // PAGES)))
    seen = next(pages)
    side = 1 if number % 2 else -1
    clock.set(side * chance.uniform(0.5, 11) * HOURS)
    result.add("jumps")
    time.sleep(chance.uniform(0.3, 1))
    when = f"jump {number + 1} to {clock.offset / HOURS:+.1f} h"
    if crew.recovery(PATIENCE) is None:
        result.violate(f"{when}: writes did not come back: {crew.refusals()[:1]}")
        return
    read = 0
    for page in pages:
        if page & seen:
            result.violate(f"{when}: {len(page & seen)} rows are on two pages")
        seen |= page
        read += 1
    result.add("pages read after a jump", read)
    if not read:
        result.violate(f"{when}: the list of {len(seen)} rows was at its end before it")
    if known - seen:
        result.violate(f"{when}: {len(known - seen)} of {len(known)} rows were missed by a list")


def _known(crew, writer, count):
    """The ids of the rows of a writer's account, of which so many are waited for."""
    until = time.monotonic() + PATIENCE
    while True:
        known = {row.id for each in crew.past + crew.writers if each.account is writer.account
                 for row in list(each.rows) if row.created}
        if len(known) >= count or time.monotonic() > until or not writer.is_alive():
            return known
        time.sleep(0.02)


def _pages(connection, account, seconds, limit=200):
    """The ids of each page of all rows of an account, by a cursor that is kept over the jump."""
    after = ""
    while True:
        path = f"/v1/performances?limit={limit}{after}"
        answer = connection.request("GET", path, token=account.token)
        until = time.monotonic() + seconds
        # Its writer exchanges the token.
        while answer.status == 401 and time.monotonic() < until:
            time.sleep(0.05)
            answer = connection.request("GET", path, token=account.token)
        if answer.status != 200:
            raise RuntimeError(f"a list was answered {answer.status}: {answer.body[:300]!r}")
        body = answer.json()
        yield {item["id"] for item in body["items"]}
        if body["next"] is None:
            return
        after = f"&after={body['next']}"


def _judge(connection, phone, result):
    result.counts["synced by the device"] = len(phone.made)
    shown = phone.device.see("performances")
    sign_in_again(connection, phone.account)
    there = set().union(*_pages(connection, phone.account, PATIENCE))
    if not phone.made or not set(phone.made) == set(shown) == there:
        result.violate(f"the device made {len(phone.made)} rows and shows {len(shown)}, the "
                       f"server has {len(there)}: {phone.device.results}"[:500])


def _far(clock, server, crew, years, words, result):
    """Years ahead or back: all are still signed in, and their writes are carried out."""
    connection, offset = server.connection(), clock.offset
    clock.set(offset + years * YEARS)
    time.sleep(1)
    out = [account for account in crew.accounts if not sign_in_again(connection, account)]
    result.counts[f"signed out {words}"] = len(out)
    if out:
        result.violate(f"{len(out)} accounts were signed out by a clock {words}")
        return
    crew.start(server)
    if crew.recovery(PATIENCE) is None:
        result.violate(f"{words} nobody wrote: {crew.refusals()[:1]}")
    clock.set(offset)
    if crew.recovery(PATIENCE) is None:
        result.violate(f"from {words} again nobody wrote: {crew.refusals()[:1]}")
    crew.stop()
    for status, body in crew.refusals()[:1]:
        result.violate(f"{words} a write was answered {status}: {body}")


def _control(server, crew, result):
    """A server that begins forty days later: everybody has to sign in anew."""
    connection = server.connection()
    out = sum(not sign_in_again(connection, account) for account in crew.accounts)
    result.counts["signed out by the control"] = out
    if out != len(list(crew.accounts)):
        result.violate("the control left people signed in, so the clock had not moved")
