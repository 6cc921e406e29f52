"""Looks into the database itself: nothing lost, nothing doubled, everything in order."""

import collections
import glob
import os
import shutil
import sqlite3

from harness.dataset import venue_id


def database_of(data):
    """The path of the SQLite file that holds the log."""
    for path in sorted(glob.glob(os.path.join(data, "**"), recursive=True)):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                if file.read(16) == b"SQLite format 3\0" and "log" in _tables(path):
                    return path
    raise RuntimeError(f"no database with a roost_log table below {data}")


def _tables(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
    except sqlite3.DatabaseError:
        names = []
    connection.close()
    return [name.removeprefix("roost_") for name in names]


def plain(name):
    """A name without case and underscores, so that audienceSize is audience_size."""
    return name.replace("_", "").lower()


def hexadecimal(identifier):
    """An id as 32 digits, whether it is stored as bytes or as text."""
    if isinstance(identifier, bytes):
        return identifier.hex()
    return str(identifier).replace("-", "").lower()


class Store:
    """A copy of the data folder, opened as a database; use as a context.

    The copy is taken while no server runs, the write-ahead log with it, so that the check sees
    what a restart would see and does not do the recovery in its place.
    """

    def __init__(self, data, folder):
        self.copy = os.path.join(folder, "inspected")
        self.data = data

    def __enter__(self):
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.data, self.copy)
        self.database = sqlite3.connect(database_of(self.copy))
        return self

    def __exit__(self, *_):
        self.database.close()
        shutil.rmtree(self.copy, ignore_errors=True)

    def query(self, sql):
        return self.database.execute(sql).fetchall()

    @staticmethod
    def literal(identifier):
        """An id as a value of a statement."""
        return f"x'{hexadecimal(identifier)}'"

    def columns(self, table):
        return {plain(row[1]): row[1] for row in self.query(f'PRAGMA table_info("{table}")')}

    def tables(self):
        return [row[0] for row in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def collection_table(self):
        """The table of the performances."""
        for name in self.tables():
            if not name.startswith("roost_") and "audiencesize" in self.columns(name):
                return name
        raise RuntimeError("no table has a column for audienceSize")

    def rows(self):
        """id → (version, audienceSize, notes) of every performance that is there."""
        table = self.collection_table()
        at = self.columns(table)
        found = {}
        for identifier, *rest in self.query(
                f'SELECT "{at["id"]}", "{at["version"]}", "{at["audiencesize"]}", '
                f'"{at["notes"]}" FROM "{table}"'):
            found[hexadecimal(identifier)] = rest
        return found

    def log_entries(self):
        """How many log rows each record has."""
        return collections.Counter(
            hexadecimal(row[0]) for row in self.query("SELECT id FROM roost_log"))

    def streamed(self):
        """The ids that are in a stream."""
        return {hexadecimal(row[0]) for row in self.query("SELECT id FROM roost_scope_row")}


class ServerStore(Store):
    """The schema of an app in PostgreSQL, read while the database goes on."""

    def __init__(self, cluster, schema="roost"):
        self.cluster, self.schema = cluster, schema

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def query(self, sql):
        return self.cluster.query(sql, schema=self.schema)

    @staticmethod
    def literal(identifier):
        return f"'{identifier}'"

    def columns(self, table):
        return {plain(row[0]): row[0] for row in self.query(
            "SELECT column_name FROM information_schema.columns "
            f"WHERE table_schema = '{self.schema}' AND table_name = '{table}'")}

    def tables(self):
        return [row[0] for row in self.query(
            f"SELECT tablename FROM pg_tables WHERE schemaname = '{self.schema}'")]


def check(data, folder, crew, result, when):
    """Compares the database with what the writers were promised."""
    with Store(data, folder) as store:
        verdict = store.query("PRAGMA integrity_check")
        if verdict != [("ok",)]:
            result.violate(f"{when}: integrity_check: {verdict[:3]}")
        compare(store, crew, result, when)


def compare(store, crew, result, when):
    """Rows, log and streams of an opened database against what the writers were promised."""
    _compare(store, crew, result, when)
    _sequences(store, result, when)


def _compare(store, crew, result, when):
    there, logged = store.rows(), store.log_entries()
    markers = collections.Counter(notes for _, _, notes in there.values())
    lost = doubled = 0
    for row in crew.rows():
        doubled += markers[row.marker] > 1
        if not row.created:
            continue
        found = there.get(hexadecimal(row.id))
        if found is None or not row.acknowledged <= (found[1] or 0) <= row.sent \
                or found[0] < row.version:
            lost += 1
            if lost <= 3:
                result.violate(f"{when}: {row.id} was acknowledged with audienceSize "
                               f"{row.acknowledged}, version {row.version}; found {found}")
            continue
        # Each change with a key made one version.
        doubled += row.keyed and found[0] > 1 + row.sent
    # The rows of which the client does not know are there whole too, or not at all.
    torn = [(key, found[0], logged[key]) for key, found in there.items() if logged[key] != found[0]]
    for key, version, entries in torn[:3]:
        result.violate(f"{when}: {key} has version {version} and {entries} log rows")
    strangers = len(logged.keys() - there.keys() - {hexadecimal(venue_id(0))})
    if strangers:
        result.violate(f"{when}: {strangers} records are in the log and not in their table")
    unseen = len(there.keys() - store.streamed())
    if unseen:
        result.violate(f"{when}: {unseen} rows are in no stream")
    result.add("lost", lost)
    result.add("doubled", doubled)
    if doubled:
        result.violate(f"{when}: {doubled} rows are there twice")
    if lost:
        result.violate(f"{when}: {lost} acknowledged writes are lost")


def _sequences(store, result, when):
    gaps = store.query(
        "SELECT partition, count(*), min(position), max(position), count(DISTINCT position) "
        "FROM roost_log GROUP BY partition")
    for partition, count, first, last, distinct in gaps:
        if not first == 1 or not count == last == distinct:
            result.violate(f"{when}: log partition {partition} holds {count} rows from {first} "
                           f"to {last}")
    heads = store.query(
        "SELECT count(*) FROM roost_log_head AS h WHERE position <> "
        "(SELECT coalesce(max(position), 0) FROM roost_log AS l WHERE l.partition = h.partition)")
    if heads[0][0]:
        result.violate(f"{when}: the head of the log is not its last position")
    beyond = store.query(
        "SELECT count(*) FROM roost_scope_row AS r LEFT JOIN roost_scope_head AS h "
        "USING (stream) WHERE h.seq IS NULL OR r.seq > h.seq")[0][0]
    if beyond:
        result.violate(f"{when}: {beyond} stream entries lie beyond their stream's head")
    twice = store.query(
        "SELECT count(*) FROM (SELECT 1 FROM roost_scope_row GROUP BY stream, seq "
        "HAVING count(*) > 1) AS twice")[0][0]
    if twice:
        result.violate(f"{when}: {twice} sequences of a stream are given twice")
