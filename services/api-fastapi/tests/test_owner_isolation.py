from uuid import UUID, uuid4

import pytest
from running_api import Api
from storefront import Storefront

READS = ("/v1/orders/{}", "/v1/orders/{}/events")


@pytest.mark.parametrize("path", READS)
async def test_another_customers_order_is_as_if_it_were_not_there(
    api: Api, storefront: Storefront, ada: UUID, eve: UUID, path: str
) -> None:
    order_id = storefront.order(ada)
    hers, none = await api.get(path.format(order_id), eve), await api.get(path.format(uuid4()), eve)
    assert hers.status_code == none.status_code == 404
    assert hers.json() | {"request_id": ""} == none.json() | {"request_id": ""}


async def test_another_customers_order_cannot_be_cancelled(
    api: Api, storefront: Storefront, ada: UUID, eve: UUID
) -> None:
    order_id = storefront.order(ada)
    events = len(storefront.outbox())
    refused = await api.post(f"/v1/orders/{order_id}/cancellation", {}, eve)
    assert refused.status_code == 404
    assert len(storefront.outbox()) == events


async def test_lists_hold_the_callers_own_orders_only(api: Api, storefront: Storefront, ada: UUID, eve: UUID) -> None:
    own, _other = storefront.order(ada), storefront.order(eve)
    page = (await api.get("/v1/orders", ada)).json()
    assert [order["id"] for order in page["items"]] == [str(own)]


async def test_a_cursor_of_another_customer_shows_nothing_of_theirs(
    api: Api, storefront: Storefront, ada: UUID, eve: UUID
) -> None:
    for _ in range(3):
        storefront.order(eve)
    cursor = (await api.get("/v1/orders?limit=1", eve)).json()["next_cursor"]
    assert (await api.get(f"/v1/orders?cursor={cursor}", ada)).json()["items"] == []


async def test_a_replay_needs_the_key_and_the_customer(api: Api, ada: UUID, eve: UUID) -> None:
    first = await api.place(ada, key="guessed", MUG_1=1)
    other = await api.place(eve, key="guessed", MUG_1=1)
    assert other.json()["id"] != first.json()["id"]
