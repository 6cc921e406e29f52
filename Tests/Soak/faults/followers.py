"""SIGKILL at a random moment while followers keep derived data of what is written."""

import json
import os
import random
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
       "derived values, the views and the counters are compared with the rows"
TRIES = (1000, 10)
ROUND = 25  # kills between two looks
APP = os.path.join(REPOSITORY, "Tests/EndToEnd/apps/derived")
BANDS = 40


def run(folder, tries):
    os.makedirs(folder)
    data, result, chance = os.path.join(folder, "data"), Result(), random.Random()
    result.counts.update(kills=0, batches=0)
    crew = _Crew(chance)
    while result.counts["kills"] < tries and result.passed:
        for _ in range(min(ROUND, tries - result.counts["kills"])):
            _life(data, crew, chance, result)
        _settle(data, result)
        _compare(data, result)
    result.counts["batches"] = crew.batches
    return result


class _Crew:
    """Rows that may be there, and what is sent about them."""

    def __init__(self, chance):
        self.bands = [fresh_id(chance) for _ in range(BANDS)]
        self.gigs, self.batches, self.lock = [], 0, threading.Lock()

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


def _person(server):
    connection = Connection(server.port)
    answer = connection.request("POST", "/v1/auth/anonymous", {})
    connection.close()
    return answer.json()["accessToken"]


def _life(data, crew, chance, result):
    """One life of a server: it is killed while four connections write."""
    server = Server(data, app=APP)
    server.start()
    token = _person(server)
    if result.counts["kills"] == 0:
        connection = Connection(server.port)
        for band in crew.bands:
            answer = connection.request("POST", "/v1/bands", {"id": band, "name": band}, token)
            if answer.status != 201:
                result.violate(f"a band was answered {answer.status}: {answer.body!r}")
        connection.close()
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
    time.sleep(chance.uniform(0.05, 0.4))
    server.kill()
    for thread in threads:
        thread.join(30)
    result.add("kills")
    for status, body in refused[:1]:
        result.violate(f"a batch was answered {status}: {body!r}")


def _settle(data, result):
    """Lets the followers come to the end of the log."""
    server = Server(data, app=APP)
    server.start()
    connection = Connection(server.port)
    deadline = time.monotonic() + 120
    while True:
        text = connection.request("GET", "/metrics").body.decode()
        behind = [line for line in text.split("\n")
                  if line.startswith("roost_follower_behind{") and not line.endswith(" 0")]
        if not behind:
            break
        if time.monotonic() > deadline:
            result.violate(f"followers did not come to the end of the log: {behind}")
            break
        time.sleep(0.05)
    if 'roost_follower_set_aside{follower="derived"} 0' not in text:
        result.violate("entries were set aside")
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
          WHERE deletedAt IS NULL)""",
    "rows of a view without a group": """
        SELECT count(*) FROM (SELECT band, month, played, tickets FROM bandMonths
          WHERE deletedAt IS NULL EXCEPT SELECT band,
          strftime('%Y-%m-01', startsAt / 1000, 'unixepoch'), count(*), sum(tickets) FROM gigs
          WHERE deletedAt IS NULL AND status = 'PLAYED' GROUP BY 1, 2)""",
    "counters that are wrong": " UNION ALL ".join(f"""
        SELECT count(*) FROM roost_collection c JOIN roost_collection_count n
          ON n.collection = c.number WHERE c.name = '{name}'
          AND n.live <> (SELECT count(*) FROM {name} WHERE deletedAt IS NULL)"""
                                                 for name in ("bands", "gigs", "bandMonths")),
}


def _compare(data, result):
    with sqlite3.connect(os.path.join(data, "roost.sqlite")) as database:
        for words, sql in QUERIES.items():
            wrong = sum(row[0] for row in database.execute(sql).fetchall())
            result.add(words, wrong)
            if wrong:
                result.violate(f"{wrong} {words} after {result.counts['kills']} kills")
        result.counts["gigs"] = database.execute("SELECT count(*) FROM gigs").fetchone()[0]
    database.close()
    done = subprocess.run([BINARY, "rebuild", APP, "--data", data, "--check", "--json"],
                          capture_output=True, text=True, timeout=600)
    checked = json.loads(done.stdout)["checked"] if done.stdout else None
    if not checked or any(row["differences"] for row in checked):
        result.violate(f"roost rebuild --check: {done.stdout}{done.stderr}")
