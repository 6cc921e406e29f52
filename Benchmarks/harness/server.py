"""The release binary as a process: started, watched, stopped, killed."""

import os
import re
import select
import signal
import socket
import subprocess
import time

from .connection import Connection, Disconnected
from .process import descendants

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(
    os.environ.get("ROOST_BINARY", os.path.join(REPOSITORY, ".build/release/roost")))
APP = os.path.join(REPOSITORY, "Benchmarks/app")

# Many accounts sign in from one address here, and a server that is driven as hard as it goes sheds
# nobody: what is asked is how much it serves.
SETTINGS = {"ROOST_AUTH_RATE_LIMITS": "false", "ROOST_SERVER_QUEUE_MILLISECONDS": "60000",
            "SWIFT_BACKTRACE": "enable=no"}


# Every server that was started and has not been waited for.
running = []


def end_all():
    """Kills the servers that a failure has left behind."""
    for server in list(running):
        server.kill()


def free_port():
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`roost dev` over one data folder.

    `wrapper` is a command put before it, such as strace. Standard error goes to `log`.
    """

    def __init__(self, data, app=APP, log=None, wrapper=(), settings=None):
        self.data, self.app, self.wrapper = data, app, list(wrapper)
        self.log = log or os.path.join(os.path.dirname(data.rstrip("/")), "server.log")
        self.settings = dict(SETTINGS, **(settings or {}))
        self.port = None  # known when it is ready
        self.process = None
        self.ready_seconds = None

    @property
    def tls(self):
        """Whether it answers under TLS."""
        return "ROOST_TLS_CERTIFICATES" in self.settings

    @property
    def pid(self):
        """The server's own process, also under a wrapper that starts it or becomes it."""
        if not self.wrapper:
            return self.process.pid
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as file:
            children = file.read().split()
        return int(children[0]) if children else self.process.pid

    def start(self, timeout=60):
        """Starts the server and waits for its line and for /health/ready; gives the seconds."""
        command = self.wrapper + [
            BINARY, "dev", self.app, "--port", "0", "--data", self.data]
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=dict(os.environ, **self.settings))
        running.append(self)
        line = b""
        while not line.endswith(b"\n"):
            left = timeout - (time.monotonic() - began)
            if not select.select([self.process.stdout], [], [], max(0, left))[0]:
                self.kill()
                raise TimeoutError(f"the server was not ready after {timeout} s; see {self.log}")
            byte = os.read(self.process.stdout.fileno(), 4096)
            if not byte:
                code = self.wait(timeout)
                raise RuntimeError(f"the server ended with {code} before it was ready: "
                                   f"{self.tail()}")
            line += byte
        ready = re.fullmatch(rb"roost: ready on https?://127\.0\.0\.1:(\d+)\n", line)
        if ready is None:
            self.kill()
            raise RuntimeError(f"the ready line is {line!r}")
        self.port = int(ready[1])
        status = self._readiness()
        self.ready_seconds = time.monotonic() - began
        if status != 200:
            raise RuntimeError(f"/health/ready answered {status} after the ready line")
        return self.ready_seconds

    def _readiness(self):
        """The status of /health/ready."""
        connection = self.connection()
        status = connection.request("GET", "/health/ready").status
        connection.close()
        return status

    def stop(self, timeout=60):
        """SIGTERM and the exit code; the server drains first."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            try:
                os.kill(self.pid, signal.SIGTERM)
            except (OSError, IndexError):
                pass
        return self.wait(timeout)

    def kill(self):
        """SIGKILL: no warning, no drain."""
        if self.process is not None and self.process.poll() is None:
            self._end()
        return self.wait(30)

    def wait(self, timeout):
        """The exit code, killed if it does not end in time (then the code is that of the kill)."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._end()
            code = self.process.wait()
        self.process.stdout.close()
        if self in running:
            running.remove(self)
        return code

    def _end(self):
        """Kills the server and the wrapper before it, which alone would leave the server."""
        for pid in reversed(descendants(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def tail(self):
        """The last lines the server wrote to standard error."""
        try:
            with open(self.log, errors="replace") as file:
                return "".join(file.readlines()[-5:]).strip()
        except OSError:
            return ""

    def connection(self, timeout=30):
        return Connection(self.port, timeout, self.tls)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.alive():
            try:
                self.stop()
            except Disconnected:
                self.kill()
