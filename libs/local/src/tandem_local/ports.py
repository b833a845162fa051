"""Ports on loopback, so that runs side by side do not take each other's."""

import fcntl
import os
import random
import socket
from pathlib import Path
from threading import Lock

from tandem_local.cache import cache_home

# Below the ports that the kernel gives to outgoing connections (32768 on Linux, 49152 on macOS): nobody gets one of
# ours by chance between the moment we choose it and the moment the server binds it.
RANGE = range(20000, 32000)

_taken: set[int] = set()
_guard = Lock()
_ledgers: dict[Path, int] = {}


def free_port(preferred: int | None = None) -> int:
    """Return a port that no server uses and that no other run of this user is given.

    It stays ours until this process ends or releases it. `preferred` (the last run's) is taken if it can be.
    """
    candidates = random.sample(RANGE, 200)
    if preferred is not None:
        candidates.insert(0, preferred)
    with _guard:
        for port in candidates:
            if port not in _taken and _claim(port):
                _taken.add(port)
                return port
    raise OSError(f"no free port on 127.0.0.1 in {RANGE.start}-{RANGE.stop}")


def release_port(port: int) -> None:
    """Give the port back before this process ends."""
    with _guard:
        _taken.discard(port)
        for ledger in _ledgers.values():
            fcntl.lockf(ledger, fcntl.LOCK_UN, 1, port)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _claim(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: connections of the last run that linger in TIME_WAIT do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return _write_down(port)


def _write_down(port: int) -> bool:
    """Lock one byte a port in a file of all runs: the kernel frees it when we end, however we end."""
    path = cache_home() / "ports"
    if path not in _ledgers:  # opened once for good: closing any descriptor of the file would drop all our locks
        path.parent.mkdir(parents=True, exist_ok=True)
        _ledgers[path] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(_ledgers[path], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True
