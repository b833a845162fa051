"""A real Kafka on loopback: one node, broker and controller in one process."""

import base64
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from threading import Event

from tandem_local.cache import cache_home, locked, made_once
from tandem_local.jars import kafka_jars
from tandem_local.jvm import Java, java_with
from tandem_local.ports import free_port, listens, release_port
from tandem_local.processes import Command, ProcessFailed, Running, run, start

ATTEMPTS = 3
PROPERTIES = files("tandem_local").joinpath("kafka.properties")


@dataclass(frozen=True)
class Listener:
    """A further address of the broker: the port it listens on, and the one it tells clients there to connect to."""

    port: int
    advertised: int


@dataclass(frozen=True)
class KafkaServer:
    bootstrap_servers: str
    running: Running
    ports: tuple[int, int]


@contextmanager
def running_kafka(
    home: Path, *, stop: Event | None = None, record: Path | None = None, listeners: Sequence[Listener] = ()
) -> Iterator[KafkaServer]:
    """Run Kafka with its data in `home`/kafka while the block runs; it serves when the block begins.

    `listeners` are further ones, for clients that are to come through a proxy; their ports are the caller's.
    `record` is a file in which this run, at low priority, notes what the next AOT cache is to be made from.
    Data and, if they are still free, ports are those of the last run in the same home. Topics are not created by use.
    Raises ProcessFailed with the end of its log, TimeoutError when another run uses the data.
    """
    place = home / "kafka"
    place.mkdir(parents=True, exist_ok=True)
    with locked(place / "lock", seconds=60, stop=stop) as lock:
        java = java_with(kafka_jars(home / "logs", stop=stop))
        if not (place / "data").exists():
            _format(place, java, stop)
        server = _Node(place, java, lock, stop, record, listeners).start()
        try:
            yield server
        finally:
            server.running.stop()
            _release(server.ports)


def _release(ports: tuple[int, int]) -> None:
    for port in ports:
        release_port(port)


def _format(place: Path, java: Java, stop: Event | None) -> None:
    """Give the node its identity. Kafka's tool for that costs a JVM start: it runs once, and nodes copy its result."""
    template = made_once(cache_home() / f"kafka-data-{java.key}", lambda target: _run_format(target, java, stop))
    unfinished = place / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(template, unfinished)
    identity = unfinished / "meta.properties"
    own = {"cluster.id": _new_id(), "directory.id": _new_id()}
    lines = [line for line in identity.read_text().splitlines() if line.partition("=")[0] not in own]
    identity.write_text("\n".join([*lines, *(f"{key}={value}" for key, value in own.items()), ""]))
    unfinished.rename(place / "data")


def _run_format(target: Path, java: Java, stop: Event | None) -> None:
    properties = target / "server.properties"
    properties.write_text(_properties(broker=9092, controller=9093, data=target))
    arguments = ["format", "--cluster-id", _new_id(), "--config", str(properties)]
    argv = java.command("kafka.tools.StorageTool", *arguments, temporary=target)
    run(Command(name="Kafka's storage tool", argv=argv, log=target / "log"), stop=stop)
    for leftover in (properties, target / "log"):
        leftover.unlink()


def _properties(broker: int, controller: int, data: Path, listeners: Sequence[Listener] = ()) -> str:
    named = {f"FURTHER_{number}": listener for number, listener in enumerate(listeners)}
    return PROPERTIES.read_text().format(
        broker=broker,
        controller=controller,
        data=data,
        listeners="".join(f",{name}://127.0.0.1:{listener.port}" for name, listener in named.items()),
        advertised="".join(f",{name}://127.0.0.1:{listener.advertised}" for name, listener in named.items()),
        protocols="".join(f",{name}:PLAINTEXT" for name in named),
    )


def _new_id() -> str:
    """An id as Kafka writes them: 128 bits in 22 characters; those that begin with a dash confuse its tools."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


@dataclass(frozen=True)
class _Node:
    place: Path
    java: Java
    lock: int
    stop: Event | None
    record: Path | None
    listeners: Sequence[Listener]

    def start(self) -> KafkaServer:
        last_ports = self.place / "ports"
        preferred = [int(port) for port in last_ports.read_text().split()] if last_ports.exists() else [None, None]
        aot = self.java.aot_cache.exists() and self.record is None
        for attempt in range(1, ATTEMPTS + 1):
            broker, controller = (free_port(port if attempt == 1 else None) for port in preferred)
            running = start(self._command(broker, controller, aot=aot))
            try:
                running.wait_until(partial(listens, broker), seconds=120, stop=self.stop)
            except BaseException as error:
                running.stop()
                _release((broker, controller))
                port_was_lost = listens(broker) or listens(controller)
                if attempt == ATTEMPTS or not isinstance(error, ProcessFailed) or not (aot or port_was_lost):
                    raise
                if aot:  # the JVM does not survive a damaged cache
                    self.java.aot_cache.unlink(missing_ok=True)
                    aot = False
                continue
            last_ports.write_text(f"{broker} {controller}")
            return KafkaServer(f"127.0.0.1:{broker}", running, (broker, controller))
        raise AssertionError("unreachable")

    def _command(self, broker: int, controller: int, *, aot: bool) -> Command:
        temporary = self.place / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        properties = self.place / "server.properties"
        properties.write_text(_properties(broker, controller, self.place / "data", self.listeners))
        flags = [f"-XX:AOTCache={self.java.aot_cache}"] if aot else []
        if self.record is not None:
            flags = ["-XX:AOTMode=record", f"-XX:AOTConfiguration={self.record}"]
        return Command(
            name="Kafka",
            argv=self.java.command("kafka.Kafka", str(properties), temporary=temporary, flags=flags),
            log=self.place.parent / "logs" / "kafka.log",
            cwd=self.place,
            grace=8,
            holds=[self.lock],
            niceness=19 if self.record else 0,
        )
