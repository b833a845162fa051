"""Two relays as processes: one publishes, the other stands by."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kafka_records import provision
from relaying import aggregate, append, published, until, waiting
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.processes import Command, Running, running_process
from tandem_worker.settings import RelaySettings


@pytest.fixture
def settings(database: Database, kafka_server: str) -> RelaySettings:
    provision(kafka_server)
    return RelaySettings(
        environment="test", database_url=database.url("tandem_relay"), kafka_bootstrap_servers=kafka_server
    )


@contextmanager
def relay_process(settings: RelaySettings, directory: Path, name: str) -> Iterator[tuple[Running, int]]:
    """A relay that is ready, and the port on which it tells its metrics."""
    port = free_port()
    command = Command(
        name=name,
        argv=[str(Path(sys.executable).with_name("tandem-worker")), "relay"],
        log=directory / f"{name}.log",
        env={
            "TANDEM_ENVIRONMENT": "test",
            "TANDEM_OPERATIONS_PORT": str(port),
            "TANDEM_DATABASE_URL": settings.database_url.get_secret_value(),
            "TANDEM_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        },
    )
    with running_process(command) as process:
        process.wait_until(lambda: answers(port))
        yield process, port


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def owned_shards(port: int) -> int:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    (line,) = [line for line in text.splitlines() if line.startswith("tandem_relay_owned_shards ")]
    return int(float(line.split()[1]))


async def test_a_second_replica_stands_by_and_takes_over_when_the_owner_is_killed(
    settings: RelaySettings, database: Database, tmp_path: Path
) -> None:
    one = aggregate(database)
    append(database, one)
    with (
        relay_process(settings, tmp_path, "first") as (first, first_port),
        relay_process(settings, tmp_path, "second") as (second, second_port),
    ):
        append(database, one, 5)
        await until(lambda: waiting(database) == 0)
        assert (owned_shards(first_port), owned_shards(second_port)) == (64, 0)

        first.signal(signal.SIGKILL)
        killed = time.monotonic()
        append(database, one, 5)
        await until(lambda: waiting(database) == 0)
        print(f"published again {time.monotonic() - killed:.2f} s after the owner was killed")  # noqa: T201

        assert owned_shards(second_port) == 64
        second.signal(signal.SIGTERM)
        second.wait(seconds=15)
        assert second.ended == 0

    assert [event.version for event in await published(settings, one)] == list(range(1, 12))
