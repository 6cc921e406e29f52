"""A share of a processor for a process that is yet to be started, by a control group of the kernel (version 1 or 2)."""

import os
import time

from .result import Unavailable

PERIOD = 100_000  # µs
FIRST, SECOND = "/sys/fs/cgroup/cpu", "/sys/fs/cgroup"


class Quota:
    """Holds what `wrapper` starts to `share` of one processor; use as a context.

    As in a container, it is held from its first moment on, and can see that it is.
    """

    def __init__(self, share):
        self.share = share

    @property
    def wrapper(self):
        """A command to put before another."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', os.path.join(self.folder, "cgroup.procs")]

    def __enter__(self):
        is_second = os.path.exists(os.path.join(SECOND, "cgroup.controllers"))
        root = SECOND if is_second else FIRST
        self.root, self.folder = root, os.path.join(root, f"roost-soak-{os.getpid()}")
        try:
            if is_second:
                _write(os.path.join(root, "cgroup.subtree_control"), "+cpu")
            os.mkdir(self.folder)
            quota = int(PERIOD * self.share)
            if is_second:
                _write(os.path.join(self.folder, "cpu.max"), f"{quota} {PERIOD}")
            else:
                _write(os.path.join(self.folder, "cpu.cfs_period_us"), str(PERIOD))
                _write(os.path.join(self.folder, "cpu.cfs_quota_us"), str(quota))
        except OSError as error:
            self.__exit__()
            raise Unavailable(f"needs a control group for processors: {error}") from error
        return self

    def __exit__(self, *_):
        for _ in range(50):
            try:
                os.rmdir(self.folder)
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.02)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
