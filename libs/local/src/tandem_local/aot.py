"""Making the AOT cache of Kafka's JVM, while the machine has nothing better to do."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from tandem_local.cache import Interrupted, cache_home, locked
from tandem_local.jars import kafka_jars
from tandem_local.jvm import Java, java_with
from tandem_local.kafka import running_kafka
from tandem_local.processes import Command, ProcessFailed, run

PREFIX = ".aot-"


@contextmanager
def faster_next_time(logs: Path, *, stop: Event) -> Iterator[None]:
    """While the block runs, make the AOT cache if there is none; what is not finished then is given up."""
    thread = Thread(target=_make_if_missing, args=(logs, stop), name="aot-cache")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _make_if_missing(logs: Path, stop: Event) -> None:
    # Another run makes it already; or it cannot be made, and Kafka starts without it as it did.
    with suppress(TimeoutError, ProcessFailed, Interrupted):
        java = java_with(kafka_jars(logs, stop=stop))
        if java.aot_cache.exists():
            return
        with locked(cache_home() / "aot.lock", seconds=0, stop=stop):
            for abandoned in cache_home().glob(f"{PREFIX}*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=PREFIX, dir=cache_home()) as directory:
                _make(java, Path(directory), stop)


def _make(java: Java, directory: Path, stop: Event) -> None:
    """In two steps, since the second, which takes long, can be broken off at any time."""
    configuration, unfinished = directory / "configuration", directory / "cache"
    with running_kafka(directory, stop=stop, record=configuration):
        pass
    flags = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={configuration}", f"-XX:AOTCache={unfinished}"]
    argv = java.command("kafka.Kafka", temporary=directory, flags=flags)
    run(Command(name="Kafka's AOT cache", argv=argv, log=directory / "log", grace=0.2, niceness=19), stop=stop)
    unfinished.rename(java.aot_cache)  # only a whole one: the JVM dies of SIGSEGV on others
