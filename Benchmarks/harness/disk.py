"""What the disk itself can do: one small append made durable, again and again."""

import os
import statistics
import time

SIZE = 4120  # one page of SQLite's write-ahead log with its frame header


def append_seconds(folder, seconds):
    """Times of write + fdatasync of a small append, in seconds, on the folder's file system."""
    path = os.path.join(folder, "append.probe")
    data = os.urandom(SIZE)
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_TRUNC, 0o600)
    times = []
    end = time.perf_counter() + seconds
    try:
        while time.perf_counter() < end:
            began = time.perf_counter()
            os.write(file, data)
            os.fdatasync(file)
            times.append(time.perf_counter() - began)
    finally:
        os.close(file)
        os.unlink(path)
    return times


def median_append_microseconds(folder, seconds):
    """The median of the durable appends, in microseconds."""
    return statistics.median(append_seconds(folder, seconds)) * 1e6
