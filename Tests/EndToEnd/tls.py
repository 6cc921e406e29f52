"""Certificates for the tests, made by openssl, and clients that speak TLS."""

import http.client
import os
import socket
import ssl
import subprocess

from client import Raw


def certificate(folder, name, host="localhost", days=30, key=("-newkey", "ec", "-pkeyopt",
                                                              "ec_paramgen_curve:prime256v1"),
                dates=()):
    """A self-signed certificate with its key; gives both paths."""
    chain, secret = folder.join(name + ".pem"), folder.join(name + ".key")
    made = chain + ".new"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", *key, "-keyout", secret + ".new", "-out", made,
         "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1",
         *(dates or ("-days", str(days)))],
        check=True, capture_output=True)
    os.chmod(secret + ".new", 0o600)
    # The key first: the pair does not fit for a moment, as it happens.
    os.replace(secret + ".new", secret)
    os.replace(made, chain)
    return chain, secret


def context(*chains, minimum=ssl.TLSVersion.TLSv1_2, maximum=None, protocols=None):
    """What a client trusts and speaks."""
    made = ssl.create_default_context()
    made.minimum_version = minimum
    if maximum:
        made.maximum_version = maximum
    for chain in chains:
        made.load_verify_locations(chain)
    if protocols:
        made.set_alpn_protocols(protocols)
    return made


class Secure(Raw):
    """A connection under TLS on which bytes are sent as they are."""

    def __init__(self, port, trust, name="localhost", seconds=30, address="127.0.0.1"):
        plain = socket.create_connection((address, port), timeout=seconds)
        try:
            self.socket = trust.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise
        self.received = b""

    @property
    def serial(self):
        return self.socket.getpeercert()["serialNumber"]


def get(port, trust, path, headers=None):
    """One GET over TLS; gives the response with its body read."""
    connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=trust)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        response.content = response.read()
        return response
    finally:
        connection.close()
