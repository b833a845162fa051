"""A pytest plugin: real Postgres and Kafka, started once per run when a collected test needs them.

With xdist the controller starts them, and the workers get the addresses. They live in a temporary directory.
TANDEM_TEST_POSTGRES_URL (a superuser's, of a server for tests only) and TANDEM_TEST_KAFKA_BOOTSTRAP_SERVERS name
servers to use instead.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from tandem_local.cache import locked
from tandem_local.databases import Database, copied_database, drop_database, make_template
from tandem_local.kafka import running_kafka
from tandem_local.postgres import running_postgres
from tandem_local.shared_servers import SharedServers, address_of, ask_for

POSTGRES, KAFKA = "postgres", "kafka"
GIVEN = {POSTGRES: "TANDEM_TEST_POSTGRES_URL", KAFKA: "TANDEM_TEST_KAFKA_BOOTSTRAP_SERVERS"}
DIRECTORY = pytest.StashKey[Path]()


@contextmanager
def _postgres(directory: Path, stop: Event) -> Iterator[str]:
    with running_postgres(directory, durable=False, stop=stop) as server:
        yield server.url


@contextmanager
def _kafka(directory: Path, stop: Event) -> Iterator[str]:
    with running_kafka(directory, stop=stop) as server:
        yield server.bootstrap_servers


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python reads its message definitions through functions that Python 3.11 deprecates (3.13 took it back).
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[DIRECTORY] = Path(worker["tandem_directory"])
        return
    servers = SharedServers({POSTGRES: _postgres, KAFKA: _kafka})
    config.stash[DIRECTORY] = servers.directory
    config.add_cleanup(servers.close)
    config.add_cleanup(lambda: _drop_template(servers.directory))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker where the run's directory is."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    node.workerinput["tandem_directory"] = str(config.stash[DIRECTORY])  # type: ignore[attr-defined]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what the collected tests will ask for, while the first of them run."""
    names = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    for server in (POSTGRES, KAFKA):
        if f"{server}_server" in names and GIVEN[server] not in os.environ:
            ask_for(session.config.stash[DIRECTORY], server)


def _address(config: pytest.Config, server: str) -> str:
    return os.environ.get(GIVEN[server]) or address_of(config.stash[DIRECTORY], server)


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> str:
    """The superuser's URL of the run's Postgres."""
    return _address(pytestconfig, POSTGRES)


@pytest.fixture(scope="session")
def kafka_server(pytestconfig: pytest.Config) -> str:
    """The bootstrap servers of the run's Kafka."""
    return _address(pytestconfig, KAFKA)


@pytest.fixture(scope="session")
def template_database(pytestconfig: pytest.Config, postgres_server: str) -> str:
    """The name of a migrated database with roles and grants, made once per run; `database` copies it."""
    directory = pytestconfig.stash[DIRECTORY]
    name = f"{directory.name.replace('-', '_')}".lower()
    done = directory / "template"
    with locked(directory / "template.lock"):
        if not done.exists():
            make_template(postgres_server, name, directory / "logs")
            done.write_text(name)
    return name


def _drop_template(directory: Path) -> None:
    given = os.environ.get(GIVEN[POSTGRES])
    if given and (directory / "template").exists():
        drop_database(given, (directory / "template").read_text())


@pytest.fixture
def database(postgres_server: str, template_database: str) -> Iterator[Database]:
    """A database of the test's own; `database.url("tandem_api")` connects as that role, `.url()` as the superuser."""
    with copied_database(postgres_server, template_database) as fresh:
        yield fresh


@pytest.fixture
def topics(kafka_server: str) -> Iterator[Callable[..., str]]:
    """`topics("orders", partitions=3)` creates a fresh topic and returns its name."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 - only those who use it pay for it
    from kafka.admin import NewTopic  # noqa: PLC0415

    created: list[str] = []
    admin = KafkaAdminClient(bootstrap_servers=kafka_server)

    def create(name: str = "events", partitions: int = 1) -> str:
        topic = f"{name}.{uuid.uuid4().hex[:12]}"
        admin.create_topics([NewTopic(topic, partitions, 1)])
        created.append(topic)
        return topic

    try:
        yield create
        if created:
            admin.delete_topics(created)
    finally:
        admin.close()
