"""A server of functions: it checks signatures as docs/guides/functions.md shows, and answers as told."""

import base64
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time


def verify(headers, body, secrets, now=None):
    """Whether a request is Roost's, by the guide's lines."""
    now = time.time() if now is None else now
    if abs(now - int(headers["webhook-timestamp"])) > 300:
        return False
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for secret in secrets:
        code = base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()
        for signature in headers["webhook-signature"].split():
            if hmac.compare_digest(signature, "v1," + code):
                return True
    return False


class Listener(http.server.ThreadingHTTPServer):
    """Threads that come to their ends when Roost hangs up are no matter."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Call:
    """One request that a function got."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.raw = body
        self.at = time.monotonic()

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def json(self):
        return json.loads(self.raw)


class Functions:
    """Answers each path by what was told it: a callable that is given the call and the handler, and
    returns an answer as JSON, or None where it has answered by itself."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.calls = []
        self.answers = {}
        self.unsigned = 0
        self.lock = threading.Lock()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are sent apart, and the second would wait for word of the first.
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_POST(self):
                owner.serve(self)

            def do_GET(self):
                owner.serve(self)

            def reply(self, status, data=b"", kind="application/json", **headers):
                self.send_response(status)
                if kind and data:
                    self.send_header("Content-Type", kind)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        call = Call(handler.path, handler.headers, body)
        with self.lock:
            self.calls.append(call)
        if not verify(call.headers, body, self.secrets):
            with self.lock:
                self.unsigned += 1
            return handler.reply(401)
        answer = self.answers.get(handler.path, lambda *_: {})
        try:
            result = answer(call, handler)
            if result is not None:
                handler.reply(200, json.dumps(result).encode())
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def to(self, path):
        with self.lock:
            return [call for call in self.calls if call.path == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
