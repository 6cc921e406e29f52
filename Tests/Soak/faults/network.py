"""A network namespace behind a link that can be cut, cut one way, or made slow."""

import os
import shutil
import subprocess

from .result import Unavailable


class Link:
    """A namespace of its own and the link to it; use as a context.

    `address` is where it is reached from here. What runs in it is started with `prefix` before its
    command.
    """

    WAYS = ("both", "there", "back", "slow", "down")

    def __init__(self, name="roost-soak"):
        self.name, self.here, self.there = f"{name}-{os.getpid()}", "roost-soak-a", "roost-soak-b"
        # `ip netns exec` would hold on to every file system that is mounted at the moment.
        self.prefix = ["nsenter", f"--net=/run/netns/{self.name}"]
        self.address = "10.213.77.2"

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("needs root for a network of its own")
        for program in ("ip", "nft", "tc", "nsenter"):
            if shutil.which(program) is None:
                raise Unavailable(f"needs {program}")
        try:
            _run("ip", "netns", "add", self.name)
            _run("ip", "link", "add", self.here, "type", "veth", "peer", "name", self.there,
                 "netns", self.name)
            _run("ip", "addr", "add", "10.213.77.1/30", "dev", self.here)
            _run("ip", "link", "set", self.here, "up")
            self._inside("ip", "link", "set", "lo", "up")
            self._inside("ip", "addr", "add", f"{self.address}/30", "dev", self.there)
            self._inside("ip", "link", "set", self.there, "up")
            self._rules()
        except (subprocess.CalledProcessError, OSError) as error:
            self.__exit__()
            raise Unavailable(f"no network of its own: {error}") from error
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def _inside(self, *command):
        _run(*self.prefix, *command)

    def _rules(self, *rules):
        """The rules of what is dropped, in place of those before."""
        lines = ["table inet soak", "delete table inet soak", "table inet soak {",
                 "chain there { type filter hook input priority 0;",
                 *(f'iifname "{self.there}" drop' for rule in rules if rule == "there"), "}",
                 "chain back { type filter hook output priority 0;",
                 *(f'oifname "{self.there}" drop' for rule in rules if rule == "back"), "}", "}"]
        subprocess.run([*self.prefix, "nft", "-f", "-"], input="\n".join(lines) + "\n", text=True,
                       check=True, capture_output=True)

    def cut(self, way):
        """Loses what goes there, what comes back, or both; lets 64 kbit/s through; or is down."""
        if way == "slow":
            self._inside("tc", "qdisc", "add", "dev", self.there, "root", "tbf", "rate", "64kbit",
                         "burst", "4kb", "latency", "400ms")
        elif way == "down":
            _run("ip", "link", "set", self.here, "down")
        else:
            self._rules(*(("there", "back") if way == "both" else (way,)))

    def heal(self):
        """All is as it was."""
        self._rules()
        subprocess.run([*self.prefix, "tc", "qdisc", "del", "dev", self.there, "root"],
                       capture_output=True, check=False)
        _run("ip", "link", "set", self.here, "up")


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)
