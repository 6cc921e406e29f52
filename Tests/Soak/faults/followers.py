"""SIGKILL at a random moment while followers keep derived data of what is written."""

import json
import os
import random
import re
import sqlite3
import subprocess
import threading
import time

from harness.connection import Connection, Disconnected
from harness.server import BINARY, REPOSITORY, Server

from .result import Result
from .writers import fresh_id

NAME = "followers"
PROMISE = "what followers do takes place exactly once: derived data are what their rows say"
TEST = "{tries} × `kill -9` under batches of creates, changes and deletes; after every 25 the " \
       "derived values, the views and the counters are compared with the rows; as the control, " \
       "planted losses and doublings must be found"
TRIES = (1000, 10)
ROUND = 25  # kills between two looks
APP = os.path.join(REPOSITORY, "Tests/EndToEnd/apps/derived")
BANDS = 40
PATIENCE = 60


def run(folder, tries):
    os.makedirs(folder)
    return endure(Stage(os.path.join(folder, "data")), Derived, tries)


class Stage:
    """Where a server lives and dies: its data, its engine, its program."""

    def __init__(self, data, app=APP, cluster=None, server=Server):
        self.data, self.app, self.cluster, self._server = data, app, cluster, server

    @property
    def settings(self):
        return self.cluster.settings() if self.cluster else {}

    def server(self):
        return self._server(self.data, app=self.app, settings=self.settings)

    def query(self, sql):
        """The rows of a statement, while no server runs on a file."""
        if self.cluster:
            return self.cluster.query(sql, schema="roost")
        with sqlite3.connect(os.path.join(self.data, "roost.sqlite")) as database:
            rows = database.execute(sql).fetchall()
        database.close()
        return rows


def endure(stage, kind, tries, result=None):
    """Kills servers under the writers of a kind of followers, and looks at what these have done."""
    result, chance = result or Result(), random.Random()
    result.counts.setdefault("kills", 0)
    crew, kills = kind(chance), 0
    while kills < tries and result.passed:
        for _ in range(min(ROUND, tries - kills)):
            _life(stage, crew, chance, result)
            kills += 1
        _settle(stage, result)
        crew.compare(stage, result)
    result.add("batches", crew.batches)
    if result.passed:
        _control(stage, crew, result)
    return result


def _control(stage, crew, result):
    """Effects are taken away and done once more, in the database itself: each has to be found."""
    for what, do, undo in crew.plants():
        found = Result()
        found.counts["kills"] = result.counts["kills"]
        if stage.cluster:
            do, undo = _on_postgres(do), _on_postgres(undo)
        stage.query(do)
        crew.compare(stage, found)
        stage.query(undo)
        # The rows are to show it by themselves, whatever the command finds.
        if all(violation.startswith("roost rebuild") for violation in found.violations):
            result.violate(f"{what} was planted and not found, so this test proves nothing here")
            return
        result.add("planted losses and doublings found")


class Derived:
    """Gigs that may be there, and what is sent about them: followers derive values and a view."""

    def __init__(self, chance):
        self.bands = [fresh_id(chance) for _ in range(BANDS)]
        self.gigs, self.batches, self.lock = [], 0, threading.Lock()
        self.begun = False

    def begin(self, server, result):
        """Makes what the others refer to, once."""
        if self.begun:
            return
        self.begun = True
        connection, token = Connection(server.port), person(server)
        for band in self.bands:
            answer = connection.request("POST", "/v1/bands", {"id": band, "name": band}, token)
            if answer.status != 201:
                result.violate(f"a band was answered {answer.status}: {answer.body!r}")
        # One that stays, so that no value and no view is without something to lose.
        answer = connection.request(
            "POST", "/v1/gigs", {**self.body(random.Random()), "status": "PLAYED"}, token)
        if answer.status != 201:
            result.violate(f"a gig was answered {answer.status}: {answer.body!r}")
        connection.close()

    def operations(self, chance):
        operations = []
        for _ in range(chance.randint(1, 20)):
            kind = chance.random()
            with self.lock:
                known = chance.choice(self.gigs) if self.gigs else None
            if known is None or kind < 0.5:
                gig = fresh_id(chance)
                with self.lock:
                    self.gigs.append(gig)
                operations.append({"method": "POST", "path": "/v1/gigs",
                                   "body": {"id": gig, **self.body(chance)}})
            elif kind < 0.8:
                operations.append({"method": "PATCH", "path": f"/v1/gigs/{known}",
                                   "body": self.body(chance)})
            else:
                operations.append({"method": "DELETE", "path": f"/v1/gigs/{known}"})
        return operations

    def body(self, chance):
        return {"band": chance.choice(self.bands), "tickets": chance.randint(0, 900),
                "status": chance.choice(["PLANNED", "PLAYED"]), "title": f"{chance.random()}",
                "startsAt": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T20:00:00Z"}

    @staticmethod
    def plants():
        """What is planted, and the statements that do it and take it back."""
        for what, table, column, row in (
                ("value", "bands", "played",
                 "id = (SELECT id FROM bands WHERE deletedAt IS NULL LIMIT 1)"),
                ("row of a view", "bandMonths", "tickets",
                 "id = (SELECT id FROM bandMonths WHERE deletedAt IS NULL LIMIT 1)"),
                ("counter", "roost_collection_count", "live",
                 "collection = (SELECT number FROM roost_collection WHERE name = 'gigs')")):
            less, more = (f"UPDATE {table} SET {column} = {column} {sign} 1 WHERE {row}"
                          for sign in "-+")
            yield f"an effect that a {what} lacks", less, more
            yield f"an effect that a {what} has twice", more, less

    def compare(self, stage, result):
        queries = QUERIES if stage.cluster is None else \
            {words: _on_postgres(sql) for words, sql in QUERIES.items()}
        for words, sql in queries.items():
            wrong = sum(row[0] for row in stage.query(sql))
            result.add(words, wrong)
            if wrong:
                result.violate(f"{wrong} {words} after {result.counts['kills']} kills")
        result.counts["gigs"] = stage.query("SELECT count(*) FROM gigs")[0][0]
        done = subprocess.run(
            [BINARY, "rebuild", stage.app, "--data", stage.data, "--check", "--json"],
            env=dict(os.environ, **stage.settings), capture_output=True, text=True, timeout=600)
        checked = json.loads(done.stdout)["checked"] if done.stdout else None
        if not checked or any(row["differences"] for row in checked):
            result.violate(f"roost rebuild --check: {done.stdout}{done.stderr}")


def person(server):
    """The token of somebody new."""
    connection = Connection(server.port)
    answer = connection.request("POST", "/v1/auth/anonymous", {})
    connection.close()
    return answer.json()["accessToken"]


def _life(stage, crew, chance, result):
    """One life of a server: it is killed while four connections write, of which one was answered."""
    server = stage.server()
    server.start()
    crew.begin(server, result)
    token, before, until = person(server), crew.batches, time.monotonic() + PATIENCE
    refused = []

    def write(seed):
        own = random.Random(seed)
        try:
            connection = Connection(server.port)
            while True:
                answer = connection.request(
                    "POST", "/v1/batch",
                    {"atomic": False, "operations": crew.operations(own)}, token)
                if answer.status != 200:
                    refused.append((answer.status, answer.body[:200]))
                    return
                crew.batches += 1
        except (Disconnected, OSError):
            pass

    threads = [threading.Thread(target=write, args=(chance.random(),), daemon=True)
               for _ in range(4)]
    for thread in threads:
        thread.start()
    while crew.batches == before and not refused and time.monotonic() < until:
        time.sleep(0.005)
    if crew.batches == before:
        result.violate(f"no batch was carried out within {PATIENCE} s")
    time.sleep(chance.uniform(0, 0.4))
    server.kill()
    for thread in threads:
        thread.join(30)
    result.add("kills")
    for status, body in refused[:1]:
        result.violate(f"a batch was answered {status}: {body!r}")


def _settle(stage, result):
    """Lets the followers come to the end of the log."""
    server = stage.server()
    server.start()
    connection = Connection(server.port)
    deadline = time.monotonic() + 120
    while True:
        lines = connection.request("GET", "/metrics").body.decode().split("\n")
        behind = [line for line in lines
                  if line.startswith("roost_follower_behind{") and not line.endswith(" 0")]
        if not behind:
            break
        if time.monotonic() > deadline:
            result.violate(f"followers did not come to the end of the log: {behind}")
            break
        time.sleep(0.05)
    aside = [line for line in lines if line.startswith("roost_follower_set_aside{")]
    if not aside or not all(line.endswith(" 0") for line in aside):
        result.violate(f"entries were set aside: {aside}")
    connection.close()
    if server.stop() != 0:
        result.violate("the server did not end well")


PLAYED = "g.band = b.id AND g.deletedAt IS NULL AND g.status = 'PLAYED'"
QUERIES = {
    "bands with a wrong value": f"""
        SELECT count(*) FROM bands b WHERE b.deletedAt IS NULL AND (
          b.played IS NOT (SELECT count(*) FROM gigs g WHERE {PLAYED})
          OR b.tickets IS NOT (SELECT coalesce(sum(g.tickets), 0) FROM gigs g WHERE {PLAYED})
          OR b.last IS NOT (SELECT max(g.startsAt) FROM gigs g
                            WHERE g.band = b.id AND g.deletedAt IS NULL)
          OR b.newest IS NOT (SELECT g.title FROM gigs g
                              WHERE g.band = b.id AND g.deletedAt IS NULL
                              ORDER BY g.startsAt DESC, g.id DESC LIMIT 1))""",
    "groups that a view has not, or has otherwise": """
        SELECT count(*) FROM (SELECT band,
          strftime('%Y-%m-01', startsAt / 1000, 'unixepoch') AS month, count(*) AS played,
          sum(tickets) AS tickets FROM gigs WHERE deletedAt IS NULL AND status = 'PLAYED'
          GROUP BY 1, 2 EXCEPT SELECT band, month, played, tickets FROM bandMonths
          WHERE deletedAt IS NULL) AS missing""",
    "rows of a view without a group": """
        SELECT count(*) FROM (SELECT band, month, played, tickets FROM bandMonths
          WHERE deletedAt IS NULL EXCEPT SELECT band,
          strftime('%Y-%m-01', startsAt / 1000, 'unixepoch'), count(*), sum(tickets) FROM gigs
          WHERE deletedAt IS NULL AND status = 'PLAYED' GROUP BY 1, 2) AS extra""",
    "counters that are wrong": " UNION ALL ".join(f"""
        SELECT count(*) FROM roost_collection c JOIN roost_collection_count n
          ON n.collection = c.number WHERE c.name = '{name}'
          AND n.live <> (SELECT count(*) FROM {name} WHERE deletedAt IS NULL)"""
                                                 for name in ("bands", "gigs", "bandMonths")),
}


def _on_postgres(sql):
    """The same question in PostgreSQL's words."""
    sql = re.sub(r"\b(startsAt|deletedAt|bandMonths)\b", r'"\1"', sql)
    sql = sql.replace("IS NOT (", "IS DISTINCT FROM (")
    return sql.replace(
        "strftime('%Y-%m-01', \"startsAt\" / 1000, 'unixepoch')",
        "to_char(to_timestamp(\"startsAt\" / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-01')")
