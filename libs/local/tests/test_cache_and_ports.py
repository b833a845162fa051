"""What runs share, they share safely."""

import socket
import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

import pytest
from tandem_local.cache import Interrupted, locked, made_once
from tandem_local.ports import free_port


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path / "cache"))


def test_two_first_runs_make_a_thing_once(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from tandem_local.cache import made_once
def make(directory):
    (directory / "half").touch()
    time.sleep(0.5)
    with Path(sys.argv[1], "made").open("a") as made:
        made.write("x")
    (directory / "whole").touch()
assert (made_once(Path(sys.argv[1], "thing"), make) / "whole").exists()
"""
    runs = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]
    assert [run.wait(30) for run in runs] == [0, 0, 0]
    assert (tmp_path / "made").read_text() == "x"


def test_what_was_not_finished_is_not_there_and_is_cleared_by_the_next(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        made_once(tmp_path / "thing", fail)
    assert not (tmp_path / "thing").exists()
    (tmp_path / ".thing.making-abandoned").mkdir()
    made_once(tmp_path / "thing", lambda directory: (directory / "whole").touch())
    assert {path.name for path in tmp_path.iterdir()} == {"thing", ".thing.lock"}


def test_a_lock_is_held_by_a_child_that_inherited_it(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
    with pytest.raises(TimeoutError), locked(tmp_path / "lock", seconds=0.2):
        pass
    child.communicate(b"\n")
    with locked(tmp_path / "lock", seconds=0.2):
        pass


def test_waiting_for_a_lock_ends_when_the_run_is_stopped(tmp_path: Path) -> None:
    stop = Event()
    Timer(0.2, stop.set).start()
    with locked(tmp_path / "lock"), pytest.raises(Interrupted), locked(tmp_path / "lock", stop=stop):
        pass


def test_a_port_is_given_once_and_not_to_another_process() -> None:
    mine = free_port()
    assert free_port(mine) != mine
    program = f"from tandem_local.ports import free_port; print(free_port({mine}))"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(other.stdout) != mine


def test_the_port_of_the_last_run_is_given_again_when_it_is_free() -> None:
    program = "import sys; from tandem_local.ports import free_port; print(free_port(int(sys.argv[1])))"

    def port_of_a_run(preferred: int) -> int:
        run = subprocess.run(
            [sys.executable, "-c", program, str(preferred)], capture_output=True, text=True, check=True
        )
        return int(run.stdout)

    first = port_of_a_run(25123)
    assert port_of_a_run(first) == first
    with socket.create_server(("127.0.0.1", first)):
        assert port_of_a_run(first) != first
