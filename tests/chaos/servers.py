"""Postgres and Kafka as things that stop, crash and come back with their data."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGSTOP, Signals
from threading import Event, RLock
from typing import Generic, TypeVar

from tandem_local.kafka import KafkaServer, Listener, running_kafka
from tandem_local.postgres import PostgresServer, running_postgres

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


def postgres(home: Path, stop: Event) -> Server[PostgresServer]:
    # SIGQUIT is Postgres' own "immediate" shutdown: every process ends at once, and the next start recovers.
    return Server(lambda: running_postgres(home, durable=True, stop=stop), crash=SIGQUIT)


def kafka(home: Path, listeners: Sequence[Listener], stop: Event) -> Server[KafkaServer]:
    return Server(lambda: running_kafka(home, listeners=listeners, stop=stop), crash=SIGKILL)
