"""The probe: an order like a customer's, each minute, from the login to its end; what is felt is measured.

The article is one that nobody buys, and each order is cancelled, or its card declined: the piece returns, nothing is
shipped. One process: a second would cancel the first one's orders.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import structlog
from tandem_runtime.health import Health
from tandem_runtime.metrics import exemplar
from tandem_runtime.tracing import tracer

from tandem_worker.probe import metrics
from tandem_worker.probe.customer import NOT_FINAL, Customer, Order, StoreError, connected
from tandem_worker.settings import ProbeSettings
from tandem_worker.waiting import watched

LOOK_SECONDS = 0.25

# Of an answer that is JSON and not what a customer expects, what is missing is met where it is looked for.
FAILURES = (StoreError, LookupError, TypeError, AttributeError)

log = structlog.get_logger()


async def run_probe(settings: ProbeSettings, health: Health, stop: asyncio.Event) -> None:
    """Order until `stop` is set. An order that is under way then is cancelled by the next process."""
    metrics.begin()
    health.set_ready(True)
    while not stop.is_set():
        await watched(order_once(settings), health=health, stop=stop)
        await watched(asyncio.sleep(settings.probe_interval_seconds), health=health, stop=stop)


async def order_once(settings: ProbeSettings) -> bool:
    """Whether an order went its whole way; the log says where it did not."""
    with tracer().start_as_current_span("probe"):
        began = perf_counter()
        try:
            async with connected() as client:
                await _order(Customer(client, settings), settings.probe_patience_seconds)
        except FAILURES as error:
            log.warning("probe failed", error=f"{type(error).__name__}: {error}")
            return False
        metrics.succeeded()
        log.info("probe passed", seconds=round(perf_counter() - began, 3))
        return True


async def _order(customer: Customer, patience_seconds: float) -> None:
    async with _step("login"):
        await customer.log_in()
    async with _step("orders"):
        for order in await customer.unfinished_orders():  # of a process that was stopped, of a bad day
            log.warning("probe left an order", order_id=order["id"], state=order["state"])
            await customer.ask_to_cancel(order["id"])
    async with _step("catalogue"):
        await customer.look_at_article()
    async with _step("placement"):
        order_id = await customer.place_order()
        structlog.contextvars.bind_contextvars(order_id=order_id)
    async with _step("decision"):
        decided = await _until_not(customer, order_id, ("placed", "reserved"), patience_seconds)
        if decided["state"] == "rejected" and _reason(decided) == "payment_declined":
            return  # a card that is always declined: money never moves, and the piece is back
        if decided["state"] != "paid":
            raise StoreError(f"the order is {decided['state']}: {_reason(decided)}")
    async with _step("cancellation"):
        await customer.ask_to_cancel(order_id)
        ended = await _until_not(customer, order_id, NOT_FINAL, patience_seconds)
        if ended["state"] != "cancelled":
            raise StoreError(f"the order is {ended['state']}")


@asynccontextmanager
async def _step(name: str) -> AsyncIterator[None]:
    began = perf_counter()
    with tracer().start_as_current_span(f"probe {name}"):
        try:
            yield
        except FAILURES:
            metrics.OUTCOMES.labels(step=name, outcome="failed").inc()
            structlog.contextvars.bind_contextvars(step=name)
            raise
        metrics.OUTCOMES.labels(step=name, outcome="passed").inc()
        metrics.DURATION.labels(step=name).observe(perf_counter() - began, exemplar())


async def _until_not(customer: Customer, order_id: str, states: tuple[str, ...], patience_seconds: float) -> Order:
    """The order when it is in none of these states any more, looked at as an application without a stream does."""
    deadline = perf_counter() + patience_seconds
    while (order := await customer.order(order_id))["state"] in states:
        if perf_counter() > deadline:
            raise StoreError(f"the order is still {order['state']} after {patience_seconds:g} s")
        await asyncio.sleep(LOOK_SECONDS)
    return order


def _reason(order: Order) -> str:
    reasons = [entry["details"].get("reason", "") for entry in order["timeline"]]
    return str(next(filter(None, reversed(reasons)), ""))
