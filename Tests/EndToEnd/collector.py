"""A collector of traces: it takes OTLP over HTTP in JSON, checks its form, and keeps the spans."""

import http.server
import json
import re
import threading
import time

HEX32 = re.compile(r"^[0-9a-f]{32}$")
HEX16 = re.compile(r"^[0-9a-f]{16}$")


class Span:
    def __init__(self, raw):
        self.raw = raw
        self.name = raw["name"]
        self.trace = raw["traceId"]
        self.id = raw["spanId"]
        self.parent = raw.get("parentSpanId")
        self.start = int(raw["startTimeUnixNano"])
        self.end = int(raw["endTimeUnixNano"])
        self.attributes = {
            entry["key"]: next(iter(entry["value"].values())) for entry in raw["attributes"]}

    def __repr__(self):
        return f"<{self.name} {(self.end - self.start) / 1e6:.3f} ms {self.attributes}>"


class Collector:
    """`status` is what it answers; spans are kept where that is 200."""

    def __init__(self):
        self.status = 200
        self.spans = []
        self.requests = []
        self.faults = []
        self.lock = threading.Lock()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                with collector.lock:
                    collector.requests.append((self.path, dict(self.headers)))
                    if collector.status == 200:
                        try:
                            collector._take(body)
                        except (KeyError, ValueError, AssertionError) as error:
                            collector.faults.append(repr(error))
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def _take(self, body):
        for resource in json.loads(body)["resourceSpans"]:
            names = [entry["key"] for entry in resource["resource"]["attributes"]]
            assert "service.name" in names, names
            for scope in resource["scopeSpans"]:
                for raw in scope["spans"]:
                    assert HEX32.match(raw["traceId"]) and HEX16.match(raw["spanId"]), raw
                    assert raw["kind"] in (1, 2, 3), raw
                    assert isinstance(raw["startTimeUnixNano"], str), raw
                    assert int(raw["startTimeUnixNano"]) <= int(raw["endTimeUnixNano"]), raw
                    self.spans.append(Span(raw))

    def wait(self, condition, seconds=20):
        """The spans, once `condition` holds for them."""
        deadline = time.monotonic() + seconds
        while True:
            with self.lock:
                assert not self.faults, self.faults
                spans = list(self.spans)
            if condition(spans):
                return spans
            assert time.monotonic() < deadline, spans
            time.sleep(0.05)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
