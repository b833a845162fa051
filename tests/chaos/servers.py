"""Postgres and Kafka as things that stop, crash and come back with their data."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGSTOP, Signals
from threading import Event, RLock
from typing import Generic, TypeVar

from kafka import KafkaAdminClient
from tandem_local.kafka import KafkaServer, Listener, running_kafka
from tandem_local.kafka_members import members
from tandem_local.postgres import PostgresServer, running_postgres
from tandem_local.side_by_side import side_by_side

ServerT = TypeVar("ServerT", PostgresServer, KafkaServer)


class Server(Generic[ServerT]):
    """A server that may be away: `run` starts it, with the data of the last time."""

    def __init__(self, run: Callable[[], AbstractContextManager[ServerT]], crash: Signals) -> None:
        self._run: Callable[[], AbstractContextManager[ServerT]] = run
        self._crash = crash
        self._parts = ExitStack()
        self._lock = RLock()
        self._server: ServerT | None = None
        self._address: ServerT | None = None

    @property
    def address(self) -> ServerT:
        """Where it is, or was when it last ran and will be again."""
        if self._address is None:
            raise RuntimeError("it was never started")
        return self._address

    def start(self) -> ServerT:
        """Start it unless it runs; returns when it serves."""
        with self._lock:
            if self._server is None:
                self._server = self._address = self._parts.enter_context(self._run())
            return self._server

    def stop(self) -> None:
        """As an operator would, who lets it finish."""
        with self._lock:
            self._parts.close()
            self._server = None

    def crash(self) -> None:
        """As a power cut would, without losing what the disk was told."""
        with self._lock:
            self._signal(self._crash)
            self.stop()

    def revive(self) -> None:
        """Start it again if it has ended by itself; nothing while it is stopped."""
        with self._lock:
            if self._server is not None and self._server.running.ended is not None:
                self.stop()
                self.start()

    def freeze(self) -> None:
        self._signal(SIGSTOP)

    def thaw(self) -> None:
        self._signal(SIGCONT)

    def _signal(self, number: Signals) -> None:
        with self._lock:
            if self._server is not None:
                self._server.running.signal(number)


class Cluster:
    """Several brokers as the one Kafka that clients see: what is done is done to all, and each can be had alone."""

    def __init__(self, nodes: Sequence[Server[KafkaServer]], stop: Event) -> None:
        self.nodes = nodes
        self._stop = stop

    @property
    def address(self) -> KafkaServer:
        """Of the first node, with all addresses to begin at."""
        every = [node.address for node in self.nodes]
        return replace(every[0], bootstrap_servers=",".join(one.bootstrap_servers for one in every))

    def start(self) -> KafkaServer:
        side_by_side([node.start for node in self.nodes], stop=self._stop)
        return self.address

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def crash(self) -> None:
        for node in self.nodes:
            node.crash()

    def revive(self) -> None:
        for node in self.nodes:
            node.revive()

    def freeze(self) -> None:
        for node in self.nodes:
            node.freeze()

    def thaw(self) -> None:
        for node in self.nodes:
            node.thaw()

    def leader_of(self, topic: str) -> Server[KafkaServer]:
        """The node that leads the topic's first partition."""
        with closing(KafkaAdminClient(bootstrap_servers=self.address.bootstrap_servers)) as admin:
            (described,) = admin.describe_topics([topic])
        return self.nodes[int(described["partitions"][0]["leader_id"]) - 1]


def postgres(home: Path, stop: Event) -> Server[PostgresServer]:
    # SIGQUIT is Postgres' own "immediate" shutdown: every process ends at once, and the next start recovers.
    return Server(lambda: running_postgres(home, durable=True, stop=stop), crash=SIGQUIT)


def kafka(home: Path, listeners: Sequence[Listener], stop: Event) -> Server[KafkaServer]:
    return Server(lambda: running_kafka(home, listeners=listeners, stop=stop), crash=SIGKILL)


def kafka_cluster(home: Path, size: int, stop: Event) -> Cluster:
    """Brokers that clients reach directly: the network between is not led through proxies."""
    nodes = [Server(partial(running_kafka, home, member=member, stop=stop), crash=SIGKILL) for member in members(size)]
    return Cluster(nodes, stop)
