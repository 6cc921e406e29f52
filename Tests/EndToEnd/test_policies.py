"""Logins beside Roost: PostgreSQL shows them the rows that the rules show to whom they name."""

import json
import os
import subprocess
import unittest
import urllib.parse
import uuid

from server import Folder, Server, roost
from worlds import House, bandstand, difficult

POSTGRES = os.environ.get("ROOST_TEST_POSTGRES")
ADMIN = os.environ.get("ROOST_TEST_POSTGRES_ADMIN")


def psql(address, *statements, schema=None):
    """The lines that the statements print, and what failed."""
    path = [f'SET search_path = "{schema}"'] if schema else []
    script = ";\n".join([*path, *statements]) + ";\n"
    done = subprocess.run(["psql", "-qAtX", "-d", address, "-f", "-"], input=script, text=True,
                          capture_output=True, timeout=120, check=False)
    return done.stdout.splitlines(), done.stderr


def login(address, name):
    parts = urllib.parse.urlsplit(address)
    return parts._replace(netloc=f"{name}:guest@{parts.hostname}:{parts.port}").geturl()


@unittest.skipUnless(POSTGRES, "needs ROOST_TEST_POSTGRES, as Scripts/with-postgres.sh sets it")
class PolicyTests(unittest.TestCase):
    def setUp(self):
        mark = uuid.uuid4().hex[:12]
        self.reader, self.schema = f"reader_{mark}", f"policies_{mark}"
        psql(ADMIN, f"CREATE ROLE {self.reader} LOGIN PASSWORD 'guest'")
        self.addCleanup(
            psql, ADMIN, f"DROP OWNED BY {self.reader}", f"DROP ROLE {self.reader}")
        self.environment = {
            "ROOST_DATABASE": POSTGRES, "ROOST_DATABASE_SCHEMA": self.schema,
            "ROOST_DATABASE_READERS": self.reader}

    def house(self, plan):
        house = House(plan)
        house.server.kill()
        house.server = Server(house.folder.path, environment=self.environment)
        self.addCleanup(house.close)
        return house.open()

    def agree(self, plan):
        house, seen = self.house(plan), 0
        for caller in house.callers.values():
            settings = {"roost.uid": caller.uid or "",
                        "roost.anonymous": "true" if caller.anonymous else "",
                        "roost.roles": json.dumps(sorted(caller.roles)),
                        "roost.claims": json.dumps(sorted(caller.claims))}
            naming = [f"SET {name} = '{value}'" for name, value in settings.items()]
            for type_ in house.world.schema.types.values():
                answer = caller.client.get(f"/v1/{type_.route}?limit=200")
                shown = sorted(item["id"] for item in answer.json.get("items", []))
                lines, errors = psql(
                    login(POSTGRES, self.reader), *naming,
                    f'SELECT id FROM "{type_.route}" ORDER BY id', schema=self.schema)
                with self.subTest(caller=caller.name, type=type_.name):
                    self.assertEqual(lines, shown, errors)
                seen += len(lines)
        self.assertGreater(seen, 20)

    def test_they_agree_with_rest_on_bandstand(self):
        self.agree(bandstand())

    def test_they_agree_with_rest_on_a_schema_made_to_be_difficult(self):
        self.agree(difficult())

    def test_a_login_that_no_policy_could_hold_back_is_refused(self):
        folder = Folder({"schema.graphql": "type A @collection @allow(ops: [READ]) { b: Int }"})
        self.addCleanup(folder.remove)
        boss = f"boss_{self.reader}"
        psql(ADMIN, f"CREATE ROLE {boss} LOGIN SUPERUSER")
        self.addCleanup(psql, ADMIN, f"DROP ROLE {boss}")
        for name, said in ((boss, "do not hold for a superuser"), ("nobody_at_all", "CREATE ROLE")):
            done = roost("serve", folder.path, "--data", folder.join("data"), "--port", "0",
                         environment={**self.environment, "ROOST_DATABASE_READERS": name})
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(said, done.stderr)

    def test_a_login_that_is_not_named_any_more_sees_nothing(self):
        folder = Folder({"schema.graphql":
                         "type A @collection @allow(ops: [READ], to: PUBLIC) { b: Int }"})
        self.addCleanup(folder.remove)
        look = (login(POSTGRES, self.reader), f'SELECT count(*) FROM "{self.schema}"."as"')
        for readers, expected in ((self.reader, ["0"]), ("", [])):
            server = Server(folder.path, data=folder.join("data"), environment={
                **self.environment, "ROOST_DATABASE_READERS": readers})
            self.addCleanup(server.kill)
            server.start().stop()
            self.assertEqual(psql(*look)[0], expected, readers)

    def test_a_file_has_no_logins(self):
        folder = Folder({"schema.graphql": "type A @collection @allow(ops: [READ]) { b: Int }"})
        self.addCleanup(folder.remove)
        done = roost("serve", folder.path, "--data", folder.join("data"), "--port", "0",
                     environment={"ROOST_DATABASE": "", "ROOST_DATABASE_READERS": "somebody"})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("a file has none", done.stderr)
