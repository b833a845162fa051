"""The whole system, every connection of it led through the network that can turn bad."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from kafka import KafkaAdminClient
from tandem_contracts.topics import ORDERS
from tandem_local.credentials import Credentials, kept_credentials
from tandem_local.kafka import KafkaServer, Listener
from tandem_local.ports import free_port
from tandem_local.postgres import PostgresServer
from tandem_local.processes import Command, run
from tandem_local.programs import OWNER, database_url, manage, program
from tandem_local.progress import Progress
from tandem_local.services import DATABASE, NO_RATE_LIMITS, Wiring, is_ready, kept_ports
from tandem_local.side_by_side import side_by_side

from chaos import plan, servers
from chaos.disks import Disk, mounted_disk
from chaos.load.store import CUSTOMERS, PRODUCTS
from chaos.network import Network, running_network
from chaos.servers import Cluster, Server
from chaos.supervisor import Service, Supervisor

START_SECONDS = 90
# Two of each: they have to share, to stand by, to take over.
REPLICAS = {"relay-1": "relay", "relay-2": "relay", "orders-1": "orders", "orders-2": "orders"}
# What the product's defaults would stop at is what we inject on purpose.
SETTINGS = NO_RATE_LIMITS | {"TANDEM_CONSUMER_DEAD_LETTER_LIMIT": "1000000"}


@dataclass(frozen=True)
class Stage:
    """A running system: its servers, its services, and the network between them."""

    home: Path
    network: Network
    postgres: Server[PostgresServer]
    kafka: Server[KafkaServer] | Cluster
    disks: dict[str, Disk]
    services: dict[str, Service]
    credentials: Credentials
    admin_url: str
    api_url: str
    """Through the network, as customers reach it."""
    stop: Event

    def superuser_url(self) -> str:
        """Of Tandem's database, not through the network."""
        server = self.postgres.address
        return database_url(server.url, "postgres", server.password, DATABASE)

    def bootstrap_servers(self) -> str:
        """Of Kafka, not through the network."""
        return self.kafka.address.bootstrap_servers

    @contextmanager
    def without_orders(self) -> Iterator[None]:
        """No process of the orders role runs while the block does."""
        with self.services["orders-1"].stopped(), self.services["orders-2"].stopped():
            yield


@contextmanager
def running_stage(home: Path, progress: Progress, *, brokers: int, stop: Event) -> Iterator[Stage]:
    """Run the system in `home` while the block runs; all is ready when the block begins. Needs chaos' own home.

    With several `brokers` the connections to Kafka are not led through the network, since clients go to each of them.
    """
    home.mkdir(parents=True, exist_ok=True)
    ports = kept_ports(home / "ports.json")
    wiring = Wiring(home, ports, kept_credentials(home / "secrets.json"), traces="")
    with ExitStack() as parts:
        network = parts.enter_context(running_network())
        disks = {name: parts.enter_context(mounted_disk(home / name)) for name in ("postgres", "kafka")}
        postgres = servers.postgres(home, stop)
        if brokers > 1:
            kafka: Server[KafkaServer] | Cluster = servers.kafka_cluster(home, brokers, stop)
        else:
            kafka = servers.kafka(home, list(_listeners(network)), stop)
        parts.callback(postgres.stop)
        parts.callback(kafka.stop)
        with progress.step("Postgres, Kafka", "start, schema, topics"):
            side_by_side(
                [lambda: _begin_postgres(wiring, postgres), lambda: _begin_kafka(wiring, kafka, brokers)], stop=stop
            )
        direct = replace(wiring, postgres=postgres.start().url, kafka=kafka.start().bootstrap_servers)
        with progress.step("Store", f"{len(PRODUCTS)} products, {len(CUSTOMERS)} customers"):
            settings = direct.admin_settings() | direct.demo_settings()
            set_up_store(settings, home / "logs" / "set-up-store.log", stop)
        supervisor = Supervisor(_services(direct, network, postgres.start().port))
        stage = Stage(
            home=home,
            network=network,
            postgres=postgres,
            kafka=kafka,
            disks={name: disk for name, disk in disks.items() if disk and _is_there(home / name)},
            services=supervisor.services,
            credentials=wiring.credentials,
            admin_url=ports.url("admin"),
            api_url=f"http://127.0.0.1:{network.link('client', 'api', ports.public['api']).port}",
            stop=stop,
        )
        supervisor.start()
        parts.callback(supervisor.stop)
        with progress.step("Services", ", ".join(supervisor.services)):
            wait_until_ready(stage)
        yield stage


def wait_until_ready(stage: Stage) -> None:
    """Return when all services say that they are ready; TimeoutError after a minute and a half."""
    waited = 0.0
    while not all(is_ready(service.operations_port) for service in stage.services.values()):
        waited += 0.2
        if stage.stop.wait(0.2) or waited > START_SECONDS:
            raise TimeoutError("a service does not become ready")


def _is_there(place: Path) -> bool:
    """Whether the server's data is in its place, and not where an account that may not come here keeps it."""
    return (place / "data").resolve().is_relative_to(place)


def _begin_postgres(wiring: Wiring, postgres: Server[PostgresServer]) -> None:
    wiring = replace(wiring, postgres=postgres.start().url)
    settings = wiring.admin_settings(OWNER) | wiring.superuser_settings()
    manage("create_roles", "migrate", "apply_grants", env=settings, logs=wiring.home / "logs")


def _listeners(network: Network) -> Iterator[Listener]:
    """An address of Kafka for each of its clients, which is told to come back through its link."""
    for client in (*plan.WORKERS, "api"):
        listener = Listener(free_port(), 0)
        yield replace(listener, advertised=network.link(client, "kafka", listener.port).port)


def _begin_kafka(wiring: Wiring, kafka: Server[KafkaServer] | Cluster, brokers: int) -> None:
    wiring = replace(wiring, kafka=kafka.start().bootstrap_servers)
    if brokers > 1:
        _gather_leaders(wiring.kafka, brokers)
    argv = [program("tandem-manage"), "provision_topics", "--replication-factor", str(brokers)]
    log = wiring.home / "logs" / "manage-provision_topics.log"
    run(Command(name="provision the topics", argv=argv, env=os.environ | wiring.admin_settings(role=None), log=log))


def _gather_leaders(bootstrap_servers: str, brokers: int) -> None:
    """Make the orders' topic so that one broker leads all of it, as after the others were restarted."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        led = {
            "assignments": {number: list(range(1, brokers + 1)) for number in range(ORDERS.partitions)},
            "configs": ORDERS.config(replication_factor=brokers),
        }
        admin.create_topics({ORDERS.name: led})


def set_up_store(settings: Mapping[str, str], log: Path, stop: Event) -> None:
    """Put products and customers of the load into the store that these settings of the admin lead to."""
    wanted = json.dumps({"products": [list(product) for product in PRODUCTS], "customers": CUSTOMERS})
    argv = [program("python"), str(Path(__file__).with_name("set_up_store.py")), wanted]
    run(Command(name="set up the store", argv=argv, env=os.environ | settings, log=log), stop=stop)


def _services(wiring: Wiring, network: Network, postgres_port: int) -> Iterator[Service]:
    """Every service, each finding the others through links of its own."""
    for name in plan.SERVICES:
        role = REPLICAS.get(name, name)
        settings, operations_port = dict(SETTINGS), wiring.ports.operations[role]
        seen = wiring
        if f"{name}→postgres" in plan.LINKS:
            port = network.link(name, "postgres", postgres_port).port
            seen = replace(seen, postgres=seen.postgres.replace(f":{postgres_port}/", f":{port}/"))
        if f"{name}→kafka" in network.links:
            seen = replace(seen, kafka=f"127.0.0.1:{network.links[f'{name}→kafka'].port}")
        if f"{name}→payment" in plan.LINKS:
            port = network.link(name, "payment", wiring.ports.public["payment"]).port
            settings["TANDEM_PAYMENT_URL"] = f"http://127.0.0.1:{port}"
        if f"{name}→admin" in plan.LINKS:
            port = network.link(name, "admin", wiring.ports.public["admin"]).port
            settings["TANDEM_JWKS_URL"] = f"http://127.0.0.1:{port}/.well-known/jwks.json"
        if name.endswith("-2"):
            operations_port = free_port()
        settings["TANDEM_OPERATIONS_PORT"] = str(operations_port)
        command = seen.commands()[role]
        own = replace(
            command, name=name, env={**(command.env or {}), **settings}, log=wiring.home / "logs" / f"{name}.log"
        )
        yield Service(own, operations_port)
