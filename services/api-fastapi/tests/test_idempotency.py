import asyncio
from uuid import UUID

import pytest
from running_api import Api
from storefront import LOCK_WAITS, Storefront


async def test_the_same_request_again_is_given_the_first_answer(api: Api, storefront: Storefront, ada: UUID) -> None:
    first = await api.place(ada, key="k", MUG_1=1)
    again = await api.place(ada, key="k", MUG_1=1)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert storefront.count("orders_order") == storefront.count("events_outboxevent") == 1


async def test_the_answer_is_the_first_one_even_when_the_world_has_moved_on(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    first = await api.place(ada, key="k", MUG_1=1)
    storefront.sql("UPDATE catalog_product SET price_amount = 9900, status = 'archived'")
    assert (await api.place(ada, key="k", MUG_1=1)).json() == first.json()


async def test_a_key_belongs_to_one_request(api: Api, storefront: Storefront, ada: UUID) -> None:
    order = (await api.place(ada, key="k", MUG_1=1)).json()
    for other in (
        await api.place(ada, key="k", MUG_1=2),
        await api.post(f"/v1/orders/{order['id']}/cancellation", {}, ada, key="k"),
    ):
        assert other.status_code == 422
        assert other.json()["type"].endswith("/problems/idempotency-key-reused")
    assert storefront.count("events_outboxevent") == 1


async def test_customers_choose_keys_independently(api: Api, storefront: Storefront, ada: UUID, eve: UUID) -> None:
    hers, theirs = await api.place(ada, key="k", MUG_1=1), await api.place(eve, key="k", MUG_1=1)
    assert (hers.status_code, theirs.status_code) == (201, 201)
    assert hers.json()["id"] != theirs.json()["id"]


async def test_while_the_first_is_in_progress_the_second_is_told_to_wait(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    with storefront.locked("events_stream"):  # the first one waits to state its event, holding its key
        first = asyncio.create_task(api.place(ada, key="k", MUG_1=1))
        while not storefront.sql(LOCK_WAITS):
            await asyncio.sleep(0.01)
        second = await api.place(ada, key="k", MUG_1=1)
        assert second.status_code == 409
        assert second.json()["type"].endswith("/problems/request-in-progress")
        assert second.headers["retry-after"] == "1"
    assert (await first).status_code == 201
    third = await api.place(ada, key="k", MUG_1=1)
    assert third.headers["idempotent-replayed"] == "true"
    assert third.json() == (await first).json()


async def test_an_answer_that_came_in_between_is_not_written_again(api: Api, storefront: Storefront, ada: UUID) -> None:
    with storefront.locked("orders_order"):  # the first one has looked, and does not yet hold its key
        late = asyncio.create_task(api.place(ada, key="k", MUG_1=1))
        while not storefront.sql(LOCK_WAITS):
            await asyncio.sleep(0.01)
        storefront.sql(
            "INSERT INTO orders_idempotencykey (principal, key, request_hash, response_status, response_body)"
            " VALUES ('customer:' || %s, 'k', 'of another', 201, '{}')",
            str(ada),
        )
    assert (await late).status_code == 409
    assert storefront.count("orders_order") == storefront.count("events_outboxevent") == 0
    assert (await api.place(ada, key="k", MUG_1=1)).json()["type"].endswith("/problems/idempotency-key-reused")


async def test_of_many_at_once_exactly_one_places_an_order(api: Api, storefront: Storefront, ada: UUID) -> None:
    answers = await asyncio.gather(*(api.place(ada, key="k", MUG_1=1) for _ in range(20)))
    placed = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(placed) == storefront.count("orders_order") == 1


async def test_a_refused_request_does_not_use_up_its_key(api: Api, storefront: Storefront, ada: UUID) -> None:
    assert (await api.place(ada, key="k", TEA_1=1)).status_code == 422
    storefront.product("TEA-1")
    assert (await api.place(ada, key="k", TEA_1=1)).status_code == 201


async def test_without_a_key_nothing_is_placed(api: Api, storefront: Storefront, ada: UUID) -> None:
    body = {"lines": [{"sku": "MUG-1", "quantity": 1}], "payment_token": "tok_visa"}
    refused = await api.client.post("/v1/orders", json=body, headers=api.auth(ada))
    assert refused.status_code == 400
    assert refused.json()["type"].endswith("/problems/idempotency-key-required")
    assert storefront.count("orders_order") == 0


@pytest.mark.parametrize("key", ["a b", "k" * 256, "clé"])
async def test_a_key_is_short_and_printable(api: Api, ada: UUID, key: str) -> None:
    headers = api.auth(ada) | {"Idempotency-Key": key}
    body = {"lines": [{"sku": "MUG-1", "quantity": 1}], "payment_token": "tok_visa"}
    refused = await api.client.post(
        "/v1/orders",
        json=body,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    )
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["header"] == "Idempotency-Key"
