"""One sync fails with EIO: the server must stop there and acknowledge nothing after it.

SQLite itself goes on committing after a failed fdatasync, and Linux forgets the error. A commit's
write to the log comes back when it is durable (O_DSYNC), and checkpoints and a new log call
fdatasync. So the Nth of the one or the other is made to fail, and after the server has ended the
file system is cut off without a flush: what was acknowledged in vain is then gone for good, and is
missed.
"""

import os
import re
import shutil
import sqlite3
import time

from harness.connection import Disconnected
from harness.server import Server

from . import forgetful, tracing
from .inspection import check
from .planted import prove
from .result import Result
from .volume import Volume
from .writers import Crew

NAME = "sync"
PROMISE = "a failed fsync is fatal: nothing is acknowledged on it"
TEST = "{tries} × EIO under 8 writers (strace), at the Nth durable write of the log, another N " \
       "each time, and every eighth time at the Nth fdatasync, N from 1 to 40, most of which are " \
       "those of checkpoints; then the file system is cut off unflushed; exit code, last " \
       "acknowledgement and database are checked; as the controls, a server that is told nothing " \
       "of the failure must go on and lose writes, and planted losses and doublings must be found"
TRIES = (500, 3)
SIZE = 1 << 30
# A run of 30 s makes some 70 fdatasyncs: three at its start, the rest by checkpoints, which come
# once to four times a second.
FDATASYNCS = 40
PATIENCE = 120
# So many failures meet the same data. All that was written before is compared after each, which
# for hundreds of them would be most of the work.
SPAN = 25
GRACE = 10  # from the failure to the end of the process
# An answer that was on its way may be read late where processors are scarce.
LATE = 3
# A control goes on for so many failures, since a single one may be put right.
FAILURES = 3


def run(folder, tries):
    tracing.require()
    result = Result()
    result.counts.update(failures=0, acknowledged=0, lost=0, doubled=0)
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "server.log")
    with Volume(folder, SIZE) as volume:
        moments = list(_moments(tries))
        for begin in range(0, len(moments), SPAN):
            data, crew = os.path.join(volume.path, f"data{begin}"), Crew()
            with Server(data, log=log) as server:
                crew.settle(server)
            for kind, number in moments[begin:begin + SPAN]:
                if not _fail(folder, volume, data, crew, (kind, number), log, result):
                    break
            result.add("acknowledged", crew.acknowledged())
            if begin + SPAN >= len(moments):
                prove(data, folder, crew, result)
            shutil.rmtree(data)
            if not result.passed:
                break
        for kind, when in (("write", "40+"), ("fdatasync", "4+")):
            if result.passed:
                _control(folder, volume, kind, when, result)
    return result


def _moments(tries):
    """What fails: the kind, and the number of its kind.

    Every eighth is an fdatasync, for which the longer ones have to wait.
    """
    if tries < 20:
        return [("write", 17), ("fdatasync", 3), ("write", 200), ("fdatasync", 12)][:tries]
    return [("fdatasync", 1 + (number // 8 - 1) % FDATASYNCS) if number % 8 == 0
            else ("write", number) for number in range(1, tries + 1)]


def _wrapper(trace, data, kind, when):
    """strace, which makes calls of a kind fail: the one of this number, or with a + all from it."""
    call = "fdatasync" if kind == "fdatasync" else "pwrite64"
    # With a filter in the kernel only these calls stop the server, and not each that it makes.
    wrapper = ["strace", "-f", "--seccomp-bpf", "-y", "-qq", "-ttt", "-s", "0", "-o", trace,
               "-e", f"trace=fdatasync,fsync,{call}",
               "-e", f"inject={call}:error=EIO:when={when}", "-e", "signal=none"]
    if kind == "write":
        # Calls for other files are neither counted nor made to fail.
        wrapper += ["-P", os.path.join(os.path.realpath(data), "roost.sqlite-wal")]
    return wrapper


def _fail(folder, volume, data, crew, moment, log, result):
    trace = os.path.join(folder, "trace")
    kind, number = moment
    when = f"EIO at {kind} {number}"
    server = Server(data, log=log, wrapper=_wrapper(trace, data, kind, number))
    started = False
    try:
        server.start()
        crew.start(server)
        started = True
    except (RuntimeError, Disconnected):  # it may fail at its start too
        pass
    code = _wait_for_end(server, trace) if server.alive() else server.process.returncode
    if code is None:
        server.kill()
        if started:
            crew.join()
        problem = _passed_over(trace, data)
        if problem:
            result.violate(f"{when}: {problem}")
            return False
    elif started:
        crew.join()
        _acknowledgements(crew, trace, when, result)
    if code == 0:
        result.violate(f"{when}: the server ended with 0")
    if _injected_at(trace) is None:
        result.violate(f"{when}: ended with {code} before the failure: {server.tail()}")
    volume.lose_power()
    volume.remount()
    check(data, folder, crew, result, when)
    result.add("failures")
    with Server(data, log=log) as server:
        crew.resolve(server)
    return result.passed


def _wait_for_end(server, trace):
    """The exit code; None when the server serves on after the failure, or met none."""
    deadline = time.monotonic() + PATIENCE
    while server.alive() and time.monotonic() < deadline:
        at = _injected_at(trace)
        if at is not None and time.time() > at + GRACE and server.alive():
            return None
        time.sleep(0.05)
    return None if server.alive() else server.wait(10)


def _injected_at(trace):
    """When the first failure was injected, in seconds of the wall clock."""
    return next(iter(_injections(trace)), None)


def _injections(trace):
    """When each failure was injected."""
    with open(trace) as file:
        return [float(at) for at in re.findall(r"(\d+\.\d+) .*EIO.*INJECTED", file.read())]


def _passed_over(trace, data):
    """What is wrong when the server went on; nothing when it may.

    SQLite ignores a failed sync of the folder, after it has made its write-ahead log. That is
    harmless when the server has made the folder durable itself by then.
    """
    with open(trace) as file:
        text = file.read()
    found = re.search(r".*EIO.*INJECTED.*", text)
    if not found:
        return f"no such call came within {PATIENCE} s"
    folder = f"<{os.path.realpath(data)}>"
    if folder not in found[0]:
        return "the server went on serving"
    if re.search(rf"sync\(\d+{re.escape(folder)}\) = 0", text[:found.start()]):
        return None
    return "a failed sync of the folder was passed over, which nothing else had made durable"


def _acknowledgements(crew, trace, when, result):
    """Nothing may be acknowledged later than what was on its way when the failure came."""
    at = _injected_at(trace)
    last = max(writer.last_acknowledged_at for writer in crew.writers)
    if at is not None and last > at + LATE:
        result.violate(f"{when}: a write was acknowledged {last - at:.3f} s after the failure")
    for status, body in crew.refusals()[:1]:
        if status not in (500, 503):
            result.violate(f"{when}: a write was answered {status}: {body}")


def _control(folder, volume, kind, when, result):
    """A server to which such a failure is not told must go on, and lose what it acknowledged.

    All from one on fail: what a single write lost is put right by the next checkpoint, which copies
    the pages from memory. What such a checkpoint has just saved is not lost either, so there are
    three tries.
    """
    for _ in range(3):
        lost = _forgive(folder, volume, kind, when)
        if lost:
            result.counts[f"the control of a failed {kind} lost"] = lost
            return
    result.violate(f"the control of a failed {kind} lost nothing, so this test proves nothing here")


def _forgive(folder, volume, kind, when):
    """What is lost of a server to which a failure was not told; nothing where it stopped there."""
    data, crew = os.path.join(volume.path, f"control-{kind}"), Crew()
    trace, log = os.path.join(folder, "trace"), os.path.join(folder, "control.log")
    with Server(data, log=log) as server:
        crew.settle(server)
    os.sync()
    server = Server(data, log=log, wrapper=_wrapper(trace, data, kind, when),
                    settings=forgetful.settings(folder, "forgiving"))
    server.start()
    crew.start(server, patient=True)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.alive():
        # Looked at behind the last acknowledgement: what is lost was acknowledged on a failure.
        last = max(writer.last_acknowledged_at for writer in crew.writers)
        failures = _injections(trace)
        if len(failures) >= FAILURES and last > failures[FAILURES - 1]:
            break
        time.sleep(0.05)
    at, last = _injected_at(trace), max(writer.last_acknowledged_at for writer in crew.writers)
    volume.lose_power()
    server.kill()
    crew.join()
    volume.remount()
    found, lost = Result(), None
    try:
        check(data, folder, crew, found, "control")
    except (sqlite3.Error, RuntimeError):
        lost = "the database"
    shutil.rmtree(data)
    if at is None or last <= at:
        return None
    return lost or (f"{found.counts['lost']:,} rows" if found.counts["lost"] else None)
