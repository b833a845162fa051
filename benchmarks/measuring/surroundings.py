"""Real servers for a run, in a directory of its own: Postgres that waits for the disk, and Kafka."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Self

from kafka import KafkaAdminClient, TopicPartition
from tandem_contracts.topics import TOPICS
from tandem_local.databases import Database, copied_database, make_template
from tandem_local.kafka import running_kafka
from tandem_local.ports import free_port
from tandem_local.postgres import remove_postgres, running_postgres
from tandem_local.processes import Command, Running, running_process
from tandem_local.programs import program
from tandem_local.services import is_ready
from tandem_local.side_by_side import side_by_side

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108 - with a name of chance in it
TEMPLATE = "tandem_benchmark"


@dataclass(frozen=True)
class Surroundings:
    """`postgres` is the superuser's URL, `kafka` the bootstrap servers; `logs` has those of the services and others."""

    home: Path
    postgres: str
    kafka: str
    logs: Path
    stop: Event
    telemetry: Mapping[str, str] = field(default_factory=dict)
    """Settings of every service: without any they send no traces."""
    services: dict[int, Running] = field(default_factory=dict)
    """Those that run, by the port at which they can be asked for their metrics."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def telling(self, telemetry: Mapping[str, str]) -> Self:
        """The same surroundings, in which services tell of themselves as these settings say."""
        return replace(self, telemetry=telemetry, services={})

    def next_number(self) -> int:
        """For names that are to be new within the run."""
        return next(self._numbers)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A new database with Tandem's schema and roles, dropped at the end."""
        with copied_database(self.postgres, TEMPLATE) as fresh:
            yield fresh

    @contextmanager
    def service(self, name: str, argv: list[str], settings: dict[str, str]) -> Iterator[Running]:
        """One of the services as it runs in production, from the moment it is ready."""
        port = free_port()
        # It logs as it does in production: a line of JSON a request.
        own = {"TANDEM_ENVIRONMENT": "production", "TANDEM_OPERATIONS_PORT": str(port)}
        with self.process(name, [program(argv[0]), *argv[1:]], own | dict(self.telemetry) | settings) as running:
            running.wait_until(partial(is_ready, port), stop=self.stop)
            self.services[port] = running
            try:
                yield running
            finally:
                del self.services[port]

    @contextmanager
    def process(self, name: str, argv: list[str], settings: dict[str, str]) -> Iterator[Running]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("TANDEM_", "OTEL_"))}
        command = Command(
            name=name,
            argv=argv,
            log=self.logs / f"{name}.log",
            env=inherited | {"TANDEM_KAFKA_BOOTSTRAP_SERVERS": self.kafka} | settings,
            cwd=ROOT,
        )
        with running_process(command) as running:
            yield running

    def module(self, name: str, *arguments: str) -> list[str]:
        """The command that runs a module of the benchmarks as a process of its own."""
        return [program("python"), "-m", f"benchmarks.{name}", *arguments]


@contextmanager
def surroundings(stop: Event) -> Iterator[Surroundings]:
    """Start the servers; they and all that they kept are gone at the end. Runs side by side do not meet."""
    parent = ROOT / ".tandem"  # on the checkout's disk: /tmp may be memory, where an fsync costs nothing
    parent.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent))
    home.chmod(0o711)  # Postgres of a run as root is another user, and passes through
    addresses: dict[str, str] = {}
    with ExitStack() as parts:
        # What a container says goes into a pipe, and is not held up by the disk that Postgres makes wait.
        logs = Path(tempfile.mkdtemp(prefix="tandem-benchmark-", dir=MEMORY if MEMORY.is_dir() else home))
        parts.callback(shutil.rmtree, logs, ignore_errors=True)
        parts.callback(shutil.rmtree, home, ignore_errors=True)
        parts.callback(remove_postgres, home)

        def postgres() -> None:
            server = parts.enter_context(running_postgres(home, durable=True, stop=stop))
            make_template(server.url, TEMPLATE, home / "logs")
            addresses["postgres"] = server.url

        def kafka() -> None:
            server = parts.enter_context(running_kafka(home, stop=stop))
            _make_topics(server.bootstrap_servers)
            addresses["kafka"] = server.bootstrap_servers

        side_by_side([postgres, kafka], stop=stop)
        yield Surroundings(home, addresses["postgres"], addresses["kafka"], logs, stop)


def make_topic(bootstrap_servers: str, name: str, *, partitions: int, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})
        admin.wait_for_topics([name])
    finally:
        admin.close()


def empty_topic(bootstrap_servers: str, name: str, *, partitions: int) -> None:
    """Remove what is in the topic, for those who begin at its beginning."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.delete_records({TopicPartition(name, number): -1 for number in range(partitions)})
    finally:
        admin.close()


def _make_topics(bootstrap_servers: str) -> None:
    """The topics as they are declared, except that records carry the time at which the broker had them."""
    for topic in TOPICS:
        configs = topic.config(replication_factor=1) | {"message.timestamp.type": "LogAppendTime"}
        make_topic(bootstrap_servers, topic.name, partitions=topic.partitions, **configs)
