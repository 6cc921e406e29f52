"""What a process holds of memory and descriptors while it lives, and whether that is flat."""

import os
import statistics
import subprocess
import time

from harness.generators import compiler

from .result import Unavailable

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEMORY = 16  # MB that a process may grow by in its life
MEAN = 6  # MB that the processes may grow by on average: what one of them did by chance is not counted
MOST = 112  # MB that any of them may hold
DESCRIPTORS = 16


def held_mb(pid):
    """Memory of its own that the kernel cannot take back (pages of files and MADV_FREE it can)."""
    kilobytes = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name in ("Anonymous", "LazyFree"):
                kilobytes[name] = int(value.split()[0])
    return (kilobytes["Anonymous"] - kilobytes["LazyFree"]) / 1024


class Life:
    """A process from its first request to its last: how much it held, again and again."""

    def __init__(self, pid):
        self.pid, self.began = pid, time.monotonic()
        self.samples = []  # (seconds, MB, descriptors)

    def look(self):
        self.samples.append((time.monotonic() - self.began, held_mb(self.pid),
                             len(os.listdir(f"/proc/{self.pid}/fd"))))

    def during(self, start, end, index):
        """The median of a figure (1: MB, 2: descriptors) between two shares of its life."""
        whole = self.samples[-1][0]
        return statistics.median(each[index] for each in self.samples
                                 if start * whole <= each[0] <= end * whole)

    def growth(self, index):
        """From its second fifth to its last, in both of which it does the same."""
        return self.during(0.8, 1, index) - self.during(0.2, 0.4, index)

    def peak(self, index=1):
        return max(each[index] for each in self.samples)


def judge(lives):
    """What is not flat, each said; with the figures for the result.

    A leak that one process shows is found in its life, a slower one in the mean of all but the first,
    for which everything is new; what each process has more of than the one before, as with the data,
    between the halves of the hour.
    """
    grown = [life.growth(1) for life in lives]
    mean = statistics.mean(grown[1:] or grown)
    descriptors = max(life.growth(2) for life in lives)
    half = len(lives) // 2
    halves = [max(life.peak() for life in part) for part in (lives[:half], lives[half:]) if part]
    found = []
    for bound, value, what in (
            (MEMORY, max(grown), "memory grew by {:.1f} MB in one life"),
            (MEAN, mean, "memory grew by {:.1f} MB in the mean of all lives"),
            (MOST, max(halves), "a process held {:.1f} MB"),
            (MEMORY, halves[-1] - halves[0], "the second half held {:.1f} MB more"),
            (DESCRIPTORS, descriptors, "{:.0f} descriptors grew in one life")):
        if value > bound:
            found.append(f"{what.format(value)}, beyond {bound}: " + ", ".join(
                f"{life.during(0.2, 0.4, 1):.1f} -> {life.during(0.8, 1, 1):.1f}" for life in lives))
    return found, {
        "memory grown in a life": f"{max(grown):.1f} MB at most",
        "in the mean": f"{mean:.1f} MB",
        "most held in the first half": f"{halves[0]:.1f} MB",
        "in the second": f"{halves[-1]:.1f} MB",
        "descriptors grown in a life": f"{descriptors:.0f}"}


def leaking(folder, every=100):
    """The environment of a program that forgets one of `every` blocks it should give back."""
    library = os.path.join(folder, "leak.so")
    try:
        program = compiler()
    except RuntimeError as reason:
        raise Unavailable(str(reason)) from reason
    subprocess.run([program, "-O2", "-shared", "-fPIC", "-o", library,
                    os.path.join(HERE, "leak.c")], check=True)
    return {"LD_PRELOAD": library, "SOAK_LEAK": str(every)}
