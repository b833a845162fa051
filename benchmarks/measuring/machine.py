"""What a figure depends on beside the code: it is written down with each result."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg
from tandem_local.jars import locked_jars

from benchmarks.measuring.surroundings import ROOT, Surroundings


def conditions(surroundings: Surroundings, *, rounds: int) -> dict[str, str]:
    with psycopg.connect(surroundings.postgres) as superuser:
        row = superuser.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('data_directory')"
        ).fetchone()
    assert row  # noqa: S101 - a SELECT without FROM has a row
    postgres, fsync, commit, data = row
    return machine() | {
        "rounds": str(rounds),
        "disk": _filesystem(Path(data)),
        "Postgres": f"{postgres}, fsync {fsync}, synchronous_commit {commit}",
        "Kafka": f"{_kafka()}, one broker, acks=all",
        "aiokafka": version("aiokafka"),
    }


def machine() -> dict[str, str]:
    """What is there whatever is measured, and when it was."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": _field(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


def _field(file: Path, name: str) -> str:
    if not file.exists():
        return ""
    fields = (line.partition(":") for line in file.read_text().splitlines())
    return next((value.strip() for key, _, value in fields if key.strip() == name), "")


def _filesystem(path: Path) -> str:
    """The type of the file system that the path is on: what an fsync is worth."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    found = ("", "unknown")
    for line in mounts.read_text().splitlines():
        _, place, kind, *_ = line.split()
        if path.is_relative_to(place) and len(place) >= len(found[0]):
            found = (place, kind)
    return found[1]


def _kafka() -> str:
    return next(jar.version for jar in locked_jars() if jar.group == "org.apache.kafka")
