"""What the disk itself can do: one small write made durable, again and again."""

import os
import statistics
import time

SIZE = 4120  # one page of SQLite's write-ahead log with its frame header
LENGTH = 4 << 20  # about what the log grows to before it is begun anew


def durable_write_microseconds(folder, seconds, growing):
    """The median of write + fdatasync on the folder's file system, in microseconds.

    A file that is `growing` costs the disk its new length with every write. One that was written
    before does not, and SQLite's log is such a file from its first checkpoint on.
    """
    path = os.path.join(folder, "disk.probe")
    data = os.urandom(SIZE)
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    times, at = [], 0
    try:
        if not growing:
            os.write(file, os.urandom(LENGTH))
            os.fsync(file)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            os.pwrite(file, data, at)
            os.fdatasync(file)
            times.append(time.perf_counter() - began)
            at += SIZE
            if not growing and at + SIZE > LENGTH:
                at = 0
    finally:
        os.close(file)
        os.unlink(path)
    return statistics.median(times) * 1e6
