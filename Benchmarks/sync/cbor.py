"""Measures deltas as JSON and as CBOR, for docs/decisions/0030-cbor.md.

    python3 Benchmarks/sync/cbor.py FOLDER

FOLDER holds artists.tsv and user_artists.tsv of a set of listening counts (HetRec 2011, Last.fm):
92,834 rows with names and addresses. Prints bytes an entry, plain and packed as proxies and
clients do it (an answer of 500 entries at a time, deflate at level 6), and microseconds of CPU.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
CORE = HERE.parent.parent / "Sources/RoostCore"


def packed(data, count):
    """Bytes and seconds of packing, in pieces of about 500 entries."""
    size = len(data) * 500 // count
    began, total = time.process_time(), 0
    for start in range(0, len(data), size):
        total += len(zlib.compress(data[start:start + size], 6))
    return total, time.process_time() - began


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "cbor")
        sources = [str(each) for each in sorted(CORE.rglob("*.swift"))]
        subprocess.run(
            ["swiftc", "-O", "-wmo", "-package-name", "roost", "-swift-version", "6", *sources,
             str(HERE / "cbor/main.swift"), "-o", program], check=True)
        done = subprocess.run(
            [program, sys.argv[1], folder], check=True, capture_output=True, text=True)
        count, json_time, cbor_time = done.stdout.split()
        count = int(count)
        print(f"{count} entries")
        for name, encoded in (("json", json_time), ("cbor", cbor_time)):
            data = pathlib.Path(folder, f"entries.{name}").read_bytes()
            small, took = packed(data, count)
            print(f"{name}: {len(data) / count:.1f} bytes, {small / count:.1f} packed; "
                  f"{float(encoded):.3f} us to write, {took / count * 1e6:.2f} us to pack")


if __name__ == "__main__":
    main()
