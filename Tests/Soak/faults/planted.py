"""The control of every comparison of rows: what is lost or doubled on purpose must be found.

It comes last, on a copy of the data or in a database that goes afterwards, and what is planted
stays: each time the comparison has to find one more.
"""

import uuid

from .inspection import Store, compare, hexadecimal
from .result import Result

FOUND = "planted losses and doublings found"


def prove(data, folder, crew, result):
    """Plants in a copy of a data folder, where the test has passed until now."""
    if result.passed:
        with Store(data, folder) as store:
            prove_in(store, crew, result)


def prove_in(store, crew, result):
    """Plants in an opened database in which nothing was lost or doubled."""
    if not result.passed:
        return
    expected = {"lost": 0, "doubled": 0}
    result.counts[FOUND] = 0
    for what, kind, sql in _plants(store, crew):
        store.query(sql)
        found = Result()
        compare(store, crew, found, "planted")
        if kind in expected:
            expected[kind] += 1
            is_found = all(found.counts[name] == count for name, count in expected.items())
        else:
            is_found = any(kind in violation for violation in found.violations)
        if is_found:
            result.add(FOUND)
        else:
            result.violate(f"{what} was planted and not found, so this test proves nothing here: "
                           f"{found.summary()}")
            return


def _plants(store, crew):
    """What is done, what is counted or said of it, and how."""
    table = store.collection_table()
    at = {name: f'"{column}"' for name, column in store.columns(table).items()}
    there = store.rows()
    rows = [row for row in crew.rows() if row.created]
    changed = [row for row in rows if row.acknowledged]
    if len(rows) < 4 or not changed:
        raise RuntimeError(f"{len(rows)} rows and {len(changed)} changes are too few to plant in")
    back, = changed[:1]
    gone, twice, again = [row for row in rows if row is not back][:3]

    def where(row):
        return f'WHERE {at["id"]} = {store.literal(row.id)}'

    yield "a lost row", "lost", f'DELETE FROM "{table}" {where(gone)}'
    yield "a lost change", "lost", \
        f'UPDATE "{table}" SET {at["audiencesize"]} = {back.acknowledged - 1} {where(back)}'
    others = ", ".join(column for name, column in at.items() if name != "id")
    yield "a doubled row", "doubled", \
        f'INSERT INTO "{table}" ({at["id"]}, {others}) ' \
        f'SELECT {store.literal(uuid.uuid4())}, {others} FROM "{table}" {where(twice)}'
    if again.keyed:
        version = there[hexadecimal(again.id)][0]
        yield "a doubled change", "doubled", \
            f'UPDATE "{table}" SET {at["version"]} = {version + 1 + again.sent} {where(again)}'
    yield "a hole in the log", "log partition", \
        "DELETE FROM roost_log WHERE position = 1 AND partition = " \
        "(SELECT min(partition) FROM roost_log)"
