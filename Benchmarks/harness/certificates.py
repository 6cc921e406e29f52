"""A certificate that nobody else has signed, for a server of one run."""

import os
import subprocess


def self_signed(folder):
    """A certificate of P-256 for this machine; gives the files of chain and key."""
    chain, key = (os.path.join(folder, name) for name in ("tls.pem", "tls.key"))
    if not os.path.exists(chain):
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-keyout", key, "-out", chain, "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True)
    return chain, key
