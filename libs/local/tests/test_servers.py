"""Postgres and Kafka: real, restartable, as root and as anyone."""

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from threading import Event

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from tandem_local.jars import kafka_jars
from tandem_local.jvm import java_with
from tandem_local.kafka import Listener, running_kafka
from tandem_local.kafka_members import members
from tandem_local.ports import free_port
from tandem_local.postgres import remove_postgres, running_postgres
from tandem_local.side_by_side import side_by_side


@pytest.fixture
def home() -> Iterator[Path]:
    """A place that another user may pass through; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="tandem-home-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        yield path
        remove_postgres(path)


def _occupy(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def test_postgres_keeps_data_password_and_port(home: Path) -> None:
    with running_postgres(home, durable=False) as first, psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with running_postgres(home, durable=False) as second, psycopg.connect(second.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert second.url == first.url


def test_postgres_demands_the_password(home: Path) -> None:
    with (
        running_postgres(home, durable=False) as server,
        pytest.raises(psycopg.OperationalError, match="authentication"),
    ):
        psycopg.connect(server.url.replace(server.password, "guessed"))


@pytest.mark.parametrize("durable", [True, False])
def test_postgres_waits_for_the_disk_only_when_durable(home: Path, durable: bool) -> None:
    with running_postgres(home, durable=durable) as server, psycopg.connect(server.url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on" if durable else "off",)


def test_postgres_comes_back_after_an_unclean_end_and_on_another_port(home: Path) -> None:
    with running_postgres(home, durable=True) as first:
        with psycopg.connect(first.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid_file = home / "postgres" / "data" / "postmaster.pid"
        stale = pid_file.read_text()
        os.kill(int(stale.splitlines()[0]), signal.SIGKILL)
        first.running.stop()
    # Its number belongs to another process now, one that lives: ours.
    pid_file.write_text("\n".join([str(os.getpid()), *stale.splitlines()[1:]]))
    with (
        _occupy(first.port),
        running_postgres(home, durable=False) as second,
        psycopg.connect(second.url) as connection,
    ):
        assert second.port != first.port
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_kafka_keeps_data_and_comes_back_after_an_unclean_end_on_other_ports(home: Path) -> None:
    with running_kafka(home) as first:
        _create_topic(first.bootstrap_servers, "kept")
        producer = KafkaProducer(bootstrap_servers=first.bootstrap_servers, acks="all")
        producer.send("kept", b"event").get(timeout=20)
        producer.close()
        _kill(home / "kafka" / "server.properties")
        first.running.stop()
    broker, controller = (int(port) for port in (home / "kafka" / "ports").read_text().split())
    with _occupy(broker), _occupy(controller), running_kafka(home) as second:
        assert second.bootstrap_servers != first.bootstrap_servers
        consumer = KafkaConsumer(
            "kept", bootstrap_servers=second.bootstrap_servers, auto_offset_reset="earliest", consumer_timeout_ms=20_000
        )
        assert next(consumer).value == b"event"
        consumer.close()


def test_kafka_keeps_clients_of_a_further_listener_there(home: Path) -> None:
    port = free_port()
    with running_kafka(home, listeners=[Listener(port, advertised=port)]) as server:
        for address in (server.bootstrap_servers, f"127.0.0.1:{port}"):
            with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
                (broker,) = admin.describe_cluster()["brokers"]
            assert f"127.0.0.1:{broker['port']}" == address


def test_three_kafkas_are_one_that_outlives_the_end_of_one_of_them(home: Path) -> None:
    with ExitStack() as nodes:
        starts = [partial(nodes.enter_context, running_kafka(home, member=member)) for member in members(3)]
        first, *others = side_by_side(starts, stop=Event())
        _create_topic(first.bootstrap_servers, "kept", replicas=3)
        first.running.stop()
        servers = [other.bootstrap_servers for other in others]
        with closing(KafkaProducer(bootstrap_servers=servers, acks="all")) as producer:
            producer.send("kept", b"event").get(timeout=60)


def _create_topic(servers: str, name: str, replicas: int = 1) -> None:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic(name, 1, replicas)])
    admin.close()


def _kill(argument: Path) -> None:
    """Kill the program, not its guard, which was given the argument."""
    found = subprocess.run(["pgrep", "-f", f"^[^ ]*java .*{argument}"], capture_output=True, text=True, check=True)
    (pid,) = map(int, found.stdout.split())
    os.kill(pid, signal.SIGKILL)


def test_kafka_starts_without_an_aot_cache_that_is_damaged(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = kafka_jars(tmp_path)
    monkeypatch.setattr("tandem_local.kafka.kafka_jars", lambda *_, **__: jars)
    monkeypatch.setenv("TANDEM_CACHE", str(tmp_path))
    damaged = java_with(jars).aot_cache
    damaged.write_bytes(b"\0" * 4096)
    with running_kafka(home) as server:
        _create_topic(server.bootstrap_servers, "works")
