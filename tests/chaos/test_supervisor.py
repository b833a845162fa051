"""The supervisor, on real processes."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tandem_local.ports import free_port
from tandem_local.processes import Command

from chaos import supervisor
from chaos.supervisor import PROBES_FAILED, Service, Supervisor

NOTES_ITS_START = "import sys, time; print('here', file=open(sys.argv[1], 'a'), flush=True); "


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def service(directory: Path, then: str) -> Service:
    argv = [sys.executable, "-c", NOTES_ITS_START + then, str(directory / "starts")]
    return Service(Command(name="service", argv=argv, log=directory / "service.log", grace=1), free_port())


def starts(directory: Path) -> int:
    return len((directory / "starts").read_text().split()) if (directory / "starts").exists() else 0


def test_a_process_that_ends_is_started_again(tmp_path: Path) -> None:
    failing = service(tmp_path, "sys.exit(3)")
    watch = Supervisor([failing])
    watch.start()
    try:
        assert eventually(lambda: starts(tmp_path) > 2)
    finally:
        watch.stop()

    assert failing.ends["status 3"] >= 2


def test_a_process_that_is_killed_is_started_again_unless_it_is_to_be_stopped(tmp_path: Path) -> None:
    lasting = service(tmp_path, "time.sleep(60)")
    watch = Supervisor([lasting])
    watch.start()
    try:
        assert eventually(lambda: starts(tmp_path) == 1)
        lasting.kill()
        assert eventually(lambda: starts(tmp_path) == 2)
        with lasting.stopped():
            before = starts(tmp_path)
            lasting.supervise()
            assert starts(tmp_path) == before
        assert eventually(lambda: starts(tmp_path) == 3)
    finally:
        watch.stop()

    assert lasting.ends == {"killed by a fault": 1}


def test_a_process_that_shows_no_life_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_SIGN_SECONDS", 0)
    silent = service(tmp_path, "time.sleep(60)")
    silent.start()
    try:
        assert eventually(lambda: starts(tmp_path) == 1)
        for _ in range(PROBES_FAILED):
            silent.probe()

        def killed() -> bool:
            silent.supervise()
            return silent.ends["killed by a fault"] == 1

        assert eventually(killed)
    finally:
        silent.stop()

    assert silent.ends["killed for showing no life"] == 1
