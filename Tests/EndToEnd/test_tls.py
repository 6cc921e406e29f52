"""TLS: versions, protocols, certificates that are wrong, that change, and that are many."""

import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

import tls
from client import Raw
from server import APPS, Folder, Server, free_port, roost

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
APP = os.path.join(APPS, "types")


class SecureServer(Server):
    """A server with a certificate; its settings come from the environment."""

    def __init__(self, pairs, environment=None):
        settings = {
            "ROOST_TLS_CERTIFICATES": ",".join(chain for chain, _ in pairs),
            "ROOST_TLS_KEYS": ",".join(key for _, key in pairs), **(environment or {})}
        super().__init__(APP, environment=settings)

    @property
    def address(self):
        return f"https://127.0.0.1:{self.port}"

    def reported(self, text, times=1):
        """Waits for a line of the log."""
        deadline = time.monotonic() + 30
        # Read without moving the place at which the server goes on writing.
        while (log := os.pread(self.log.fileno(), 1 << 20, 0).decode()).count(text) < times:
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} was not logged:\n{log}")
            time.sleep(0.1)


class TLSTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.first = tls.certificate(cls.folder, "first")
        cls.second = tls.certificate(cls.folder, "second", host="other.test")
        cls.trust = tls.context(cls.first[0], cls.second[0])
        cls.server = SecureServer([cls.first, cls.second]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.remove()

    def test_requests_are_answered_under_tls_1_3_with_http_1_1(self):
        trust = tls.context(self.first[0], protocols=["h2", "http/1.1"])
        with tls.Secure(self.server.port, trust) as raw:
            self.assertEqual(raw.socket.version(), "TLSv1.3")
            self.assertEqual(raw.socket.selected_alpn_protocol(), "http/1.1")
            for _ in range(3):
                self.assertEqual(raw.send(LIVE + b"\r\n").answer().status, 200)
        answer = tls.get(self.server.port, self.trust, "/health/live")
        self.assertTrue(answer.headers["strict-transport-security"].startswith("max-age="))

    def test_older_versions_and_other_protocols_are_refused(self):
        for trust in (tls.context(self.first[0], maximum=ssl.TLSVersion.TLSv1_2),
                      tls.context(self.first[0], protocols=["h2"]),
                      tls.context(self.first[0], protocols=["ftp"])):
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                tls.Secure(self.server.port, trust)

    def test_what_is_no_tls_is_not_answered(self):
        for data in (LIVE + b"\r\n", b"\x00" * 100, b"\x16\x03\x01\x40\x00" + b"\xff" * 16384):
            with self.subTest(data=data[:10]), Raw(self.server.port) as raw:
                raw.send(data)
                try:
                    received = raw.socket.recv(4096)
                except ConnectionResetError:
                    received = b""
                self.assertNotIn(b"HTTP/1.1 200", received)

    def test_the_host_chooses_the_certificate(self):
        for name, chain in (("localhost", self.first), ("other.test", self.second)):
            with self.subTest(name=name), \
                    tls.Secure(self.server.port, tls.context(chain[0]), name) as raw:
                self.assertEqual(raw.send(LIVE + b"\r\n").answer().status, 200)

    def test_pipelined_single_bytes_and_large_bodies_pass_through_records(self):
        with tls.Secure(self.server.port, self.trust) as raw:
            for number in range(200):
                raw.send(LIVE + b"X-Request-Id: r-%d\r\n\r\n" % number)
            for number in range(200):
                self.assertEqual(raw.answer().headers["x-request-id"], f"r-{number}")
            raw.send((LIVE + b"\r\n") * 2000)
            for _ in range(2000):
                self.assertEqual(raw.answer().status, 200)
            for byte in LIVE + b"\r\n":
                raw.send(bytes([byte]))
            self.assertEqual(raw.answer().status, 200)
            body = b'{"atomic": false, "operations": []' + b" " * 900_000 + b"}"
            head = (b"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body))
            self.assertIn(raw.send(head + body).answer().status, (200, 422))
            raw.send(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
            sizes = {len(raw.answer().body) for _ in range(20)}
            self.assertEqual(len(sizes), 1, sizes)
            self.assertGreater(sizes.pop(), 32_768)

    def test_a_client_that_takes_its_answers_late_gets_them_whole(self):
        count = 300
        with tls.Secure(self.server.port, self.trust, seconds=60) as raw:
            sender = threading.Thread(target=raw.send, args=(
                b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * count,))
            sender.start()
            time.sleep(1)
            bodies = {raw.answer().body for _ in range(count)}
            sender.join()
            self.assertEqual(len(bodies), 1)

    def test_the_end_of_a_connection_is_told(self):
        with tls.Secure(self.server.port, self.trust) as raw:
            raw.send(LIVE + b"Connection: close\r\n\r\n")
            self.assertEqual(raw.answer().status, 200)
            # close_notify: an end without it raises here.
            raw.socket.suppress_ragged_eofs = False
            self.assertEqual(raw.socket.recv(10), b"")

    def test_sessions_are_resumed(self):
        trust = tls.context(self.first[0])
        with tls.Secure(self.server.port, trust) as raw:
            raw.send(LIVE + b"\r\n").answer()
            session = raw.socket.session
        plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        with trust.wrap_socket(plain, server_hostname="localhost", session=session) as again:
            again.sendall(LIVE + b"\r\n")
            again.recv(1000)
            self.assertTrue(again.session_reused)

    def test_slow_handshakes_harm_nobody(self):
        idle = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(300)]
        for each in idle[:100]:
            each.sendall(b"\x16\x03\x01")
        try:
            self.assertEqual(tls.get(self.server.port, self.trust, "/health/live").status, 200)
            # After ten seconds they are closed.
            idle[0].settimeout(30)
            try:
                self.assertEqual(idle[0].recv(1), b"")
            except ConnectionResetError:
                pass
        finally:
            for each in idle:
                each.close()

    def test_metrics_count_handshakes(self):
        text = tls.get(self.server.port, self.trust, "/metrics").content.decode()
        figures = dict(line.split(" ") for line in text.splitlines() if line.startswith("roost_tls"))
        self.assertGreater(float(figures["roost_tls_handshakes_total"]), 0)
        left = float(figures["roost_tls_certificate_expiry_seconds"]) - time.time()
        self.assertTrue(28 * 86400 < left < 31 * 86400, left)


class OldVersionTests(unittest.TestCase):
    def test_tls_1_2_is_spoken_where_it_is_set_without_renegotiation(self):
        folder = Folder()
        pair = tls.certificate(folder, "a")
        server = SecureServer([pair], {"ROOST_TLS_MINIMUM_VERSION": "1.2"}).start()
        try:
            trust = tls.context(pair[0], maximum=ssl.TLSVersion.TLSv1_2)
            with tls.Secure(server.port, trust) as raw:
                self.assertEqual(raw.socket.version(), "TLSv1.2")
                self.assertIn("ECDHE", raw.socket.cipher()[0])
                self.assertEqual(raw.send(LIVE + b"\r\n").answer().status, 200)
            old = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1",
                 "-cipher", "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=30)
            self.assertNotEqual(old.returncode, 0)
            # `R` makes the client ask for a new handshake.
            talk = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"],
                input=b"R\n", capture_output=True, timeout=30)
            self.assertIn(b"no renegotiation", talk.stderr + talk.stdout)
        finally:
            server.stop()
            folder.remove()


class ReloadTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder()
        self.pair = tls.certificate(self.folder, "a")
        self.server = SecureServer([self.pair]).start()

    def tearDown(self):
        self.server.stop()
        self.folder.remove()

    def serial(self):
        with tls.Secure(self.server.port, tls.context(self.pair[0])) as raw:
            return raw.serial

    def test_certificates_are_read_again_without_a_dropped_connection(self):
        with tls.Secure(self.server.port, tls.context(self.pair[0])) as kept:
            for number in range(2):
                before = kept.serial if number == 0 else self.serial()
                kept.send(LIVE)  # in the middle of a request
                tls.certificate(self.folder, "a")
                if number == 1:
                    self.server.process.send_signal(signal.SIGHUP)
                self.server.reported("the certificates were read again", number + 1)
                self.assertNotEqual(self.serial(), before)
                self.assertEqual(kept.send(b"\r\n").answer().status, 200)

    def test_files_that_do_not_fit_leave_what_was_there(self):
        trust = tls.context(self.pair[0])
        with open(self.pair[0], "w") as file:
            file.write("-----BEGIN CERTIFICATE-----\nnothing\n")
        self.server.reported("the certificates cannot be used")
        with tls.Secure(self.server.port, trust) as raw:
            self.assertEqual(raw.send(LIVE + b"\r\n").answer().status, 200)

    def test_a_stop_under_load_answers_every_request_whose_head_came(self):
        trust, lost, done = tls.context(self.pair[0]), [], []

        def load():
            while True:
                try:
                    raw = tls.Secure(self.server.port, trust)
                except (OSError, ssl.SSLError):
                    return
                with raw:
                    for _ in range(1000):
                        try:
                            raw.send(LIVE + b"\r\n")
                        except OSError:
                            break  # was closed between two requests
                        try:
                            answer = raw.answer()
                        except (OSError, ConnectionError) as error:
                            # Closed while idle, before the request was seen: nothing was answered.
                            if raw.received:
                                lost.append(error)
                            return
                        done.append(answer.status)
                        if answer.headers.get("connection") == "close":
                            break

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(30), 0)
        for thread in threads:
            thread.join(30)
        self.assertEqual((lost, set(done)), ([], {200}))


class RefusalTests(unittest.TestCase):
    """What stops the start, with exit code 2 and a message that says what to do."""

    def setUp(self):
        self.folder = Folder()

    def tearDown(self):
        self.folder.remove()

    def refused(self, words, *arguments, environment=None):
        done = roost("serve", APP, "--port", str(free_port()), "--data", self.folder.join("data"),
                     *arguments, environment=environment)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(words, done.stderr)

    def pair(self, chain, key, words):
        self.refused(words, environment={"ROOST_TLS_CERTIFICATES": chain, "ROOST_TLS_KEYS": key})

    def test_certificates_and_keys_that_cannot_be_used(self):
        chain, key = tls.certificate(self.folder, "a")
        other = tls.certificate(self.folder, "b")
        small = tls.certificate(self.folder, "small", key=("-newkey", "rsa:1024"))
        locked = self.folder.join("locked.key")
        subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out",
                        locked], check=True, capture_output=True)
        self.pair(chain, other[1], "is not the key of the first certificate")
        self.pair(*small, "is too small")
        self.pair(chain, locked, "passphrase")
        self.pair(chain, self.folder.join("nowhere"), "cannot be read (No such file")
        self.pair(key, key, "no certificate is in it")
        self.pair(chain, chain, "no key can be read from it")
        self.pair(chain, "", "name one key for each certificate")

    def test_certificates_out_of_date_are_told_and_served(self):
        chain, key = tls.certificate(self.folder, "a", days=3)
        server = SecureServer([(chain, key)]).start()
        try:
            server.reported("expires in")
        finally:
            server.stop()

    def test_plain_http_beyond_this_machine_needs_a_proxy_that_ends_tls(self):
        for host in ("0.0.0.0", "::", "192.0.2.1"):
            with self.subTest(host=host):
                self.refused("tls.certificates", "--host", host)
        self.refused("server.proxies takes addresses", environment={
            "ROOST_SERVER_PROXIES": "10.0.0.0/33"})
