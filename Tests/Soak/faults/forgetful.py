"""Servers that take no care of what is durable, for controls."""

import os
import shutil
import subprocess

from .result import Unavailable

HERE = os.path.dirname(os.path.abspath(__file__))


def settings(folder, kind="forgetful"):
    """The environment of a server that makes nothing durable (forgetful), or that is told of no
    failure of the disk (forgiving)."""
    if shutil.which("cc") is None:
        raise Unavailable("needs a C compiler")
    library = os.path.join(os.path.abspath(folder), f"{kind}.so")
    subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library,
                    os.path.join(HERE, f"{kind}.c"), "-ldl"], check=True)
    return {"LD_PRELOAD": library}
