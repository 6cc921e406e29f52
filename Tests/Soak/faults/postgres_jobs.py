"""A queue on PostgreSQL: workers that are killed, and one that is frozen until its leases are gone."""

import os
import signal
import subprocess
import tempfile
import threading
import time

from harness.postgres import Cluster

from .jobs import WORKER, work

NAME = "postgres-jobs"
PROMISE = "the same on PostgreSQL, where a lease has to run out; what a zombie ends is refused"
TEST = "{tries} jobs on PostgreSQL under a `kill -9` every 2 s, while a second worker is frozen " \
       "beyond its leases again and again; as the control, planted losses and doublings must be " \
       "found"
TRIES = (20_000, 200)
LEAST = 200
LEASE_SECONDS = 2


def run(folder, tries):
    os.makedirs(folder)
    with Cluster() as cluster:
        settings = dict(cluster.settings(), ROOST_JOBS_LEASE_SECONDS=str(LEASE_SECONDS))
        zombie = Zombie(os.path.join(folder, "zombie"), settings)
        zombie.start()
        try:
            result = work(os.path.join(folder, "data"), tries, settings,
                          lambda sql: cluster.query(sql, url=cluster.url, schema="roost"),
                          zombie.stop)
        finally:
            zombie.stop()
        result.counts["frozen"] = zombie.times
        result.counts["refused to the zombie"] = zombie.refused
        # A few jobs may be done before it wakes for the first time.
        if tries >= 20_000 and not zombie.refused:
            result.violate("the zombie was refused nothing: take more jobs")
        return result


class Zombie(threading.Thread):
    """A worker that takes jobs, is frozen for longer than its leases are good, and goes on."""

    def __init__(self, data, settings):
        super().__init__()
        self.data, self.settings = data, settings
        self.times = self.refused = 0
        self.ends = threading.Event()

    def stop(self):
        self.ends.set()
        self.join()

    def run(self):
        while not self.ends.is_set():
            with tempfile.TemporaryFile() as log:
                self._live(log)
                log.seek(0)
                self.refused += log.read().count(b"the end of a job was refused")
            self.ends.wait(0.2)  # for one that found nothing to do

    def _live(self, log):
        process = subprocess.Popen(
            [WORKER, self.data, "0"], stdout=subprocess.PIPE, stderr=log,
            env=dict(os.environ, SWIFT_BACKTRACE="enable=no", **self.settings))
        with process:
            process.stdout.readline()  # ready, or its end
            self.ends.wait(0.2)
            if process.poll() is None:
                process.send_signal(signal.SIGSTOP)
                self.times += 1
                time.sleep(LEASE_SECONDS + 1.5)
                process.send_signal(signal.SIGCONT)
                time.sleep(0.5)
            process.kill()
            process.wait()
