"""TLS to PostgreSQL: with verify-full only the server of the right name and authority is taken."""

import os
import shutil
import socket
import struct
import subprocess
import threading
import unittest
import uuid

from postgres import POSTGRES, address, needs_postgres, password, psql
from server import Folder, Server, roost

AUTHORITY = os.environ.get("ROOST_TEST_POSTGRES_CA")
SCHEMA = "type Cup @collection @allow(ops: [ALL], to: PUBLIC) {\n  name: String!\n}\n"


class PlainServer:
    """A server that has no TLS: it says so, and keeps what it is sent behind that."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.received = b""
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                request = connection.recv(8)
                if len(request) == 8 and struct.unpack("!II", request)[1] == 80877103:
                    connection.sendall(b"N")  # SSLRequest: no
                    request = b""
                try:
                    while piece := connection.recv(4096):
                        request += piece
                except OSError:
                    pass
                self.received += request

    def __exit__(self, *_):
        # An accept in another thread does not notice that its socket is closed.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)


@needs_postgres
@unittest.skipUnless(AUTHORITY and shutil.which("openssl"), "needs openssl for a certificate")
class TLSTests(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"schema.graphql": SCHEMA})
        self.addCleanup(self.folder.remove)
        self.schema = "tls_" + uuid.uuid4().hex[:12]
        self.addCleanup(
            psql, f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    def verified(self, **parameters):
        return address(sslmode="verify-full", **{"sslrootcert": AUTHORITY, **parameters})

    def environment(self, url):
        return {"ROOST_DATABASE": url, "ROOST_DATABASE_SCHEMA": self.schema}

    def refused(self, url, *words):
        """A start that must end with 1, say all of the words, and no secret."""
        done = roost("serve", self.folder.path, "--data", self.folder.join("data"), "--port", "0",
                     environment=self.environment(url))
        said = done.stdout + done.stderr
        self.assertEqual((done.returncode, done.stdout), (1, ""), said)
        self.assertIn("encrypted connection", said)
        for word in words:
            self.assertIn(word, said)
        self.assertNotIn(password(), said)
        return said

    def test_the_right_authority_and_name_are_taken(self):
        server = Server(self.folder.path, data=self.folder.join("data"),
                        environment=self.environment(
                            self.verified(application_name=self.schema)))
        self.addCleanup(server.kill)
        server.start()
        # Others use the cluster meanwhile.
        encrypted = psql(
            "SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_activity AS a "
            "JOIN pg_stat_ssl AS s USING (pid) "
            f"WHERE a.application_name = '{self.schema}'")
        server.stop()
        connections, with_tls = encrypted[0].split("|")
        self.assertGreater(int(connections), 0)
        self.assertEqual(with_tls, connections)

    def test_another_authority_is_refused(self):
        stranger = self.folder.join("stranger.crt")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=stranger", "-keyout", self.folder.join("stranger.key"),
             "-out", stranger], check=True, capture_output=True)
        self.refused(self.verified(sslrootcert=stranger), "certificate verify failed")

    def test_another_name_is_refused(self):
        url = self.verified(host="db.example.org", hostaddr="127.0.0.1")
        self.refused(url, "db.example.org")

    def test_a_file_that_is_not_there_is_refused(self):
        self.refused(self.verified(sslrootcert=self.folder.join("none.crt")), "none.crt")

    def test_a_server_without_tls_is_refused_and_told_nothing(self):
        with PlainServer() as server:
            self.refused(self.verified(port=server.port), "SSL")
            self.assertEqual(server.received, b"")
            # Without the demand the same server would have been told who comes.
            done = roost(
                "serve", self.folder.path, "--data", self.folder.join("data"), "--port", "0",
                environment=self.environment(
                    address(POSTGRES, port=server.port, sslmode="prefer", connect_timeout="2")))
            self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"user\0roost\0", server.received)
