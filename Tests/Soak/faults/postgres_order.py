"""The log in the order of commits: two processes, many writers, and a reader that follows.

The reader does what a follower of another process does: at READ COMMITTED it asks for what lies
behind its place in each partition of the log, and behind its sequence in each stream.
"""

import os
import random
import threading
import time

from harness.connection import Connection
from harness.dataset import venue_id
from harness.postgres import Cluster, Session, Unreachable
from harness.server import Server

from .inspection import ServerStore, compare
from .planted import prove_in
from .result import Result
from .writers import Crew, Writer, fresh_id

NAME = "postgres-order"
PROMISE = "who follows the log or a stream on PostgreSQL misses nothing: positions come without " \
          "holes and in the order of commits"
TEST = "{tries} × `kill -9` of one of two Roosts under 32 writers, with refused batches and " \
       "connections ended by the server; a reader follows all partitions and streams meanwhile, " \
       "and what it read is compared with what is there; as the control, planted losses, " \
       "doublings, holes and late entries must be found"
TRIES = (40, 0)
WRITERS = 32
PARTITIONS = 16
# What a killed Roost had open may hold locks until the server notices.
PATIENCE = 30
SCHEMA = "roost"


class Book:
    """What one follower has read, and what must not have happened to it."""

    def __init__(self):
        self.places = {}  # partition → the last position read
        self.entries = {}  # (partition, position) → (id, version)
        self.sequences = {}  # stream → the last sequence read
        self.rows = {}  # (stream, collection, id) → (sequence, version, kind)
        self.faults = []

    def take_log(self, rows):
        """Takes what one query gave: (partition, position, id, version), in order."""
        for partition, position, identifier, version in rows:
            last = self.places.get(partition, 0)
            if position <= last:
                self.faults.append(f"partition {partition}: {position} came after {last}")
            elif position != last + 1:
                self.faults.append(f"partition {partition}: {position} was seen before {last + 1}")
            self.places[partition] = max(last, position)
            self.entries[partition, position] = (identifier, version)

    def take_streams(self, rows):
        """Takes (stream, collection, id, sequence, version, kind, the stream's head), in order."""
        for stream, collection, identifier, sequence, version, kind, head in rows:
            if sequence <= self.sequences.get(stream, 0):
                self.faults.append(f"stream {stream}: {sequence} came late")
            if sequence > head:
                self.faults.append(f"stream {stream}: {sequence} lies beyond its head {head}")
            self.sequences[stream] = sequence
            self.rows[stream, collection, identifier] = (sequence, version, kind)

    def compare(self, log, rows):
        """Compares with all that is there, in the same shapes; gives the faults."""
        there = {(partition, position): (identifier, version)
                 for partition, position, identifier, version in log}
        self._differences("the log", self.entries, there)
        there = {(stream, collection, identifier): (sequence, version, kind)
                 for stream, collection, identifier, sequence, version, kind, _ in rows}
        self._differences("the streams", self.rows, there)
        return self.faults

    def _differences(self, what, seen, there):
        if missed := there.keys() - seen.keys():
            self.faults.append(f"{what}: {len(missed)} never seen, such as {min(missed)}")
        if extra := seen.keys() - there.keys():
            self.faults.append(f"{what}: {len(extra)} seen that are not there: {min(extra)}")
        changed = [key for key in seen.keys() & there.keys() if seen[key] != there[key]]
        if changed:
            key = min(changed)
            self.faults.append(f"{what}: {len(changed)} are not what was seen: {key} was "
                               f"{seen[key]} and is {there[key]}")


LOG = "SELECT l.partition, l.position, l.id, l.version FROM ({places}) AS p (partition, position) " \
      "JOIN LATERAL (SELECT * FROM {schema}.roost_log AS l WHERE l.partition = p.partition " \
      "AND l.position > p.position ORDER BY l.position LIMIT 2000) AS l ON true " \
      "ORDER BY l.partition, l.position"
STREAMS = "SELECT r.stream, r.coll, r.id, r.seq, r.rv, r.kind, h.seq " \
          "FROM {schema}.roost_scope_head AS h LEFT JOIN ({places}) AS p (stream, seq) " \
          "ON p.stream = h.stream JOIN LATERAL (SELECT * FROM {schema}.roost_scope_row AS r " \
          "WHERE r.stream = h.stream AND r.seq > coalesce(p.seq, 0) " \
          "AND r.seq >> 8 >= coalesce(p.seq, 0) >> 8 ORDER BY r.seq) AS r ON true " \
          "ORDER BY r.stream, r.seq"


def values(places):
    return "VALUES " + ", ".join(f"({key}, {value}::bigint)" for key, value in places.items())


def everything(query):
    """The query of a reader that begins: from the start of each partition and stream."""
    places = values(dict.fromkeys(range(PARTITIONS), 0)) if query is LOG else values({-1: 0})
    return query.format(schema=SCHEMA, places=places).replace(" LIMIT 2000", "")


class Reader(threading.Thread):
    """Follows until it is told that nothing more will come, and then to the end."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.book, self.rounds, self.failure = Book(), 0, None
        self.address, self.stopping = address, threading.Event()

    def run(self):
        try:
            with Session(self.address, "follower") as session:
                while self._read(session) or not self.stopping.is_set():
                    self.rounds += 1
        except Unreachable as error:
            self.failure = str(error)

    def _read(self, session):
        """One look at the log and one at the streams; whether there was anything new."""
        is_last = self.stopping.is_set()
        places = {each: self.book.places.get(each, 0) for each in range(PARTITIONS)}
        log = session.query(LOG.format(schema=SCHEMA, places=values(places)))
        self.book.take_log(log)
        rows = session.query(
            STREAMS.format(schema=SCHEMA, places=values(self.book.sequences or {-1: 0})))
        self.book.take_streams(rows)
        return bool(log or rows) or not is_last

    def finish(self):
        self.stopping.set()
        self.join(120)
        return not self.is_alive()


class Quarreller(Writer):
    """A writer of which every fourth request is refused, behind something that was done."""

    def step(self):
        created = [row for row in self.rows if row.created]
        if not created or self.chance.random() > 0.25:
            super().step()
            return
        row = self.chance.choice(created)
        fields = {"date": "2021-05-01T20:00:00.000Z", "venue": venue_id(0), "duration": "PT90M"}
        if self.chance.random() < 0.5:
            # The database itself refuses it: the id is there.
            path, body, expected = "/v1/performances", {"id": row.id, **fields}, 409
        else:
            path, expected = "/v1/batch", 422
            body = {"atomic": True, "operations": [
                {"method": "POST", "path": "/v1/performances",
                 "body": {"id": fresh_id(self.chance), **fields}},
                {"method": "PATCH", "path": f"/v1/performances/{fresh_id(self.chance)}",
                 "body": {"audienceSize": 1}}]}
        answer = self.connection.request("POST", path, body, self.account.token)
        if answer.status == expected:
            self.refused += 1
        else:
            self.refusals.append((answer.status, answer.body[:300].decode(errors="replace")))


class Gang(Crew):
    """Writers over several servers, a number on each."""

    def start_on(self, server, count):
        connection = server.connection()
        self.accounts.freshen(connection)
        connection.close()
        self.round += 1
        fresh = []
        for number in range(count):
            writer = Quarreller(server.port, self.accounts[number], f"w{self.round}.{number}")
            writer.patient, writer.refused = True, 0
            fresh.append(writer)
            writer.start()
        self.writers += fresh
        return fresh

    def refused(self):
        return sum(writer.refused for writer in self.writers)


def run(folder, tries, seconds=4, durable=True):
    """`tries` kills, `seconds` of writing before each."""
    result, chance, gang = Result(), random.Random(), Gang()
    result.counts.update({"kills": 0, "acknowledged": 0, "refused": 0, "connections ended": 0,
                          "entries followed": 0, "lost": 0, "doubled": 0})
    os.makedirs(folder, exist_ok=True)
    with Cluster(durable=durable) as cluster:
        servers = [_server(folder, each, cluster) for each in range(2)]
        gang.settle(servers[0])
        reader = Reader(cluster.admin)
        reader.start()
        crews = [gang.start_on(server, WRITERS // 2) for server in servers]
        for number in range(tries):
            _quarrel(cluster, chance, seconds, result)
            victim = number % 2
            servers[victim].kill()
            result.add("kills")
            for writer in crews[victim]:
                writer.join(60)
            servers[victim] = _server(folder, victim, cluster)
            _resolve(crews[victim], servers[victim])
            crews[victim] = gang.start_on(servers[victim], WRITERS // 2)
            if reader.book.faults or not reader.is_alive():
                break
        if not gang.wait_for(gang.acknowledged() + WRITERS, PATIENCE):
            result.violate(f"writes did not come back: {gang.refusals()[-1:]}")
        gang.stop()
        for server in servers:
            server.stop()
        _judge(cluster, reader, gang, result)
    return result


def _server(folder, number, cluster):
    data = os.path.join(folder, f"data{number}")
    server = Server(data, log=os.path.join(folder, f"server{number}.log"),
                    settings=cluster.settings(SCHEMA))
    server.start()
    return server


def _quarrel(cluster, chance, seconds, result):
    """Lets the writers work, and has the server end some of their connections."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.2, 0.6))
        ended = cluster.query(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
            "WHERE application_name = 'roost' ORDER BY random() LIMIT 2) AS chosen")
        result.add("connections ended", ended[0][0])


def _resolve(writers, server):
    for writer in writers:
        if writer.unknown is not None:
            writer.connection = Connection(server.port, PATIENCE)
            writer.resolve()
            writer.connection.close()


def _judge(cluster, reader, gang, result):
    if not reader.finish():
        result.violate("the reader did not come to an end")
    if reader.failure:
        result.violate(f"the reader: {reader.failure}")
    if not reader.book.entries:
        result.violate("the reader read nothing")
    log, rows = cluster.query(everything(LOG)), cluster.query(everything(STREAMS))
    for fault in reader.book.compare(log, rows):
        result.violate(fault)
    for status, body in gang.refusals():
        if status != 503:
            result.violate(f"a write was answered {status}: {body}")
            break
    with ServerStore(cluster, SCHEMA) as store:
        compare(store, gang, result, "at the end")
        prove_in(store, gang, result)
    if result.passed:
        _control(log, rows, result)
    result.counts["acknowledged"] = gang.acknowledged()
    result.counts["refused"] = gang.refused()
    result.counts["entries followed"] = len(reader.book.entries)
    result.counts["looks"] = reader.rounds


def _control(log, rows, result):
    """Readers to whom something happened that must not: each has to notice."""
    middle, last = len(log) // 2, len(log) - 1
    place = next(at for at in range(middle, last) if log[at][0] == log[at + 1][0])
    swapped = log[:place] + [log[place + 1], log[place]] + log[place + 2:]
    stream = next(at for at in range(len(rows) // 2, len(rows) - 1)
                  if rows[at][0] == rows[at + 1][0])
    for what, seen, entries, expected in (
            ("a hole", log[:place] + log[place + 1:], rows, "was seen before"),
            ("an end that was not seen", log[:last], rows, "never seen"),
            ("an entry that came late", swapped, rows, "came after"),
            ("an entry that was read twice", log[:place] + log[place - 1:], rows, "came after"),
            ("a row of a stream that was not seen", log, rows[:stream] + rows[stream + 1:],
             "never seen")):
        book = Book()
        book.take_log(seen)
        book.take_streams(entries)
        if any(expected in fault for fault in book.compare(log, rows)):
            result.add("planted faults of a reader found")
        else:
            result.violate(f"{what} was planted and not noticed, so this test proves nothing here")
