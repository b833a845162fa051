"""Any story of requests, whatever the provider's bad days: the outcome is that of a provider that always answers."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from store import Store
from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderDeliveryRegistered,
    OrderRefundRequested,
    OrderShipmentRegistered,
)
from tandem_worker.consumer.handlers import RetryableError
from tandem_worker.payments.services import Payments
from tandem_worker.refunds.services import Refunds

# Many amounts, and the total is one, are done and told as an error at first, or away twice: then a refund is unknown.
TOTAL = 2514
AMOUNTS = (514, 1014, 1500, 516, 1000, 2000, TOTAL)
NEVER_ANSWERED, SILENT = 13, 12

Step = int | str | None
"""An amount to refund, None for what is left, or another request."""
STEPS: st.SearchStrategy[Step] = st.sampled_from([*AMOUNTS, None, None, "ship", "ship", "deliver", "cancel"])


@dataclass
class Told:
    """An order with a provider that always answers at once."""

    state: str = "paid"
    left: int = TOTAL
    given: list[int] = field(default_factory=list)
    refused: int = 0
    stock_back: bool = False

    def happen(self, step: Step) -> None:
        match step, self.state:
            case "ship", "paid":
                self.state = "shipped"
            case "deliver", "shipped":
                self.state = "delivered"
            case "cancel", "paid":
                self.give(self.left, "cancelled")
            case ((int() | None), ("paid" | "shipped" | "delivered")) if 0 < (step or self.left) <= self.left:
                self.give(step or self.left, "refunded")
            case _:
                self.refused += 1

    def give(self, amount: int, state_without_rest: str) -> None:
        assume(amount % 100 not in (NEVER_ANSWERED, SILENT))
        self.given.append(amount)
        self.left -= amount
        if not self.left:
            self.stock_back = self.state == "paid"
            self.state = state_without_rest


async def ask(store: Store, order_id: UUID, step: Step) -> None:
    match step:
        case "ship":
            await store.ask(order_id, OrderShipmentRegistered, carrier="DHL")
        case "deliver":
            await store.ask(order_id, OrderDeliveryRegistered)
        case "cancel":
            await store.ask(order_id, OrderCancellationRequested, requested_by="staff")
        case amount:
            wanted = amount and {"amount": amount, "currency": "EUR"}
            await store.ask(order_id, OrderRefundRequested, reason="", amount=wanted)


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(story=[(None, True, False), ("ship", True, False)])
@example(story=[(514, True, False), (None, True, False), ("cancel", True, True)])
@example(story=[("ship", True, False), (514, True, False), ("deliver", True, False), (None, True, True)])
@given(story=st.lists(st.tuples(STEPS, st.booleans(), st.booleans()), min_size=1, max_size=7))
async def test_a_story_ends_as_if_the_provider_had_always_answered(
    store: Store, payments: Payments, refunds: Refunds, story: list[tuple[Step, bool, bool]]
) -> None:
    """Of each step: whether it is handled before the next one, and whether the provider is asked again before that."""
    told = Told()
    for step, _, _ in story:
        told.happen(step)
    sku = f"MUG-{uuid4().hex[:8]}"
    store.put_in_stock(sku, 5)
    order_id = await store.place_order({sku: 2}, total=TOTAL)
    await store.run()
    await payments.settle(order_id)

    for step, handled, asked_again in story:
        await ask(store, order_id, step)
        if handled:
            await apply_all(store)
        if asked_again:
            with suppress(RetryableError):
                await refunds.settle_open(order_id)
    await apply_all(store)
    async with asyncio.timeout(30):
        while any(state != "refunded" for state, _ in store.refunds(order_id)):
            with suppress(RetryableError):
                await refunds.settle_open(order_id)

    types = store.types(order_id)
    assert store.state(order_id) == told.state
    assert sorted(store.given_back(order_id)) == sorted(told.given)
    assert types.count("order.request_refused.v1") == told.refused
    assert store.stock(sku) == (5 if told.stock_back else 3, 2 if told.state == "paid" else 0)
    assert store.dead_letters() == []
    store.execute("DELETE FROM events_outboxevent")


async def apply_all(store: Store) -> None:
    """Two processes have every event, as when one has slept."""
    await asyncio.gather(store.run(), store.run())
