"""Resident memory after the start and at its highest under the rounds' load."""

from harness.figures import Figure
from harness.process import peak_kb, resident_kb

NAME = "memory"


def round(bench):
    bench.add("load_rss", resident_kb(bench.server.pid) / 1024)
    bench.samples["peak_rss"] = [peak_kb(bench.server.pid) / 1024]


def figures(bench):
    rows = bench.samples
    return [
        Figure(NAME, "after start, empty", "MB", rows["empty_rss"], ("<=", 40)),
        Figure(NAME, f"after start, {bench.dataset.rows:,} rows", "MB", rows["loaded_rss"]),
        Figure(NAME, "under the load, after each round", "MB", rows["load_rss"]),
        Figure(NAME, "under the load, highest", "MB", rows["peak_rss"], ("<=", 150)),
    ]
