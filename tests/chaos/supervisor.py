"""Keeps processes running, as Kubernetes would: one that ended is started again, one that shows no life is killed."""

import http.client
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGKILL, SIGSTOP
from threading import Event, RLock, Thread

import psutil
from tandem_local.processes import Command, Running, start

TURN_SECONDS = 0.1
RESTART_SECONDS = (0.3, 5.0)
# After so long a process counts as well, and its next end is its first.
WELL_SECONDS = 10.0
PROBE_SECONDS = 5.0
PROBE_TIMEOUT_SECONDS = 2.0
PROBES_FAILED = 4
# So long a process may take to show its first sign of life.
FIRST_SIGN_SECONDS = 60.0


class Service:
    """A process of the system, with the operations port on which it says whether it lives."""

    def __init__(self, command: Command, operations_port: int) -> None:
        self.name = command.name
        self.operations_port = operations_port
        self.ends: Counter[str] = Counter()
        self._command = command
        self._running: Running | None = None
        self._lock = RLock()
        self._wanted = True
        self._ours = False
        self._started = 0.0
        self._pause = RESTART_SECONDS[0]
        self._probes_failed = 0
        self._lived = False

    def start(self) -> None:
        with self._lock:
            if self._running is None and self._wanted:
                log = self._command.log
                if log.exists():  # a start truncates it, and what came before an end is what one wants to read
                    with log.with_suffix(".earlier.log").open("ab") as earlier:
                        earlier.write(log.read_bytes())
                self._running = start(self._command)
                self._started = time.monotonic()
                self._probes_failed = 0
                self._lived = False

    def kill(self) -> None:
        with self._lock:
            if self._running is not None:
                self._ours = True
                self._running.signal(SIGKILL)

    def freeze(self) -> None:
        with self._lock:
            if self._running is not None:
                self._running.signal(SIGSTOP)

    def thaw(self) -> None:
        with self._lock:
            if self._running is not None:
                self._running.signal(SIGCONT)

    def memory_bytes(self) -> int | None:
        """What it has in memory, None while it does not run."""
        with self._lock:
            try:
                return None if self._running is None else self._running.memory_bytes()
            except psutil.NoSuchProcess:  # it ends at this moment
                return None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Asked to end, and not started again while the block runs."""
        self.stop()
        try:
            yield
        finally:
            self._wanted = True

    def stop(self) -> None:
        with self._lock:
            self._wanted = False
            running, self._running = self._running, None
        if running is not None:
            running.stop()

    def ask_to_stop(self) -> None:
        with self._lock:
            self._wanted = False
            if self._running is not None:
                self._running.signal(SIGCONT)
                self._running.ask_to_stop()

    def supervise(self) -> None:
        """Start it again some time after it ended, later each time."""
        with self._lock:
            if self._running is None:
                if self._wanted and time.monotonic() - self._started > self._pause:
                    self.start()
                return
            status = self._running.ended
            if status is None:
                return
            well = time.monotonic() - self._started > WELL_SECONDS
            self._pause = RESTART_SECONDS[0] if well or self._ours else min(self._pause * 2, RESTART_SECONDS[1])
            self.ends["killed by a fault" if self._ours else f"status {status}"] += 1
            self._running.stop()  # it has ended; its guard's descriptors have not
            self._running, self._ours, self._started = None, False, time.monotonic()

    def probe(self) -> None:
        """Kill it when it has failed too often in a row to say that it lives."""
        running = self._running
        if running is None:
            return
        if _lives(self.operations_port):
            self._lived = True
            self._probes_failed = 0
        elif self._lived or time.monotonic() - self._started > FIRST_SIGN_SECONDS:
            self._probes_failed += 1
        if self._probes_failed >= PROBES_FAILED:
            self._probes_failed = 0
            self.ends["killed for showing no life"] += 1
            with self._lock:
                self._ours = True
                running.signal(SIGKILL)


class Supervisor:
    def __init__(self, services: Iterable[Service]) -> None:
        self.services = {service.name: service for service in services}
        self._stop = Event()
        self._threads = [Thread(target=self._supervise, name="supervisor", daemon=True)]
        self._threads += [
            Thread(target=self._probe, args=[service], name=f"probe-{service.name}", daemon=True)
            for service in self.services.values()
        ]

    def start(self) -> None:
        for service in self.services.values():
            service.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for service in self.services.values():
            service.ask_to_stop()
        for service in self.services.values():
            service.stop()

    def _supervise(self) -> None:
        while not self._stop.wait(TURN_SECONDS):
            for service in self.services.values():
                service.supervise()

    def _probe(self, service: Service) -> None:
        while not self._stop.wait(PROBE_SECONDS):
            service.probe()


def _lives(operations_port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", operations_port, timeout=PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
