"""What partners' servers may read in their own name, and what not."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from running_api import Api
from storefront import Storefront

PARTNER = "5e1f0c7f4b7a4a6e9d0c2b3a4f5e6d7c"  # as UUIDs look, and still no customer


async def ask(api: Api, body: Any, scope: str = "orders:status") -> httpx.Response:
    auth = api.auth(PARTNER, client_id=PARTNER, scope=scope)
    return await api.client.post("/v1/order-statuses", json=body, headers=auth)


async def test_the_state_of_orders_is_told_and_nothing_about_whose_they_are(
    api: Api, storefront: Storefront, ada: UUID, eve: UUID
) -> None:
    placed, shipped = storefront.order(ada), storefront.order(eve, "shipped")
    nobodys = [str(uuid4()), str(uuid4())]
    answer = await ask(api, {"ids": [nobodys[1], str(shipped), nobodys[0], str(placed), str(shipped), nobodys[1]]})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["ratelimit-policy"].startswith('"reads"'), "it writes nothing"
    [first, second] = answer.json()["items"]
    assert (first["id"], first["state"], second["id"], second["state"]) == (
        str(shipped),
        "shipped",
        str(placed),
        "placed",
    )
    assert first.keys() == {"id", "state", "changed_at"}
    assert answer.json()["unknown"] == [nobodys[1], nobodys[0]]
    told = storefront.sql("SELECT occurred_at FROM orders_timelineentry WHERE state = 'shipped'")[0]["occurred_at"]
    assert first["changed_at"] == told.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ids": []}, "#/ids"),
        ({"ids": [str(uuid4()) for _ in range(101)]}, "#/ids"),
        ({"ids": ["x"]}, "#/ids/0"),
        ({"ids": [str(uuid4())], "customer": "ada"}, "#/customer"),
        ({}, "#/ids"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(api: Api, body: Any, pointer: str) -> None:
    answer = await ask(api, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_hundred_orders_are_asked_for_at_once(api: Api) -> None:
    ids = [str(uuid4()) for _ in range(100)]
    assert (await ask(api, {"ids": ids})).json() == {"items": [], "unknown": ids}


async def test_each_scope_is_for_one_thing(api: Api) -> None:
    assert (await ask(api, {"ids": [str(uuid4())]}, "feed:read")).status_code == 403
    auth = api.auth(PARTNER, client_id=PARTNER, scope="orders:status")
    answer = await api.client.get("/v1/feed/stock", headers=auth)
    assert answer.status_code == 403
    assert 'scope="feed:read"' in answer.headers["www-authenticate"]


async def test_partners_are_no_customers_and_customers_no_partners(api: Api, ada: UUID) -> None:
    as_partner = api.auth(PARTNER, client_id=PARTNER, scope="orders:read orders:write openid")
    for path in ("/v1/orders", "/v1/me", f"/v1/orders/{uuid4()}"):
        assert (await api.client.get(path, headers=as_partner)).status_code == 401, path
    as_customer = api.auth(ada, scope="feed:read orders:status")
    assert (await api.client.get("/v1/feed/stock", headers=as_customer)).status_code == 401
    assert (await api.client.get("/v1/feed/stock")).status_code == 401
    assert (await api.client.get("/v1/feed/stock", headers={"Authorization": "Basic eDp5"})).status_code == 401
