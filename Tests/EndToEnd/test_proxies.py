"""Forwarded addresses: believed from the proxies that were named, and from nobody else."""

import http.client
import json
import os
import socket
import ssl
import unittest

import tls
from client import Client
from server import APPS, Folder, Server

APP = os.path.join(APPS, "types")
LIMITED = {"ROOST_AUTH_RATE_LIMITS": "true", "ROOST_SERVER_ACCESS_LOG": "true"}


def own_address():
    """An address of this machine other than loopback; None where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


class OpenServer(Server):
    """A server on all addresses."""

    def __init__(self, scheme="http", **settings):
        super().__init__(APP, arguments=["--host", "0.0.0.0"], environment=settings)
        self.scheme = scheme

    @property
    def address(self):
        return f"{self.scheme}://0.0.0.0:{self.port}"


@unittest.skipUnless(own_address(), "this machine has no address but loopback")
class PlaintextTests(unittest.TestCase):
    def serve(self, **settings):
        server = OpenServer(**settings).start()
        self.addCleanup(server.stop)
        return server

    def status(self, server, address):
        connection = http.client.HTTPConnection(address, server.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", "/health/live")
        response = connection.getresponse()
        response.read()
        return response.status

    def test_without_tls_only_proxies_and_this_machine_are_answered(self):
        server = self.serve(ROOST_SERVER_PROXIES="198.51.100.7")
        self.assertEqual(self.status(server, own_address()), 403)
        self.assertEqual(self.status(server, "127.0.0.1"), 200)
        server = self.serve(ROOST_SERVER_PROXIES=own_address() + "/32")
        self.assertEqual(self.status(server, own_address()), 200)


@unittest.skipUnless(own_address(), "this machine has no address but loopback")
class ConnectionsOfAnAddressTests(unittest.TestCase):
    def test_one_address_does_not_take_all_connections(self):
        folder = Folder()
        self.addCleanup(folder.remove)
        chain, key = tls.certificate(folder, "a")
        server = OpenServer("https", ROOST_TLS_CERTIFICATES=chain, ROOST_TLS_KEYS=key,
                            ROOST_SERVER_CONNECTIONS_PER_ADDRESS="3").start()
        self.addCleanup(server.stop)
        trust, kept = tls.context(chain), []
        try:
            for _ in range(3):
                kept.append(tls.Secure(server.port, trust, address=own_address()))
            with self.assertRaises((OSError, ssl.SSLError)):
                tls.Secure(server.port, trust, address=own_address())
            # Others, and this machine itself, are let in.
            for _ in range(5):
                kept.append(tls.Secure(server.port, trust))
        finally:
            for each in kept:
                each.socket.close()


class ForgedForwardedAddressTests(unittest.TestCase):
    def serve(self, **settings):
        server = Server(APP, environment={**LIMITED, **settings}).start()
        self.addCleanup(server.stop)
        return server

    @staticmethod
    def statuses(server, count, fields):
        """What so many new accounts are answered; `fields` makes the fields of each."""
        client = Client(server.port)
        return [client.post("/v1/auth/anonymous", {}, headers=fields(number)).status
                for number in range(count)]

    @staticmethod
    def logged(server):
        lines = os.pread(server.log.fileno(), 1 << 20, 0).decode().splitlines()
        return [json.loads(line)["address"] for line in lines if '"request answered"' in line]

    def test_forged_addresses_of_strangers_are_ignored(self):
        server = self.serve()
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"):
            value = "for=203.0.113.%d" if name == "Forwarded" else "203.0.113.%d"
            self.statuses(server, 4, lambda number: {name: value % number})
        # One budget for all, for all came from one address.
        self.assertEqual(self.statuses(server, 1, lambda _: {"X-Forwarded-For": "1.2.3.4"}), [429])
        self.assertEqual(set(self.logged(server)), {"127.0.0.1"})

    def test_proxies_name_their_clients(self):
        server = self.serve(ROOST_SERVER_PROXIES="127.0.0.1, 10.0.0.0/8")
        fields = lambda number: {"X-Forwarded-For": f"203.0.113.{number}, 10.1.2.3"}  # noqa: E731
        self.assertEqual(set(self.statuses(server, 15, fields)), {201})
        self.assertEqual(self.logged(server)[3], "203.0.113.3")

    def test_what_a_client_writes_before_the_proxy_counts_for_nothing(self):
        server = self.serve(ROOST_SERVER_PROXIES="127.0.0.1")
        for fields in (lambda n: {"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.9"},
                       lambda n: {"X-Forwarded-For": "203.0.113.9", "Forwarded": f"for=1.1.1.{n}"},
                       lambda n: {"X-Forwarded-For": f"10.0.0.{n},,\t203.0.113.9:443 "}):
            self.statuses(server, 5, fields)
        last = self.statuses(server, 1, lambda _: {"X-Forwarded-For": "203.0.113.9"})
        self.assertEqual(last, [429])
        self.assertEqual(set(self.logged(server)), {"203.0.113.9"})

    def test_the_field_of_rfc_7239_where_it_is_declared(self):
        server = self.serve(ROOST_SERVER_PROXIES="127.0.0.1",
                            ROOST_SERVER_FORWARDED_FIELD="Forwarded")
        client = Client(server.port)
        for value in ('for="[2001:db8::1]:4711";proto=https', "for=198.51.100.1, For=192.0.2.7;by=x",
                      "for=198.51.100.1, for=unknown", 'for="_hidden, for=1.1.1.1"'):
            client.get("/health/live", headers={"Forwarded": value, "X-Forwarded-For": "9.9.9.9"})
        self.assertEqual(self.logged(server),
                         ["2001:db8::1", "192.0.2.7", "127.0.0.1", "127.0.0.1"])

    def test_strict_transport_is_said_to_who_came_over_tls(self):
        server = self.serve(ROOST_SERVER_PROXIES="127.0.0.1")
        client = Client(server.port)
        for scheme, said in (("https", True), ("http", False), ("https, http", False)):
            answer = client.get("/health/live", headers={"X-Forwarded-Proto": scheme})
            self.assertEqual("strict-transport-security" in answer.headers, said, scheme)
        forged = Client(self.serve().port).get(
            "/health/live", headers={"X-Forwarded-Proto": "https"})
        self.assertNotIn("strict-transport-security", forged.headers)
