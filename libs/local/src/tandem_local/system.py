"""The whole of Tandem as processes on this machine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Self

from rich.markup import escape

from tandem_local.credentials import Credentials, kept_credentials
from tandem_local.jars import have_jars, kafka_jars
from tandem_local.kafka import KafkaServer, running_kafka
from tandem_local.postgres import PostgresServer, running_postgres
from tandem_local.processes import Command, ProcessFailed, Running, start
from tandem_local.programs import OWNER, manage
from tandem_local.progress import Progress
from tandem_local.services import PROBE, Wiring, is_ready, kept_ports
from tandem_local.side_by_side import side_by_side
from tandem_local.spans import SpanStore, receiving_spans

TITLES = {
    "admin": "Admin",
    "api": "API",
    "relay": "Worker: relay",
    "orders": "Worker: orders",
    "notifications": "Worker: notifications",
    "webhooks": "Worker: webhooks",
    "payment": "Payment sandbox",
    PROBE: "Worker: probe",
}


@dataclass(frozen=True)
class System:
    """A running system: where its interfaces are, how to log in, and the spans its processes send."""

    admin_url: str
    api_url: str
    payment_url: str
    credentials: Credentials
    spans: SpanStore
    progress: Progress
    logs: Path
    processes: tuple[Running, ...]
    wiring: Wiring
    stop: Event
    """Set when the system is being stopped."""

    def check(self) -> None:
        """Raise ProcessFailed when a part has ended."""
        for process in self.processes:
            process.check()


@contextmanager
def running_system(
    home: Path, progress: Progress, *, stop: Event, probed: bool = False, traces: str = ""
) -> Iterator[System]:
    """Run the system with its data in `home` while the block runs; every part is ready when the block begins.

    `probed`: with the probe, which orders every minute. `traces`: an OTLP endpoint to which its processes send their
    spans, instead of to this process.
    Raises ProcessFailed when a part does not start, Interrupted soon after `stop` is set. Sets `stop` when it ends.
    """
    home.mkdir(parents=True, exist_ok=True)
    ports = kept_ports(home / "ports.json")
    credentials = kept_credentials(home / "secrets.json")
    with receiving_spans() as receiver, ExitStack() as parts:
        wiring = Wiring(home, ports, credentials, traces or receiver.endpoint)
        start_up = _StartUp(wiring, progress, stop, parts, probed)
        try:
            processes, wiring = start_up.everything()
            progress.say(f"[dim]{progress.elapsed:6.1f} s[/]  [bold green]everything is ready[/]")
            yield System(
                admin_url=ports.url("admin"),
                api_url=ports.url("api"),
                payment_url=ports.url("payment"),
                credentials=credentials,
                spans=receiver.spans,
                progress=progress,
                logs=home / "logs",
                processes=processes,
                wiring=wiring,
                stop=stop,
            )
        except (ProcessFailed, TimeoutError) as failure:
            progress.say(f"[bold red]failed:[/] {escape(str(failure))}")
            raise
        finally:
            stop.set()
            progress.say("stopping")


@dataclass(frozen=True)
class _StartUp:
    """What has to happen in which order; `parts` stops what was started, the last first."""

    wiring: Wiring
    progress: Progress
    stop: Event
    parts: ExitStack
    probed: bool

    def everything(self) -> tuple[tuple[Running, ...], Wiring]:
        """Start all parts; returns them when each is ready: services, Kafka, Postgres. And how they find each other."""
        postgres: list[PostgresServer] = []
        kafka: list[KafkaServer] = []
        side_by_side(
            [lambda: postgres.append(self._postgres()), lambda: kafka.append(self._kafka())],
            stop=self.stop,
        )
        wiring = replace(self.wiring, postgres=postgres[0].url, kafka=kafka[0].bootstrap_servers)
        services = self._services(wiring)
        return (*services, kafka[0].running, postgres[0].running), wiring

    def _postgres(self) -> PostgresServer:
        """Start Postgres, and bring roles and schema up to date."""
        what = "start" if (self.wiring.home / "postgres" / "data").exists() else "new cluster, start"
        with self.progress.step("Postgres", what):
            server = self.parts.enter_context(running_postgres(self.wiring.home, durable=True, stop=self.stop))
        wiring = replace(self.wiring, postgres=server.url)
        owner = wiring.admin_settings(OWNER)
        with self.progress.step("Postgres", "roles, migrations, rights"):
            self._manage(owner | wiring.superuser_settings(), "create_roles", "migrate", "apply_grants")
        return server

    def _kafka(self) -> KafkaServer:
        """Start Kafka, after fetching it when this user runs it for the first time, and bring topics up to date."""
        if not have_jars():
            with self.progress.step("Kafka", "download"):
                kafka_jars(self.wiring.home / "logs", stop=self.stop)
        with self.progress.step("Kafka", "start"):
            server = self.parts.enter_context(running_kafka(self.wiring.home, stop=self.stop))
        wiring = replace(self.wiring, kafka=server.bootstrap_servers)
        with self.progress.step("Kafka", "topics"):
            self._manage(wiring.admin_settings(role=None), "provision_topics")
        return server

    def _services(self, wiring: Wiring) -> list[Running]:
        """Start all services, the catalogue meanwhile being loaded, and return when each is ready."""
        services = _Services()
        self.parts.push(services)
        tasks: list[Callable[[], None]] = [partial(self._store, wiring)]
        for name, command in wiring.commands().items():
            if name == PROBE and not self.probed:
                continue
            tasks.append(partial(self._service, services.start(command), name, wiring.ports.operations[name]))
        side_by_side(tasks, stop=self.stop)
        return services.running

    def _service(self, running: Running, name: str, operations_port: int) -> None:
        with self.progress.step(TITLES[name], "start"):
            running.wait_until(partial(is_ready, operations_port), seconds=90, pause=0.1, stop=self.stop)

    def _store(self, wiring: Wiring) -> None:
        with self.progress.step("Postgres", "catalogue and logins of the demo"):
            commands = ("load_demo", "register_probe") if self.probed else ("load_demo",)
            self._manage(wiring.admin_settings() | wiring.demo_settings() | wiring.probe_settings(), *commands)

    def _manage(self, settings: dict[str, str], *commands: str) -> None:
        manage(*commands, env=settings, logs=self.wiring.home / "logs", stop=self.stop)


class _Services:
    """Processes that stop all at once."""

    def __init__(self) -> None:
        self.running: list[Running] = []

    def start(self, command: Command) -> Running:
        self.running.append(start(command))
        return self.running[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            process.ask_to_stop()
        for process in self.running:
            process.stop()
