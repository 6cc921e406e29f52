"""Who reads and writes while a migration is under way: how long each answer took, and what failed."""

import json
import os
import threading
import time

from harness.connection import Connection, Disconnected
from harness.server import Server

BOUND = 50  # milliseconds that the p99 of reads may have
CALM = 3  # seconds of reading before anything begins


class Reader(threading.Thread):
    """Reads single pages one after the other and keeps when each began and how long it took.

    By turns it reads a collection that no migration touches, to tell waiting for a processor from
    waiting for what is done to the rows.
    """

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.ended = port, threading.Event()
        self.reads, self.others = [], []  # (begun, seconds)
        self.failures = []  # (begun, status)

    def run(self):
        try:
            connection, token = visitor(self.port)
            while not self.ended.is_set():
                for path, times in (("items", self.reads), ("calms", self.others)):
                    began = time.monotonic()
                    answer = connection.request("GET", f"/v1/{path}?limit=5", token=token)
                    times.append((began, time.monotonic() - began))
                    if answer.status != 200:
                        break
                if answer.status != 200:
                    self.failures.append((began, answer.status))
                    time.sleep(0.05)
                time.sleep(0.002)
        except Disconnected as error:
            if not self.ended.is_set():
                self.failures.append((time.monotonic(), f"nothing: {error}"))

    def stop(self):
        self.ended.set()
        self.join(40)

    def milliseconds(self, part, since=0.0, until=float("inf"), reads=None):
        """The time that a part of the reads begun within a span took at most; None for too few."""
        times = sorted(seconds for began, seconds in (self.reads if reads is None else reads)
                       if since <= began < until)
        return times[int((len(times) - 1) * part)] * 1000 if len(times) >= 20 else None

    def failed(self, until=float("inf")):
        """The answers to reads that were no 200."""
        return [status for began, status in self.failures if began < until]


class Writer(threading.Thread):
    """Creates one row after the other and keeps those that were acknowledged."""

    def __init__(self, port, body):
        super().__init__(daemon=True)
        self.port, self.body, self.ended = port, body, threading.Event()
        self.acknowledged, self.failures = [], []

    def run(self):
        try:
            connection, token = visitor(self.port)
            while not self.ended.is_set():
                answer = connection.request("POST", "/v1/items", self.body, token)
                if answer.status == 201:
                    self.acknowledged.append(json.loads(answer.body)["id"])
                else:
                    self.failures.append(f"{answer.status} {answer.body[:200]!r}")
                time.sleep(0.05)
        except Disconnected as error:
            if not self.ended.is_set():
                self.failures.append(f"nothing: {error}")

    def stop(self):
        self.ended.set()
        self.join(40)


class OldServer:
    """A server of the old schema that is read while commands are killed that lead to a new one.

    What it cannot serve any more, it refuses; up to the switch it serves everything.
    """

    def __init__(self, trial, schema):
        self.trial = trial
        self.server = Server(
            trial.data, app=app_of(trial, "old", schema), settings=trial.settings)
        self.server.start()
        self.reader = Reader(self.server.port)
        self.reader.start()

    def end(self):
        """Ends it, and judges its reads up to the switch."""
        self.reader.stop()
        self.server.stop()
        asked = time.monotonic()  # what the answer takes on its way is not added to the time before
        seconds = self.trial.cluster.query(
            "SELECT extract(epoch FROM now()) * 1000 - switched_at FROM roost_migration_run "
            "ORDER BY number DESC LIMIT 1", schema="roost")[0][0]
        until = asked - float(seconds or 0) / 1000
        result, engine = self.trial.result, self.trial.engine
        # With the reads that it refuses after the switch: those must not wait either.
        slow = self.reader.milliseconds(0.99) or 0
        other = self.reader.milliseconds(0.99, reads=self.reader.others) or 0
        result.counts[f"{engine} p99 ms of the old server"] = round(slow, 1)
        if self.trial.judges_times and slow > max(BOUND, 2 * other):
            result.violate(f"{engine}: the p99 of reads from the old server is {slow:.0f} ms, of "
                           f"another collection {other:.1f} ms")
        refused = self.reader.failed(until)
        result.add("reads refused", len(refused))
        if refused:
            result.violate(f"{engine}: a read before the switch was answered {refused[0]}")


class Beside:
    """A required field with a default, over rows that are read and written all the while.

    On PostgreSQL the server of the old schema runs on from beginning to end, and one of the new
    schema beside it from the switch on. A file belongs to one process: there the new server is
    started in the place of the old one, and is read until the last row has been gone through.
    """

    def __init__(self, trial, old, new, field, default, cluster=None):
        self.trial, self.result, self.engine = trial, trial.result, trial.engine
        self.field, self.default, self.cluster = field, default, cluster
        self.old, self.new = app_of(trial, "narrow", old), app_of(trial, "wide", new)
        self.seconds = 0.0

    def _server(self, app):
        return Server(self.trial.data, app=app, settings=self.trial.settings)

    def run(self):
        with self._server(self.old) as old:
            connection, token = visitor(old.port)
            # Rows are gone through in the order of their ids.
            page = connection.request("GET", "/v1/items?sort=-id&limit=1", token=token)
            self.last = page.json()["items"][0]
            reader = self._reader(old)
            time.sleep(CALM)
            calm = reader.milliseconds(0.99)
            if self.cluster:
                readers, writers = self._run_on(old, reader)
            else:
                reader.stop()
        if not self.cluster:
            readers, writers = self._replace()
        self._judge(readers, calm)
        for writer in writers:
            if writer.failures:
                self.violate(f"a write was answered {writer.failures[0]}")
        with self._server(self.new) as new:
            self._look(new, [row for writer in writers for row in writer.acknowledged])

    def _reader(self, server):
        reader = Reader(server.port)
        reader.start()
        return reader

    def _writer(self, server, body):
        writer = Writer(server.port, body)
        writer.start()
        return writer

    def _run_on(self, old, reader):
        """The command beside servers of both schemas."""
        readers, writers = [reader], [self._writer(old, {"name": "beside", "size": 1})]
        command = threading.Thread(target=self._apply, daemon=True)
        self.begun = time.monotonic()
        command.start()
        while command.is_alive() and not self._is_filling():
            time.sleep(0.05)
        with self._server(self.new) as new:
            readers.append(self._reader(new))
            writers.append(self._writer(
                new, {"name": "beside", "size": 2, self.field: self.default}))
            command.join()
            self._wait(self._is_filling)
            for each in readers + writers:
                each.stop()
        return readers, writers

    def _replace(self):
        """A start with the new schema, which does the rest while it answers."""
        self.begun = time.monotonic()
        with self._server(self.new) as new:
            self.result.counts[f"{self.engine} start ms"] = round(1000 * new.ready_seconds)
            reader = self._reader(new)
            writer = self._writer(new, {"name": "beside", "size": 2, self.field: self.default})
            connection, token = visitor(new.port)

            def is_filling():
                answer = connection.request("GET", f"/v1/items/{self.last['id']}", token=token)
                return answer.json()["version"] == self.last["version"]

            self._wait(is_filling)
            reader.stop()
            writer.stop()
        return [reader], [writer]

    def _apply(self):
        if self.trial.migrate("apply", app=self.new) != 0:
            self.violate(f"apply beside servers: {self.trial.output[-300:]}")

    def _wait(self, is_filling):
        deadline = time.monotonic() + 3600
        while is_filling():
            if time.monotonic() > deadline:
                return self.violate("rows are still gone through after an hour")
            time.sleep(0.1)
        self.seconds = time.monotonic() - self.begun

    def _is_filling(self):
        """Whether the database has rows that do not have the default as a change of their own."""
        tasks = "SELECT count(*) FROM roost_migration_task t JOIN roost_migration_run r " \
                "ON r.number = t.run WHERE t.is_open = 1 AND r.state IN ('converting', 'filling')"
        return self.cluster.query(tasks, schema="roost")[0][0] > 0

    def _judge(self, readers, calm):
        """Reads at the p99 of each server, against the bound and what they took in calm."""
        counts = self.result.counts
        slow = max(reader.milliseconds(0.99, self.begun) or 0 for reader in readers)
        counts[f"{self.engine} p99 ms calm"] = round(calm or 0, 1)
        counts[f"{self.engine} p99 ms beside"] = round(slow, 1)
        other = max(reader.milliseconds(0.99, self.begun, reads=reader.others) or 0
                    for reader in readers)
        counts[f"{self.engine} p99 ms of another collection"] = round(other, 1)
        counts[f"{self.engine} slowest ms beside"] = round(max(
            reader.milliseconds(1, self.begun) or 0 for reader in readers))
        counts[f"{self.engine} reads beside"] = sum(
            1 for reader in readers for began, _ in reader.reads if began >= self.begun)
        counts[f"{self.engine} seconds beside"] = round(self.seconds)
        self.result.add("reads refused", sum(len(reader.failures) for reader in readers))
        for reader in readers:
            if reader.failures:
                self.violate(f"a read beside it was answered {reader.failed()[0]}")
        # A machine that is as slow with nothing going on is held to what it was then, and one whose
        # processors are taken by others to what is read at the same time.
        if self.trial.judges_times and slow > max(BOUND, 3 * (calm or 0), 2 * other):
            self.violate(f"the p99 of reads beside it is {slow:.0f} ms, in calm {calm:.1f} ms, of "
                         f"another collection {other:.1f} ms")

    def _look(self, server, written):
        """Every row has the field, and those are there that were acknowledged beside it."""
        connection, token = visitor(server.port)
        seen, missing, after = 0, set(written), ""
        while True:
            answer = connection.request("GET", f"/v1/items?limit=200{after}", token=token)
            if answer.status != 200:
                return self.violate(f"a list was answered {answer.status}")
            page = answer.json()
            for item in page["items"]:
                seen += 1
                missing.discard(item["id"])
                if item.get(self.field) != self.default:
                    return self.violate(f"a row has no default: {item}")
            if not page.get("next"):
                break
            after = "&after=" + page["next"]
        self.result.add("rows", seen)
        self.result.add("written beside", len(written))
        if missing:
            self.violate(f"{len(missing)} rows written beside it are gone")

    def violate(self, text):
        self.result.violate(f"{self.engine}: {text}")


def app_of(trial, name, schema):
    """A folder of its own with a schema, so that several are served at a time."""
    path = os.path.join(trial.folder, name)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "schema.graphql"), "w") as file:
        file.write(schema)
    return path


def visitor(port):
    """A connection and the token of somebody new."""
    connection = Connection(port)
    answer = connection.request("POST", "/v1/auth/anonymous", body={})
    return connection, json.loads(answer.body)["accessToken"]
