"""A small balancer before several servers, which asks each whether it is ready.

Each request has a connection of its own to a server. The one thing that it tries again, at
another server, is a connection that was refused before a byte of the request was sent.
"""

import http.client
import http.server
import threading
import time
import urllib.request


class Broken(Exception):
    """A server took a connection and did not answer its request; says what is known of it."""


class Balancer:
    """Use as a context; `port` is where clients go."""

    INTERVAL = 0.03

    def __init__(self):
        self.backends = []  # ports that are asked
        self.ready = []  # those of them that said yes last
        self.answers = {}  # port → how many requests it answered
        self.retries = 0
        self.turn = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.threads = [threading.Thread(target=self.server.serve_forever, daemon=True),
                        threading.Thread(target=self._ask, daemon=True)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        for thread in self.threads:
            thread.join()

    def add(self, port):
        self.backends.append(port)

    def remove(self, port):
        self.backends.remove(port)

    def _ask(self):
        while not self.stopping.wait(self.INTERVAL):
            self.ready = [port for port in list(self.backends) if self._is_ready(port)]

    @staticmethod
    def _is_ready(port):
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _order(self):
        """The servers to try, the next one first."""
        with self.lock:
            self.turn += 1
            ready = list(self.ready)
            return ready[self.turn % len(ready):] + ready[:self.turn % len(ready)] if ready else []

    def forward(self, method, path, headers, body):
        """The answer of a server: (status, headers, body)."""
        tried = []
        # Who is ready may have changed while a connection was waited for.
        while port := next((port for port in self._order() if port not in tried), None):
            tried.append(port)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                connection.connect()
            except ConnectionRefusedError:
                with self.lock:
                    self.retries += 1
                continue
            stage, began = "sending", time.monotonic()
            try:
                connection.request(method, path, body, headers)
                stage, sent = "waiting", time.monotonic()
                answer = connection.getresponse()
                data = answer.read()
            except (OSError, http.client.HTTPException) as error:
                now = time.monotonic()
                took = (sent if stage == "waiting" else now) - began
                raise Broken(f"{error!r} while {stage}, {now - began:.6f} s after it was open, "
                             f"of which sending took {took:.6f} s") from error
            finally:
                connection.close()
            with self.lock:
                self.answers[port] = self.answers.get(port, 0) + 1
            return answer.status, answer.getheaders(), data
        return 502, [], f"no server is ready: tried {tried}, ready {self.ready}".encode()

    def _handler(self):
        balancer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length) if length else None
                headers = {name: value for name, value in self.headers.items()
                           if name.lower() not in ("host", "connection")}
                try:
                    status, fields, data = balancer.forward(
                        self.command, self.path, headers, body)
                except Broken as error:
                    status, fields, data = 502, [], str(error).encode()
                self.send_response_only(status)
                for name, value in fields:
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        return Handler
