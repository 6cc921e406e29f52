"""A server that makes nothing durable, for controls."""

import os
import shutil
import subprocess

from .result import Unavailable

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "forgetful.c")


def settings(folder):
    """The environment that makes a server forgetful."""
    if shutil.which("cc") is None:
        raise Unavailable("needs a C compiler")
    library = os.path.join(os.path.abspath(folder), "forgetful.so")
    subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"],
                   check=True)
    return {"LD_PRELOAD": library}
