"""The development images' entry point, which begins a service anew when its files change. Without docker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RELOAD = Path(__file__).parents[2] / "deploy/images/reload"
SECONDS = 60
# As `python RELOAD`, but for the time that a service may take to stop.
START = f"""
import runpy, sys
sys.path.insert(0, {str(RELOAD)!r})
import reloader
reloader.STOP_SECONDS = 0.5
runpy.run_path({str(RELOAD)!r}, run_name="__main__")
"""
# Says who it is and what it sees, then waits to be told to end, and drains.
SERVICE = """
import json, os, signal, sys, time
import greeting, shop.settings
shop.settings.configured = True
os.environ["SHOP_MODE"] = "the service's"
import demanding, dependent, threaded, reading

def drain(number, frame):
    print(json.dumps({"drained": signal.Signals(number).name}), flush=True)
    sys.exit(7)

def main():
    signal.signal(signal.SIGINT, drain)
    signal.signal(signal.SIGTERM, drain)
    importers = {one.__name__: one.IMPORTED_BY for one in (demanding, dependent, threaded, reading)}
    seen = {"greeting": greeting.TEXT, "mode": reading.MODE, "arguments": sys.argv[1:], "importers": importers}
    print(json.dumps({"pid": os.getpid(), **seen}), flush=True)
    while True:
        time.sleep(60)
"""
OWN = {
    "services/shop/__init__.py": "",
    "services/shop/settings.py": "configured = False\n",
    "services/shop/main.py": SERVICE,
    "libs/greeting.py": 'TEXT = "good day"\n',
}
# Modules that are not the folders', the last of them harmless.
OTHERS = {
    "demanding": 'if not sys.modules["shop.settings"].configured: raise RuntimeError("no settings")',
    "dependent": "import shop.settings",
    "threaded": "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "reading": 'MODE = os.environ.get("SHOP_MODE")',
}
OTHER = "import os, sys\nIMPORTED_BY = os.getpid()\nprint(__name__, IMPORTED_BY, file=sys.stderr, flush=True)\n"
# In place of debugpy: it goes on with the service.
DEBUGGER = 'import runpy, sys\nrunpy.run_path(sys.argv[3], run_name="__main__")\n'
PROGRAMS = {
    "shop": "from shop.main import main\nmain()\n",
    "tandem-manage": "import sys\nprint(*sys.argv[1:])\nsys.exit(3)\n",
}


class Shop:
    """The service, run by the entry point."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        places = ":".join(str(folder / one) for one in ("services", "libs", "others"))
        variables = os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": places} | settings
        argv = [sys.executable, "-c", START, str(folder / "libs"), str(folder / "services"), "--", *command]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, env=variables)

    def wait_until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + SECONDS
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def last_word(self) -> dict[str, Any]:
        said = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        word: dict[str, Any] = json.loads(said[-1]) if said else {}
        return word

    def begun(self, greeting: str = "good day") -> dict[str, Any]:
        """What the service said when it began with this greeting."""
        self.wait_until(lambda: self.last_word().get("greeting") == greeting)
        return self.last_word()

    def change(self, file: str, content: str) -> None:
        # Python takes the bytecode of a source of the same second and size for that source's.
        (self.folder / file).write_text(content + "#" * (1 + self.log.stat().st_size))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = OWN | {f"others/{name}.py": f"{OTHER}{content}\n" for name, content in OTHERS.items()}
    files |= {f"bin/{name}": f"#!{sys.executable}\n{content}" for name, content in PROGRAMS.items()}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    for name in PROGRAMS:
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    shop = Shop(folder, "shop", "--open")
    try:
        yield shop
    finally:
        if shop.process.poll() is None:
            shop.end(signal.SIGTERM)


def test_a_changed_file_of_any_folder_is_live(shop: Shop) -> None:
    first = shop.begun()
    assert first["arguments"] == ["--open"]
    shop.change("libs/greeting.py", 'TEXT = "welcome"\n')
    second = shop.begun("welcome")
    assert "SIGINT" in shop.log.read_text(), "the first one drained"
    shop.change("services/shop/main.py", SERVICE.replace("greeting.TEXT", "greeting.TEXT.upper()"))
    assert len({first["pid"], second["pid"], shop.begun("WELCOME")["pid"]}) == 3


def test_half_written_code_waits_for_the_rest(shop: Shop) -> None:
    shop.begun()
    shop.change("libs/greeting.py", 'TEXT = "welc\n')
    shop.wait_until(lambda: "SyntaxError" in shop.log.read_text() and "ended with status 1" in shop.log.read_text())
    shop.change("libs/greeting.py", 'TEXT = "welcome"\n')
    shop.begun("welcome")


def test_what_is_not_the_folders_is_imported_before_the_start_unless_it_needs_the_service(shop: Shop) -> None:
    first = shop.begun()
    assert set(first["importers"].values()) == {first["pid"]}
    shop.wait_until(lambda: f"reading {shop.process.pid}" in shop.log.read_text())
    shop.change("libs/greeting.py", 'TEXT = "welcome"\n')
    second = shop.begun("welcome")
    left_out = dict.fromkeys(("demanding", "dependent", "threaded"), second["pid"])
    assert second["importers"] == {**left_out, "reading": shop.process.pid}
    assert second["mode"] == "the service's", "it was imported early with the environment that the service had given it"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_service_whose_status_is_ours(shop: Shop, number: signal.Signals) -> None:
    shop.begun()
    assert shop.end(number) == 7
    assert shop.last_word() == {"drained": number.name}


def test_a_service_that_does_not_stop_is_killed(shop: Shop) -> None:
    shop.change("services/shop/main.py", SERVICE.replace("sys.exit(7)", "return"))
    shop.begun()
    shop.change("libs/greeting.py", 'TEXT = "welcome"\n')
    shop.begun("welcome")
    shop.change("services/shop/main.py", SERVICE.replace("greeting.TEXT", '"mended"'))
    shop.begun("mended")


def test_a_service_killed_by_a_signal_has_the_status_of_that(shop: Shop) -> None:
    os.kill(shop.begun()["pid"], signal.SIGKILL)
    shop.wait_until(lambda: f"ended with status {128 + signal.SIGKILL}" in shop.log.read_text())
    assert shop.end(signal.SIGTERM) == 128 + signal.SIGKILL


def test_a_debugger_can_be_attached_to_each_start(folder: Path) -> None:
    (folder / "others/debugpy.py").write_text(DEBUGGER)
    shop = Shop(folder, "shop", "--open", TANDEM_DEBUG_PORT="5678")
    try:
        first = shop.begun()
        assert first["arguments"] == ["--listen", "0.0.0.0:5678", str(folder / "bin/shop"), "--open"]
        shop.change("libs/greeting.py", 'TEXT = "welcome"\n')
        shop.begun("welcome")
    finally:
        assert shop.end(signal.SIGTERM) == 7


@pytest.mark.parametrize(
    ("command", "status", "output"), [(["tandem-manage", "check"], 3, "check\n"), (["echo", "hello"], 0, "hello\n")]
)
def test_a_command_that_ends_is_run_once(folder: Path, command: list[str], status: int, output: str) -> None:
    shop = Shop(folder, *command)
    assert shop.process.wait(SECONDS) == status
    assert shop.log.read_text() == output
