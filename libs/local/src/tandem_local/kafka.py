"""A real Kafka on loopback: one node, broker and controller in one process; or several that form a cluster."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from threading import Event

from tandem_local.cache import cache_home, locked, made_once
from tandem_local.jars import kafka_jars
from tandem_local.jvm import Java, java_with
from tandem_local.kafka_members import Member, alone, new_id
from tandem_local.ports import free_port, listens, release_port
from tandem_local.processes import Command, ProcessFailed, Running, run, start

ATTEMPTS = 3
PROPERTIES = files("tandem_local").joinpath("kafka.properties")


@dataclass(frozen=True)
class Listener:
    """A further address of the broker: the port it listens on, and the one it tells clients there to connect to.

    `settings` are the listener's own, such as `ssl.keystore.type`.
    """

    port: int
    advertised: int
    protocol: str = "PLAINTEXT"
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KafkaServer:
    bootstrap_servers: str
    running: Running
    ports: tuple[int, int]


@contextmanager
def running_kafka(
    home: Path,
    *,
    stop: Event | None = None,
    record: Path | None = None,
    listeners: Sequence[Listener] = (),
    member: Member | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[KafkaServer]:
    """Run Kafka with its data in `home`/kafka while the block runs; it serves when the block begins.

    As a `member` it is one node of a cluster, with its data in `home`/kafka-1 and so on, and serves when most of them
    run. `listeners` are further ones, for clients that are to come through a proxy; their ports are the caller's.
    `settings` are further ones of the broker.
    `record` is a file in which this run, at low priority, notes what the next AOT cache is to be made from.
    Data and, if they are still free, ports are those of the last run in the same home. Topics are not created by use.
    Raises ProcessFailed with the end of its log, TimeoutError when another run uses the data.
    """
    place = home / (member.name if member else "kafka")
    place.mkdir(parents=True, exist_ok=True)
    with locked(place / "lock", seconds=60, stop=stop) as lock:
        java = java_with(kafka_jars(home / "logs", stop=stop))
        if not (place / "data").exists():
            _format(place, java, stop, member)
        node = _Node(place, java, lock, stop, record, listeners, settings or {})
        server = node.start() if member is None else node.join(member)
        try:
            yield server
        finally:
            server.running.stop()
            if member is None:
                _release(server.ports)


def _release(ports: tuple[int, int]) -> None:
    for port in ports:
        release_port(port)


def _format(place: Path, java: Java, stop: Event | None, member: Member | None) -> None:
    """Give the node its identity. Kafka's tool for that costs a JVM start: it runs once, and nodes copy its result."""
    template = made_once(cache_home() / f"kafka-data-{java.key}", lambda target: _run_format(target, java, stop))
    unfinished = place / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(template, unfinished)
    identity = unfinished / "meta.properties"
    own = {"cluster.id": member.cluster_id if member else new_id(), "directory.id": new_id()}
    if member:
        own["node.id"] = str(member.number)
    lines = [line for line in identity.read_text().splitlines() if line.partition("=")[0] not in own]
    identity.write_text("\n".join([*lines, *(f"{key}={value}" for key, value in own.items()), ""]))
    unfinished.rename(place / "data")


def _run_format(target: Path, java: Java, stop: Event | None) -> None:
    properties = target / "server.properties"
    properties.write_text(_properties(alone(9092, 9093), data=target))
    arguments = ["format", "--cluster-id", new_id(), "--config", str(properties)]
    argv = java.command("kafka.tools.StorageTool", *arguments, temporary=target)
    run(Command(name="Kafka's storage tool", argv=argv, log=target / "log"), stop=stop)
    for leftover in (properties, target / "log"):
        leftover.unlink()


def _properties(member: Member, data: Path, listeners: Sequence[Listener] = ()) -> str:
    named = {f"FURTHER_{number}": listener for number, listener in enumerate(listeners)}
    return PROPERTIES.read_text().format(
        number=member.number,
        broker=member.broker,
        controller=member.controller,
        voters=member.voters,
        replicas=member.size,
        data=data,
        listeners="".join(f",{name}://127.0.0.1:{listener.port}" for name, listener in named.items()),
        advertised="".join(f",{name}://127.0.0.1:{listener.advertised}" for name, listener in named.items()),
        protocols="".join(f",{name}:{listener.protocol}" for name, listener in named.items()),
        listener_settings="".join(
            f"listener.name.{name.lower()}.{setting}={value}\n"
            for name, listener in named.items()
            for setting, value in listener.settings.items()
        ),
    )


@dataclass(frozen=True)
class _Node:
    place: Path
    java: Java
    lock: int
    stop: Event | None
    record: Path | None
    listeners: Sequence[Listener]
    settings: Mapping[str, str]

    def start(self) -> KafkaServer:
        last_ports = self.place / "ports"
        preferred = [int(port) for port in last_ports.read_text().split()] if last_ports.exists() else [None, None]
        aot = self.java.aot_cache.exists() and self.record is None
        for attempt in range(1, ATTEMPTS + 1):
            broker, controller = (free_port(port if attempt == 1 else None) for port in preferred)
            try:
                server = self._started(alone(broker, controller), aot=aot)
            except BaseException as error:
                _release((broker, controller))
                port_was_lost = listens(broker) or listens(controller)
                if attempt == ATTEMPTS or not isinstance(error, ProcessFailed) or not (aot or port_was_lost):
                    raise
                if aot:  # the JVM does not survive a damaged cache
                    self.java.aot_cache.unlink(missing_ok=True)
                    aot = False
                continue
            last_ports.write_text(f"{broker} {controller}")
            return server
        raise AssertionError("unreachable")

    def join(self, member: Member) -> KafkaServer:
        """Start as the cluster knows it: on its own ports or not at all."""
        return self._started(member, aot=self.java.aot_cache.exists())

    def _started(self, member: Member, *, aot: bool) -> KafkaServer:
        running = start(self._command(member, aot=aot))
        try:
            running.wait_until(partial(listens, member.broker), seconds=120, stop=self.stop)
        except BaseException:
            running.stop()
            raise
        return KafkaServer(f"127.0.0.1:{member.broker}", running, (member.broker, member.controller))

    def _command(self, member: Member, *, aot: bool) -> Command:
        temporary = self.place / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        properties = self.place / "server.properties"
        further = "".join(f"{setting}={value}\n" for setting, value in self.settings.items())
        properties.write_text(_properties(member, self.place / "data", self.listeners) + further)
        flags = [f"-XX:AOTCache={self.java.aot_cache}"] if aot else []
        if self.record is not None:
            flags = ["-XX:AOTMode=record", f"-XX:AOTConfiguration={self.record}"]
        return Command(
            name="Kafka",
            argv=self.java.command("kafka.Kafka", str(properties), temporary=temporary, flags=flags),
            log=self.place.parent / "logs" / f"{member.name}.log",
            cwd=self.place,
            grace=8,
            holds=[self.lock],
            niceness=19 if self.record else 0,
        )
