"""The faults that are put to the server: one file each, listed in ALL.

A fault has `NAME`, `PROMISE`, `TEST` (what is done, with the number of tries) and
`run(folder, tries)`, which gives a Result. `TRIES` is (whole, short); what has no tries in the
short run is left out of it. `LEAST`, where there is one, is the number below which it tells nothing.
"""

from . import (
    backups, clocks, drain, drain_tls, flood, followers, followers_own, full_disk, hour, jobs,
    keepalive, kills, migration, partitions, patroni, postgres_crashes, postgres_followers,
    postgres_full_disk, postgres_jobs, postgres_kills, postgres_order, power, roundtrip, simulation,
    slow, sync_failure)

ALL = [kills, power, sync_failure, full_disk, clocks, drain, drain_tls, slow, keepalive, flood,
       jobs, followers, followers_own, postgres_kills, postgres_crashes, postgres_order,
       postgres_full_disk, postgres_jobs, postgres_followers, partitions, patroni, hour, migration,
       roundtrip, backups, simulation]
