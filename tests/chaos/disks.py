"""Disks that can be full: small file systems in memory, where we may mount some (root on Linux)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A limit, not what it takes: memory is used for what is written.
ROOM = "8g"
# Bytes; enough that nobody outruns us while we shrink it.
LEFT = 262_144
MARK = "TANDEM_CHAOS_NAMESPACE"


def move_into_own_namespace() -> None:
    """Become this program again in a mount namespace of its own: no mount is seen outside, or outlives us.

    Returns, with nothing changed, where that is not allowed. To be called before anything is started.
    """
    unshare = shutil.which("unshare")
    if MARK in os.environ or unshare is None or os.geteuid() != 0:
        return
    if subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False).returncode:
        return
    os.environ[MARK] = "1"  # our own process id stays: whoever waits for us, or watches us, may go on
    os.execv(unshare, [unshare, "--mount", "--propagation", "private", sys.executable, *sys.orig_argv[1:]])


class Disk:
    """The file system at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Leave next to no room: not by writing, by shrinking."""
        status = os.statvfs(self._path)
        self._resize(str((status.f_blocks - status.f_bfree) * status.f_frsize + LEFT))

    def clear(self) -> None:
        self._resize(ROOM)

    def _resize(self, size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self._path)], check=True, capture_output=True)


@contextmanager
def mounted_disk(path: Path) -> Iterator[Disk | None]:
    """A disk at `path` while the block runs, or none where we may not mount one."""
    path.mkdir(parents=True, exist_ok=True)
    if MARK not in os.environ:
        yield None
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=755", "chaos", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=False)
