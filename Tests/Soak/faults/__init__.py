"""The faults that are put to the server: one file each, listed in ALL.

A fault has `NAME`, `PROMISE`, `TEST` (what is done, with the number of tries) and
`run(folder, tries)`, which gives a Result. `TRIES` is (whole, short); what has no tries in the
short run is left out of it.
"""

from . import (
    drain, followers, full_disk, jobs, kills, migration, postgres_crashes, postgres_full_disk,
    postgres_jobs, postgres_kills, postgres_order, power, roundtrip, sync_failure)

ALL = [kills, power, sync_failure, full_disk, drain, jobs, followers, postgres_kills,
       postgres_crashes, postgres_order, postgres_full_disk, postgres_jobs, migration,
       roundtrip]
