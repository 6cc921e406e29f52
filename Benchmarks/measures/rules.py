"""What rules add to reading one record and a page, with a million rows of which 450 are visible."""

import os
import sqlite3
import time
import uuid

from harness.figures import Figure
from harness.generators import wrk_plain
from harness.server import REPOSITORY, Server

NAME = "rules"
APP = os.path.join(REPOSITORY, "Benchmarks/rules")
VISIBLE = 450
BANDS = 10
COLLECTIONS = ("openGigs", "ownGigs", "bandGigs")


def once(bench):
    rows = bench.dataset.rows * 10
    data = os.path.join(bench.folder, "rules-data")
    server = Server(data, app=APP)
    server.start()
    connection = server.connection()
    session = connection.request("POST", "/v1/auth/anonymous").json()
    connection.close()
    server.stop()
    bench.say(f"writing {rows:,} rows three times")
    mine = fill(os.path.join(data, "roost.sqlite"), uuid.UUID(session["user"]["id"]), rows)
    server = Server(data, app=APP)
    server.start()
    try:
        measure(bench, server, session["accessToken"], session["user"]["id"], mine)
    finally:
        server.stop()


def measure(bench, server, token, me, mine):
    connection = server.connection()
    for name in COLLECTIONS[1:]:
        seen = connection.request("GET", f"/v1/{name}?limit=1&count=exact", token=token).json()["count"]
        if seen != VISIBLE:
            raise RuntimeError(f"{seen} {name} are visible instead of {VISIBLE}")
    connection.close()
    for _ in range(bench.rounds):
        for key, cpu in _interleaved(bench, server, token, me, mine).items():
            bench.add(f"{key}_cpu", cpu)
        for what in ("one", "page"):
            bench.add(
                f"rules_{what}",
                bench.samples[f"ownGigs_{what}_cpu"][-1] / bench.samples[f"openGigs_{what}_cpu"][-1])
        bench.add(
            "rules_same",
            bench.samples["ownGigs_newest_cpu"][-1] / bench.samples["openGigs_newest_cpu"][-1])
        bench.add(
            "rules_band_one",
            bench.samples["bandGigs_one_cpu"][-1] / bench.samples["openGigs_one_cpu"][-1])
    connection = server.connection()
    for order in ("id", "-date"):
        for _ in range(20):
            began = time.perf_counter()
            connection.request("GET", f"/v1/bandGigs?limit=50&sort={order}", token=token)
            bench.add("member_list", (time.perf_counter() - began) * 1000)
    connection.close()


def _interleaved(bench, server, token, me, mine):
    """CPU of each kind of request, taken in turns of a second, there and back: what slows the
    machine for a while slows all of them alike."""
    # The same rows by the same index, once because a rule says so and once because the caller does.
    paths = {
        "openGigs_newest": f"/v1/openGigs?limit=20&sort=-date&filter=owner%3D%3D'{me}'",
        "ownGigs_newest": "/v1/ownGigs?limit=20&sort=-date"}
    for name in COLLECTIONS:
        paths[f"{name}_one"] = f"/v1/{name}/{mine}"
        paths[f"{name}_page"] = f"/v1/{name}?limit=20"
    requests, seconds = dict.fromkeys(paths, 0), dict.fromkeys(paths, 0.0)
    order = list(paths)
    for _ in range(2 * max(1, bench.seconds // 2)):
        for key in order:
            load = wrk_plain(
                server.pid, f"http://127.0.0.1:{server.port}{paths[key]}", 1, token=token)
            if load.wrong:
                raise RuntimeError(f"{load.wrong} answers of {paths[key]} were wrong")
            requests[key] += load.requests
            seconds[key] += load.cpu * load.requests
        order.reverse()
    return {key: seconds[key] / requests[key] for key in paths}


def fill(path, me, rows):
    """Rows as the server writes them, put into its tables while it is stopped: reading is measured
    here, and the import of three million rows would take minutes. Gives the id of one of the
    caller's own."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    clocks = b"\x00" * 8
    now = 1_700_000_000_000

    def key(kind, number):
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{number}").bytes

    database.execute("BEGIN")
    for band in range(BANDS):
        database.execute(
            'INSERT INTO bands (id, version, "createdAt", "updatedAt", name, _clocks) '
            "VALUES (?,1,?,?,?,?)", (key("b", band), now, now, f"band {band}", clocks))
        database.execute(
            'INSERT INTO "bandMembers" (id, version, "createdAt", "updatedAt", band, user, _clocks) '
            "VALUES (?,1,?,?,?,?,?)", (key("m", band), now, now, key("b", band), me.bytes, clocks))
    # The visible rows are spread over the table.
    step = rows // VISIBLE
    mine = key("g", 0)
    ids = [key("g", number) for number in range(rows)]
    owners = [key("u", number) for number in range(20000)]
    bands = [key("o", number) for number in range(5000)]
    for name in COLLECTIONS:
        def generate():
            for number in range(rows):
                visible = number % step == 0 and number // step < VISIBLE
                owner, band = owners[number % 20000], bands[number % 5000]
                if visible and (name != "bandGigs" or number // step % 2 == 0):
                    owner = me.bytes
                elif visible:
                    band = key("b", number // step % BANDS)
                yield (ids[number], now, now, owner, band, now - number * 60000,
                       number % 500, number % 9000, "some notes of a usual length", clocks)
        database.executemany(
            f'INSERT INTO "{name}" (id, version, "createdAt", "updatedAt", owner, band, date, '
            '"audienceSize", payment, notes, _clocks) VALUES (?,1,?,?,?,?,?,?,?,?,?)', generate())
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return uuid.UUID(bytes=mine)


def figures(bench):
    rows = bench.samples
    if not rows["rules_one"]:
        return []
    slowest = sorted(rows["member_list"])[-1] if rows["member_list"] else 0
    count = f"{bench.dataset.rows * 10:,} rows, {VISIBLE} visible"
    return [
        Figure(NAME, "one record under an owner", "× without a rule", rows["rules_one"],
               ("<=", 1.2), count),
        Figure(NAME, "newest 20 under an owner",
               "× the same rows by the same index, by a filter without a rule",
               rows["rules_same"], ("<=", 1.2), count),
        Figure(NAME, "page of 20 under an owner", "× the first 20 of all rows without a rule",
               rows["rules_page"], ("<=", 1.2),
               "the others need no index, and lie side by side"),
        Figure(NAME, "one record under owner or member, masked", "× without a rule",
               rows["rules_band_one"], ("<=", 1.2), count),
        Figure(NAME, "list of 50 by membership of two hops or owner", "ms", rows["member_list"],
               ("<=", 5), f"whole request, the slowest of {len(rows['member_list'])} took {slowest:.1f} ms"),
        Figure(NAME, "page of 20 under owner or member, server CPU", "µs",
               rows["bandGigs_page_cpu"]),
        Figure(NAME, "page of 20 without a rule, server CPU", "µs", rows["openGigs_page_cpu"]),
    ]
