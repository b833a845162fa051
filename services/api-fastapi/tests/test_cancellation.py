import asyncio
from uuid import UUID

import pytest
from running_api import Api
from storefront import LOCK_WAITS, Storefront


@pytest.mark.parametrize("state", ["placed", "reserved", "paid"])
async def test_an_order_that_was_not_shipped_may_be_asked_to_be_cancelled(
    api: Api, storefront: Storefront, ada: UUID, state: str
) -> None:
    order_id = storefront.order(ada, state)

    answer = await api.post(f"/v1/orders/{order_id}/cancellation", {"reason": "by mistake"}, ada)

    event, order = storefront.outbox()[-1], (await api.get(f"/v1/orders/{order_id}", ada)).json()
    assert answer.status_code == 202
    assert answer.json() == {"order_id": str(order_id), "version": event["version"]}
    assert event["type"] == "order.cancellation_requested.v1"
    assert event["payload"] == {
        "order_id": str(order_id),
        "customer_id": str(ada),
        "requested_by": "customer",
        "reason": "by mistake",
    }
    assert order["state"] == state, "only the order process changes the state"
    assert order["timeline"][-1]["details"] == {"reason": "by mistake", "requested_by": "customer"}
    assert order["timeline"][-1]["state"] is None


@pytest.mark.parametrize("state", ["shipped", "delivered", "rejected", "cancelled", "refunded"])
async def test_it_is_refused_when_it_is_too_late(api: Api, storefront: Storefront, ada: UUID, state: str) -> None:
    order_id = storefront.order(ada, state)
    events = len(storefront.outbox())
    refused = await api.post(f"/v1/orders/{order_id}/cancellation", {"reason": ""}, ada)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/problems/order-not-cancellable")
    assert len(storefront.outbox()) == events


async def test_it_is_requested_once_however_often_it_is_sent(api: Api, storefront: Storefront, ada: UUID) -> None:
    path = f"/v1/orders/{storefront.order(ada)}/cancellation"
    first, again = [await api.post(path, {}, ada, key="k") for _ in range(2)]
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert [event["type"] for event in storefront.outbox()].count("order.cancellation_requested.v1") == 1


def requests(storefront: Storefront) -> int:
    return [event["type"] for event in storefront.outbox()].count("order.cancellation_requested.v1")


async def test_a_request_that_is_under_way_is_the_answer_to_another(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    order_id = storefront.order(ada)
    path = f"/v1/orders/{order_id}/cancellation"
    first = await api.post(path, {}, ada, key="one")
    storefront.advance(order_id, "reserved")  # what was before the request in the stream may still lead on

    second = await api.post(path, {"reason": "again"}, ada, key="two")
    replayed = await api.post(path, {"reason": "again"}, ada, key="two")

    assert (second.status_code, second.json()) == (202, first.json())
    assert (replayed.json(), replayed.headers["idempotent-replayed"]) == (first.json(), "true")
    assert requests(storefront) == 1


async def test_requests_that_come_at_once_are_one(api: Api, storefront: Storefront, ada: UUID) -> None:
    path = f"/v1/orders/{storefront.order(ada)}/cancellation"
    with storefront.locked("orders_timelineentry"):  # all have looked, and none has written
        sent = [asyncio.create_task(api.post(path, {}, ada)) for _ in range(4)]
        async with asyncio.timeout(10):
            while len(storefront.sql(LOCK_WAITS)) < 4:
                await asyncio.sleep(0.01)

    answers = [await one for one in sent]

    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["version"] for answer in answers} == {2}
    assert requests(storefront) == 1


async def test_after_a_refusal_one_may_ask_again(api: Api, storefront: Storefront, ada: UUID) -> None:
    order_id = storefront.order(ada)
    path = f"/v1/orders/{order_id}/cancellation"
    await api.post(path, {}, ada)
    storefront.refuse(order_id, "order.cancellation_requested.v1")

    again = await api.post(path, {}, ada)

    assert (again.status_code, again.json()["version"]) == (202, 4)
    assert requests(storefront) == 2
