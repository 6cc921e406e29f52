"""Three PostgreSQLs that Patroni leads, with etcd, all on the loopback address."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from harness.postgres import Cluster, Unreachable
from harness.process import descendants
from harness.server import free_port

from .result import Unavailable

PASSWORD = "private"
DATABASE = "roost_test"
TTL, LOOP, RETRY = 15, 2, 5  # seconds; a leader that is gone is missed after the first


class Node:
    """One PostgreSQL and the Patroni that runs it."""

    def __init__(self, name, folder):
        self.name, self.folder = name, os.path.join(folder, name)
        self.data = os.path.join(self.folder, "data")
        self.port, self.api = free_port(), free_port()
        self.process = None

    def pids(self):
        """All processes of the node, the Patroni first."""
        found = descendants(self.process.pid) if self.process.poll() is None else []
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
                found += [pid for pid in descendants(int(file.readline())) if pid not in found]
        except (OSError, ValueError):
            pass
        return found

    def kill(self):
        """As a machine that is gone: nothing of it says good-bye."""
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(30)


class Group:
    """Use as a context; `url` names all three."""

    prefix = ()

    def __init__(self):
        for program in ("patroni", "etcd"):
            if shutil.which(program) is None:
                raise Unavailable(f"needs {program}")
        self.programs = os.environ.get("ROOST_POSTGRES_BIN") or _newest()
        self.owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.folder = tempfile.mkdtemp(prefix="roost-group-", dir="/tmp")
        if self.owner:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.nodes = [Node(f"node{number}", self.folder) for number in range(3)]
        self.etcd, self.etcd_port = None, free_port()
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        self.url = f"postgresql://roost:{PASSWORD}@{hosts}/{DATABASE}" \
                   "?target_session_attrs=read-write&connect_timeout=2&sslmode=disable"

    def __enter__(self):
        try:
            self._start_etcd()
            for node in self.nodes:
                self.start(node)
                if node is self.nodes[0]:
                    self.wait(members=1, synchronous=False)
            self.wait()
            self.query(f"CREATE ROLE roost LOGIN PASSWORD '{PASSWORD}'", database="postgres")
            self.query(f"CREATE DATABASE {DATABASE} OWNER roost", database="postgres")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node.process:
                node.kill()
        if self.etcd:
            self.etcd.kill()
            self.etcd.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name, command):
        owner = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []} \
            if self.owner else {}
        with open(os.path.join(self.folder, f"{name}.log"), "ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": self.folder}, **owner)

    def _start_etcd(self):
        here, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        self.etcd = self._start("etcd", [
            "etcd", "--data-dir", os.path.join(self.folder, "etcd"), "--name", "only",
            "--listen-client-urls", here, "--advertise-client-urls", here,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"only={peer}", "--unsafe-no-fsync"])

    def start(self, node):
        path = os.path.join(self.folder, f"{node.name}.json")
        with open(path, "w", encoding="ascii") as file:
            json.dump(self._configuration(node), file)
        node.process = self._start(node.name, ["patroni", path])

    def _configuration(self, node):
        api = f"127.0.0.1:{node.api}"
        return {
            "scope": "roost", "name": node.name,
            "restapi": {"listen": api, "connect_address": api},
            "etcd3": {"host": f"127.0.0.1:{self.etcd_port}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL, "loop_wait": LOOP, "retry_timeout": RETRY,
                    "master_start_timeout": 0, "synchronous_mode": True,
                    "synchronous_mode_strict": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {
                        "max_connections": 100, "shared_buffers": "64MB", "wal_keep_size": "512MB",
                        "wal_log_hints": "on", "max_wal_senders": 10}}},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth-host": "scram-sha-256"}],
                "pg_hba": ["host all all 127.0.0.1/32 scram-sha-256",
                           "host replication replicator 127.0.0.1/32 scram-sha-256"]},
            "postgresql": {
                "listen": f"127.0.0.1:{node.port}", "connect_address": f"127.0.0.1:{node.port}",
                "data_dir": node.data, "bin_dir": self.programs,
                "pgpass": os.path.join(self.folder, f"{node.name}.pgpass"),
                "authentication": {
                    "superuser": {"username": "roost_admin", "password": PASSWORD},
                    "replication": {"username": "replicator", "password": PASSWORD},
                    "rewind": {"username": "rewinder", "password": PASSWORD}},
                "parameters": {"unix_socket_directories": self.folder},
                "remove_data_directory_on_rewind_failure": True,
                "remove_data_directory_on_diverged_timelines": True}}

    # What is known of it

    def members(self):
        """(name, role, state, timeline) of each member, as the first node that answers says."""
        for node in self.nodes:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{node.api}/cluster", timeout=2) as \
                        answer:
                    return [(each["name"], each["role"], each["state"], each.get("timeline"))
                            for each in json.load(answer)["members"]]
            except (OSError, ValueError, KeyError):
                continue
        return []

    def wait(self, members=3, synchronous=True, seconds=120):
        """Waits until so many follow one leader, one of them synchronously where that is meant."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.members()
            well = [each for each in found if each[2] in ("running", "streaming")]
            roles = [each[1] for each in well]
            if len(well) == members and roles.count("leader") == 1 \
                    and len({each[3] for each in well}) == 1 \
                    and (not synchronous or "sync_standby" in roles) and self._streams(members - 1):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"no {members} members after {seconds} s: {found}")
            time.sleep(0.1)

    def _streams(self, count):
        try:
            return self.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'",
                              database="postgres")[0][0] >= count
        except (Unreachable, LookupError):
            return False

    def leader(self):
        name = next(each[0] for each in self.members() if each[1] == "leader")
        return next(node for node in self.nodes if node.name == name)

    def query(self, sql, schema=None, database=DATABASE):
        """The rows of a statement at whoever takes writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return Cluster.query(
            self, sql, schema=schema,
            url=f"postgresql://roost_admin:{PASSWORD}@{hosts}/{database}"
                "?target_session_attrs=read-write&connect_timeout=2")

    # What happens to it

    def freeze_senders(self):
        """The leader's log goes nowhere any more, while it serves on."""
        for (pid,) in self.query("SELECT pid FROM pg_stat_replication", database="postgres"):
            os.kill(pid, signal.SIGSTOP)

    def configure(self, **settings):
        """Changes what Patroni keeps for all nodes."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.leader().api}/config", json.dumps(settings).encode(),
            {"Content-Type": "application/json"}, method="PATCH")
        with urllib.request.urlopen(request, timeout=10):
            pass


def _newest():
    root = "/usr/lib/postgresql"
    versions = sorted(os.listdir(root), key=int) if os.path.isdir(root) else []
    if not versions:
        raise Unavailable("needs PostgreSQL")
    return os.path.join(root, versions[-1], "bin")
