"""`roost import` of all rows; the loading itself is in Bench.prepare, into copies of one folder."""

from harness.figures import Figure

NAME = "import"


def figures(bench):
    rows = bench.samples
    threads = sorted(bench.notes["import_threads"].items(), key=lambda each: -each[1])
    busiest = ", ".join(f"`{name}` {seconds:.1f} s" for name, seconds in threads[:3])
    cpu = sorted(rows["import_cpu"])[len(rows["import_cpu"]) // 2]
    return [
        Figure(NAME, f"{bench.dataset.rows:,} rows through validation and log", "rows/s",
               rows["import_rate"], (">=", 25000), f"{cpu:.2f} cores busy; {busiest}"),
    ]
