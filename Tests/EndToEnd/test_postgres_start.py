"""What hinders a start on PostgreSQL: refused with what to do, the right exit code, no secret."""

import os
import signal
import subprocess
import time
import unittest
import uuid

from client import anonymous
from fakepostgres import FakePostgres
from postgres import ADMIN, POSTGRES, address, needs_postgres, password, psql
from server import BINARY, Folder, Server, free_port, roost

SCHEMA = 'type Cup @collection @allow(ops: [ALL], owner: "owner") {\n  owner: User!\n  name: String!\n}\n'
OTHER = "type Boat @collection @allow(ops: [READ], to: PUBLIC) {\n  sails: Int\n}\n"
WRONG = "wrong-and-secret"


class PostgresCase(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.data = self.folder.join("data")
        self.mark = uuid.uuid4().hex[:12]
        self.schema = "start_" + self.mark
        self.addCleanup(
            psql, "SET client_min_messages = error", f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    def environment(self, url=POSTGRES, **more):
        return {"ROOST_DATABASE": url, "ROOST_DATABASE_SCHEMA": self.schema, **more}

    def serve(self, environment=None, arguments=(), command="serve", app=None):
        server = Server(app or self.folder.path, data=self.data, command=command,
                        environment=environment or self.environment(), arguments=arguments)
        self.addCleanup(server.kill)
        return server.start()

    def run_it(self, command, *arguments, environment=None):
        port = ("--port", str(free_port())) if command != "doctor" else ()
        return roost(command, self.folder.path, "--data", self.data, *port, *arguments,
                     environment=environment or self.environment())

    def refused(self, done, *words, code=1):
        said = done.stdout + done.stderr
        self.assertEqual((done.returncode, done.stdout), (code, ""), said)
        for word in words:
            self.assertIn(word, said)
        for secret in (password(), WRONG):
            self.assertNotIn(secret, said)
        return said

    def role(self, options=""):
        """The address of a new role that may make schemas."""
        name = "role_" + self.mark
        psql(f"CREATE ROLE {name} LOGIN PASSWORD 'guest' {options}",
             f"GRANT CREATE ON DATABASE roost_test TO {name}")
        self.addCleanup(
            psql, "SET client_min_messages = error", f"DROP OWNED BY {name} CASCADE",
            f"DROP ROLE {name}")
        return address(user=name, password="guest")

    def there(self):
        """The tables of the schema; None where there is no schema."""
        if not psql(f"SELECT 1 FROM pg_namespace WHERE nspname = '{self.schema}'"):
            return None
        return psql(f"SELECT tablename FROM pg_tables WHERE schemaname = '{self.schema}' ORDER BY 1")


@needs_postgres
class RefusalTests(PostgresCase):
    def test_a_place_that_cannot_be_reached_is_refused(self):
        for name, url, words in (
            ("password", address(password=WRONG), ["password", "PGPASSWORD"]),
            ("no password", address(password=""), ["password", "PGPASSWORD"]),
            ("role", address(user="nobody_here", password=WRONG), ["role or its password"]),
            ("database", address(database="not_there"), ["not_there", "CREATE DATABASE"]),
            ("host", address(host="nowhere.invalid"), ["host is not known", "nowhere.invalid"]),
            ("port", address(port=free_port()), ["cannot be reached", "host and port"]),
            ("unreadable", f"postgresql://roost:{WRONG}@[::1/x", ["cannot be read"]),
            ("slash", f"postgresql://roost:{WRONG}/x@host/name", ["cannot be read", "%2F"]),
            ("parameter", address(sslmod="require", password=WRONG), ["cannot be read"]),
        ):
            with self.subTest(name):
                for command in ("serve", "doctor"):
                    done = self.run_it(command, environment=self.environment(url, PGPASSFILE="/none"))
                    self.refused(done, *words)

    def test_tables_of_another_program_are_refused_and_left_alone(self):
        psql(f"CREATE SCHEMA {self.schema} AUTHORIZATION roost",
             f"CREATE TABLE {self.schema}.invoice (id bigint)")
        for command in ("serve", "doctor"):
            self.refused(self.run_it(command), "another program", self.schema)
        self.assertEqual(self.there(), ["invoice"])

    def test_another_app_of_roost_is_refused_and_left_alone(self):
        self.serve().stop()
        before = self.there()
        self.folder.write("schema.graphql", OTHER)
        done = self.run_it("serve")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cups", done.stderr)
        self.assertEqual(self.there(), before)

    def test_a_newer_database_is_refused_and_left_alone(self):
        self.serve().stop()
        table = f"{self.schema}.roost_migration"
        columns = psql("SELECT column_name FROM information_schema.columns WHERE table_schema = "
                       f"'{self.schema}' AND table_name = 'roost_migration' ORDER BY ordinal_position")
        rest = ", ".join(columns[1:])
        psql(f"INSERT INTO {table} ({columns[0]}, {rest}) SELECT {columns[0]} + 1000, {rest} "
             f"FROM {table} ORDER BY {columns[0]} DESC LIMIT 1")
        before = psql(f"SELECT * FROM {table} ORDER BY 1")
        for command in ("serve", "doctor"):
            self.refused(self.run_it(command), "newer")
        self.assertEqual(psql(f"SELECT * FROM {table} ORDER BY 1"), before)

    def test_who_looks_leaves_an_earlier_database_as_it_is(self):
        self.serve().stop()
        table = f"{self.schema}.roost_migration"
        whole = psql(f"SELECT * FROM {table} ORDER BY 1")
        psql(f"CREATE TABLE {self.schema}.roost_kept AS SELECT * FROM {table} "
             "ORDER BY number DESC LIMIT 1",
             f"DELETE FROM {table} WHERE number = (SELECT max(number) FROM {table})")
        done = self.run_it("doctor")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("1 step of Roost's own tables pending", done.stdout)
        self.assertIn("not rehearsed", done.stdout)
        for words in (("jobs", "list"), ("backup", "create")):
            done = roost(*words, self.folder.path, "--data", self.data,
                         *(("--plain",) if words[0] == "backup" else ()),
                         environment=self.environment())
            self.refused(done, "an earlier release of Roost", "a step behind")
        self.assertEqual(psql(f"SELECT * FROM {table} ORDER BY 1"), whole[:-1])
        psql(f"INSERT INTO {table} SELECT * FROM {self.schema}.roost_kept",
             f"DROP TABLE {self.schema}.roost_kept")
        done = self.run_it("doctor")
        self.assertNotIn("pending", done.stdout)
        self.assertIn("record", done.stdout)

    def test_a_start_waits_for_another_and_can_be_ended_meanwhile(self):
        self.serve().stop()
        # As a server does that brings the tables up to date, for longer than locks are waited for.
        holder = subprocess.Popen(
            ["psql", "-qAtX", "-d", ADMIN, "-c",
             f"SET search_path = {self.schema}; BEGIN; SELECT pg_advisory_xact_lock("
             "7463788084 # hashtext(current_schema())::bigint); SELECT 'held'; "
             "SELECT pg_sleep(7)"], stdout=subprocess.DEVNULL)
        self.addCleanup(holder.kill)
        while not psql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"):
            self.assertIsNone(holder.poll())
            time.sleep(0.05)
        for number in (signal.SIGTERM, signal.SIGINT):
            process = subprocess.Popen(
                [BINARY, "serve", self.folder.path, "--data", self.data, "--port",
                 str(free_port())], env={**os.environ, **self.environment()},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.kill)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(number)
            self.assertEqual(process.wait(10), -number)
        self.serve().stop()
        self.assertEqual(holder.wait(20), 0)

    def test_a_role_with_too_many_rights_is_refused(self):
        for number, right in enumerate(("SUPERUSER", "BYPASSRLS", "CREATEROLE", "")):
            with self.subTest(right):
                self.mark = f"{self.mark[:10]}_{number}"
                environment = self.environment(self.role(right))
                if right:
                    self.refused(self.run_it("serve", environment=environment), right,
                                 "more than Roost needs", "CREATE ROLE")
                    self.assertIsNone(self.there())
                else:
                    self.serve(environment).stop()

    def test_a_role_that_may_make_nothing_is_told_what_it_needs(self):
        url = self.role()
        psql(f"REVOKE CREATE ON DATABASE roost_test FROM role_{self.mark}")
        for command in ("serve", "doctor"):
            self.refused(self.run_it(command, environment=self.environment(url)),
                         "GRANT CREATE ON DATABASE")
        psql(f"CREATE SCHEMA {self.schema}", f"GRANT USAGE ON SCHEMA {self.schema} TO PUBLIC")
        for command in ("serve", "doctor"):
            self.refused(self.run_it(command, environment=self.environment(url)), "ALTER SCHEMA")

    def test_a_database_that_takes_no_writes_is_refused(self):
        url = self.role()
        psql(f"ALTER ROLE role_{self.mark} SET default_transaction_read_only = on")
        self.refused(self.run_it("serve", environment=self.environment(url)), "read-only")

    def test_a_role_without_a_connection_left_is_refused(self):
        url = self.role("CONNECTION LIMIT 0")
        self.refused(self.run_it("serve", environment=self.environment(url)),
                     "no connection left", "max_connections")

    def test_what_the_server_is_decides(self):
        looks = {"pg_is_in_recovery": ("f", "UTF8", "on"), "pg_roles": ("f", "f", "f", "roost")}
        for name, version, answers, words in (
            ("old", "13.18 (Debian 13.18-1)", looks, ["PostgreSQL 13", "14 or newer"]),
            ("very old", "9.6.24", looks, ["14 or newer"]),
            ("a standby", "15.6", {**looks, "pg_is_in_recovery": ("t", "UTF8", "on")},
             ["standby", "name the primary"]),
            ("another encoding", "15.6", {**looks, "pg_is_in_recovery": ("f", "LATIN1", "on")},
             ["UTF8"]),
            ("a superuser", "15.6", {**looks, "pg_roles": ("t", "f", "f", "roost")}, ["SUPERUSER"]),
        ):
            with self.subTest(name), FakePostgres(version, answers) as server:
                environment = self.environment(address(port=server.port))
                self.refused(self.run_it("serve", environment=environment), *words)
                made = [query for query in server.queries if "CREATE" in query]
                self.assertEqual(made, [])


@needs_postgres
class AddressTests(PostgresCase):
    """Where the address comes from."""

    def flags(self):
        return "--database", address(password=""), "--database-schema", self.schema

    def plain(self):
        return {"ROOST_DATABASE": "", "ROOST_DATABASE_SCHEMA": "", "PGPASSWORD": password()}

    def test_the_flags_name_it_for_each_command(self):
        environment = {**self.plain(), "ROOST_DATABASE_SCHEMA": "start_not_this"}
        for command in ("dev", "serve"):
            server = self.serve(environment, self.flags(), command)
            anonymous(server.port).create("cups", name=command)
            server.stop()
        self.assertIn("cups", self.there())
        done = self.run_it("doctor", *self.flags(), environment=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("log position: 2", done.stdout)
        self.assertEqual(psql("SELECT 1 FROM pg_namespace WHERE nspname = 'start_not_this'"), [])

    def test_a_move_takes_the_flags(self):
        # Nothing of a server: the app is on its file.
        self.serve({"ROOST_DATABASE": ""}).stop()
        done = self.run_it("move", "--no-serve", *self.flags(), environment=self.plain())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cups", self.there())

    def test_a_password_in_an_argument_or_a_file_is_refused(self):
        bad = address(password=WRONG)
        for command in ("dev", "serve", "doctor", "move"):
            for url in (bad, address(password="") + f"&password={WRONG}"):
                with self.subTest(command=command, url=url):
                    done = self.run_it(command, "--database", url, environment=self.plain())
                    self.refused(done, "--database", "PGPASSWORD", code=2)
        for yaml in (f"database: {bad}\n", f"database:\n  address: {bad}\n"):
            with self.subTest(yaml=yaml):
                self.folder.write("roost.yaml", yaml)
                environment = self.plain()
                del environment["ROOST_DATABASE"]
                self.refused(self.run_it("serve", environment=environment), "roost.yaml:",
                             "PGPASSWORD", code=2)
        self.assertIsNone(self.there())

    def test_what_is_no_address_is_refused(self):
        for url in ("mysql://roost@host/name", f"host=x password={WRONG}", "localhost"):
            with self.subTest(url):
                done = self.run_it("serve", "--database", url, environment=self.plain())
                self.refused(done, "--database", "postgresql://", code=2)
                done = self.run_it("serve", environment={**self.plain(), "ROOST_DATABASE": url})
                self.refused(done, "ROOST_DATABASE", "postgresql://", code=2)

    def test_the_file_names_it_and_a_passfile_holds_the_password(self):
        secrets = self.folder.write("pass", f"*:*:*:roost:{password()}\n")
        os.chmod(secrets, 0o600)
        url = address(password="", passfile=secrets)
        self.folder.write("roost.yaml",
                          f"database:\n  address: \"{url}\"\n  schema: {self.schema}\n")
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("ROOST_DATABASE", "PG"))}
        server = Server(self.folder.path, data=self.data, command="serve")
        server.environment = {**environment, "SWIFT_BACKTRACE": "enable=no"}
        self.addCleanup(server.kill)
        server.start().stop()
        self.assertIn("cups", self.there())


@needs_postgres
class DoctorTests(PostgresCase):
    def test_a_new_place_stays_as_it_is(self):
        done = self.run_it("doctor")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the first start makes it", done.stdout)
        self.assertIn(self.schema, done.stdout)
        self.assertNotIn(password(), done.stdout + done.stderr)
        self.assertIsNone(self.there())
        self.assertFalse(os.path.exists(self.data))
        # Without --data too, and in a schema that is there and empty.
        psql(f"CREATE SCHEMA {self.schema} AUTHORIZATION roost")
        done = roost("doctor", self.folder.path, environment=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the first start makes it", done.stdout)
        self.assertEqual(self.there(), [])
        self.assertFalse(os.path.exists(self.folder.join(".roost")))

    def test_an_app_is_looked_at_and_stays_as_it_is(self):
        server = self.serve()
        anonymous(server.port).create("cups", name="blue")

        def look():
            return psql(*(f"SELECT '{table}', * FROM {self.schema}.{table}" for table in self.there()
                          if table not in ("roost_writer", "roost_session")))

        server.stop()
        before = look()
        done = self.run_it("doctor")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("integrity: ok", done.stdout)
        self.assertIn("log position: 1", done.stdout)
        self.assertEqual(look(), before)

    def test_a_damaged_index_is_found(self):
        self.serve().stop()
        index = psql("SELECT indexrelid::regclass FROM pg_index JOIN pg_class c ON c.oid = indexrelid "
                     f"WHERE relnamespace = '{self.schema}'::regnamespace AND NOT indisprimary LIMIT 1")
        psql(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index[0]}'::regclass")
        done = self.run_it("doctor")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("not valid", done.stderr)


