"""A worker's surroundings: a database under its role, and the real payment sandbox."""

import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from partners import Partners, Receiver
from store import Store
from tandem_local.databases import Database
from tandem_local.ports import free_port
from tandem_local.processes import Command, running_process
from tandem_worker.database import SessionFactory, outbox_hint, session_factory
from tandem_worker.orders.process import NAME, order_process
from tandem_worker.payments.provider import PaymentProvider
from tandem_worker.payments.services import Payments
from tandem_worker.refunds.services import Refunds
from tandem_worker.settings import WebhooksSettings


@pytest.fixture
async def sessions(database: Database) -> AsyncIterator[SessionFactory]:
    async with session_factory(database.url("tandem_worker"), pool_size=8, application="test") as factory:
        yield factory


@pytest.fixture
async def api_sessions(database: Database) -> AsyncIterator[SessionFactory]:
    async with session_factory(database.url("tandem_api"), pool_size=8, application="test-api") as factory:
        yield factory


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The real payment sandbox, as a process; the client speaks to it as the worker does."""
    directory: Path = tmp_path_factory.mktemp("payment-sandbox")
    port, operations_port, key = free_port(), free_port(), secrets.token_urlsafe()
    command = Command(
        name="payment-sandbox",
        argv=[str(Path(sys.executable).parent / "payment-sandbox")],
        log=directory / "sandbox.log",
        env={
            "TANDEM_ENVIRONMENT": "test",
            "TANDEM_PORT": str(port),
            "TANDEM_OPERATIONS_PORT": str(operations_port),
            "TANDEM_PAYMENT_DATABASE": str(directory / "payments.sqlite"),
            "TANDEM_PAYMENT_API_KEY": key,
        },
    )

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{operations_port}/readyz").is_success
        except httpx.TransportError:
            return False

    with (
        running_process(command) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        process.wait_until(ready)
        yield client


@pytest.fixture
async def provider(sandbox: httpx.Client) -> AsyncIterator[PaymentProvider]:
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=sandbox.headers, timeout=1) as client:
        yield PaymentProvider(client)


@pytest.fixture
async def payments(sessions: SessionFactory, provider: PaymentProvider) -> AsyncIterator[Payments]:
    async with aclosing(outbox_hint(sessions)) as hint:
        yield Payments(sessions, provider, hint)


@pytest.fixture
async def refunds(sessions: SessionFactory, provider: PaymentProvider) -> AsyncIterator[Refunds]:
    async with aclosing(outbox_hint(sessions)) as hint:
        yield Refunds(NAME, sessions, provider, hint)


@pytest.fixture
def store(
    database: Database,
    sessions: SessionFactory,
    api_sessions: SessionFactory,
    sandbox: httpx.Client,
    payments: Payments,
    refunds: Refunds,
) -> Store:
    with psycopg.connect(database.url()) as superuser:
        row = superuser.execute(
            "INSERT INTO users_user (email, password, is_superuser)"
            " VALUES ('ada@tandem.example', '', false) RETURNING id"
        ).fetchone()
    assert row
    return Store(
        database=database,
        api=api_sessions,
        worker=sessions,
        provider=sandbox,
        process=order_process(payments, refunds),
        customer_id=UUID(str(row[0])),
    )


@pytest.fixture
async def webhook_sessions(database: Database) -> AsyncIterator[SessionFactory]:
    async with session_factory(database.url("tandem_webhooks"), pool_size=8, application="test-webhooks") as factory:
        yield factory


@pytest.fixture
def partners(database: Database) -> Partners:
    return Partners(database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.serving():
        yield receiver


@pytest.fixture
def webhook_settings(database: Database, kafka_server: str) -> WebhooksSettings:
    return WebhooksSettings(
        environment="test",
        database_url=database.url("tandem_webhooks"),
        kafka_bootstrap_servers=kafka_server,
        webhooks_allow_loopback=True,
        webhooks_timeout_seconds=2,
        webhooks_poll_seconds=0.05,
    )
