"""The worker's processes as an operator meets them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import prometheus_client
import pytest
from kafka_records import provision
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_runtime.metrics_contract import undeclared
from tandem_worker import main

METRICS = Path(__file__).parents[3] / "observability" / "metrics.yaml"
WORKER = str(Path(sys.executable).with_name("tandem-worker"))


def test_every_metric_is_declared() -> None:
    assert main.app is not None  # all roles' modules are imported
    ours = [line for line in undeclared(prometheus_client.REGISTRY, METRICS) if line.startswith("tandem_")]

    assert ours == []


@pytest.mark.parametrize(
    ("role", "database_role"),
    [
        ("relay", "tandem_relay"),
        ("orders", "tandem_worker"),
        ("notifications", "tandem_notifications"),
        ("webhooks", "tandem_webhooks"),
        ("probe", "tandem_api"),  # reads none of the database's settings
    ],
)
async def test_a_role_becomes_ready_serves_its_metrics_and_stops_on_sigterm(
    database: Database, kafka_server: str, role: str, database_role: str
) -> None:
    provision(kafka_server)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        WORKER,
        role,
        env={
            **os.environ,
            "TANDEM_ENVIRONMENT": "test",
            "TANDEM_OPERATIONS_PORT": str(port),
            "TANDEM_DATABASE_URL": database.url(database_role),
            "TANDEM_KAFKA_BOOTSTRAP_SERVERS": kafka_server,
            "TANDEM_PAYMENT_URL": "http://127.0.0.1:9",
            "TANDEM_PAYMENT_API_KEY": "key",
            "TANDEM_MAIL_URL": "smtp://127.0.0.1:9",
            "TANDEM_ADMIN_URL": "http://127.0.0.1:9",
            "TANDEM_API_URL": "http://127.0.0.1:9",
            "TANDEM_PROBE_CLIENT_SECRET": "secret",
            "TANDEM_PROBE_PAYMENT_TOKEN": "tok",
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(120):
            while not await answers(client, "/readyz"):
                await asyncio.sleep(0.1)
            assert await answers(client, "/livez")
            assert f'service="worker-{role}"' in (await client.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), timeout=60) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path)).is_success
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"TANDEM_DATABASE_URL": None}, "TANDEM_DATABASE_URL"),
        ({"TANDEM_CONSUMER_TRANSACTIONS": "50"}, "TANDEM_DATABASE_POOL_SIZE"),
        ({"TANDEM_PAYMENT_URL": None}, "TANDEM_PAYMENT_URL"),
    ],
)
async def test_a_wrong_setting_is_named_in_one_line(changed: dict[str, str | None], told: str) -> None:
    settings = {
        "TANDEM_ENVIRONMENT": "test",
        "TANDEM_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "TANDEM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "TANDEM_PAYMENT_URL": "http://127.0.0.1:9",
        "TANDEM_PAYMENT_API_KEY": "key",
    } | changed
    process = await asyncio.create_subprocess_exec(
        WORKER,
        "orders",
        env={"PATH": os.environ["PATH"]} | {name: value for name, value in settings.items() if value is not None},
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    _, errors = await asyncio.wait_for(process.communicate(), timeout=120)

    assert process.returncode == 2
    (line,) = errors.decode().splitlines()
    assert told in line
