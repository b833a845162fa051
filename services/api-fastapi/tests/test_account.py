"""What customers keep with us and may change: their name, their addresses."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from running_api import Api
from storefront import LOCK_WAITS, Storefront

HOME = {
    "recipient": "Ada Lovelace",
    "street": "Keizersgracht 1",
    "postal_code": "1015 CJ",
    "city": "Amsterdam",
    "country": "NL",
}
FULL = {"addition": "", "region": ""} | HOME
ADDRESSES = "/v1/me/addresses"


async def add(api: Api, customer_id: UUID, *, key: str | None = None, **changes: str) -> httpx.Response:
    return await api.post(ADDRESSES, HOME | changes, customer_id, key=key)


async def listed(api: Api, customer_id: UUID) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(ADDRESSES, customer_id)).json()["items"]
    return items


def pointers(response: httpx.Response) -> list[str]:
    return sorted(error["pointer"] for error in response.json()["errors"])


async def test_a_customer_changes_their_name(api: Api, ada: UUID) -> None:
    changed = await api.send("PATCH", "/v1/me", ada, {"name": "  Ada King "})
    assert changed.json() == {"id": str(ada), "email": "ada@tandem.example", "name": "Ada King"}
    assert (await api.get("/v1/me", ada)).json() == changed.json()


@pytest.mark.parametrize("body", [{}, {"name": "x" * 151}, {"name": "a\nb"}, {"name": None}])
async def test_a_name_is_one_line(api: Api, ada: UUID, body: dict[str, Any]) -> None:
    refused = await api.send("PATCH", "/v1/me", ada, body)
    assert (refused.status_code, pointers(refused)) == (422, ["#/name"])


async def test_nothing_else_of_an_account_can_be_changed(api: Api, ada: UUID) -> None:
    refused = await api.send("PATCH", "/v1/me", ada, {"name": "Ada", "email": "eve@example.com", "is_active": True})
    assert pointers(refused) == ["#/email", "#/is_active"]


async def test_an_address_is_added_read_changed_and_removed(api: Api, ada: UUID) -> None:
    added = await add(api, ada)

    path = added.headers["location"]
    assert added.status_code == 201
    assert added.json() == FULL | {"id": path.rpartition("/")[2], "is_default": True}
    assert (await api.get(path, ada)).json() == added.json()

    changed = FULL | {"street": "Prinsengracht 2", "country": "BE"}
    assert (await api.send("PUT", path, ada, changed)).status_code == 204
    assert (await api.get(path, ada)).json() == added.json() | changed

    assert (await api.send("DELETE", path, ada)).status_code == 204
    assert (await api.get(path, ada)).status_code == 404
    assert (await api.send("DELETE", path, ada)).status_code == 404
    assert await listed(api, ada) == []


async def test_an_address_is_added_once_per_key(api: Api, ada: UUID) -> None:
    first, again = [await add(api, ada, key="k") for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await listed(api, ada)) == 1
    assert (await add(api, ada, key="k", city="Utrecht")).status_code == 422


async def test_the_default_is_the_one_that_was_made_so_last(api: Api, ada: UUID) -> None:
    first, second, third = [(await add(api, ada, city=city)).json()["id"] for city in ("A", "B", "C")]
    assert [(one["id"], one["is_default"]) for one in await listed(api, ada)] == [
        (first, True),
        (second, False),
        (third, False),
    ]

    for one in (second, third):
        assert (await api.send("PUT", f"{ADDRESSES}/{one}/default", ada)).status_code == 204
    assert (await listed(api, ada))[0]["id"] == third

    await api.send("DELETE", f"{ADDRESSES}/{third}", ada)
    assert [(one["id"], one["is_default"]) for one in await listed(api, ada)] == [(second, True), (first, False)]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"country": "XX"}, ["#/country"]),
        ({"country": "nl"}, ["#/country"]),
        ({"city": " "}, ["#/city"]),
        ({"recipient": "Ada\nLovelace", "street": "x" * 201}, ["#/recipient", "#/street"]),
        ({"planet": "Earth"}, ["#/planet"]),
        ({"postal_code": "\x00"}, ["#/postal_code"]),
    ],
)
async def test_what_is_wrong_with_an_address_is_named(
    api: Api, ada: UUID, changes: dict[str, str], wrong: list[str]
) -> None:
    refused = await add(api, ada, **changes)
    assert (refused.status_code, pointers(refused)) == (422, wrong)


async def test_a_customer_keeps_at_most_twenty_addresses(api: Api, storefront: Storefront, ada: UUID) -> None:
    for _ in range(20):
        assert (await add(api, ada)).status_code == 201

    refused = await add(api, ada)

    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/problems/too-many-addresses")
    await api.send("DELETE", f"{ADDRESSES}/{(await listed(api, ada))[3]['id']}", ada)
    assert (await add(api, ada)).status_code == 201, "a place became free"


async def test_the_limit_holds_for_those_who_come_at_once(api: Api, storefront: Storefront, ada: UUID) -> None:
    for _ in range(18):
        await add(api, ada)

    answers = await asyncio.gather(*(add(api, ada) for _ in range(8)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert storefront.count("addresses_address") <= 20


async def test_nobody_adds_an_address_to_a_customer_who_is_being_erased(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    with psycopg.connect(storefront.database.url()) as erasing:
        erasing.execute("UPDATE users_user SET is_active = false WHERE id = %s", [ada])
        adding = asyncio.create_task(add(api, ada))
        async with asyncio.timeout(10):
            while not storefront.sql(LOCK_WAITS):
                await asyncio.sleep(0.01)
        erasing.commit()

    assert (await adding).status_code == 409
    assert storefront.count("addresses_address") == 0
    assert (await add(api, ada)).status_code == 403


async def test_another_customers_address_is_as_if_it_were_not_there(api: Api, ada: UUID, eve: UUID) -> None:
    path = (await add(api, ada)).headers["location"]
    assert (await api.get(path, eve)).status_code == 404
    for method, suffix, body in (("PUT", "", FULL), ("DELETE", "", None), ("PUT", "/default", None)):
        assert (await api.send(method, path + suffix, eve, body)).status_code == 404
    assert await listed(api, eve) == []
    assert len(await listed(api, ada)) == 1


def order(**more: Any) -> dict[str, Any]:
    return {"lines": [{"sku": "MUG-1", "quantity": 1}], "payment_token": "tok_visa"} | more


async def test_an_order_goes_to_the_address_that_it_names_as_it_is_then(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    await add(api, ada, city="Utrecht")
    path = (await add(api, ada)).headers["location"]

    placed = await api.post("/v1/orders", order(address_id=path.rpartition("/")[2]), ada)
    await api.send("PUT", path, ada, FULL | {"city": "Elsewhere"})

    assert placed.json()["shipping_address"] == FULL
    assert (await api.get(placed.headers["location"], ada)).json() == placed.json()
    event = storefront.outbox()[-1]["payload"]
    assert event["ships_to_country"] == "NL"
    assert "Keizersgracht" not in str(event), "events stay when a person is forgotten"


async def test_an_order_can_bring_its_address(api: Api, ada: UUID) -> None:
    await add(api, ada)
    placed = await api.post("/v1/orders", order(shipping_address=HOME | {"city": "Delft"}), ada)
    assert placed.json()["shipping_address"] == FULL | {"city": "Delft"}
    assert len(await listed(api, ada)) == 1, "it is not kept"


async def test_an_order_that_names_none_goes_to_the_default_address_if_there_is_one(api: Api, ada: UUID) -> None:
    assert (await api.post("/v1/orders", order(), ada)).json()["shipping_address"] is None
    await add(api, ada)
    assert (await api.post("/v1/orders", order(), ada)).json()["shipping_address"] == FULL


async def test_an_address_of_somebody_else_is_none(api: Api, storefront: Storefront, ada: UUID, eve: UUID) -> None:
    hers = (await add(api, ada)).json()["id"]
    for address_id in (hers, str(uuid4())):
        refused = await api.post("/v1/orders", order(address_id=address_id), eve)
        assert (refused.status_code, pointers(refused)) == (422, ["#/address_id"])
    assert storefront.count("orders_order") == 0


async def test_an_order_goes_to_one_address(api: Api, ada: UUID) -> None:
    refused = await api.post("/v1/orders", order(address_id=str(uuid4()), shipping_address=HOME), ada)
    assert refused.status_code == 422
    inner = await api.post("/v1/orders", order(shipping_address=HOME | {"country": "XX"}), ada)
    assert pointers(inner) == ["#/shipping_address/country"]


async def test_a_quote_tells_prices_stock_and_total_and_places_nothing(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    storefront.stock("MUG-1", 2)
    lines = [{"sku": "MUG-1", "quantity": 2}, {"sku": "PAN-1", "quantity": 1}]

    quote = await api.send("POST", "/v1/quotes", ada, {"lines": lines})

    assert quote.status_code == 200
    assert quote.json() == {
        "lines": [
            {
                "sku": "MUG-1",
                "name": "Enamel mug",
                "quantity": 2,
                "unit_price": {"amount": 1450, "currency": "EUR"},
                "in_stock": True,
            },
            {
                "sku": "PAN-1",
                "name": "Iron pan",
                "quantity": 1,
                "unit_price": {"amount": 4900, "currency": "EUR"},
                "in_stock": False,
            },
        ],
        "total": {"amount": 7800, "currency": "EUR"},
    }
    assert storefront.count("orders_order") == storefront.count("orders_idempotencykey") == 0
    refused = await api.send("POST", "/v1/quotes", ada, {"lines": [{"sku": "NONE", "quantity": 1}]})
    assert (refused.status_code, pointers(refused)) == (422, ["#/lines/0/sku"])


async def test_an_order_that_costs_more_than_was_agreed_to_is_refused_with_what_it_costs(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    agreed = {"amount": 1450, "currency": "EUR"}
    storefront.sql("UPDATE catalog_product SET price_amount = 1500 WHERE sku = 'MUG-1'")

    refused = await api.post("/v1/orders", order(expected_total=agreed), ada, key="k")

    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/problems/price-changed")
    assert refused.json()["total"] == {"amount": 1500, "currency": "EUR"}
    assert storefront.count("orders_order") == 0
    placed = await api.post("/v1/orders", order(expected_total=refused.json()["total"]), ada, key="k")
    assert placed.status_code == 201
