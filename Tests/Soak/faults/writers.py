"""Writers that know exactly what they were promised.

Each writer owns its rows and sends one request after the other, so of every row it knows what was
acknowledged, and what was sent without an answer. A row's `audienceSize` counts its patches.
"""

import random
import threading
import time
import uuid

from harness.accounts import Accounts
from harness.connection import Connection, Disconnected, encode
from harness.dataset import venue_id

ACCOUNTS = 4
# In the past, as the schema wants it, also where a clock is ten years back.
DATE = "2011-05-01T20:00:00.000Z"


class Row:
    """What is known of one row: the value acknowledged last and the value sent last."""

    __slots__ = ("id", "marker", "created", "acknowledged", "sent", "version", "keyed")

    def __init__(self, identifier, marker, keyed=False):
        self.id, self.marker = identifier, marker
        self.created = False
        self.keyed = keyed  # each change was sent with a key of its own, so it took place once
        self.acknowledged = self.sent = self.version = 0


class Writer(threading.Thread):
    """One connection that creates and patches until it is stopped or cut off."""

    def __init__(self, port, account, name, patience=30, tls=False):
        super().__init__(daemon=True)
        self.account, self.label, self.tls = account, name, tls
        self.connect(port, patience)
        self.rows = []
        self.unknown = None  # the operation that got no answer
        self.refusals = []  # (status, body) of answers that were not 2xx
        self.acknowledged = 0
        self.last_acknowledged_at = 0.0  # wall clock, to compare with a trace
        self.sent_at = 0.0  # of the operation without an answer, monotonic
        self.patient = False  # goes on after a refusal
        self.pause = 0  # seconds between two operations
        self.stopping = threading.Event()
        self.chance = random.Random(name)

    def connect(self, port, patience=30):
        self.connection = Connection(port, patience, self.tls)

    def run(self):
        try:
            while not self.stopping.is_set():
                before = len(self.refusals)
                self.step()
                if len(self.refusals) > before:
                    if not self.patient:
                        return
                    time.sleep(0.02)
                time.sleep(self.pause)
        except Disconnected:
            pass
        finally:
            self.connection.close()

    def step(self):
        """One operation: a create with an id of its own, or a patch of an own row."""
        live = [self.rows[-1], self.chance.choice(self.rows)] if self.rows else []
        live = [row for row in live if row.created]
        if live and self.chance.random() < 0.4:
            row = self.chance.choice(live)
            row.sent += 1
            self.perform(("patch", row))
            return
        marker = f"{self.label}-{len(self.rows)}"
        row = Row(fresh_id(self.chance), marker)
        self.rows.append(row)
        self.perform(("create", row))

    def perform(self, operation, again=False):
        """Sends an operation and books its answer; raises Disconnected when there is none."""
        kind, row = operation
        self.unknown = operation
        token = self.account.token
        if kind == "patch":
            request = encode(
                "PATCH", f"/v1/performances/{row.id}", {"audienceSize": row.sent}, token)
        else:
            body = {"id": row.id, "date": DATE, "venue": venue_id(0),
                    "duration": "PT90M", "audienceSize": 0, "notes": row.marker}
            request = encode("POST", "/v1/performances", body, token)
        self.sent_at = float("inf")
        self.connection.send(request)
        self.sent_at = time.monotonic()
        answer = self.connection.receive()
        self.unknown = None
        if answer.ok:
            record = answer.json()
            if kind == "create":
                row.created = True
            row.acknowledged = max(row.acknowledged, row.sent)
            row.version = record["version"]
            self.acknowledged += 1
            self.last_acknowledged_at = time.time()
        elif again and answer.status == 409 and kind == "create":
            row.created = True  # the create without an answer had been carried out
        else:
            if kind == "create":
                self.rows.remove(row)
            self.refusals.append((answer.status, answer.body[:300].decode(errors="replace")))

    def resolve(self):
        """Sends the operation without an answer once more, as an honest client does."""
        if self.unknown is not None:
            self.perform(self.unknown, again=True)


class Insistent(Writer):
    """A writer whose every operation has a key and is sent again until it is carried out.

    Its creates leave the id to the server, so that what took place twice would be there twice.
    """

    PATIENCE = 90

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.retried = 0

    def step(self):
        live = [row for row in self.rows[-20:] if row.created]
        if live and self.chance.random() < 0.4:
            row = self.chance.choice(live)
            row.sent += 1
            self.perform(("patch", row))
        else:
            self.rows.append(Row(None, f"{self.label}-{len(self.rows)}", keyed=True))
            self.perform(("create", self.rows[-1]))

    def key(self):
        """The field by which an operation is known again."""
        return {"Idempotency-Key": str(uuid.uuid4())}

    def perform(self, operation, again=False):
        kind, row = operation
        if kind == "patch":
            method, path, body = "PATCH", f"/v1/performances/{row.id}", {"audienceSize": row.sent}
        else:
            method, path = "POST", "/v1/performances"
            body = {"date": DATE, "venue": venue_id(0), "duration": "PT90M",
                    "audienceSize": 0, "notes": row.marker}
        request = encode(method, path, body, self.account.token, self.key())
        answer = self._insist(operation, request)
        if answer is None:
            return
        self.unknown = None
        if not answer.ok:
            self.refusals.append((answer.status, answer.body[:300].decode(errors="replace")))
            return
        record = answer.json()
        row.id, row.created = record["id"], True
        row.acknowledged, row.version = max(row.acknowledged, row.sent), record["version"]
        self.acknowledged += 1
        self.last_acknowledged_at = time.time()

    def _insist(self, operation, request):
        """The first answer that says what became of it; None after too long."""
        until = time.monotonic() + self.PATIENCE
        while time.monotonic() < until:
            self.unknown = operation
            try:
                self.connection.send(request)
                answer = self.connection.receive()
                if answer.status != 503 and not is_in_flight(answer):
                    return answer
            except Disconnected:
                pass
            self.retried += 1
            time.sleep(0.05)
        self.refusals.append((0, f"no answer in {self.PATIENCE} s"))
        return None


def is_in_flight(answer):
    """Whether the request with this key is still being carried out."""
    return answer.status == 409 and "retry-after" in answer.headers


def fresh_id(chance):
    """A UUID of version 7."""
    value = int(time.time() * 1000) << 80 | 0x7 << 76 | chance.getrandbits(12) << 64
    value |= 0b10 << 62 | chance.getrandbits(62)
    return str(uuid.UUID(int=value))


class Crew:
    """A group of writers over one server, and the accounts they write for."""

    def __init__(self, size=8, kind=Writer):
        self.size, self.kind = size, kind
        self.accounts = Accounts(ACCOUNTS)
        self.writers = []
        self.past = []
        self.round = 0

    def settle(self, server):
        """Registers the accounts and makes the venue."""
        connection = server.connection()
        self.accounts.register(connection)
        answer = connection.request("POST", "/v1/venues", {"id": venue_id(0), "name": "Hall"},
                                    self.accounts[0].token)
        if answer.status != 201:
            raise RuntimeError(f"the venue: {answer.status} {answer.body[:300]!r}")
        connection.close()

    def start(self, server, patient=False, pause=0):
        """Puts fresh writers to work, each with a pause in seconds behind every operation."""
        connection = server.connection()
        self.accounts.freshen(connection)
        connection.close()
        self.round += 1
        self.past += self.writers
        self.writers = [self.kind(server.port, self.accounts[number], f"w{self.round}.{number}",
                                  tls=server.tls) for number in range(self.size)]
        for writer in self.writers:
            writer.patient, writer.pause = patient, pause
            writer.start()

    def stop(self):
        """Lets each writer finish its request."""
        for writer in self.writers:
            writer.stopping.set()
        self.join()

    def join(self):
        for writer in self.writers:
            writer.join(60)
            if writer.is_alive():
                raise RuntimeError("a writer still waits for its answer after a minute")

    def resolve(self, server):
        """After a restart: what got no answer is sent again."""
        unknown = 0
        for writer in self.writers:
            if writer.unknown is not None:
                unknown += 1
                writer.connect(server.port)
                writer.resolve()
                writer.connection.close()
        return unknown

    def wait_for(self, count, seconds=20):
        """Waits until `count` writes of this round are acknowledged."""
        deadline = time.monotonic() + seconds
        while sum(writer.acknowledged for writer in self.writers) < count:
            if time.monotonic() > deadline or not any(w.is_alive() for w in self.writers):
                return False
            time.sleep(0.005)
        return True

    def refusals(self):
        return [refusal for writer in self.writers for refusal in writer.refusals]

    def rows(self):
        return [row for writer in self.past + self.writers for row in writer.rows]

    def retried(self):
        return sum(writer.retried for writer in self.past + self.writers)

    def recovery(self, seconds):
        """Waits until every writer has a further acknowledgement; the seconds, or None."""
        before = [writer.acknowledged for writer in self.writers]
        began = time.monotonic()
        while any(writer.acknowledged <= count
                  for writer, count in zip(self.writers, before)):
            if time.monotonic() > began + seconds:
                return None
            time.sleep(0.01)
        return time.monotonic() - began

    def acknowledged(self):
        return sum(writer.acknowledged for writer in self.past + self.writers)
