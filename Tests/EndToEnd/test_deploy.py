"""What deploy/ holds: alerts, dashboard, unit and image, checked by their own tools and against the
metrics that there are."""

import glob
import json
import os
import re
import shutil
import subprocess
import unittest

from client import Client, anonymous
from functions import Functions
from server import REPOSITORY, Folder, Server, roost
from test_observability import BANDSTAND, KEY

DEPLOY = os.path.join(REPOSITORY, "deploy")
RULES = os.path.join(DEPLOY, "prometheus", "roost.rules.yml")
RULE_TESTS = os.path.join(DEPLOY, "prometheus", "roost.rules.test.yml")
OBSERVABILITY = os.path.join(REPOSITORY, "docs", "guides", "observability.md")
DASHBOARD = os.path.join(DEPLOY, "grafana", "roost.json")
NAME = re.compile(r"\b((?:roost|process)_[a-z_]+)\b")
# With replicas alone, for which two PostgreSQL servers are needed (test_replicas.py looks at them),
# and once there is a backup (test_backup.py).
ELSEWHERE = {"roost_db_replica_in_use", "roost_backup_last_timestamp_seconds"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def run(*command, folder=None):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)


def alerts():
    """Name, expression and runbook of each alert."""
    for part in re.split(r"(?m)^      - alert: ", read(RULES))[1:]:
        yield (part.split("\n", 1)[0], part.split("expr:", 1)[1].split("labels:", 1)[0],
               re.search(r"runbook: (\S+)", part)[1])


class MetricTests(unittest.TestCase):
    def test_every_metric_that_is_named_is_there(self):
        functions = Functions([KEY])
        self.addCleanup(functions.close)
        folder = Folder({
            "schema.graphql": read(os.path.join(BANDSTAND, "schema.graphql"))
            + '\nextend type Mutation {\n  "Hail."\n  hail(words: String): Boolean @action\n}\n',
            "roost.yaml": "limits:\n  address: 6000 per minute\n"
                          "functions:\n  allowLoopback: true\n  hail:\n"
                          f"    url: http://127.0.0.1:{functions.port}/hail\n"
                          "    secrets: env:ROOST_TEST_KEY\n    on: action\n"})
        self.addCleanup(folder.remove)
        server = Server(folder.path, environment={
            "ROOST_TEST_KEY": KEY.decode(), "ROOST_TRACES_ENDPOINT": "http://127.0.0.1:9/v1"})
        self.addCleanup(server.stop)
        server.start()
        anonymous(server.port).get("/v1/venues")
        text = Client(server.port).get("/metrics").body.decode()
        there = set()
        for family, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text):
            there |= {family} if kind != "histogram" else {
                f"{family}_{part}" for part in ("bucket", "sum", "count")}
        named = set(NAME.findall(read(DASHBOARD))) | {
            name for _, expression, _ in alerts() for name in NAME.findall(expression)}
        for page in glob.glob(os.path.join(REPOSITORY, "docs", "runbooks", "*.md")):
            named |= set(NAME.findall(read(page)))
        self.assertGreater(len(named), 30)
        self.assertEqual(named - there - ELSEWHERE, set())
        # And the test would find one that is not.
        self.assertNotIn("roost_db_write_total", there)

    def test_every_route_that_is_named_is_one(self):
        """As a label of the metrics has it once somebody has asked there."""
        pages = glob.glob(os.path.join(REPOSITORY, "docs", "runbooks", "*.md"))
        named = set()
        for page in [RULES, RULE_TESTS, DASHBOARD, OBSERVABILITY, *pages]:
            for values in re.findall(r'\broute(?:=~|!~|!=|=)\\?"([^"\\]*)', read(page)):
                named |= set(values.split("|"))
        self.assertTrue({"/v1/sync", "/v1/:collection"} <= named, named)
        server = Server(BANDSTAND).start()
        self.addCleanup(server.stop)
        client = Client(server.port)

        def labels(paths):
            for path in paths:
                for method in ("GET", "POST"):
                    client.request(method, path.replace(":collection", "venues").replace(
                        ":id", "019e0000-0000-7000-8000-000000000000"))
            return set(re.findall('route="([^"]*)"', client.get("/metrics").body.decode()))

        self.assertEqual(named - labels(named), set())
        # And the test would find one that is not.
        self.assertNotIn("/v1/poll", labels(["/v1/poll"]))

    def test_a_word_of_every_queue_and_part_is_told(self):
        server = Server(BANDSTAND).start()
        self.addCleanup(server.stop)
        text = Client(server.port).get("/metrics").body.decode()
        for queue in ("loop", "writes", "reads"):
            self.assertIn(f'roost_queue_standing{{queue="{queue}"}} 0\n', text)
        for part in ("database", "requests", "writes", "long reads", "replicas", "functions"):
            self.assertIn(f'roost_degraded{{part="{part}"}} 0\n', text)


@unittest.skipUnless(shutil.which("promtool"), "promtool is missing: Debian's package prometheus")
class AlertTests(unittest.TestCase):
    def test_the_rules_are_rules(self):
        done = run("promtool", "check", "rules", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_alerts_are_raised_when_they_should_be_and_only_then(self):
        done = run("promtool", "test", "rules", "roost.rules.test.yml",
                   folder=os.path.dirname(RULES))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_tests_fail_where_a_rule_is_wrong(self):
        folder = Folder(copy=os.path.dirname(RULES))
        self.addCleanup(folder.remove)
        folder.write("roost.rules.yml", folder.read("roost.rules.yml").replace(
            "roost_follower_lag_seconds > 300", "roost_follower_lag_seconds > 500"))
        done = run("promtool", "test", "rules", "roost.rules.test.yml", folder=folder.path)
        self.assertNotEqual(done.returncode, 0)

    def test_each_mended_rule_is_held_by_its_test(self):
        for right, wrong in (
                ("roost_follower_set_aside > min_over_time(roost_follower_set_aside[1h])",
                 "increase(roost_follower_set_aside[1h]) > 0"),
                ("roost_follower_set_aside > min_over_time(roost_follower_set_aside[1h])",
                 "delta(roost_follower_set_aside[1h]) > 0"),
                ('{status!="499"}', '{route!="/v1/sync",status!="499"}'),
                ('{status!="499"}', ""),
                ('{outcome="failed"} > 0 unless on (instance) roost_backup_last_timestamp_seconds',
                 '{outcome="failed"} > 0'),
                ("scheduled > 0 unless on (instance) roost_backup_last_timestamp_seconds",
                 "scheduled > 0"),
                ("roost_backup_scheduled > 0", "roost_backup_scheduled >= 0"),
                ('roost_degraded{part="database"}', "roost_degraded")):
            with self.subTest(wrong):
                folder = Folder(copy=os.path.dirname(RULES))
                self.addCleanup(folder.remove)
                text = folder.read("roost.rules.yml")
                self.assertEqual(text.count(right), 1)
                folder.write("roost.rules.yml", text.replace(right, wrong))
                done = run("promtool", "test", "rules", "roost.rules.test.yml", folder=folder.path)
                self.assertNotEqual(done.returncode, 0)

    def test_the_guide_says_how_prometheus_comes_to_the_metrics(self):
        (text,) = [block for block in re.findall(r"```yaml\n(.*?)```", read(OBSERVABILITY), re.S)
                   if "scrape_configs" in block]
        folder = Folder({"prometheus.yml": text}, copy=os.path.dirname(RULES))
        self.addCleanup(folder.remove)
        done = run("promtool", "check", "config", "prometheus.yml", folder=folder.path)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # It found the rules, one of which goes by the name of the job.
        self.assertIn("roost.rules.yml", done.stdout)
        (job,) = re.findall(r'up\{job="(\w+)"\}', read(RULES))
        self.assertIn(f"job_name: {job}\n", text)

    def test_every_alert_is_tested(self):
        tests = read(RULE_TESTS)
        for name, _, _ in alerts():
            self.assertIn(f"alertname: {name}\n        exp_alerts:\n", tests)


class PageTests(unittest.TestCase):
    def test_every_alert_has_its_runbook(self):
        index = read(os.path.join(REPOSITORY, "docs", "runbooks", "README.md"))
        pages = set()
        for name, _, runbook in alerts():
            page = read(os.path.join(REPOSITORY, runbook))
            self.assertIn(name, page)
            for heading in ("## Symptom", "## What it means", "## Look", "## Do"):
                self.assertIn(heading, page)
            self.assertIn(f"({os.path.basename(runbook)})", index)
            pages.add(os.path.basename(runbook))
        there = set(os.listdir(os.path.join(REPOSITORY, "docs", "runbooks"))) - {"README.md"}
        self.assertEqual(there, pages)

    def test_the_dashboard_is_what_its_list_makes(self):
        done = run("python3", os.path.join(DEPLOY, "grafana", "make.py"), "--check")
        self.assertEqual(done.returncode, 0, done.stderr)
        dashboard = json.loads(read(DASHBOARD))
        numbers = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(numbers), len(set(numbers)))
        for panel in dashboard["panels"]:
            self.assertLessEqual(panel["gridPos"]["x"] + panel["gridPos"]["w"], 24)

    def test_the_settings_of_the_example_exist(self):
        text = read(os.path.join(REPOSITORY, "docs", "guides", "operating.md"))
        named = set(re.findall(r"(?m)^#?(ROOST_[A-Z_]+)=", read(
            os.path.join(DEPLOY, "roost.env.example")))) - {"ROOST_APP"}
        self.assertGreater(len(named), 5)
        for name in named:
            self.assertIn(f"`{name}`", text)

    def test_the_image_has_the_libraries_that_the_program_links(self):
        listed = read(os.path.join(DEPLOY, "Dockerfile"))
        build = read(os.path.join(REPOSITORY, "Scripts", "packages.sh")).split(")")[0]
        runtime = {"libargon2-dev": "libargon2-1", "libcurl4-openssl-dev": "libcurl4",
                   "libpq-dev": "libpq5", "libre2-dev": "libre2-9",
                   "libsqlite3-dev": "libsqlite3-0", "libssl-dev": "libssl3",
                   "libyaml-dev": "libyaml-0-2", "zlib1g-dev": "zlib1g"}
        # What belongs to the toolchain is linked in.
        toolchain = {"libc6-dev", "libgcc-12-dev", "libstdc++-12-dev"}
        for package in set(re.findall(r"\b[a-z0-9+-]+-dev\b", build)) - toolchain:
            self.assertIn(package, runtime)
            self.assertIn(runtime[package], listed)
        # For backups of a database on a server.
        self.assertIn("postgresql-client", listed)

    def test_the_image_starts_as_it_is(self):
        """The server would not listen beyond its own machine without a word about TLS."""
        listed = read(os.path.join(DEPLOY, "Dockerfile"))
        settings = dict(re.findall(r"(ROOST_[A-Z_]+)=(\S+)", listed))
        self.assertEqual(settings["ROOST_SERVER_HOST"], "0.0.0.0")
        app = os.path.join(REPOSITORY, "Examples/bandstand")
        self.assertEqual(roost("doctor", app, environment=settings).returncode, 0)
        del settings["ROOST_SERVER_PROXIES"]
        refused = roost("doctor", app, environment=settings)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("server.proxies", refused.stderr)


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is missing")
class UnitTests(unittest.TestCase):
    UNIT = os.path.join(DEPLOY, "systemd", "roost.service")

    def test_the_unit_is_one(self):
        # It looks for the program, which is wherever this test has it.
        folder = Folder({"roost.service": read(self.UNIT).replace(
            "/usr/local/bin/roost", shutil.which("true"))})
        self.addCleanup(folder.remove)
        done = run("systemd-analyze", "verify", folder.join("roost.service"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Unknown", done.stderr)
        folder.write("roost.service", read(self.UNIT).replace("ProtectClock=", "ProtectClocks="))
        done = run("systemd-analyze", "verify", folder.join("roost.service"))
        self.assertIn("ProtectClocks", done.stderr)

    def test_the_unit_is_closed_up(self):
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", self.UNIT)
        self.assertEqual(done.returncode, 0, done.stdout[-500:] + done.stderr)


if __name__ == "__main__":
    unittest.main()
