"""strace, which makes a system call of the server fail or do nothing."""

import shutil
import subprocess

from .result import Unavailable


def require():
    """Raises Unavailable where there is no strace, or where it may not trace."""
    if shutil.which("strace") is None:
        raise Unavailable("needs strace")
    done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "true"], capture_output=True)
    if done.returncode != 0:
        raise Unavailable("strace may not trace here")
