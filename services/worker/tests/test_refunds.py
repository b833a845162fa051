"""Refunds in part against a real database and the real payment sandbox: each request gives back once, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.errors import CheckViolation
from store import Store
from tandem_contracts.envelope import Event
from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderDeliveryRegistered,
    OrderRefundRequested,
    OrderShipmentRegistered,
)
from tandem_worker.consumer.handlers import Handler, RetryableError
from tandem_worker.database import SessionFactory
from tandem_worker.orders.process import NAME, order_process
from tandem_worker.payments.provider import PaymentProvider, Refunded, Unknown
from tandem_worker.payments.services import Payments
from tandem_worker.refunds.services import Refunds

# Refunds of these are told wrongly, once, and right when asked again.
DONE_AND_ERROR, AWAY_TWICE = 514, 516


def euros(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "EUR"}


async def paid_order(store: Store, total: int = 2500) -> UUID:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2}, total=total)
    await store.run()
    return order_id


async def refund(store: Store, order_id: UUID, amount: int | None = None, *, currency: str = "EUR") -> None:
    wanted = None if amount is None else {"amount": amount, "currency": currency}
    await store.ask(order_id, OrderRefundRequested, reason="one was broken", amount=wanted)


def payload(store: Store, order_id: UUID, event_type: str) -> dict[str, Any]:
    """Of the last event of the type, without the ids."""
    last = [event for event in store.events() if event.aggregate_id == order_id and event.type == event_type][-1]
    return last.payload().model_dump(mode="json", exclude={"order_id", "customer_id"})


def refund_handler(store: Store) -> Handler:
    handler = store.process.handlers["order.refund_requested.v1"]
    assert isinstance(handler, Handler)
    return handler


async def prepare(store: Store, event: Event) -> Any:
    prepared = refund_handler(store).prepare
    assert prepared is not None
    return await prepared(event)


@asynccontextmanager
async def reconciling(refunds: Refunds) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(refunds.reconcile(stop, pause_seconds=0.05))
    try:
        yield
    finally:
        stop.set()
        await task


async def becomes(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_part_goes_back_and_the_order_stays_in_its_state(store: Store) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, 1000)

    await store.run()

    assert store.state(order_id) == "paid"
    assert store.stock("MUG") == (3, 2)
    assert store.payments(order_id) == [("partially_refunded", 2500, 1000)]
    assert store.refunds(order_id) == [("refunded", 1000)]
    assert payload(store, order_id, "order.partially_refunded.v1") == {
        "amount": euros(1000),
        "refunded": euros(1000),
        "reason": "one was broken",
        "request_version": 4,
    }


async def test_parts_that_add_up_to_the_total_make_the_order_refunded(store: Store) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, 1000)
    await refund(store, order_id, 300)
    await refund(store, order_id)

    await store.run()

    assert store.state(order_id) == "refunded"
    assert store.stock("MUG") == (5, 0)
    assert store.given_back(order_id) == [1000, 300, 1200]
    assert store.refunds(order_id) == [("refunded", 1000), ("refunded", 300), ("refunded", 1200)]
    assert payload(store, order_id, "order.partially_refunded.v1")["refunded"] == euros(1300)
    assert payload(store, order_id, "order.refunded.v1") == {
        "amount": euros(2500),
        "last_amount": euros(1200),
        "reason": "one was broken",
        "request_version": 6,
    }


async def test_a_part_of_a_shipped_order_leaves_stock_and_delivery_alone(store: Store) -> None:
    order_id = await paid_order(store)
    await store.ask(order_id, OrderShipmentRegistered, carrier="DHL")
    await refund(store, order_id, 1000)
    await store.ask(order_id, OrderDeliveryRegistered)
    await refund(store, order_id, 1500)

    await store.run()

    assert store.state(order_id) == "refunded"
    assert store.stock("MUG") == (3, 0)
    assert "order.delivered.v1" in store.types(order_id)


@pytest.mark.parametrize(
    ("amount", "currency", "cause", "left"),
    [
        (1501, "EUR", "amount", 1500),
        (0, "EUR", "amount", 1500),
        (-5, "EUR", "amount", 1500),
        (100, "USD", "currency", None),
    ],
)
async def test_more_than_what_is_left_is_refused_and_not_a_dead_letter(
    store: Store, amount: int, currency: str, cause: str, left: int | None
) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, 1000)
    await refund(store, order_id, amount, currency=currency)

    await store.run()

    assert store.given_back(order_id) == [1000]
    assert store.dead_letters() == []
    assert payload(store, order_id, "order.request_refused.v1") == {
        "request": "order.refund_requested.v1",
        "state": "paid",
        "cause": cause,
        "left": None if left is None else euros(left),
        "request_version": 5,
    }


async def test_a_cancellation_gives_back_what_is_left(store: Store) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, 1000)
    await store.ask(order_id, OrderCancellationRequested, requested_by="customer")

    await store.run()

    assert store.state(order_id) == "cancelled"
    assert store.stock("MUG") == (5, 0)
    assert store.given_back(order_id) == [1000, 1500]
    assert store.refunds(order_id) == [("refunded", 1000), ("refunded", 1500)]
    assert payload(store, order_id, "order.cancelled.v1")["refunded"] == euros(2500)


@pytest.mark.parametrize("amount", [512, DONE_AND_ERROR, AWAY_TWICE], ids=["no answer", "an error", "away"])
async def test_an_unclear_refund_is_unknown_until_asked_again_and_given_once(
    store: Store, refunds: Refunds, amount: int
) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, amount)

    await store.run()
    assert store.refunds(order_id) == [("unknown", amount)]
    assert "order.partially_refunded.v1" not in store.types(order_id)

    async with reconciling(refunds):
        await becomes(lambda: store.refunds(order_id) == [("refunded", amount)])
    assert store.given_back(order_id) == [amount]
    assert store.types(order_id).count("order.partially_refunded.v1") == 1


async def test_what_is_unknown_is_not_given_back_by_another_request(store: Store, refunds: Refunds) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, DONE_AND_ERROR)
    await refund(store, order_id, 2500 - DONE_AND_ERROR + 1)
    await refund(store, order_id)
    await refund(store, order_id)

    await store.run()
    assert store.types(order_id).count("order.request_refused.v1") == 2
    assert store.refunds(order_id) == [("unknown", DONE_AND_ERROR), ("refunded", 2500 - DONE_AND_ERROR)]

    async with reconciling(refunds):
        await becomes(lambda: store.state(order_id) == "refunded")
    assert store.payments(order_id) == [("refunded", 2500, 2500)]


async def test_an_order_whose_money_is_all_going_back_is_not_shipped(store: Store, refunds: Refunds) -> None:
    order_id = await paid_order(store, total=2514 + 12)
    await refund(store, order_id, 12)
    await refund(store, order_id, 2514)
    await store.ask(order_id, OrderShipmentRegistered, carrier="DHL")

    await store.run()
    assert payload(store, order_id, "order.request_refused.v1")["cause"] == "refund"

    async with reconciling(refunds):
        await becomes(lambda: store.state(order_id) == "refunded")
    assert store.stock("MUG") == (5, 0)


async def test_a_cancellation_settles_what_is_unknown_before_it_gives_back_the_rest(store: Store) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, DONE_AND_ERROR)
    await store.ask(order_id, OrderCancellationRequested, requested_by="staff", reason="lost")

    await store.run()

    assert store.state(order_id) == "cancelled"
    assert store.given_back(order_id) == [DONE_AND_ERROR, 2500 - DONE_AND_ERROR]
    assert [state for state, _ in store.refunds(order_id)] == ["refunded", "refunded"]
    assert payload(store, order_id, "order.cancelled.v1")["refunded"] == euros(2500)


class DiedError(BaseException):
    """The process ends here."""


class DyingProvider(PaymentProvider):
    """The provider as a process sees it that dies before it calls, or before it knows the answer."""

    def __init__(self, provider: PaymentProvider, *, calls: bool) -> None:
        super().__init__(provider._client)
        self._calls = calls

    async def refund(self, *args: Any, **kwargs: Any) -> Refunded | Unknown:
        if self._calls:
            await super().refund(*args, **kwargs)
        raise DiedError


@pytest.mark.parametrize("calls", [False, True], ids=["before the call", "after the provider did it"])
@pytest.mark.parametrize("model", [OrderRefundRequested, OrderCancellationRequested])
async def test_a_crash_around_the_call_gives_back_once(
    store: Store,
    sessions: SessionFactory,
    payments: Payments,
    provider: PaymentProvider,
    refunds: Refunds,
    calls: bool,
    model: type[OrderRefundRequested | OrderCancellationRequested],
) -> None:
    order_id = await paid_order(store)
    asked = {OrderRefundRequested: {"amount": euros(1000)}, OrderCancellationRequested: {"requested_by": "staff"}}
    await store.ask(order_id, model, reason="chaos", **asked[model])
    sound = store.process
    dying = Refunds(NAME, sessions, DyingProvider(provider, calls=calls), refunds._hint)
    store.process = order_process(payments, dying)
    with pytest.raises(DiedError):
        await store.apply(store.events()[-1])

    store.process = sound
    assert await store.apply(store.events()[-1]) == "applied"

    amount = 1000 if model is OrderRefundRequested else 2500
    assert store.given_back(order_id) == [amount]
    assert store.refunds(order_id) == [("refunded", amount)]


async def test_a_crash_before_the_commit_gives_back_once(store: Store) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, 1000)
    event = store.events()[-1]
    outcome = await prepare(store, event)
    async with store.worker() as dying:
        await refund_handler(store).apply(dying, event, outcome)
        await dying.rollback()

    await store.run()

    assert store.given_back(order_id) == [1000]
    assert store.types(order_id).count("order.partially_refunded.v1") == 1


async def test_two_processes_with_the_same_request_give_back_once(store: Store) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, 1000)
    event = store.events()[-1]

    outcomes = await asyncio.gather(store.apply(event), store.apply(event))

    assert sorted(outcomes) == ["applied", "duplicate"]
    assert store.given_back(order_id) == [1000]


async def test_a_handler_and_the_reconciler_state_a_refund_once(store: Store, refunds: Refunds) -> None:
    order_id = await paid_order(store)
    await refund(store, order_id, DONE_AND_ERROR)
    await store.run()

    outcomes = await asyncio.gather(*(refunds.settle_open(order_id) for _ in range(3)), return_exceptions=True)

    # The provider sends away whoever asks while it is still working on the same request.
    assert None in outcomes
    assert all(isinstance(outcome, RetryableError) for outcome in outcomes if outcome is not None)
    await refunds.settle_open(order_id)
    assert store.refunds(order_id) == [("refunded", DONE_AND_ERROR)]
    assert store.types(order_id).count("order.partially_refunded.v1") == 1


async def test_a_process_that_slept_while_a_request_was_refused_does_not_carry_it_out(
    store: Store, payments: Payments
) -> None:
    order_id = await paid_order(store, total=2514)  # it is not paid yet: the provider's answer was lost
    await refund(store, order_id)
    event = store.events()[-1]
    await store.run()
    assert store.types(order_id)[-1] == "order.request_refused.v1"
    await payments.settle(order_id)
    assert store.state(order_id) == "paid"

    assert await prepare(store, event) is None

    assert store.refunds(order_id) == []
    assert store.payments(order_id) == [("captured", 2514, 0)]


async def test_a_refund_that_the_provider_refuses_is_a_dead_letter_and_keeps_no_other_from_being_settled(
    store: Store, refunds: Refunds
) -> None:
    store.put_in_stock("MUG", 5)
    odd, unclear = await store.place_order({"MUG": 1}), await store.place_order({"MUG": 1})
    await store.run()
    (payment,) = store.provider.get("/v1/payments", params={"reference": str(odd)}).json()["items"]
    behind_our_back = httpx.URL(f"/v1/payments/{payment['id']}/refunds")
    store.provider.post(behind_our_back, json={"amount": 2500}, headers={"Idempotency-Key": str(odd)})
    await refund(store, odd, 1000)
    await refund(store, unclear, DONE_AND_ERROR)

    await store.run()
    assert store.dead_letters() == [(4, "dead")]
    async with reconciling(refunds):
        await becomes(lambda: store.refunds(unclear) == [("refunded", DONE_AND_ERROR)])

    assert store.refunds(odd) == [("sending", 1000)]
    assert store.given_back(odd) == [2500]


@pytest.mark.parametrize(
    "change",
    [
        "refunded_amount = 2501",
        "refunding_amount = 2501",
        "refunded_amount = 2000, refunding_amount = 501",
        "refunding_amount = -1",
        "state = 'reserved', refunded_amount = 1",
    ],
)
async def test_the_database_refuses_refunds_beyond_what_was_captured(store: Store, change: str) -> None:
    await paid_order(store)
    with psycopg.connect(store.database.url("tandem_worker")) as worker, pytest.raises(CheckViolation):
        worker.execute(f"UPDATE orders_order SET {change}".encode())
