"""One record of all at random, a page of twenty, and the latency at half of the full rate."""

from harness.figures import Figure
from harness.generators import pace, wrk_script

NAME = "read"


def round(bench):
    server = bench.server
    full = wrk_script(server.pid, server.port, "read", bench.dataset, bench.seconds)
    _complete(full, "reads")
    bench.add("read_rate", full.rate)
    bench.add("read_cpu", full.cpu)
    if bench.samples["nginx_rate"]:
        bench.add("read_to_nginx", full.rate / bench.samples["nginx_rate"][-1])

    requests = bench.file("read.requests", bench.dataset.write_reads)
    half = pace(bench.pace, server.pid, server.port, requests, 64, bench.seconds, full.rate / 2)
    _complete(half, "paced reads")
    bench.add("half_rate", half.rate)
    bench.add("half_p50", half.p50 / 1000)
    bench.add("half_p99", half.p99 / 1000)
    bench.add("half_late", half.late / 1000)

    page = wrk_script(server.pid, server.port, "list", bench.dataset, bench.seconds)
    _complete(page, "lists")
    bench.add("list_rate", page.rate)
    bench.add("list_cpu", page.cpu)


def _complete(load, what):
    if load.wrong:
        raise RuntimeError(f"{load.wrong} of {load.requests} {what} were not answered well")


def figures(bench):
    rows = bench.samples
    ratio = rows["read_to_nginx"]
    relative = f"{sorted(ratio)[len(ratio) // 2]:.2f} × nginx static; " if ratio else ""
    rate, rate_from = bench.at_least(40000)
    one, one_from = bench.at_most(20)
    page, page_from = bench.at_most(40)
    return [
        Figure(NAME, f"one record of {bench.dataset.rows:,}", "/s", rows["read_rate"],
               rate, relative + rate_from),
        Figure(NAME, "one record, server CPU", "µs", rows["read_cpu"], one, one_from),
        Figure(NAME, "one record at half of that rate, p99", "ms", rows["half_p99"], ("<=", 10),
               f"at {rows['half_rate'][-1]:,.0f}/s; generator late by "
               f"{max(rows['half_late']):.2f} ms at p99"),
        Figure(NAME, "one record at half of that rate, p50", "ms", rows["half_p50"]),
        Figure(NAME, "list of 20, server CPU", "µs", rows["list_cpu"], page, page_from),
        Figure(NAME, "list of 20", "/s", rows["list_rate"]),
    ]
