"""A small ext4 of its own on a loop device: it can be filled, and it can lose its power."""

import fcntl
import os
import shutil
import struct
import subprocess
import time

from .result import Unavailable

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_FLUSH = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH: what is not on the disk now is gone

PATIENCE = 30  # seconds


class Volume:
    """A mounted file system of `size` bytes in a sparse file; use as a context."""

    def __init__(self, folder, size):
        self.image, self.path = os.path.join(folder, "volume.img"), os.path.join(folder, "volume")
        self.size = size

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("needs root to mount a file system of its own")
        for tool in ("mkfs.ext4", "mount", "umount"):
            if shutil.which(tool) is None:
                raise Unavailable(f"needs {tool}")
        os.makedirs(self.path, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(self.size)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", self.image], check=True)
        self.mount()
        return self

    def mount(self):
        # A long commit interval: only what was made durable on purpose survives a power loss.
        done = subprocess.run(["mount", "-o", "loop,commit=300", self.image, self.path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"cannot mount a loop device: {done.stderr.strip()}")

    def unmount(self):
        """Waits for those who have just been killed: they hold it until the kernel is done with
        them."""
        deadline = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(["umount", self.path], capture_output=True, text=True)
            if done.returncode == 0:
                return
            if "busy" not in done.stderr or time.monotonic() > deadline:
                raise RuntimeError(f"cannot be unmounted: {done.stderr.strip()}")
            time.sleep(0.05)

    def lose_power(self):
        """Everything that was not made durable is lost; nothing can be written any more."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        except OSError as error:
            raise Unavailable(f"this kernel cannot shut an ext4 down: {error}") from error
        finally:
            os.close(folder)

    def remount(self):
        self.unmount()
        self.mount()

    def free(self):
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self, leave):
        """Takes space until only `leave` bytes are free."""
        path = os.path.join(self.path, "ballast")
        file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            step = 64 << 20
            while step >= 4096:
                size, room = os.fstat(file).st_size, self.free() - leave
                if room < step:
                    step //= 2
                    continue
                try:
                    os.posix_fallocate(file, size, step)
                except OSError:
                    step //= 2
        finally:
            os.close(file)

    def relieve(self):
        """Gives the space back."""
        os.unlink(os.path.join(self.path, "ballast"))

    def __exit__(self, *_):
        try:
            self.unmount()
        except RuntimeError:
            subprocess.run(["umount", "-l", self.path], capture_output=True)
        os.unlink(self.image)
