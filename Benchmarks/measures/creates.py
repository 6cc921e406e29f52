"""Durable creates: by 64 connections, and by one beside the disk's own durable write."""

from harness.disk import durable_write_microseconds
from harness.figures import Figure
from harness.generators import pace, wrk_script

NAME = "create"


def round(bench):
    server = bench.server
    load = wrk_script(server.pid, server.port, "create", bench.dataset, bench.seconds)
    if load.wrong:
        raise RuntimeError(f"{load.wrong} of {load.requests} creates were refused")
    probe = max(1, bench.seconds / 6)
    write = durable_write_microseconds(bench.folder, probe, growing=False)
    append = durable_write_microseconds(bench.folder, probe, growing=True)
    requests = bench.file("create.requests", bench.dataset.write_creates)
    alone = pace(bench.pace, server.pid, server.port, requests, 1, max(1, bench.seconds / 2))
    if alone.wrong:
        raise RuntimeError(f"{alone.wrong} of {alone.requests} lone creates were refused")
    bench.add("create_rate", load.rate)
    bench.add("create_cpu", load.cpu)
    bench.add("create_p50", load.p50 / 1000)
    bench.add("create_p99", load.p99 / 1000)
    bench.add("write", write)
    bench.add("append", append)
    bench.add("create_to_write", load.rate * write / 1e6)
    bench.add("alone", alone.p50)
    bench.add("alone_p99", alone.p99 / 1000)
    bench.add("alone_ratio", alone.p50 / write)


def figures(bench):
    rows = bench.samples
    ratio = sorted(rows["create_to_write"])[len(rows["create_to_write"]) // 2]
    rate, rate_from = bench.at_least(8000)
    cpu, cpu_from = bench.at_most(60)
    return [
        Figure(NAME, "durable, 64 connections", "/s", rows["create_rate"], rate,
               f"{ratio:.2f} × the disk's fdatasyncs a second; {rate_from}"),
        Figure(NAME, "server CPU", "µs", rows["create_cpu"], cpu, cpu_from),
        Figure(NAME, "64 connections, p50", "ms", rows["create_p50"]),
        Figure(NAME, "64 connections, p99", "ms", rows["create_p99"], ("<=", 50)),
        Figure(NAME, "alone, × one fdatasync", "×", rows["alone_ratio"], ("<=", 3)),
        Figure(NAME, "alone, p50", "µs", rows["alone"], pace="disk"),
        Figure(NAME, "alone, p99", "ms", rows["alone_p99"], pace="disk"),
        Figure(NAME, "the disk: 4,120 bytes in place + fdatasync", "µs", rows["write"], better=None),
        Figure(NAME, "the disk: 4,120 bytes appended + fdatasync", "µs", rows["append"],
               better=None),
    ]
