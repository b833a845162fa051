"""`tandem-worker ROLE`: one process per role, all from one image."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import structlog
import typer
from tandem_runtime import eventloop
from tandem_runtime.health import Health
from tandem_runtime.logs import configure_logging
from tandem_runtime.operations import OperationsServer
from tandem_runtime.progress import measuring_lag
from tandem_runtime.settings import RuntimeSettings, load_settings
from tandem_runtime.shutdown import stop_on_signals
from tandem_runtime.tracing import configure_tracing

from tandem_worker.consumer.main import run_consumer
from tandem_worker.database import outbox_hint, session_factory
from tandem_worker.dead_letters.commands import dead_letters, discard, replay
from tandem_worker.dead_letters.main import settle_dead_letters
from tandem_worker.http_client import TracedClient
from tandem_worker.notifications.main import run_notifications
from tandem_worker.orders.ledger import LedgerWatch
from tandem_worker.orders.process import NAME, order_process
from tandem_worker.payments.provider import PaymentProvider
from tandem_worker.payments.services import Payments
from tandem_worker.probe.main import run_probe
from tandem_worker.purge.main import Purge
from tandem_worker.refunds.services import Refunds
from tandem_worker.relay.main import run_relay
from tandem_worker.restore.commands import lost, restore
from tandem_worker.schema import wait_for_tables
from tandem_worker.settings import (
    ConsumerSettings,
    DatabaseSettings,
    NotificationsSettings,
    OrdersSettings,
    ProbeSettings,
    PurgeSettings,
    RelaySettings,
    WebhooksSettings,
)
from tandem_worker.streams.commands import events, lag
from tandem_worker.webhooks.main import run_webhooks

SettingsT = TypeVar("SettingsT", bound=RuntimeSettings)
Role = Callable[[SettingsT, Health, asyncio.Event], Awaitable[None]]

log = structlog.get_logger()
app = typer.Typer(help="The worker of Tandem; each role is a process of its own.", no_args_is_help=True)


@app.command()
def relay() -> None:
    """Publish the outbox to Kafka."""
    _run("worker-relay", RelaySettings, run_relay)


@app.command()
def orders() -> None:
    """Carry orders through: stock, payment, shipment."""
    _run("worker-orders", OrdersSettings, _run_orders)


@app.command()
def notifications() -> None:
    """Tell customers by mail what happens to their orders."""
    _run("worker-notifications", NotificationsSettings, run_notifications)


@app.command()
def webhooks() -> None:
    """Tell partners of the events they have subscribed to."""
    _run("worker-webhooks", WebhooksSettings, run_webhooks)


@app.command()
def probe() -> None:
    """Order as a customer does, every minute, and tell how that went."""
    _run("worker-probe", ProbeSettings, run_probe)


@app.command()
def purge() -> None:
    """Remove old idempotency keys, settled dead letters and old webhooks, and end: for a schedule."""
    settings = load_settings(PurgeSettings)
    configure_logging("worker-purge", settings)

    async def run() -> bool:
        return await Purge(settings).run(stop_on_signals())

    if not eventloop.run(run()):
        raise typer.Exit(1)


app.add_typer(dead_letters)
app.command()(replay)
app.command()(discard)
events.command()(lost)
events.command()(restore)
app.add_typer(events)
app.command()(lag)


async def _run_orders(settings: OrdersSettings, health: Health, stop: asyncio.Event) -> None:
    async with (
        session_factory(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            application="tandem-orders",
        ) as sessions,
        aclosing(outbox_hint(sessions)) as hint,
        TracedClient(
            base_url=str(settings.payment_url),
            headers={"Authorization": f"Bearer {settings.payment_api_key.get_secret_value()}"},
            timeout=settings.payment_timeout_seconds,
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        provider = PaymentProvider(client)
        payments, refunds = Payments(sessions, provider, hint), Refunds(NAME, sessions, provider, hint)
        group.create_task(payments.reconcile(stop, pause_seconds=settings.payment_reconcile_seconds))
        group.create_task(refunds.reconcile(stop, pause_seconds=settings.payment_reconcile_seconds))
        group.create_task(LedgerWatch(sessions).run(stop))
        consumer = order_process(payments, refunds)
        group.create_task(settle_dead_letters(consumer, sessions, stop))
        group.create_task(run_consumer(consumer, settings, sessions, health, stop))


def _run(service: str, settings_class: type[SettingsT], role: Role[SettingsT]) -> None:
    settings = load_settings(settings_class)
    configure_logging(service, settings)
    link = isinstance(settings, ConsumerSettings) and settings.trace_consumers == "link"
    with configure_tracing(service, link_causes=link, statement_seconds=settings.trace_statement_seconds):
        eventloop.run(_serve(settings, role))


async def _serve(settings: SettingsT, role: Role[SettingsT]) -> None:
    stop = stop_on_signals()
    health = Health()
    operations = OperationsServer(health, settings.operations_host, settings.operations_port, liveness_seconds=30)
    operations.start()
    try:
        async with measuring_lag():
            if isinstance(settings, DatabaseSettings):
                await wait_for_tables(settings.database_url.get_secret_value(), health, stop)
            await role(settings, health, stop)
    finally:
        health.set_ready(False)
        operations.stop()
    log.info("stopped")
