"""Jars, as locked: fetched once, every byte checked."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import Event

from tandem_local.cache import cache_home, made_once
from tandem_local.processes import Command, run

KAFKA = files("tandem_local").joinpath("kafka.lock")


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


class WrongChecksum(Exception):  # noqa: N818 - reads as what happened
    """A download is not what the lock says."""


def locked_jars(lock: Traversable = KAFKA) -> list[Jar]:
    """What the lock file lists, in the order of the class path."""
    return list(_parse(lock.read_text()))


def _parse(lock: str) -> Iterator[Jar]:
    for line in lock.splitlines():
        coordinate, sha256 = line.split()
        group, artifact, version = coordinate.split(":")
        yield Jar(group, artifact, version, sha256)


def jars_of(lock: Traversable, logs: Path, *, stop: Event | None = None) -> list[Path]:
    """Return the paths of the jars that the lock file lists, after fetching them if this user has not got them yet.

    $TANDEM_MAVEN_REPOSITORY names a repository to use in place of Maven Central.
    Raises ProcessFailed with what went wrong.
    """
    if not have_jars(lock):  # in a process of its own: a download can be stopped at once, whatever it waits for
        argv = [sys.executable, "-m", "tandem_local.jars", str(lock)]
        run(
            Command(name=f"The download of {lock.name}", argv=argv, log=logs / "jars.log", grace=1),
            seconds=1800,
            stop=stop,
        )
    return [_directory(lock) / jar.filename for jar in locked_jars(lock)]


def kafka_jars(logs: Path, *, stop: Event | None = None) -> list[Path]:
    return jars_of(KAFKA, logs, stop=stop)


def have_jars(lock: Traversable = KAFKA) -> bool:
    return _directory(lock).exists()


def _directory(lock: Traversable) -> Path:
    name = lock.name.removesuffix(".lock")
    return cache_home() / f"{name}-jars-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"


def _fetch_all(lock: Path, target: Path) -> None:
    # jgo writes in place and only warns of a bad checksum: it gets a directory of its own, we check and move.
    downloads = target / "downloads"
    with ThreadPoolExecutor(8) as pool:
        for fetched in [pool.submit(_fetch, jar, downloads, target) for jar in locked_jars(lock)]:
            fetched.result()
    shutil.rmtree(downloads)


def _fetch(jar: Jar, downloads: Path, target: Path) -> None:
    mirror = os.environ.get("TANDEM_MAVEN_REPOSITORY")
    maven = MavenContext(repo_cache=downloads, remote_repos={"mirror": mirror} if mirror else None, timeout=60)
    downloaded = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    digest = hashlib.sha256(downloaded.read_bytes()).hexdigest()
    if digest != jar.sha256:
        raise WrongChecksum(f"{jar.group}:{jar.artifact}:{jar.version} has SHA-256 {digest}, expected {jar.sha256}")
    shutil.move(downloaded, target / jar.filename)


if __name__ == "__main__":
    from jgo.maven import MavenContext  # half a second to import, and needed once

    wanted = Path(sys.argv[1])
    made_once(_directory(wanted), partial(_fetch_all, wanted))
