"""How far a follower that keeps derived data is behind while 8,000 writes a second arrive."""

import os
import random
import shutil
import threading
import time

from harness.connection import Connection
from harness.figures import Figure
from harness.process import cpu_seconds
from harness.server import REPOSITORY, Server

NAME = "followers"
APP = os.path.join(REPOSITORY, "Benchmarks/followers")
RATE, BATCH, CONNECTIONS, BANDS = 8000, 100, 4, 1000


def identifier(chance):
    value = int(time.time() * 1000) << 80 | 0x7 << 76 | chance.getrandbits(12) << 64
    text = f"{value | 0b10 << 62 | chance.getrandbits(62):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def once(bench):
    folder = os.path.join(bench.folder, "followers")
    server = Server(os.path.join(folder, "data"), app=APP)
    os.makedirs(folder)
    server.start()
    try:
        _load(bench, server)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _load(bench, server):
    chance = random.Random(7)
    first = Connection(server.port)
    token = first.request("POST", "/v1/auth/anonymous", {}).json()["accessToken"]
    bands = [identifier(chance) for _ in range(BANDS)]
    for start in range(0, BANDS, BATCH):
        _batch(first, token, [("/v1/bands", {"id": band, "name": "x"})
                              for band in bands[start:start + BATCH]])
    seconds = max(10, bench.seconds)
    played = [0] * CONNECTIONS
    written, late, end = [0] * CONNECTIONS, [0.0] * CONNECTIONS, time.monotonic() + seconds

    def write(number):
        own, connection = random.Random(number), Connection(server.port)
        due = time.monotonic()
        while due < end:
            time.sleep(max(0, due - time.monotonic()))
            late[number] = max(late[number], time.monotonic() - due)
            gigs = [("/v1/gigs", {
                "band": own.choice(bands), "status": own.choice(["PLAYED", "PLANNED"]),
                "tickets": own.randint(0, 500), "title": "gig",
                "startsAt": f"2026-{own.randint(1, 12):02}-09T20:00:00Z"}) for _ in range(BATCH)]
            _batch(connection, token, gigs)
            played[number] += sum(gig["status"] == "PLAYED" for _, gig in gigs)
            written[number] += BATCH
            due += BATCH * CONNECTIONS / RATE
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(CONNECTIONS)]
    began, before = time.monotonic(), cpu_seconds(server.pid)
    for thread in threads:
        thread.start()
    lags = []
    while any(thread.is_alive() for thread in threads):
        lags.append(_lag(first))
        time.sleep(0.1)
    took = time.monotonic() - began
    bench.add("follower_rate", sum(written) / took)
    bench.add("follower_lag", max(lags) * 1000)
    bench.add("follower_lag_p50", sorted(lags)[len(lags) // 2] * 1000)
    bench.add("follower_cpu", (cpu_seconds(server.pid) - before) / sum(written) * 1e6)
    done = time.monotonic()
    while _lag(first):
        time.sleep(0.005)
    bench.add("follower_after", (time.monotonic() - done) * 1000)
    counted = 0
    after = ""
    while after is not None:
        page = first.request("GET", f"/v1/bands?limit=200{after}", token=token).json()
        counted += sum(band["played"] for band in page["items"])
        after = page["next"] and f"&after={page['next']}"
    if counted != sum(played):
        raise RuntimeError(f"{counted} were counted of {sum(played)}")
    bench.notes["followers"] = f"{sum(written):,} writes; {max(late) * 1000:.0f} ms late at most"
    first.close()


def _batch(connection, token, creates):
    answer = connection.request("POST", "/v1/batch", {"atomic": True, "operations": [
        {"method": "POST", "path": path, "body": body} for path, body in creates]}, token)
    if answer.status != 200:
        raise RuntimeError(f"a batch was answered {answer.status}: {answer.body[:300]!r}")


def _lag(connection):
    for line in connection.request("GET", "/metrics").body.decode().split("\n"):
        if line.startswith('roost_follower_lag_seconds{follower="derived"}'):
            return float(line.rsplit(" ", 1)[1])
    raise RuntimeError("the metrics do not tell the lag")


def figures(bench):
    rows = bench.samples
    rate, rate_from = bench.at_least(int(0.95 * RATE))
    return [
        Figure(NAME, "derived data behind, at most", "ms", rows["follower_lag"], ("<=", 1000),
               f"{BANDS:,} records with a count and a sum; {bench.notes.get('followers', '')}"),
        Figure(NAME, "behind, median", "ms", rows["follower_lag_p50"]),
        Figure(NAME, "caught up after the load", "ms", rows["follower_after"]),
        Figure(NAME, "writes meanwhile", "/s", rows["follower_rate"], rate, rate_from,
               pace=None),  # no more are sent, however fast the machine is
        Figure(NAME, "server CPU of a write and what follows", "µs", rows["follower_cpu"]),
    ]
