"""The real binary as a process: started, waited for, stopped."""

import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
BINARY = os.path.abspath(
    os.environ.get("ROOST_BINARY", os.path.join(REPOSITORY, ".build/debug/roost")))
# A server with handlers of its own, built beside it.
ACTION_SERVER = os.path.join(os.path.dirname(BINARY), "ActionServer")
EXAMPLES = os.path.join(REPOSITORY, "Examples")
APPS = os.path.join(HERE, "apps")

# Everybody here signs in from one address; test_sessions.py turns the limits on for itself.
# A machine that compiles beside the tests makes queues; test_overload.py has its own.
ENVIRONMENT = {"ROOST_AUTH_RATE_LIMITS": "false", "ROOST_SERVER_QUEUE_MILLISECONDS": "0",
               "SWIFT_BACKTRACE": "enable=no"}

# The engine that the servers run on; PostgreSQL's address comes from Scripts/with-postgres.sh.
ENGINE = os.environ.get("ROOST_TEST_ENGINE", "sqlite")


def database(data):
    """The environment for a server whose data folder is `data`: a database schema of its own."""
    if ENGINE != "postgres":
        return {}
    digest = hashlib.sha256(os.path.realpath(data).encode()).hexdigest()[:20]
    # PostgreSQL does not tell what a statement took, so that a busy machine makes lists look large.
    return {"ROOST_DATABASE": os.environ["ROOST_TEST_POSTGRES"],
            "ROOST_DATABASE_SCHEMA": "test_" + digest,
            "ROOST_DATABASE_LIST_MILLISECONDS": "5000"}


def data_of(arguments, folder):
    """The data folder that a command line means: --data, or .roost in the app folder."""
    words = list(arguments)
    for number, word in enumerate(words):
        if word == "--data" and number + 1 < len(words):
            return os.path.join(folder or ".", words[number + 1])
    for name in ("--app",):
        if name in words and words.index(name) + 1 < len(words):
            return os.path.join(folder or ".", words[words.index(name) + 1], ".roost")
    place = 2 if words[:1] in (["jobs"], ["functions"], ["followers"], ["backup"],
                                     ["key"]) else 1
    app = "." if not words[place:] or words[0] == "explain" else words[place]
    return os.path.join(folder or ".", app, ".roost")


# Generous, because a debug build may share two cores with a compiler.
READY_SECONDS = 60
STOP_SECONDS = 30


def free_port():
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def roost(*arguments, seconds=20, environment=None, folder=None, binary=None):
    """Runs a command of roost that ends by itself; gives the finished process, with texts."""
    return subprocess.run(
        [binary or BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds, cwd=folder,
        env={**os.environ, **ENVIRONMENT, **database(data_of(arguments, folder)),
             **(environment or {})})


def as_stranger(folder, *arguments):
    """Runs a command as an account that may read the app `folder` and look into no other; gives the
    finished process, with texts."""
    for name in ("", "roost.yaml", "schema.graphql"):
        if os.path.exists(folder.join(name)):
            os.chmod(folder.join(name), 0o755)
    # So that the program can be reached by that account at all.
    program = shutil.copy(BINARY, folder.join("roost"))
    return subprocess.run(
        [program, *arguments], user=65534, group=65534, extra_groups=[], capture_output=True,
        text=True, timeout=20, env=database(data_of(arguments, folder.path)))


class Folder:
    """A temporary folder with files, removed at the end."""

    def __init__(self, files=None, copy=None):
        self.path = tempfile.mkdtemp(prefix="roost-test-")
        if copy:
            shutil.copytree(copy, self.path, dirs_exist_ok=True)
        for name, text in (files or {}).items():
            self.write(name, text)

    def write(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        mode = "wb" if isinstance(text, bytes) else "w"
        with open(path, mode, **({} if mode == "wb" else {"encoding": "utf-8"})) as file:
            file.write(text)
        return path

    def read(self, name):
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read()

    def join(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Server:
    """`roost dev` (or `serve`) of one app folder on a free port."""

    def __init__(self, app, data=None, arguments=(), environment=None, command="dev",
                 binary=None):
        self.app = app
        self.binary = binary or BINARY
        self.own = None if data else Folder()
        self.data = data or self.own.join("data")
        self.arguments = list(arguments)
        self.environment = {
            **os.environ, **ENVIRONMENT, **database(self.data), **(environment or {})}
        self.command = command
        self.port = None
        self.process = None
        self.log = tempfile.TemporaryFile(prefix="roost-log-")

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Starts and waits for the exact ready line, the only thing on standard output."""
        for attempt in range(3):
            self.port = free_port()
            self._launch()
            line = self._first_line()
            if line == f"roost: ready on {self.address}\n":
                return self
            self.kill()
            # Somebody else may have taken the port between the look and the start.
            if line == "" and "in use" in self.messages() and attempt < 2:
                continue
            break
        raise AssertionError(f"not ready: {line!r}\n{self.messages()}")

    def _launch(self):
        self.process = subprocess.Popen(
            [self.binary, self.command, self.app, "--port", str(self.port), "--data", self.data,
             *self.arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
            env=self.environment)

    def _first_line(self):
        deadline = time.monotonic() + READY_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                break
            piece = os.read(self.process.stdout.fileno(), 4096)
            if not piece:
                break
            line += piece
        return line.decode()

    def messages(self):
        """What the server wrote on standard error so far."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def stop(self):
        """Ends it by SIGTERM; fails unless it drains, exits 0 and said nothing more."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end it in {STOP_SECONDS} s\n{self.messages()}")
        code, self.process = self.process.returncode, None
        self._forget()
        if code != 0 or rest:
            raise AssertionError(f"exit {code} after SIGTERM, more output: {rest!r}")

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
        self._forget()

    def _forget(self):
        if self.own:
            shutil.rmtree(self.own.path, ignore_errors=True)

    def __del__(self):
        self.log.close()

    def restart(self, app=None):
        """Stops it and starts it again on the same data, with another app folder if one is given."""
        own, self.own = self.own, None
        try:
            self.stop()
        finally:
            self.own = own
        self.app = app or self.app
        return self.start()
