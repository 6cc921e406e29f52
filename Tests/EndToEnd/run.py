#!/usr/bin/env python3
"""Runs the end-to-end tests against the binary named by ROOST_BINARY (.build/debug/roost).

Usage: run.py [-v] [-k PATTERN]… [MODULE…], as `python3 -m unittest` takes them.
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

if __name__ == "__main__":
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    arguments = sys.argv[1:]
    names = [argument for argument in arguments if argument.startswith("test_")]
    options = [argument for argument in arguments if argument not in names]
    if names:
        names = [name.removesuffix(".py") for name in names]
        unittest.main(module=None, argv=["run.py", *options, *names])
    else:
        unittest.main(
            module=None, argv=["run.py", "discover", "-s", HERE, "-p", "test_*.py", *options])
