"""SIGTERM under load, as `drain` has it, of a server that answers under TLS."""

import os

from harness.certificates import self_signed

from . import drain

NAME = "drain-tls"
PROMISE = "the same under TLS"
TEST = drain.TEST
TRIES = (50, 1)


def run(folder, tries):
    os.makedirs(folder)
    chain, key = self_signed(folder)
    return drain.run(
        folder, tries, {"ROOST_TLS_CERTIFICATES": chain, "ROOST_TLS_KEYS": key})
