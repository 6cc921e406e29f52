"""SIGKILL of a server on PostgreSQL every two seconds while it works through a queue of jobs."""

import os

from harness.postgres import Cluster

from .jobs import work

NAME = "postgres-jobs"
PROMISE = "the same on PostgreSQL, where a lease has to run out"
TEST = "{tries} jobs on PostgreSQL under a `kill -9` every 2 s"
TRIES = (20_000, 500)


def run(folder, tries):
    os.makedirs(folder)
    with Cluster() as cluster:
        return work(os.path.join(folder, "data"), tries,
                    dict(cluster.settings(), ROOST_JOBS_LEASE_SECONDS="2"),
                    lambda sql: cluster.query(sql, url=cluster.url, schema="roost"))
