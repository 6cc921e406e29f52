"""A schedule of every minute under a clock that jumps: how often it ran, and none of its times twice.

What is counted is what the runner says that it has ended, since old records of jobs go in time, and a
clock that is ten years ahead makes all of them old.
"""

import os
import sqlite3
import time

from harness.server import Server

# A job that finds nothing to do.
SCHEMA = """
type Note @collection @allow(ops: [ALL]) @retention(after: "createdAt", for: "P900Y") {
  text: String
}
"""
SETTINGS = {"ROOST_RETENTION_SCHEDULE": "* * * * *"}
KIND = "retention"
HOUR = 3600
YEAR = 365 * 24 * HOUR
PATIENCE = 20
# The schedule looks at the clock once a second, and whoever looks twice has seen all of it.
LOOKS = 2.5


def judge_schedule(folder, clock, result):
    """A server with such a schedule and nothing else to do, under the clock of the others."""
    app = os.path.join(folder, "minutes-app")
    os.makedirs(app)
    with open(os.path.join(app, "schema.graphql"), "w") as file:
        file.write(SCHEMA)
    clock.set(0)
    settings, data = {**clock.settings, **SETTINGS}, os.path.join(folder, "minutes")
    with Server(data, app=app, settings=settings) as server:
        minutes = _Minutes(clock, server, result)
        minutes.judge()
    with sqlite3.connect(os.path.join(data, "roost.sqlite")) as database:
        database.execute("DELETE FROM roost_schedule_fire")
        database.execute("UPDATE roost_schedule SET anchor = anchor - 7200000")
    database.close()
    # Two minutes of which each had its run before: what runs until the fifth begins, ran again.
    minutes.at(3, 5)
    with Server(data, app=app, settings=settings) as server:
        minutes.control(server)
    clock.set(0)


class _Minutes:
    """The runs of the schedule of one server, of which the clock is moved."""

    def __init__(self, clock, server, result):
        self.clock, self.connection, self.result = clock, server.connection(), result
        self.base, self.began = int(time.time()) // 60 * 60, 0

    def runs(self):
        """How many have ended, well or not."""
        return sum(value for _, value in self._metrics("roost_jobs_ended_total"))

    def unended(self):
        """How many wait or are under way."""
        return sum(value for line, value in self._metrics("roost_jobs")
                   if 'state="waiting"' in line or 'state="running"' in line)

    def _metrics(self, name):
        """The lines of this kind of job, and what each says."""
        text = self.connection.request("GET", "/metrics").body.decode()
        return [(line, float(line.rsplit(" ", 1)[1])) for line in text.split("\n")
                if line.startswith(name + "{") and f'kind="{KIND}"' in line]

    def at(self, minute, second, years=0):
        """Sets the clock to a moment of a minute, counted from the one in which this began."""
        self.clock.set(self.base + years * YEAR + 60 * minute + second - int(time.time()))

    def more(self, count):
        """How many runs have come, of which so many are waited for."""
        before, until = self.began, time.monotonic() + PATIENCE
        while self.runs() - before < count and time.monotonic() < until:
            time.sleep(0.1)
        self.rest()
        return int(self.began - before)

    def rest(self):
        """Waits until the schedule has looked at the clock and what it began has ended."""
        time.sleep(LOOKS)
        until = time.monotonic() + PATIENCE
        while self.unended():
            if time.monotonic() > until:
                self.result.violate(f"a scheduled run has not ended after {PATIENCE} s")
                break
            time.sleep(0.1)
        time.sleep(0.2)  # its end is counted behind its record
        self.began = self.runs()

    def expect(self, count, when):
        """So many runs must come, and no more."""
        ran = self.more(count)
        self.result.add("scheduled runs", ran)
        self.result.add("of a minute that had its run", max(0, ran - count))
        if ran != count:
            self.result.violate(f"a schedule of every minute ran {ran} times and not {count}: {when}")

    def control(self, server):
        """A server that has forgotten which minutes had their run: one has to run again."""
        self.connection, self.began = server.connection(), 0
        if self.more(1) >= 1:
            self.result.add("of such a minute by the control")
        else:
            self.result.violate("the control ran no minute again, so this test proves nothing here")
        self.connection.close()

    def judge(self):
        """The same minutes again and again, hours and years apart."""
        self.at(1, 5)
        self.rest()  # what was due before this began
        for minute, second, years, count, when in (
                (2, 5, 0, 1, "a new minute"),
                (0, 5, 0, 0, "two minutes back"),
                (2, 15, 0, 0, "the minute again"),
                (-120, 5, 0, 0, "two hours back"),
                (2, 25, 0, 0, "the minute again, after two hours back"),
                (3, 5, 0, 1, "a new minute after that"),
                (3, 5, 10, 1, "ten years ahead, for all the minutes on the way"),
                (3, 15, 0, 0, "back from ten years ahead"),
                (-120, 5, 0, 0, "two hours back after that"),
                (3, 25, 0, 0, "the minute again, after ten years ahead"),
                (3, 5, -10, 0, "ten years back"),
                (4, 5, -10, 1, "a new minute ten years back"),
                (3, 35, 0, 0, "the minute again, after ten years back"),
                (4, 5, 0, 1, "a new minute at last")):
            self.at(minute, second, years)
            self.expect(count, when)
        self.connection.close()
