"""The same app on PostgreSQL on the same machine: reads, creates, one hot stream and many."""

import os

from harness.accounts import Account, Accounts
from harness.dataset import Dataset
from harness.figures import Figure
from harness.generators import wrk_script
from harness.postgres import Cluster
from harness.server import Server

NAME = "postgres"
STREAMS = 1000
BATCH = 100


def once(bench):
    folder = os.path.join(bench.folder, "postgres")
    os.makedirs(folder, exist_ok=True)
    with Cluster() as cluster:
        settings = cluster.settings()
        server = Server(os.path.join(folder, "data"), settings=settings)
        server.start()
        try:
            accounts = Accounts(len(bench.accounts.all))
            connection = server.connection()
            accounts.register(connection)
            dataset = Dataset(folder, bench.dataset.rows, accounts)
            dataset.create_venues(connection)
            server.stop()
            seconds, _ = dataset.import_into(os.path.join(folder, "data"), settings)
            bench.add("postgres_import", dataset.rows / seconds)
            cluster.query("VACUUM ANALYZE", url=cluster.url)
            server = Server(os.path.join(folder, "data"), settings=settings)
            server.start()
            many, one = _anonymous(folder, server, STREAMS), _anonymous(folder, server, 1)
            pids = [server.pid, cluster.postmaster()]
            # Each account's stream is made by its first record.
            wrk_script(pids, server.port, "create", many, 4)
            for _ in range(bench.rounds):
                connection = server.connection()
                accounts.freshen(connection)
                connection.close()
                dataset.write_tokens()
                _round(bench, server, pids, dataset, many, one)
        finally:
            if server.alive():
                server.stop()


def _anonymous(folder, server, count):
    """So many anonymous accounts, each with a stream of its own."""
    own = os.path.join(folder, f"anonymous-{count}")
    os.makedirs(own, exist_ok=True)
    connection = server.connection()
    accounts = Accounts(0)
    for _ in range(count):
        account = Account("")
        account.take(connection.request("POST", "/v1/auth/anonymous").json())
        accounts.all.append(account)
    connection.close()
    dataset = Dataset(own, 1, accounts)
    dataset.write_tokens()
    return dataset


def _round(bench, server, pids, dataset, many, one):
    for kind, source, name in (
            ("read", dataset, "read"), ("list", dataset, "list"), ("create", dataset, "create"),
            ("create", many, "many"), ("batch", dataset, "batch"), ("batch", one, "hot")):
        load = wrk_script(pids, server.port, kind, source, bench.seconds,
                          connections=8 if kind == "batch" else 64)
        if load.wrong:
            raise RuntimeError(f"{load.wrong} of {load.requests} of {name} were not answered well")
        times = BATCH if kind == "batch" else 1
        bench.add(f"postgres_{name}_rate", load.rate * times)
        bench.add(f"postgres_{name}_cpu", load.cpu / times)
        bench.add(f"postgres_{name}_p99", load.p99 / 1000)
        bench.say(f"  postgres {name}: {load.rate * times:,.0f}/s, {load.cpu / times:.0f} µs")


def figures(bench):
    rows = bench.samples
    read, read_from = bench.at_least(12000)
    cpu, cpu_from = bench.at_most(120)
    create, create_from = bench.at_least(6000)
    hot, hot_from = bench.at_least(20000)
    many, many_from = bench.at_least(4000)
    both = "Roost and PostgreSQL together; "
    return [
        Figure(NAME, f"one record of {bench.dataset.rows:,}", "/s", rows["postgres_read_rate"],
               read, read_from),
        Figure(NAME, "one record, CPU", "µs", rows["postgres_read_cpu"], cpu, both + cpu_from),
        Figure(NAME, "list of 20, CPU", "µs", rows["postgres_list_cpu"], None, both),
        Figure(NAME, "durable create, 64 connections", "/s", rows["postgres_create_rate"], create,
               create_from),
        Figure(NAME, "durable create, CPU", "µs", rows["postgres_create_cpu"], None, both),
        Figure(NAME, "durable create, p99", "ms", rows["postgres_create_p99"]),
        Figure(NAME, f"{STREAMS:,} streams, transactions", "/s", rows["postgres_many_rate"], many,
               many_from),
        Figure(NAME, f"one hot stream, mutations in batches of {BATCH} of eight connections", "/s",
               rows["postgres_hot_rate"], hot, hot_from),
        Figure(NAME, f"eight hot streams, mutations in batches of {BATCH}", "/s",
               rows["postgres_batch_rate"], hot, hot_from),
        Figure(NAME, "import", "rows/s", rows["postgres_import"]),
    ]
