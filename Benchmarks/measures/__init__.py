"""What is measured: one file an area, listed in ALL.

A measure has `NAME`, and any of `round(bench)` (called once in each interleaved round),
`once(bench)` (called after the rounds) and `figures(bench)` (the figures of its samples).
"""

from . import (
    creates, export, followers, hostile, idle, ingest, memory, postgres, reads, ready, rules, static,
    sync, tls, worlds)

ALL = [ingest, static, tls, reads, creates, rules, memory, ready, idle, hostile, followers, postgres,
       export, sync, worlds]
