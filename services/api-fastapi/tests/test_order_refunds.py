"""What customers see of money that goes back to them."""

import json
from uuid import UUID

from running_api import Api
from storefront import Storefront

FORTY = {"amount": 40, "currency": "EUR"}
TOLD = {"amount": FORTY, "refunded": FORTY, "reason": "broken"}


async def test_an_order_says_what_of_its_total_was_given_back(api: Api, storefront: Storefront, ada: UUID) -> None:
    untouched, order_id = storefront.order(ada, "paid"), storefront.order(ada, "paid")
    storefront.refund(order_id, 40)

    order = (await api.get(f"/v1/orders/{order_id}", ada)).json()
    listed = {item["id"]: item["refunded"] for item in (await api.get("/v1/orders", ada)).json()["items"]}

    assert (order["state"], order["refunded"]) == ("paid", FORTY)
    assert listed == {str(order_id): FORTY, str(untouched): {"amount": 0, "currency": "EUR"}}
    entry = order["timeline"][-1]
    assert (entry["type"], entry["state"], entry["details"]) == ("order.partially_refunded.v1", None, TOLD)


async def test_a_stream_tells_of_a_refund_of_a_part_and_goes_on(api: Api, storefront: Storefront, ada: UUID) -> None:
    order_id = storefront.order(ada, "paid")
    async with api.follow(order_id, ada) as events:
        assert [(await events.next() or {})["event"] for _ in range(2)] == ["order.placed.v1", "order.paid.v1"]
        storefront.refund(order_id, 40)
        api.cache.wakeups.wake_orders([order_id])
        told = await events.next(seconds=10)
        assert told is not None
        assert (told["id"], told["event"]) == ("3", "order.partially_refunded.v1")
        assert json.loads(told["data"])["details"] == TOLD

        storefront.advance(order_id, "refunded")
        api.cache.wakeups.wake_orders([order_id])
        last = await events.next(seconds=10)
        assert last is not None
        assert last["event"] == "order.refunded.v1"
