"""Sync: first pulls, pushes, a change on its way to those who wait, a year away, the index.

The devices whose number counts are one process in C (Benchmarks/sync/fleet.c), which is given all
requests beforehand.
"""

import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
import uuid

from harness.connection import Connection, Disconnected, encode
from harness.figures import Figure
from harness.generators import compile_fleet
from harness.postgres import Cluster
from harness.process import cpu_seconds, peak_kb, resident_kb
from harness.server import REPOSITORY, Server

sys.path.append(os.path.join(REPOSITORY, "Tests/EndToEnd"))
from sync_rules import (  # noqa: E402
    digest16, digest_bits, genesis, hash_text, hashed, leaf, range_of)

NAME = "sync"
APP = os.path.join(REPOSITORY, "Benchmarks/sync")
BATCH, SINGLES, CLIENTS, CHANGES = 500, 64, 8, 20
# Accounts with BATCH rows each: their devices pull all at once, then one of each waits for a change.
PEOPLE, DEVICES = 200, 10
# Seconds after which the server has forgotten what it encoded for somebody else.
FORGOTTEN = 11
CURSOR = "#" * 16
DELTA = re.compile(rb'^{"frame":"delta","stream":(\d+),.*"to":(\d+)}$', re.S)


class Phone:
    """A client that makes mutations beforehand, so that only sending them is measured."""

    def __init__(self, port, token=None):
        self.connection = Connection(port, 60)
        self.token = token
        if token is None:
            answer = self.connection.request("POST", "/v1/auth/anonymous", {}).json()
            self.token, self.account = answer["accessToken"], answer["user"]["id"]
        self.cid = str(uuid.uuid4())
        self.chain, self.seq = genesis(self.cid, "LIVE"), 0

    def mutation(self, *operations):
        self.seq += 1
        made = {"seq": self.seq, "nonce": secrets.token_hex(8), "prev": self.chain,
                "hlc": f"{int(time.time() * 1000) << 16:016x}-{self.cid}", "schema": "1.0.0",
                "ops": list(operations)}
        self.chain = made["chain"] = digest16(hashed(self.chain, made))
        return made

    def create(self, collection="notes"):
        moment = int(time.time() * 1000) << 80 | 7 << 76 | 2 << 62
        values = {"owner": self.account, "title": "A note of some length", "text": "x" * 60}
        if collection == "notes":
            values["plays"] = 3
        return {"kind": "create", "coll": collection,
                "id": str(uuid.UUID(int=moment | secrets.randbits(62))), "args": values}

    def hello(self, **members):
        return {"frame": "hello", "cid": self.cid, "schema": "1.0.0",
                "wall": int(time.time() * 1000), "lanes": {}, "streams": {}, **members}

    def request(self, *frames):
        body = "\n".join(json.dumps(each, separators=(",", ":")) for each in frames).encode()
        return encode("POST", "/v1/sync", body, self.token)

    def push(self, count, collection="notes"):
        """The bytes of a request with `count` mutations."""
        muts = [self.mutation(self.create(collection)) for _ in range(count)]
        return self.request(
            self.hello(tiers=["ON_DEMAND"]),
            {"frame": "push", "cid": self.cid, "lane": "LIVE", "muts": muts})

    def send(self, request):
        try:
            self.connection.send(request)
            answer = self.connection.receive()
        except (Disconnected, OSError):  # closed for its idleness: what was sent counts once
            self.connection = Connection(self.connection.port, 60)
            self.connection.send(request)
            answer = self.connection.receive()
        if answer.status != 200 or b'"rejected"' in answer.body:
            raise RuntimeError(f"sync was answered {answer.status}: {answer.body[:400]!r}")
        return answer.body


def once(bench):
    folder = os.path.join(bench.folder, "sync")
    os.makedirs(folder)
    server = Server(os.path.join(folder, "data"), app=APP)
    server.start()
    try:
        phones = [Phone(server.port) for _ in range(CLIENTS)]
        for _ in range(bench.rounds):
            _batches(bench, server, phones, folder)
        for _ in range(bench.rounds):
            _pulls(bench, server, phones, folder)
        for _ in range(bench.rounds):
            _singles(bench, server, phones, folder)
        people = _people(server, folder)
        for _ in range(bench.rounds):
            _crowd(bench, server, people, folder)
        for _ in range(bench.rounds):
            _waits(bench, server, people, folder)
        _year(bench, server)
        bench.add("sync_rss", resident_kb(server.pid) / 1024)
        bench.add("sync_peak", peak_kb(server.pid) / 1024)
    finally:
        server.stop()
    _index_of_file(bench, os.path.join(folder, "data"))
    shutil.rmtree(folder, ignore_errors=True)
    _postgres(bench)


def _fleet(folder, server, clients, mode="run", *more):
    """Has `clients`, a list of lists of requests, sent by as many devices; gives what was told."""
    path = _file(folder, "clients", clients)
    done = subprocess.run(
        [compile_fleet(folder), "--port", str(server.port), "--clients", path, *more, mode],
        capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(done.stderr)
    told = json.loads(done.stdout)
    if told["failed"] or told["rejected"]:
        raise RuntimeError(f"not all went well: {told}")
    return told


def _file(folder, name, clients):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        for requests in clients:
            file.write(b"%d\n" % len(requests))
            for request in requests:
                file.write(b"%d\n" % len(request) + request)
    return path


def _batches(bench, server, phones, folder, name="sync_batch"):
    share = max(1, bench.dataset.rows // bench.rounds // BATCH // len(phones))
    made = [[phone.push(BATCH) for _ in range(share)] for phone in phones]
    before = cpu_seconds(server.pid)
    told = _fleet(folder, server, made)
    count = share * BATCH * len(phones)
    bench.add(name + "es", count / told["seconds"])
    bench.add(name + "_cpu", (cpu_seconds(server.pid) - before) / count * 1e6)


def _pulls(bench, server, phones, folder):
    """First pulls of devices that have nothing, one of each account, to their ends."""
    clients = []
    for phone in phones:
        own = Phone(server.port, phone.token)
        lines = own.send(own.request(own.hello())).rstrip(b"\n").split(b"\n")
        own.connection.close()
        stream = next(each[1] for each in map(DELTA.match, lines) if each).decode()
        page = json.loads(lines[-1]).get("page", 0)
        further = own.request(own.hello(staged={stream: CURSOR}, page=page))
        clients.append([own.request(own.hello()), _placed(further)])
    # What these looks had encoded is not to serve the measured ones.
    time.sleep(FORGOTTEN)
    before = cpu_seconds(server.pid)
    told = _fleet(folder, server, clients, "pull")
    rows = told["entries"]
    bench.add("sync_pull", rows / told["seconds"])
    bench.add("sync_pull_cpu", (cpu_seconds(server.pid) - before) / rows * 1e6)
    bench.add("sync_pull_client", told["cpu_seconds"] / rows * 1e6)
    bench.notes["sync_row"] = f"{told['bytes'] / rows:.0f} bytes an entry"


def _placed(request):
    """A request in which the cursor is a number, as long as before."""
    return request.replace(f'"{CURSOR}"'.encode(), CURSOR.encode() + b"  ")


def _singles(bench, server, phones, folder):
    made = []
    for number in range(SINGLES):
        writer = Phone(server.port, phones[number % len(phones)].token)
        writer.account = phones[number % len(phones)].account
        made.append([writer.push(1) for _ in range(100)])
        writer.connection.close()
    before = cpu_seconds(server.pid)
    told = _fleet(folder, server, made)
    bench.add("sync_singles", SINGLES * 100 / told["seconds"])
    bench.add("sync_single_cpu", (cpu_seconds(server.pid) - before) / (SINGLES * 100) * 1e6)


def _people(server, folder):
    """Many accounts with some rows each."""
    people = [Phone(server.port) for _ in range(PEOPLE)]
    _fleet(folder, server, [[person.push(BATCH)] for person in people])
    return people


def _crowd(bench, server, people, folder):
    """Many devices that have nothing, all at once: several of each account, and one of each."""
    for name, share in (("sync_crowd", DEVICES), ("sync_strangers", 1)):
        clients = []
        for person in people:
            for _ in range(share):
                device = Phone.__new__(Phone)
                device.token, device.cid = person.token, str(uuid.uuid4())
                clients.append([device.request(device.hello())])
        if share == 1:
            time.sleep(FORGOTTEN)
        before = cpu_seconds(server.pid)
        told = _fleet(folder, server, clients, "pull")
        if told["entries"] < PEOPLE * share * BATCH:
            raise RuntimeError(f"{told['entries']} entries came")
        bench.add(name, told["seconds"])
        bench.add(name + "_cpu", cpu_seconds(server.pid) - before)


def _heads(phone):
    """The cursors of a device that has pulled all."""
    heads, body = {}, b""
    while b'"frame":"commit"' not in body:
        body = phone.send(phone.request(phone.hello(streams=heads)))
        for line in body.split(b"\n"):
            delta = DELTA.match(line)
            if delta:
                heads[delta[1].decode()] = int(delta[2])
    heads.update(json.loads(body.rstrip(b"\n").split(b"\n")[-1])["heads"])
    return heads


def _waits(bench, server, people, folder):
    """From the sending of a push until each of the accounts that wait has the change."""
    writer = Phone(server.port)
    writer.send(writer.push(1, "notices"))
    stream = next(iter(_heads(writer)))
    clients = []
    for person in people:
        heads = _heads(person)
        head = heads[stream]
        asked = person.request(person.hello(streams=dict(heads, **{stream: CURSOR}), wait=60))
        clients.append([_placed(asked)])
    pushes = _file(folder, "pushes", [[writer.push(1, "notices") for _ in range(CHANGES)]])
    before, (soon, woken) = cpu_seconds(server.pid), _wakes(server)
    told = _fleet(folder, server, clients, "wait", "--pushes", pushes, "--stream", stream,
                  "--head", str(head))
    bench.add("sync_wait_p50", told["p50"] / 1000)
    bench.add("sync_wait_p99", told["p99"] / 1000)
    bench.add("sync_wait_behind", told["behind_p99"] / 1000)
    bench.add("sync_wait_cpu",
              (cpu_seconds(server.pid) - before) / (CHANGES * PEOPLE) * 1e6)
    soon, woken = (now - then for now, then in zip(_wakes(server), (soon, woken)))
    if woken < CHANGES * PEOPLE * 0.9:
        raise RuntimeError(f"{woken} of {CHANGES * PEOPLE} were woken by a commit")
    bench.add("sync_wait_commit", 100 * soon / woken)
    writer.connection.close()


def _wakes(server):
    """How many had their answer within 25 ms of the commit that they waited for, and how many in
    all, by the server's own clock."""
    text = server.connection().request("GET", "/metrics").body.decode()
    return [int(re.search(rf"(?m)^roost_sync_wake_seconds_{name} (\d+)", text)[1])
            for name in (r'bucket\{le="0\.025"\}', "count")]


def _year(bench, server):
    """A device that comes back to a stream of which one row in a hundred has changed."""
    phone = Phone(server.port)
    for _ in range(max(1, bench.dataset.rows // BATCH)):
        phone.send(phone.push(BATCH))
    held_in, size, own = {}, 0, Phone(server.port, phone.token)
    staged, page, end = {}, None, None
    while end != "commit":
        more = {"staged": staged, "page": page} if staged else {}
        body = own.send(own.request(own.hello(**more)))
        size += len(body)
        for line in body.rstrip(b"\n").split(b"\n"):
            frame = json.loads(line)
            end, page = frame["frame"], frame.get("page")
            if end == "delta":
                staged[str(frame["stream"])] = frame["to"]
                held_in.setdefault(str(frame["stream"]), {}).update(
                    {entry["id"]: entry["seq"] for entry in frame["entries"]})
    # The others are what everybody reads.
    stream, rows = max(held_in.items(), key=lambda each: len(each[1]))
    some = list(rows)[::100]
    for start in range(0, len(some), BATCH):
        muts = [phone.mutation({"kind": "update", "coll": "notes", "id": row,
                                "args": {"title": "Another title"}})
                for row in some[start:start + BATCH]]
        phone.send(phone.request(phone.hello(tiers=["ON_DEMAND"]), {
            "frame": "push", "cid": phone.cid, "lane": "LIVE", "muts": muts}))
    bits = digest_bits(len(rows))
    hashes, held = [0] * (1 << bits), {}
    for row, seq in rows.items():
        value = leaf("notes", row, seq)
        hashes[range_of(row, bits)] ^= value
        held.setdefault(range_of(row, bits), []).append(value)
    hello = own.hello(streams={**staged, stream: 1})
    asked = own.request(hello, {
        "frame": "digest", "stream": int(stream), "bits": bits, "hashes": hash_text(hashes)})
    body = own.send(asked)
    travelled = len(asked) + len(body)
    frame = next(json.loads(line) for line in body.split(b"\n") if b'"frame":"ranges"' in line)
    asked = own.request(hello, {
        "frame": "leaves", "stream": int(stream), "bits": bits, "head": frame["head"],
        "ranges": {str(each): hash_text(held.get(each, [])) for each in frame["differ"]}})
    body = own.send(asked)
    if body.count(b'"rv":') != len(some):
        raise RuntimeError(f"{body.count(b'rv')} entries came of {len(some)} that had changed")
    travelled += len(asked) + len(body)
    bench.add("sync_year", travelled / size * 100)
    own.connection.close()
    phone.connection.close()


def _index_of_file(bench, data):
    path = next(os.path.join(data, name) for name in sorted(os.listdir(data))
                if name.endswith(".db") or name.endswith(".sqlite"))
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        names = [row[0] for row in database.execute(
            "SELECT name FROM sqlite_master WHERE tbl_name = 'roost_scope_row'")]
        marks = ",".join("?" * len(names))
        size = database.execute(
            f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({marks})", names).fetchone()[0]
        count = database.execute("SELECT count(*) FROM roost_scope_row").fetchone()[0]
    bench.add("sync_index", size / count)


def _postgres(bench):
    folder = os.path.join(bench.folder, "sync-postgres")
    os.makedirs(folder)
    with Cluster() as cluster:
        server = Server(os.path.join(folder, "data"), app=APP, settings=cluster.settings())
        server.start()
        try:
            phones = [Phone(server.port) for _ in range(CLIENTS)]
            for _ in range(bench.rounds):
                _batches(bench, server, phones, folder, "sync_postgres_batch")
            schema = cluster.query(
                "SELECT schemaname FROM pg_tables WHERE tablename = 'roost_scope_row'",
                url=cluster.url)[0][0]
            size, count = cluster.query(
                f"SELECT pg_total_relation_size('\"{schema}\".roost_scope_row'), "
                f"(SELECT count(*) FROM \"{schema}\".roost_scope_row)", url=cluster.url)[0]
            bench.add("sync_postgres_index", int(size) / int(count))
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)


def figures(bench):
    rows = bench.samples
    pull, pull_from = bench.at_least(250_000)
    batches, batches_from = bench.at_least(10_000)
    singles, singles_from = bench.at_least(3_000)
    devices = PEOPLE * DEVICES
    return [
        Figure(NAME, "first pull", "rows/s", rows["sync_pull"], pull,
               f"{pull_from}; {bench.notes.get('sync_row', '')}; {CLIENTS} devices at once"),
        Figure(NAME, "server CPU of a row pulled", "µs", rows["sync_pull_cpu"]),
        Figure(NAME, "CPU of the devices for one", "µs", rows["sync_pull_client"],
               better=None),
        Figure(NAME, f"pushes of {BATCH} mutations", "mutations/s", rows["sync_batches"], batches,
               batches_from),
        Figure(NAME, "server CPU of a mutation in them", "µs", rows["sync_batch_cpu"]),
        Figure(NAME, f"pushes of one mutation, {SINGLES} devices", "/s", rows["sync_singles"],
               singles, singles_from),
        Figure(NAME, "server CPU of one", "µs", rows["sync_single_cpu"]),
        Figure(NAME, f"a change answered to {PEOPLE} accounts that wait within 25 ms of its commit",
               "%", rows["sync_wait_commit"], (">=", 99), "by the server's clock"),
        Figure(NAME, "the same at the accounts, p99", "ms", rows["sync_wait_p99"],
               ("<=", 25), "from the sending of the push"),
        Figure(NAME, "the same, median", "ms", rows["sync_wait_p50"]),
        Figure(NAME, "the same behind the answer of the push, p99", "ms",
               rows["sync_wait_behind"]),
        Figure(NAME, "server CPU of one that is told, and waits again", "µs",
               rows["sync_wait_cpu"]),
        Figure(NAME, f"first pulls of {devices:,} devices × {BATCH} rows at once", "s",
               rows["sync_crowd"], ("<=", 5), f"{PEOPLE} accounts, {DEVICES} devices each"),
        Figure(NAME, "server CPU of all these", "s", rows["sync_crowd_cpu"], pace="nginx"),
        Figure(NAME, f"the same of one device of each account, {PEOPLE} × {BATCH} rows", "s",
               rows["sync_strangers"], ("<=", 5 / DEVICES), "no two of them pull the same"),
        Figure(NAME, "bytes after a year, 1 % of the rows changed, of the snapshot's", "%",
               rows["sync_year"], ("<=", 3), f"{bench.dataset.rows:,} rows"),
        Figure(NAME, "index of a row and scope", "bytes", rows["sync_index"], ("<=", 60)),
        Figure(NAME, f"PostgreSQL, pushes of {BATCH} mutations", "mutations/s",
               rows["sync_postgres_batches"], bench.at_least(5_000)[0]),
        Figure(NAME, "PostgreSQL, index of a row and scope", "bytes", rows["sync_postgres_index"],
               ("<=", 110), "with its indexes"),
        Figure(NAME, "memory after all", "MB", rows["sync_rss"], ("<=", 200)),
        Figure(NAME, "most memory", "MB", rows["sync_peak"], ("<=", 200)),
    ]
