"""Sync: a first pull, pushes in batches and one by one, a change on its way to those who wait."""

import json
import os
import re
import secrets
import shutil
import sys
import threading
import time
import uuid

from harness.connection import Connection, encode
from harness.figures import Figure
from harness.process import cpu_seconds, resident_kb
from harness.server import REPOSITORY, Server

sys.path.append(os.path.join(REPOSITORY, "Tests/EndToEnd"))
from sync_rules import digest16, genesis, hashed  # noqa: E402

NAME = "sync"
APP = os.path.join(REPOSITORY, "Benchmarks/sync")
ROWS, BATCH, SINGLES, CLIENTS, WAITERS, CHANGES = 100_000, 500, 64, 8, 200, 20
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

    def create(self):
        moment = int(time.time() * 1000) << 80 | 7 << 76 | 2 << 62
        return {"kind": "create", "coll": "notes",
                "id": str(uuid.UUID(int=moment | secrets.randbits(62))),
                "args": {"owner": self.account, "title": "A note of some length",
                         "text": "x" * 60, "plays": 3}}

    def hello(self, **members):
        return {"frame": "hello", "cid": self.cid, "schema": "1.0.0",
                "wall": int(time.time() * 1000), "lanes": {}, "streams": {}, **members}

    def request(self, *frames):
        body = "\n".join(json.dumps(each, separators=(",", ":")) for each in frames).encode()
        return encode("POST", "/v1/sync", body, self.token)

    def push(self, count):
        """The bytes of a request with `count` mutations."""
        muts = [self.mutation(self.create()) for _ in range(count)]
        return self.request(
            self.hello(tiers=["ON_DEMAND"]),
            {"frame": "push", "cid": self.cid, "lane": "LIVE", "muts": muts})

    def send(self, request):
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
            _batches(bench, server, phones)
        for _ in range(bench.rounds):
            _pulls(bench, server, phones)
        for _ in range(bench.rounds):
            _singles(bench, server, phones)
        _waits(bench, server, phones[0])
        bench.add("sync_rss", resident_kb(server.pid) / 1024)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _together(works):
    """Runs the works, a thread each; gives the seconds, and raises what one of them raised."""
    faults = []

    def run(work):
        try:
            work()
        except Exception as fault:  # noqa: BLE001 (it is raised again below)
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return time.monotonic() - began


def _batches(bench, server, phones):
    share = max(1, ROWS // bench.rounds // BATCH // len(phones))
    made = [(phone, [phone.push(BATCH) for _ in range(share)]) for phone in phones]
    before = cpu_seconds(server.pid)
    took = _together([lambda phone=phone, requests=requests: [phone.send(each) for each in requests]
                      for phone, requests in made])
    count = share * BATCH * len(phones)
    bench.add("sync_batches", count / took)
    bench.add("sync_batch_cpu", (cpu_seconds(server.pid) - before) / count * 1e6)


def _pull(phone, port):
    """Pulls everything as a device that has nothing; gives the rows and the bytes."""
    own = Phone(port, phone.token)
    staged, page, rows, size = {}, None, 0, 0
    while True:
        more = {"staged": staged, "page": page} if staged else {}
        body = own.send(own.request(own.hello(**more)))
        size += len(body)
        rows += body.count(b'"rv":')
        lines = body.rstrip(b"\n").split(b"\n")
        for line in lines:
            delta = DELTA.match(line)
            if delta:
                staged[delta[1].decode()] = int(delta[2])
        if lines[-1].startswith(b'{"frame":"commit"'):
            own.connection.close()
            return rows, size
        page = json.loads(lines[-1])["page"]


def _pulls(bench, server, phones):
    found = []
    before = cpu_seconds(server.pid)
    took = _together([lambda phone=phone: found.append(_pull(phone, server.port))
                      for phone in phones])
    rows = sum(each[0] for each in found)
    bench.add("sync_pull", rows / took)
    bench.add("sync_pull_cpu", (cpu_seconds(server.pid) - before) / rows * 1e6)
    bench.notes["sync_row"] = f"{sum(each[1] for each in found) / rows:.0f} bytes an entry"


def _singles(bench, server, phones):
    writers = []
    for number in range(SINGLES):
        writer = Phone(server.port, phones[number % len(phones)].token)
        writer.account = phones[number % len(phones)].account
        writers.append((writer, [writer.push(1) for _ in range(30)]))
    before = cpu_seconds(server.pid)
    took = _together([lambda phone=phone, requests=requests: [phone.send(each) for each in requests]
                      for phone, requests in writers])
    bench.add("sync_singles", SINGLES * 30 / took)
    bench.add("sync_single_cpu", (cpu_seconds(server.pid) - before) / (SINGLES * 30) * 1e6)
    for writer, _ in writers:
        writer.connection.close()


def _waits(bench, server, writer):
    """From the sending of a push until each of those who wait has the change."""
    heads = {}
    for line in writer.send(writer.request(writer.hello())).split(b"\n"):
        delta = DELTA.match(line)
        if delta:
            heads[delta[1].decode()] = int(delta[2])
    frames = writer.send(writer.request(writer.hello(streams=heads)))
    while b'"frame":"more"' in frames:
        for line in frames.split(b"\n"):
            delta = DELTA.match(line)
            if delta:
                heads[delta[1].decode()] = int(delta[2])
        frames = writer.send(writer.request(writer.hello(streams=heads)))
    heads.update(json.loads(frames.rstrip(b"\n").split(b"\n")[-1])["heads"])
    heads = {str(stream): head for stream, head in heads.items()}
    arrived, lock, ready = [], threading.Lock(), threading.Semaphore(0)
    go = threading.Barrier(WAITERS + 1)

    def wait():
        own, cursors = Phone(server.port, writer.token), dict(heads)
        for _ in range(CHANGES):
            request = own.request(own.hello(streams=cursors, wait=30))
            ready.release()
            body = own.send(request)
            at = time.monotonic()
            with lock:
                arrived.append(at)
            commit = json.loads(body.rstrip(b"\n").split(b"\n")[-1])
            cursors.update({str(stream): head for stream, head in commit["heads"].items()})
            go.wait(60)
        own.connection.close()

    threads = [threading.Thread(target=wait) for _ in range(WAITERS)]
    for thread in threads:
        thread.start()
    late = []
    for _ in range(CHANGES):
        for _ in range(WAITERS):
            ready.acquire()
        time.sleep(0.3)
        request = writer.push(1)
        # From before the push, whose own answer may well be read after those of the others.
        began = time.monotonic()
        writer.send(request)
        go.wait(60)
        late += [(at - began) * 1000 for at in arrived]
        arrived.clear()
    for thread in threads:
        thread.join()
    late.sort()
    bench.add("sync_wait_p50", late[len(late) // 2])
    bench.add("sync_wait_p99", late[len(late) * 99 // 100])


def figures(bench):
    rows = bench.samples
    pull, pull_from = bench.at_least(250_000)
    batches, batches_from = bench.at_least(10_000)
    singles, singles_from = bench.at_least(3_000)
    return [
        Figure(NAME, "first pull", "rows/s", rows["sync_pull"], pull,
               f"{pull_from}; {bench.notes.get('sync_row', '')}; 8 devices at once"),
        Figure(NAME, "server CPU of a row pulled", "µs", rows["sync_pull_cpu"]),
        Figure(NAME, f"pushes of {BATCH} mutations", "mutations/s", rows["sync_batches"], batches,
               batches_from),
        Figure(NAME, "server CPU of a mutation in them", "µs", rows["sync_batch_cpu"]),
        Figure(NAME, f"pushes of one mutation, {SINGLES} devices", "/s", rows["sync_singles"],
               singles, f"{singles_from}; the devices are threads of one Python process"),
        Figure(NAME, "server CPU of one", "µs", rows["sync_single_cpu"]),
        Figure(NAME, f"a change at {WAITERS} that wait, p99", "ms", rows["sync_wait_p99"],
               ("<=", 25), "from the sending of the push; the waiting are threads of Python"),
        Figure(NAME, "the same, median", "ms", rows["sync_wait_p50"]),
        Figure(NAME, "memory after all", "MB", rows["sync_rss"], ("<=", 200)),
    ]
