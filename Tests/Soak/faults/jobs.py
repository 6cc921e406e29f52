"""SIGKILL of a server every two seconds while it works through a queue of jobs."""

import os
import random
import sqlite3
import subprocess
import tempfile
import time

from harness.server import BINARY

from .result import Result, Unavailable

NAME = "jobs"
PROMISE = "no job is lost and none has its effects twice; a job that fails or takes its process " \
          "along harms no other"
TEST = "{tries} jobs under a `kill -9` every 2 s, beside jobs that end their process; as the " \
       "control, planted losses and doublings must be found"
TRIES = (100_000, 3_000)
LEAST = 3_000
WORKER = os.path.join(os.path.dirname(BINARY), "JobsWorker")
CRASHED = 99
LONGEST = 1800  # seconds


def run(folder, tries):
    os.makedirs(folder)
    data = os.path.join(folder, "data")

    def query(sql):
        with sqlite3.connect(os.path.join(data, "roost.sqlite")) as database:
            return database.execute(sql).fetchall()

    return work(data, tries, {}, query)


def work(data, tries, settings, query, settle=lambda: None):
    """Has a worker do `tries` jobs on the database that `query` asks, and kills it meanwhile.

    `settle` ends whoever else is at work before the database is inspected.
    """
    if not os.access(WORKER, os.X_OK):
        raise Unavailable(
            f"{WORKER} is not there; build it with swift build --configuration release "
            "--static-swift-stdlib --product JobsWorker")
    result, chance = Result(), random.Random()
    result.counts.update(jobs=tries, kills=0, crashes=0)
    began = time.monotonic()
    while True:
        # A few jobs are done before two seconds have passed, on a fast machine within a tenth of one;
        # on a slow one a worker gets nowhere in that, so the next has longer.
        seconds = chance.uniform(1.9, 2.1) if tries >= 20_000 else \
            chance.uniform(0.05, min(2, 0.1 + 0.1 * result.counts["kills"]))
        code, said = _life(data, tries, settings, seconds)
        if code == 0:
            break
        if code is None:
            result.add("kills")
        elif code == CRASHED:
            result.add("crashes")
        else:
            result.violate(f"the worker ended with {code}: {said}")
            return result
        if time.monotonic() - began > LONGEST:
            result.violate(f"not done after {LONGEST} s: {query(STATES)}")
            return result
    if not result.counts["kills"]:
        result.violate("all was done before the first kill: take more jobs")
    result.counts["seconds"] = round(time.monotonic() - began)
    settle()
    _inspect(tries, query, result)
    if result.passed:
        _control(tries, query, result)
    return result


def _life(data, tries, settings, seconds):
    """One life of a worker: its exit code, or None where it was killed so long after its start; and
    the error that it ended with, if any."""
    with tempfile.TemporaryFile() as log, subprocess.Popen(
            [WORKER, data, str(tries)], stdout=subprocess.PIPE, stderr=log,
            env=dict(os.environ, SWIFT_BACKTRACE="enable=no", **settings)) as process:
        process.stdout.readline()  # ready, or its end
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None, ""
        log.seek(0)
        lines = log.read().decode(errors="replace").splitlines()
        return code, next((line for line in lines if "rror: " in line), "")


STATES = "SELECT kind, state, count(*) FROM roost_job GROUP BY kind, state ORDER BY kind, state"


def _inspect(tries, query, result):
    numbers = range(1, tries + 1)
    crash = sum(number % 10_000 == 17 for number in numbers)
    poison = sum(number % 1000 == 3 for number in numbers)
    steps = sum(number % 100 == 5 for number in numbers)
    expected = [("counting", "done", tries - crash - poison - steps), ("crash", "dead", crash),
                ("poison", "dead", poison), ("steps", "done", steps)]
    found = [tuple(row) for row in query(STATES)]
    if found != [row for row in expected if row[2]]:
        result.violate(f"the jobs are {found} and not {expected}")
    causes = query("SELECT count(*) FROM worker_cause")[0][0]
    if causes != tries:
        result.violate(f"{causes} causes of {tries} jobs")
    effects, distinct = query(
        "SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT job, step FROM worker_effect) d) "
        "FROM worker_effect")[0]
    result.counts["effects"] = effects
    result.counts["doubled"] = effects - distinct
    if effects != distinct:
        result.violate(f"{effects - distinct} effects took place twice")
    if distinct != expected[0][2] + 3 * steps:
        result.violate(f"{expected[0][2] + 3 * steps - distinct} effects are lost")
    attempts = query("SELECT count(*) FROM roost_job WHERE kind IN ('crash', 'poison') "
                     "AND attempts <> 3")[0][0]
    if attempts:
        result.violate(f"{attempts} dead jobs have not had their three attempts")
    open_runs = query("SELECT count(*) FROM roost_task_runs WHERE outcome IS NULL")[0][0]
    if open_runs:
        result.violate(f"{open_runs} runs have no end on record")
    result.counts["runs lost and done again"] = query(
        "SELECT count(*) FROM roost_task_runs WHERE outcome = 'lost'")[0][0]


def _control(tries, query, result):
    """What must not happen is done to the database, which nobody needs any more: it is found."""
    for what, sql, said in (
            ("an effect that is lost", "DELETE FROM worker_effect WHERE number = "
             "(SELECT min(number) FROM worker_effect)", "1 effects are lost"),
            ("an effect that took place twice", "INSERT INTO worker_effect (job, step) SELECT job, "
             "step FROM worker_effect WHERE number = (SELECT max(number) FROM worker_effect)",
             "1 effects took place twice"),
            ("a cause that is lost", "DELETE FROM worker_cause WHERE number = 1",
             f"{tries - 1} causes of {tries} jobs"),
            ("a run without an end", "UPDATE roost_task_runs SET outcome = NULL WHERE job = "
             "(SELECT id FROM roost_job LIMIT 1)", "runs have no end"),
            ("a job that is lost", "DELETE FROM roost_job WHERE id = (SELECT id FROM roost_job "
             "WHERE kind = 'counting' LIMIT 1)", "the jobs are")):
        query(sql)
        found = Result()
        _inspect(tries, query, found)
        if not any(said in violation for violation in found.violations):
            result.violate(f"{what} was planted and not found, so this test proves nothing here")
            return
        result.add("planted losses and doublings found")
