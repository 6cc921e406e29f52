"""Traces, slow statements, durations by route, health and the status page."""

import json
import os
import re
import time
import unittest
import uuid

from client import Client, anonymous
from collector import Collector
from functions import Functions
from server import EXAMPLES, Folder, Server

BANDSTAND = os.path.join(EXAMPLES, "bandstand")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
VENUE = "01970000-0000-7000-8000-000000000001"
KEY = b"a key of the box office, 32 long"


def metric(port, pattern):
    """The sum of the samples whose line begins with `pattern`; None without one."""
    text = Client(port).get("/metrics").body.decode()
    values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
              if re.match(pattern, line)]
    return sum(values) if values else None


class TraceTests(unittest.TestCase):
    def setUp(self):
        self.collector = Collector()
        self.addCleanup(self.collector.close)

    def serve(self, app=BANDSTAND, **environment):
        server = Server(app, environment={
            "ROOST_TRACES_ENDPOINT": self.collector.endpoint, **environment})
        self.addCleanup(server.stop)
        return server.start()

    def test_a_write_is_told_with_its_parts(self):
        server = self.serve(ROOST_TRACES_SAMPLE="0")
        person = anonymous(server.port)
        answer = person.post(
            "/v1/performances", {"date": "2026-01-01T20:00:00.000Z", "venue": VENUE, "duration": "PT45M"},
            headers={"traceparent": PARENT, "tracestate": "congo=t61"})
        self.assertEqual(answer.status, 201, answer)
        spans = self.collector.wait(
            lambda spans: any(span.raw["kind"] == 2 for span in spans))
        (door,) = [span for span in spans if span.raw["kind"] == 2]
        self.assertEqual(door.name, "POST /v1/:collection")
        self.assertEqual((door.trace, door.parent), (TRACE, "b7ad6b7169203331"))
        self.assertEqual(door.raw["traceState"], "congo=t61")
        self.assertEqual(door.attributes["http.response.status_code"], "201")
        self.assertEqual(door.attributes["roost.request_id"], answer.headers["x-request-id"])
        names = [span.name for span in spans]
        for name in ("rules", "db.wait", "db.transaction", "db.commit", "publish", "INSERT"):
            self.assertIn(name, names)
        ids = {span.id: span for span in spans}
        for span in spans:
            self.assertEqual(span.trace, TRACE)
            if span is not door:
                self.assertIn(span.parent, ids, span)
                self.assertGreaterEqual(span.start, door.start, span)
                self.assertLessEqual(span.end, door.end, span)
        # Statements are told as they were written, never with what was bound.
        self.assertNotIn(VENUE, json.dumps([span.raw for span in spans]))
        inserts = [span for span in spans if span.name == "INSERT"]
        self.assertEqual(
            {ids[span.parent].name for span in inserts}, {"db.transaction"}, inserts)

    def test_who_is_not_chosen_is_not_told_of(self):
        server = self.serve(ROOST_TRACES_SAMPLE="0")
        client = anonymous(server.port)
        for parent in (None, PARENT[:-1] + "0", PARENT.upper(), "00-nonsense"):
            client.get("/v1/venues", headers={"traceparent": parent} if parent else {})
        client.get("/v1/venues", headers={"traceparent": PARENT})
        spans = self.collector.wait(lambda spans: spans)
        time.sleep(1)
        self.assertEqual(len([span for span in spans if span.raw["kind"] == 2]), 1, spans)
        self.assertIn("SELECT", [span.name for span in spans])

    def test_all_are_traced_where_the_settings_say_so_within_a_bound(self):
        server = self.serve(
            ROOST_TRACES_SAMPLE="1", ROOST_TRACES_PER_SECOND="5",
            ROOST_TRACES_HEADERS="authorization=Bearer%20very-secret, x-tenant=7")
        client = Client(server.port)
        for _ in range(60):
            client.get("/health/live")
        self.collector.wait(lambda spans: len(spans) >= 5)
        self.assertGreater(
            metric(server.port, r'roost_traces_total\{outcome="beyond_limit"'), 0)
        path, headers = self.collector.requests[0]
        self.assertEqual(path, "/v1/traces")
        self.assertEqual(headers["authorization"], "Bearer very-secret")
        self.assertEqual(headers["x-tenant"], "7")
        self.assertNotIn("very-secret", server.messages())

    def test_a_collector_that_is_away_costs_nobody_an_answer(self):
        self.collector.status = 400
        server = self.serve(ROOST_TRACES_SAMPLE="1", ROOST_TRACES_PER_SECOND="100000")
        client = anonymous(server.port)
        deadline = time.monotonic() + 30
        while not metric(server.port, r'roost_trace_spans_total\{outcome="failed"'):
            self.assertEqual(client.get("/v1/venues").status, 200)
            self.assertLess(time.monotonic(), deadline)
        for _ in range(3):
            client.get("/v1/venues")
            time.sleep(0.7)
        # Told once a minute, and not for each batch.
        self.assertEqual(server.messages().count("traces cannot be exported"), 1)
        self.collector.status = 200
        client.get("/v1/venues")
        self.collector.wait(lambda spans: spans)

    def test_functions_go_on_with_the_trace(self):
        functions = Functions([KEY])
        self.addCleanup(functions.close)
        with open(os.path.join(BANDSTAND, "schema.graphql"), encoding="utf-8") as file:
            schema = file.read()
        folder = Folder({
            "schema.graphql": schema + '\nextend type Mutation {\n  "Hail."\n'
                                       "  hail(words: String): Boolean @action\n}\n",
            "roost.yaml": "functions:\n  allowLoopback: true\n  hail:\n"
                          f"    url: http://127.0.0.1:{functions.port}/hail\n"
                          "    secrets: env:ROOST_TEST_KEY\n    on: action\n"})
        self.addCleanup(folder.remove)
        functions.answers["/hail"] = lambda call, handler: {"result": True}
        server = self.serve(folder.path, ROOST_TRACES_SAMPLE="0", ROOST_TEST_KEY=KEY.decode())
        person = anonymous(server.port)
        answer = person.post("/v1/actions/hail", {"words": "x"},
                             headers={"traceparent": PARENT, "tracestate": "a=1"})
        self.assertEqual(len(functions.calls), 1, answer)
        call = functions.calls[0]
        spans = self.collector.wait(
            lambda spans: any(span.raw["kind"] == 2 for span in spans))
        (asked,) = [span for span in spans if span.name == "call hail"]
        self.assertEqual(call.headers["traceparent"], f"00-{TRACE}-{asked.id}-01")
        self.assertEqual(call.headers["tracestate"], "a=1")
        # Without a trace there is nothing to go on with.
        for parent in (None, PARENT + "-x"):
            person.post("/v1/actions/hail", {"words": "x"},
                        headers={"traceparent": parent, "tracestate": "a=1"} if parent else {})
            self.assertNotIn("traceparent", functions.calls[-1].headers)
            self.assertNotIn("tracestate", functions.calls[-1].headers)
        # One that the caller does not want recorded goes on as it came.
        untraced = PARENT.removesuffix("01") + "00"
        person.post("/v1/actions/hail", {"words": "x"},
                    headers={"traceparent": untraced, "tracestate": "a=1"})
        self.assertEqual(len(functions.calls), 4)
        self.assertEqual(functions.calls[3].headers["traceparent"], untraced)
        self.assertEqual(functions.calls[3].headers["tracestate"], "a=1")


class StatementTests(unittest.TestCase):
    def test_slow_statements_are_logged_with_a_plan_and_without_values(self):
        # Every statement is slow here.
        server = Server(BANDSTAND, environment={"ROOST_LOG_SLOW_MILLISECONDS": "1"})
        self.addCleanup(server.stop)
        server.start()
        person = anonymous(server.port)
        deadline = time.monotonic() + 60
        while '"plan"' not in server.messages():
            for _ in range(20):
                person.create(
                    "performances", date="2026-01-01T20:00:00.000Z", venue=VENUE,
                    duration="PT45M", notes="a very private note")
            person.get("/v1/performances?sort=-date&limit=200")
            self.assertLess(time.monotonic(), deadline, server.messages()[-2000:])
        lines = [json.loads(line) for line in server.messages().splitlines()
                 if "a statement was slow" in line]
        self.assertLessEqual(len(lines), 20)
        plans = [line["plan"] for line in lines if "plan" in line]
        self.assertTrue(plans)
        for plan in plans:
            self.assertNotIn("none:", plan)
        self.assertNotIn("very private", server.messages())
        self.assertGreater(metric(server.port, "roost_db_slow_statements_total"), 0)


class FigureTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.server = Server(BANDSTAND, environment={
            "ROOST_TRACES_ENDPOINT": cls.collector.endpoint, "ROOST_TRACES_SAMPLE": "0"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.collector.close()

    def test_durations_are_told_by_route_and_status(self):
        client = anonymous(self.server.port)
        for path in ("/v1/venues", "/v1/venues", "/v1/nothing", "/nowhere/at/all"):
            client.get(path)
        count = "roost_http_request_duration_seconds_count"
        labels = 'method="GET",route="/v1/:collection"'
        self.assertEqual(
            metric(self.server.port, re.escape(f'{count}{{{labels},status="200"}}')), 2)
        self.assertEqual(
            metric(self.server.port, re.escape(f'{count}{{{labels},status="404"}}')), 1)
        self.assertGreaterEqual(
            metric(self.server.port, re.escape(f'{count}{{method="any",route="none"')), 1)

    def test_the_time_that_a_sync_waits_for_news_is_not_counted(self):
        client = anonymous(self.server.port)
        hello = {"frame": "hello", "cid": str(uuid.uuid4()), "schema": "1.0.0", "lanes": {},
                 "wall": int(time.time() * 1000), "streams": {}}
        began = time.monotonic()
        for wait in (0, 4):
            answer = client.request(
                "POST", "/v1/sync", raw=json.dumps({**hello, "wait": wait}).encode())
            self.assertEqual(answer.status, 200, answer.body)
            frames = [json.loads(line) for line in answer.body.splitlines()]
            hello["streams"], hello["epoch"] = frames[-1]["heads"], frames[0]["epoch"]
        self.assertGreaterEqual(time.monotonic() - began, 4)
        labels = r'{method="POST",route="/v1/sync",status="200"}'
        seconds = "roost_http_request_duration_seconds"
        self.assertGreaterEqual(
            metric(self.server.port, re.escape(f"{seconds}_count{labels}")), 2)
        self.assertLess(metric(self.server.port, re.escape(f"{seconds}_sum{labels}")), 4)

    def test_open_metrics_have_exemplars(self):
        client = Client(self.server.port)
        client.get("/schema.graphql", headers={"traceparent": PARENT})
        answer = client.get("/metrics", headers={
            "Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
        self.assertTrue(
            answer.headers["content-type"].startswith("application/openmetrics-text"))
        text = answer.body.decode()
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertIn(f'# {{trace_id="{TRACE}"}}', text)
        self.assertIn("# TYPE roost_http_requests counter\n", text)
        self.assertRegex(text, r"(?m)^roost_http_requests_total \d+$")
        families = re.findall(r"(?m)^# TYPE (\S+) (\S+)$", text)
        self.assertEqual(len(families), len(set(families)))
        for family, kind in families:
            if kind == "counter":
                samples = re.findall(rf"(?m)^{family}\S*", text)
                for sample in samples:
                    self.assertTrue(sample.startswith(family + "_total"), sample)
        plain = client.get("/metrics")
        self.assertTrue(plain.headers["content-type"].startswith("text/plain; version=0.0.4"))
        self.assertNotIn("# {", plain.body.decode())

    def test_the_status_page_says_how_it_is_without_a_script(self):
        client = Client(self.server.port)
        answer = client.get("/status")
        self.assertEqual(answer.status, 200)
        page = answer.body.decode()
        self.assertIn("All is well", page)
        self.assertNotIn("<script", page)
        self.assertNotIn("http://", page)
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("script-src 'none'", policy)
        self.assertEqual(client.get("/health/ready")["status"], "ok")


if __name__ == "__main__":
    unittest.main()
