"""Starting and stopping: options, configuration, ports, data folders, health and metrics."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from cases import ServedCase
from client import Client, Raw, anonymous
from server import (
    ENGINE, BINARY, ENVIRONMENT, EXAMPLES, STOP_SECONDS, Folder, Server, free_port, roost)

SCHEMA = 'type Cup @collection @allow(ops: [ALL], owner: "owner") {\n  owner: User!\n  name: String!\n}\n'


class CommandTests(unittest.TestCase):
    def test_help_and_version(self):
        for arguments in (("--help",), ("help",), ("dev", "--help"), ("serve", "--help"),
                          ("new", "--help"), ("import", "--help"), ("doctor", "--help")):
            with self.subTest(arguments=arguments):
                done = roost(*arguments)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("roost", done.stdout)
        done = roost("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\d+\.\d+\.\d+")

    def test_what_is_not_known_is_refused_with_the_nearest_name(self):
        for arguments, near in (
            (("dve",), "dev"), (("dev", ".", "--prot", "1"), "--port"), (("doctr",), "doctor"),
            (("import", ".", "--maping", "x"), "--mapping"),
        ):
            with self.subTest(arguments=arguments):
                done = roost(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(near, done.stderr)

    def test_bad_values_of_options_are_refused(self):
        folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(folder.remove)
        for options in (("--port", "x"), ("--port", "-1"), ("--port", "65536"), ("--port", ""),
                        ("--port",), ("--port", "1e3"), ("--data",), ("--unknown",), ("extra",)):
            with self.subTest(options=options):
                done = roost("dev", folder.path, *options)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertTrue(done.stderr.strip())

    def test_new_makes_an_app_that_is_served(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        done = roost("new", "gigs", folder=folder.path)
        self.assertEqual(done.returncode, 0, done.stderr)
        server = Server(folder.join("gigs"))
        self.addCleanup(server.kill)
        server.start().stop()
        again = roost("new", "gigs", folder=folder.path)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("gigs", again.stderr)


class ConfigurationTests(unittest.TestCase):
    def start(self, yaml, *options, environment=None):
        folder = Folder({"schema.graphql": SCHEMA, "roost.yaml": yaml})
        self.addCleanup(folder.remove)
        return roost(
            "dev", folder.path, "--port", str(free_port()), "--data", folder.join("data"), *options,
            environment=environment)

    def test_a_broken_file_is_refused_with_line_and_column(self):
        for yaml, place in (
            ("log:\n  level: info\n bad\n", r"roost\.yaml:\d+:\d+: "),
            ("sever:\n  port: 8080\n", r"roost\.yaml:1:1: .*server"),
            ("server:\n  prot: 8080\n", r"roost\.yaml:2:3: .*port"),
            ("server:\n  port: many\n", r"roost\.yaml:2:9: "),
            ("server:\n  port: 70000\n", r"roost\.yaml:2:9: "),
            ("server:\n  port: 1\n  port: 2\n", r"roost\.yaml:3:3: "),
            ("server: 8080\n", r"roost\.yaml:1:9: "),
            ("- a\n", r"roost\.yaml:1:1: "),
            ("log:\n  level: &a info\n", r"roost\.yaml:2:"),
            ("\ta: 1\n", r"roost\.yaml:1:"),
            ("server: [1\n", r"roost\.yaml:"),
            ("server:\n  port: \xff\n".encode("latin-1"), r"roost\.yaml:"),
        ):
            with self.subTest(yaml=yaml):
                done = self.start(yaml)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertRegex(done.stderr, place)

    def test_a_bad_environment_variable_is_refused(self):
        done = self.start("", environment={"ROOST_LOG_LEVEL": "loud"})
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn("ROOST_LOG_LEVEL", done.stderr)

    def test_flags_win_over_the_environment_and_that_over_the_file(self):
        folder = Folder({"schema.graphql": SCHEMA, "roost.yaml": "log:\n  level: debug\n  format: text\n"})
        self.addCleanup(folder.remove)
        for environment, arguments, logs in (
            ({}, (), True), ({"ROOST_LOG_LEVEL": "error"}, (), False),
            ({"ROOST_LOG_LEVEL": "error"}, ("--log-level", "info"), True),
        ):
            with self.subTest(environment=environment, arguments=arguments):
                server = Server(folder.path, environment=environment, arguments=arguments)
                self.addCleanup(server.kill)
                server.start()
                server.stop()
                self.assertEqual("shutting down" in server.messages(), logs, server.messages())
                self.assertNotIn('{"time"', server.messages())


class StartTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)

    def dev(self, *options, data="data", port=None):
        return roost(
            "dev", self.folder.path, "--port", str(port or free_port()), "--data",
            self.folder.join(data), *options)

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.dev(port=port)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertIn(str(port), done.stderr)

    def test_a_second_server_does_not_share_the_port(self):
        server = Server(self.folder.path)
        self.addCleanup(server.kill)
        server.start()
        done = self.dev(port=server.port)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(server.port), done.stderr)
        server.stop()

    @unittest.skipIf(ENGINE == "postgres", "several servers may use PostgreSQL")
    def test_a_second_server_does_not_share_the_data(self):
        server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        done = self.dev()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.folder.join("data"), done.stderr)
        server.stop()

    def test_a_data_folder_that_is_a_file_is_refused(self):
        self.folder.write("data", "in the way")
        done = self.dev()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.folder.join("data"), done.stderr)
        self.assertEqual(self.folder.read("data"), "in the way")

    def test_a_data_folder_below_a_file_is_refused(self):
        self.folder.write("file", "")
        done = self.dev(data="file/data")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("file/data", done.stderr)

    def test_a_data_folder_that_cannot_be_written_is_refused(self):
        # /proc takes no files, not even from root.
        done = roost(
            "dev", self.folder.path, "--port", str(free_port()), "--data", "/proc/roost-test")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/proc/roost-test", done.stderr)

    @unittest.skipIf(ENGINE == "postgres", "the test damages the file of SQLite")
    def test_a_database_that_is_none_is_refused_and_left_alone(self):
        server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(server.kill)
        server.start().stop()
        database = self.database()
        for path in (database + "-wal", database + "-shm"):
            if os.path.exists(path):
                os.remove(path)
        with open(database, "wb") as file:
            file.write(b"not a database, but somebody's file" * 200)
        done = self.dev()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(os.path.basename(database), done.stderr)
        with open(database, "rb") as file:
            self.assertTrue(file.read().startswith(b"not a database"))

    @unittest.skipIf(ENGINE == "postgres", "the test changes the file of SQLite")
    def test_data_of_a_newer_version_is_refused_and_left_alone(self):
        import sqlite3
        server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(server.kill)
        server.start().stop()
        with sqlite3.connect(self.database()) as connection:
            table = self.migration_table(connection)
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            row = list(connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid DESC').fetchone())
            row = [self.newer(value) for value in row]
            marks = ", ".join("?" * len(columns))
            connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)
        connection.close()
        done = self.dev()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("newer", done.stderr)

    def newer(self, value):
        if isinstance(value, int):
            return value + 1000
        return "from-the-future" if isinstance(value, str) else value

    def database(self):
        """The one SQLite file in the data folder."""
        found = []
        for top, _, names in os.walk(self.folder.join("data")):
            for name in names:
                path = os.path.join(top, name)
                with open(path, "rb") as file:
                    if file.read(15) == b"SQLite format 3":
                        found.append(path)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def migration_table(self, connection):
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        # Beside it are those of the schema's own migrations.
        found = [name for name in names if name == "roost_migration"]
        self.assertEqual(len(found), 1, names)
        return found[0]

    def test_data_is_for_its_owner_only(self):
        server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        self.assertEqual(os.stat(self.folder.join("data")).st_mode & 0o077, 0)
        for top, _, names in os.walk(self.folder.join("data")):
            for name in names:
                self.assertEqual(os.stat(os.path.join(top, name)).st_mode & 0o077, 0, name)
        server.stop()

    def test_an_acknowledged_write_outlives_a_kill(self):
        server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        person = anonymous(server.port)
        names = [person.create("cups", name=str(number))["name"] for number in range(20)]
        server.kill()
        server.start()
        person.port = server.port
        found = [cup["name"] for cup in person.get("/v1/cups", sort="createdAt")["items"]]
        self.assertEqual(sorted(found), sorted(names))
        server.stop()

    def test_a_clean_stop_answers_what_is_under_way(self):
        server = Server(self.folder.path)
        self.addCleanup(server.kill)
        server.start()
        person = anonymous(server.port)
        statuses = []
        stop = threading.Event()

        def load():
            while not stop.is_set():
                try:
                    statuses.append(person.post("/v1/cups", {"name": "a"}).status)
                except (ConnectionError, OSError):
                    # The port is closed: nothing was sent that could have been acknowledged.
                    return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while len(statuses) < 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        server.stop()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertGreaterEqual(len(statuses), 50)
        self.assertLessEqual(set(statuses), {201, 503})

    def test_who_was_let_in_before_the_stop_is_answered(self):
        """Also on a connection that nobody had accepted yet, and where the request comes late."""
        outcomes, lock = {}, threading.Lock()

        def knock(port, delay):
            """Connections with a request each, until one is refused."""
            while True:
                with socket.socket() as client:
                    client.settimeout(STOP_SECONDS)
                    try:
                        client.connect(("127.0.0.1", port))
                    except OSError:
                        return
                    try:
                        time.sleep(random.uniform(0, delay))
                        client.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
                        said = client.recv(65536)[:12].decode() or "closed"
                    except OSError as error:
                        said = repr(error)
                    with lock:
                        outcomes[said] = outcomes.get(said, 0) + 1

        for delay in (0, 0.05):
            server = Server(self.folder.path)
            self.addCleanup(server.kill)
            server.start()
            threads = [threading.Thread(target=knock, args=(server.port, delay))
                       for _ in range(24)]
            for thread in threads:
                thread.start()
            time.sleep(random.uniform(0.15, 0.3))
            server.stop()
            for thread in threads:
                thread.join()
        self.assertEqual(set(outcomes), {"HTTP/1.1 200"}, outcomes)
        self.assertGreater(sum(outcomes.values()), 100)

    def test_a_first_request_that_comes_behind_the_signal_is_answered(self):
        server = Server(self.folder.path)
        self.addCleanup(server.kill)
        server.start()
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Raw(server.port)) for _ in range(8)]
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            for client in clients:
                client.send(b"GET /health/ready HTTP/1.1\r\nHost: a\r\n\r\n")
            # And it says that no more should be sent here.
            self.assertEqual([client.answer().status for client in clients], [503] * 8)
        self.assertEqual(server.process.wait(STOP_SECONDS), 0)

    def test_sigint_stops_cleanly_too(self):
        server = Server(self.folder.path)
        self.addCleanup(server.kill)
        server.start()
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(timeout=30), 0)

    def test_seeds_are_loaded_once(self):
        id = "01970000-0000-7000-8000-000000000001"
        self.folder.write(
            "schema.graphql",
            'type Venue @collection @allow(ops: [READ, CREATE, UPDATE]) {\n  name: String!\n}\n')
        self.folder.write("seeds/venues.jsonl", json.dumps({"id": id, "name": "First"}) + "\n")
        server = Server(self.folder.path, data=self.folder.join("data"))
        self.addCleanup(server.kill)
        server.start()
        person = anonymous(server.port)
        self.assertEqual(person.get(f"/v1/venues/{id}")["name"], "First")
        person.patch(f"/v1/venues/{id}", {"name": "Changed"})
        server.restart()
        person.port = server.port
        self.assertEqual(person.get(f"/v1/venues/{id}")["name"], "Changed")
        self.assertEqual(person.get("/v1/venues", count="exact")["count"], 1)
        server.stop()

    def test_bad_seeds_are_refused_with_their_line(self):
        for line in ('{"name": 5}', '{"nme": "a"}', "{", "[]"):
            with self.subTest(line=line):
                self.folder.write("seeds/cups.jsonl", "\n" + line + "\n")
                done = self.dev()
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn("cups.jsonl:2", done.stderr)
        os.remove(self.folder.join("seeds/cups.jsonl"))
        self.folder.write("seeds/cupz.jsonl", "")
        done = self.dev()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("cups", done.stderr)


class OperationTests(ServedCase):
    app = os.path.join(EXAMPLES, "bandstand")

    def test_health_needs_no_account(self):
        for path in ("/health/live", "/health/ready"):
            self.expect(200, self.nobody.get(path))

    def test_metrics_count_requests(self):
        def count():
            answer = self.nobody.get("/metrics")
            self.expect(200, answer)
            self.assertTrue(answer.headers["content-type"].startswith("text/plain"))
            text = answer.body.decode()
            for line in text.splitlines():
                self.assertRegex(
                    line, r"^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{[^}]*\})? [-+0-9.eE]+|)$")
            return sum(
                float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                if re.match(r"roost_http_requests_total\b", line))

        before = count()
        for _ in range(10):
            self.nobody.get("/health/live")
        self.assertGreaterEqual(count() - before, 10)

    def test_nothing_secret_is_logged(self):
        person = self.person()
        password = "very secret words here"
        self.nobody.post("/v1/auth/register", {"email": "log@example.org", "password": password})
        person.get("/v1/venues")
        log = self.server.messages()
        for secret in (password, person.token, person.session["refreshToken"]):
            self.assertNotIn(secret, log)

    def test_the_seeded_venues_are_there(self):
        answer = self.person().get("/v1/venues", count="exact", sort="name")
        self.assertGreaterEqual(answer["count"], 20)
