"""The order process against a real database and the real payment sandbox."""

import asyncio

import psycopg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import update
from store import Store
from tandem_contracts.orders import (
    OrderCancellationRequested,
    OrderDeliveryRegistered,
    OrderRefundRequested,
    OrderShipmentRegistered,
)
from tandem_tables.orders import Order
from tandem_tables.timeline import append_to_timeline
from tandem_worker.consumer.inbox import Outcome
from tandem_worker.orders.repository import lock_order
from tandem_worker.payments.reconciliation import Unsettled, settle_quietly
from tandem_worker.payments.services import Payments


async def test_a_placed_order_is_reserved_and_paid(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2}, total=2500)

    await store.run()

    assert store.state(order_id) == "paid"
    assert store.types(order_id) == ["order.placed.v1", "order.reserved.v1", "order.paid.v1"]
    assert store.stock("MUG") == (3, 2)
    assert store.payments(order_id) == [("captured", 2500, 0)]


async def test_an_order_beyond_the_stock_is_rejected_and_takes_nothing(store: Store) -> None:
    store.put_in_stock("BOWL", 9)
    store.put_in_stock("MUG", 1)
    order_id = await store.place_order({"BOWL": 3, "MUG": 2})

    await store.run()

    assert store.state(order_id) == "rejected"
    assert store.stock("BOWL") == (9, 0)
    assert store.stock("MUG") == (1, 0)
    assert store.payments(order_id) == []


async def test_orders_that_compete_for_the_last_pieces_never_oversell(store: Store) -> None:

    store.put_in_stock("LAMP", 3)
    store.put_in_stock("MUG", 3)
    orders = [
        await store.place_order({"LAMP": 1, "MUG": 1} if number % 2 else {"MUG": 1, "LAMP": 1}) for number in range(8)
    ]

    await asyncio.gather(*(store.apply(event) for event in store.events()))
    await store.run()

    states = [store.state(order_id) for order_id in orders]
    assert sorted(states) == ["paid"] * 3 + ["rejected"] * 5
    assert store.stock("LAMP") == (0, 3)


async def test_a_declined_card_rejects_the_order_and_releases_its_stock(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2}, total=2502)

    await store.run()

    assert store.state(order_id) == "rejected"
    assert store.stock("MUG") == (5, 0)
    assert store.payments(order_id) == [("declined", 0, 0)]


@pytest.mark.parametrize("ending", [12, 14], ids=["no answer after the capture", "an error after the capture"])
async def test_an_unclear_payment_is_unknown_until_asked_again_and_collected_once(
    store: Store, payments: Payments, ending: int
) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2}, total=2500 + ending)

    await store.run()
    assert store.state(order_id) == "reserved"

    stop = asyncio.Event()
    reconciling = asyncio.create_task(payments.reconcile(stop, pause_seconds=0.1))
    try:
        async with asyncio.timeout(30):
            while store.state(order_id) != "paid":
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await reconciling

    assert store.payments(order_id) == [("captured", 2500 + ending, 0)]
    assert store.stock("MUG") == (3, 2)


async def test_a_paid_order_is_shipped_and_delivered(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2})
    await store.run()

    await store.ask(order_id, OrderShipmentRegistered, carrier="DHL", tracking_number="JJD1")
    await store.run()
    assert store.state(order_id) == "shipped"
    assert store.stock("MUG") == (3, 0)

    await store.ask(order_id, OrderDeliveryRegistered)
    await store.run()
    assert store.state(order_id) == "delivered"


async def test_a_cancelled_order_gives_back_money_and_stock(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2})
    await store.run()

    await store.ask(order_id, OrderCancellationRequested, requested_by="customer")
    await store.run()

    assert store.state(order_id) == "cancelled"
    assert store.stock("MUG") == (5, 0)
    assert store.payments(order_id) == [("refunded", 2500, 2500)]


async def test_an_order_cancelled_before_it_was_handled_is_never_charged(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2})
    await store.ask(order_id, OrderCancellationRequested, requested_by="customer")

    await store.run()

    assert store.state(order_id) == "cancelled"
    assert store.stock("MUG") == (5, 0)
    assert store.payments(order_id) == []


async def test_an_order_whose_placement_was_lost_can_be_cancelled_and_is_never_charged(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 1})
    await store.ask(order_id, OrderCancellationRequested, requested_by="customer")
    _, requested = store.events()

    outcome = await store.apply(requested)

    assert outcome is Outcome.APPLIED
    assert store.state(order_id) == "cancelled"
    assert store.stock("MUG") == (5, 0)
    assert store.payments(order_id) == []


async def test_a_refund_after_shipment_leaves_the_stock_alone(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2})
    await store.run()
    await store.ask(order_id, OrderShipmentRegistered, carrier="DHL")
    await store.ask(order_id, OrderRefundRequested, reason="broken")

    await store.run()

    assert store.state(order_id) == "refunded"
    assert store.stock("MUG") == (3, 0)
    assert store.payments(order_id) == [("refunded", 2500, 2500)]


async def test_a_request_that_the_state_does_not_allow_is_refused_in_the_stream(store: Store) -> None:
    store.put_in_stock("MUG", 1)
    order_id = await store.place_order({"MUG": 2})
    await store.ask(order_id, OrderShipmentRegistered, carrier="DHL")
    await store.ask(order_id, OrderCancellationRequested, requested_by="staff")
    await store.ask(order_id, OrderRefundRequested, reason="why not")

    await store.run()

    assert store.state(order_id) == "rejected"
    assert store.types(order_id)[-3:] == ["order.request_refused.v1"] * 3


async def test_every_event_delivered_twice_changes_nothing(store: Store) -> None:

    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2})
    await store.run()
    before = store.events()

    outcomes = [await store.apply(event) for event in before]

    assert set(outcomes) == {"duplicate"}
    assert store.events() == before
    assert store.stock("MUG") == (3, 2)
    assert store.payments(order_id) == [("captured", 2500, 0)]


async def test_a_payment_the_provider_refuses_keeps_no_other_from_being_settled(
    store: Store, payments: Payments
) -> None:
    store.put_in_stock("MUG", 5)
    refused = await store.place_order({"MUG": 1}, total=20_000_000_000)
    unclear = await store.place_order({"MUG": 1}, total=2514)
    await store.run()
    assert store.state(refused) == "reserved"

    stop = asyncio.Event()
    reconciling = asyncio.create_task(payments.reconcile(stop, pause_seconds=0.1))
    try:
        async with asyncio.timeout(30):
            while store.state(unclear) != "paid":
                assert not reconciling.done()
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await reconciling

    assert store.payments(refused) == []


async def test_a_lost_connection_is_no_failure_to_settle(store: Store, payments: Payments) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 1}, total=2514)
    await store.run()
    failures = REGISTRY.get_sample_value("tandem_payment_reconciliation_failures_total")
    store.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    await settle_quietly(payments.settle_one, Unsettled(order_id, order_id))
    assert store.state(order_id) == "reserved"
    assert REGISTRY.get_sample_value("tandem_payment_reconciliation_failures_total") == failures

    await settle_quietly(payments.settle_one, Unsettled(order_id, order_id))
    assert store.state(order_id) == "paid"


async def test_a_payment_is_not_begun_while_the_order_changes_its_state(store: Store, payments: Payments) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 1})
    await store.apply(store.events()[0])

    async with store.worker.begin() as changing:
        await lock_order(changing, order_id)
        asking = asyncio.create_task(payments.ask(order_id))
        await asyncio.sleep(0.5)
        assert not asking.done()
        await changing.execute(update(Order).where(Order.id == order_id).values(state="cancelled"))

    assert await asking is None
    assert store.payments(order_id) == []


async def test_pieces_that_arrive_while_an_order_waits_for_them_are_there_for_it(store: Store) -> None:
    store.put_in_stock("MUG", 1)
    await store.place_order({"MUG": 3})

    with psycopg.connect(store.database.url()) as arrival:
        arrival.execute("UPDATE inventory_stock SET available = available + 2")
        arrival.execute(
            "INSERT INTO inventory_stockmovement (sku, reason, available_change) VALUES ('MUG', 'receipt', 2)"
        )
        applying = asyncio.create_task(store.apply(store.events()[0]))
        await asyncio.sleep(1)  # it has begun with what was there before, and waits for the row
        arrival.commit()

    assert await applying == "applied"
    assert store.stock("MUG") == (0, 3)


async def test_a_request_and_a_transition_at_once_wait_for_each_other_and_do_not_deadlock(store: Store) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 1})
    request = OrderCancellationRequested(order_id=order_id, customer_id=store.customer_id, requested_by="customer")

    async with store.api.begin() as asking:
        await append_to_timeline(asking, request, state=None, headers={})
        applying = asyncio.create_task(store.apply(store.events()[0]))
        await asyncio.sleep(1.5)  # longer than Postgres waits before it looks for a deadlock

    assert await applying == "applied"
    assert store.state(order_id) == "reserved"


async def test_the_time_from_placement_to_a_state_is_measured(store: Store) -> None:
    def paid_within(bound: str) -> float:
        labels = {"state": "paid", "le": bound}
        return REGISTRY.get_sample_value("tandem_order_time_to_state_seconds_bucket", labels) or 0

    store.put_in_stock("MUG", 5)
    quick, all_before = paid_within("0.25"), paid_within("+Inf")
    await store.place_order({"MUG": 1})
    await asyncio.sleep(0.3)

    await store.run()

    assert paid_within("+Inf") == all_before + 1
    assert paid_within("0.25") == quick
