"""The wall clock of a program, moved from outside while it runs."""

import os
import struct
import subprocess

from harness.generators import compiler

from .result import Unavailable

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class WallClock:
    """`settings` go into the environment of the program whose clock it is."""

    def __init__(self, folder):
        library, self.path = os.path.join(folder, "clock.so"), os.path.join(folder, "clock")
        try:
            program = compiler()
        except RuntimeError as reason:
            raise Unavailable(str(reason)) from reason
        subprocess.run([program, "-O2", "-shared", "-fPIC", "-o", library,
                        os.path.join(HERE, "clock.c"), "-ldl"], check=True)
        with open(self.path, "wb") as file:
            file.write(struct.pack("q", 0))
        self.settings = {"LD_PRELOAD": library, "SOAK_CLOCK": self.path}
        self.offset = 0

    def set(self, seconds):
        """Moves it to so many seconds from the time that it is."""
        self.offset = int(seconds)
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("q", self.offset))
