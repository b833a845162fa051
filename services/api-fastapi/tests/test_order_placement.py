import asyncio
from uuid import UUID, uuid4

import httpx
import psycopg
from running_api import Api
from storefront import LOCK_WAITS, Storefront

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def pointers(response: httpx.Response) -> list[str]:
    return [error["pointer"] for error in response.json()["errors"]]


async def test_an_order_is_stored_with_name_and_price_of_the_moment(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    # Behind the back of the cache, which has no broker to tell it.
    storefront.sql("UPDATE catalog_product SET price_amount = 1500, name = 'Big mug' WHERE sku = 'MUG-1'")

    placed = await api.place(ada, MUG_1=2, PAN_1=1)

    order = placed.json()
    assert placed.status_code == 201
    assert placed.headers["location"] == f"/v1/orders/{order['id']}"
    assert placed.headers["cache-control"] == "no-store"
    assert order["total"] == {"amount": 7900, "currency": "EUR"}
    assert order["lines"] == [
        {"sku": "MUG-1", "name": "Big mug", "quantity": 2, "unit_price": {"amount": 1500, "currency": "EUR"}},
        {"sku": "PAN-1", "name": "Iron pan", "quantity": 1, "unit_price": {"amount": 4900, "currency": "EUR"}},
    ]
    assert (await api.get(placed.headers["location"], ada)).json() == order


async def test_the_event_is_stated_with_the_order_and_carries_its_trace(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    headers = api.auth(ada) | {"Idempotency-Key": "once", "traceparent": TRACEPARENT}
    body = {"lines": [{"sku": "MUG-1", "quantity": 2}], "payment_token": "tok_visa"}

    order_id = (await api.client.post("/v1/orders", json=body, headers=headers)).json()["id"]

    [event] = storefront.outbox()
    [entry] = storefront.sql("SELECT * FROM orders_timelineentry")
    assert event["type"] == entry["event_type"] == "order.placed.v1"
    assert str(event["aggregate_id"]) == str(entry["order_id"]) == order_id
    assert event["version"] == entry["version"] == 1
    assert entry["state"] == "placed"
    assert event["payload"] == entry["payload"]
    assert event["payload"] == {
        "order_id": order_id,
        "customer_id": str(ada),
        "total": {"amount": 2900, "currency": "EUR"},
        "lines": [{"sku": "MUG-1", "quantity": 2, "unit_price": {"amount": 1450, "currency": "EUR"}}],
        "ships_to_country": None,
    }
    assert event["headers"] == {"traceparent": TRACEPARENT}
    assert entry["traceparent"] == TRACEPARENT
    assert event["producer"] == "tandem_api"


async def test_a_failure_at_the_last_step_leaves_nothing_behind(api: Api, storefront: Storefront, ada: UUID) -> None:
    storefront.sql("CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'crash'; END$$")
    storefront.sql("CREATE TRIGGER crash BEFORE INSERT ON orders_idempotencykey EXECUTE FUNCTION fail()")

    failed = await api.place(ada, key="again", MUG_1=1)

    assert failed.status_code == 500
    tables = ("orders_order", "orders_orderline", "orders_timelineentry", "events_stream", "events_outboxevent")
    assert {table: storefront.count(table) for table in tables} == dict.fromkeys(tables, 0)

    storefront.sql("DROP TRIGGER crash ON orders_idempotencykey")
    assert (await api.place(ada, key="again", MUG_1=1)).status_code == 201
    assert {storefront.count(table) for table in tables} == {1}


async def test_lines_that_are_not_for_sale_are_named(api: Api, storefront: Storefront, ada: UUID) -> None:
    storefront.product("DRAFT-1", status="draft")
    storefront.sql("UPDATE catalog_product SET status = 'archived' WHERE sku = 'PAN-1'")

    refused = await api.place(ada, NOT_THERE=1, MUG_1=1, DRAFT_1=1, PAN_1=1)

    assert refused.status_code == 422
    assert refused.json()["type"].endswith("/problems/product-unavailable")
    assert pointers(refused) == ["#/lines/0/sku", "#/lines/2/sku", "#/lines/3/sku"]
    assert storefront.count("orders_order") == 0


async def test_an_order_has_one_currency(api: Api, storefront: Storefront, ada: UUID) -> None:
    storefront.product("TEA-1", currency="GBP")
    refused = await api.place(ada, MUG_1=1, TEA_1=1)
    assert refused.status_code == 422
    assert refused.json()["type"].endswith("/problems/mixed-currencies")


async def test_a_body_that_is_wrong_in_several_places_names_each(api: Api, ada: UUID) -> None:
    body = {"lines": [{"sku": "MUG-1", "quantity": 100}, {"sku": "", "quantity": "1"}], "payment_token": "", "x": 1}
    refused = await api.post("/v1/orders", body, ada)
    assert refused.status_code == 422
    assert sorted(pointers(refused)) == [
        "#/lines/0/quantity",
        "#/lines/1/quantity",
        "#/lines/1/sku",
        "#/payment_token",
        "#/x",
    ]


async def test_a_sku_is_named_once_and_lines_are_few(api: Api, ada: UUID) -> None:
    line = {"sku": "MUG-1", "quantity": 1}
    for lines in ([line, line], [], [{"sku": f"S{number}", "quantity": 1} for number in range(51)]):
        refused = await api.post("/v1/orders", {"lines": lines, "payment_token": "tok_visa"}, ada)
        assert (refused.status_code, pointers(refused)) == (422, ["#/lines"])


async def test_text_that_postgres_cannot_store_is_refused(api: Api, ada: UUID) -> None:
    for sku in ("MUG\x00", "\ud800"):
        content = '{"lines": [{"sku": "%s", "quantity": 1}], "payment_token": "tok_visa"}'
        escaped = content % sku.encode("unicode_escape").decode().replace("\\x", "\\u00")
        headers = api.auth(ada) | {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        refused = await api.client.post("/v1/orders", content=escaped, headers=headers)
        assert (refused.status_code, pointers(refused)) == (422, ["#/lines/0/sku"])


async def test_a_customer_whom_the_database_knows_as_deactivated_cannot_order(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    storefront.sql("UPDATE users_user SET is_active = false WHERE id = %s", ada)  # no event reaches this process
    for customer_id in (ada, uuid4()):
        refused = await api.place(customer_id, MUG_1=1)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("/problems/customer-deactivated")
    assert storefront.count("orders_order") == 0


async def test_nobody_orders_who_is_being_erased(api: Api, storefront: Storefront, ada: UUID) -> None:
    with psycopg.connect(storefront.database.url()) as erasing:
        erasing.execute("SELECT FROM users_user WHERE id = %s FOR UPDATE", [ada])
        placing = asyncio.create_task(api.place(ada, MUG_1=1))
        async with asyncio.timeout(10):
            while not storefront.sql(LOCK_WAITS):
                await asyncio.sleep(0.01)
        erasing.execute("UPDATE users_user SET is_active = false WHERE id = %s", [ada])
        erasing.commit()

    assert (await placing).status_code == 409
    assert storefront.count("orders_order") == 0
    assert (await api.place(ada, MUG_1=1)).status_code == 403


async def test_orders_are_listed_latest_first_page_by_page(api: Api, storefront: Storefront, ada: UUID) -> None:
    orders = [str(storefront.order(ada)) for _ in range(5)]
    seen: list[str] = []
    path = "/v1/orders?limit=2"
    for expected in (2, 2, 1):
        page = (await api.get(path, ada)).json()
        assert len(page["items"]) == expected
        seen += [order["id"] for order in page["items"]]
        path = f"/v1/orders?limit=2&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == orders[::-1]
