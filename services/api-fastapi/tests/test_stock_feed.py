"""What partners are told of stock and price: everything that changed, whoever commits when."""

import asyncio
import base64
import json
from typing import Any

import psycopg
import pytest
from running_api import Api
from storefront import Storefront
from tandem_api.pagination import encode_cursor

PARTNER = "partner-1"


class Partner:
    """Keeps a copy of the stock by the feed, as partners do."""

    def __init__(self, api: Api, *, limit: int = 100) -> None:
        self._api = api
        self._limit = limit
        self.cursor: str | None = None
        self.stock: dict[str, dict[str, Any]] = {}

    async def read(self) -> list[str]:
        """Read until there is no more; the SKUs that were told of."""
        told: list[str] = []
        more = True
        while more:
            page = await self.page()
            told += [item["sku"] for item in page["items"]]
            more = page["more"]
        return told

    async def settle(self) -> None:
        """Read until nothing is told again: tests that run beside this one have transactions in the same Postgres."""
        async with asyncio.timeout(15):
            while await self.read():
                await asyncio.sleep(0.02)

    async def page(self) -> dict[str, Any]:
        answer = await self._api.client.get(
            "/v1/feed/stock",
            params={"limit": self._limit} | ({"cursor": self.cursor} if self.cursor else {}),
            headers=self._api.auth(PARTNER, client_id=PARTNER, scope="feed:read"),
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        page: dict[str, Any] = answer.json()
        self.cursor = page["next_cursor"]
        self.stock |= {item["sku"]: item for item in page["items"]}
        return page


@pytest.fixture
async def shop(api: Api, storefront: Storefront) -> Api:
    for sku in ("MUG-1", "PAN-1"):
        storefront.sql("INSERT INTO inventory_stock (sku, available) VALUES (%s, 10)", sku)
    return api


def set_available(connection: psycopg.Connection, sku: str, pieces: int) -> None:
    connection.execute("UPDATE inventory_stock SET available = %s WHERE sku = %s", [pieces, sku])


async def test_everything_at_first_and_then_what_changed(shop: Api, storefront: Storefront) -> None:
    storefront.sql(
        "INSERT INTO catalog_product (sku, name, category_id, price_amount)"
        " SELECT 'DRAFT-1', 'Draft', id, 1 FROM catalog_category"
    )
    partner = Partner(shop)
    await partner.read()
    price = {"amount": 1450, "currency": "EUR"}
    assert partner.stock["MUG-1"] == {"sku": "MUG-1", "on_sale": True, "available": 10, "price": price}
    assert partner.stock.keys() == {"MUG-1", "PAN-1"}
    await partner.settle()

    storefront.sql("UPDATE inventory_stock SET available = 9 WHERE sku = 'MUG-1'")
    assert await partner.read() == ["MUG-1"]
    assert partner.stock["MUG-1"]["available"] == 9
    await partner.settle()
    storefront.sql("UPDATE catalog_product SET price_amount = 1 WHERE sku = 'PAN-1'")
    assert await partner.read() == ["PAN-1"]
    assert partner.stock["PAN-1"]["price"]["amount"] == 1
    await partner.settle()
    storefront.sql("UPDATE catalog_product SET status = 'archived' WHERE sku = 'PAN-1'")
    assert await partner.read() == ["PAN-1"]
    assert partner.stock["PAN-1"] == {"sku": "PAN-1", "on_sale": False, "available": 0, "price": None}
    await partner.settle()

    storefront.sql("UPDATE inventory_stock SET reserved = 1")
    storefront.sql("UPDATE catalog_product SET name = 'Other'")
    assert await partner.read() == [], "that is nothing to partners"


async def test_a_change_that_commits_late_is_not_skipped(shop: Api, storefront: Storefront) -> None:
    partner = Partner(shop)
    await partner.settle()
    with psycopg.connect(storefront.database.url()) as slow:
        set_available(slow, "MUG-1", 3)  # draws the smaller number
        storefront.sql("UPDATE inventory_stock SET available = 4 WHERE sku = 'PAN-1'")
        assert await partner.read() == ["PAN-1"], "nobody waits for the one that is open"
        numbers = storefront.sql("SELECT sku, changed_in FROM inventory_stock ORDER BY sku")
        slow.commit()
    late = storefront.sql("SELECT changed_in FROM inventory_stock WHERE sku = 'MUG-1'")[0]["changed_in"]
    assert late < numbers[1]["changed_in"], "a cursor at the largest number would skip it"
    assert "MUG-1" in await partner.read()
    assert partner.stock["MUG-1"]["available"] == 3
    await partner.settle()


async def test_a_change_that_commits_between_two_pages_is_not_skipped(shop: Api, storefront: Storefront) -> None:
    for number in range(4):
        storefront.product(f"A-{number}")
    partner = Partner(shop, limit=1)
    with psycopg.connect(storefront.database.url()) as slow:
        set_available(slow, "MUG-1", 3)
        storefront.sql("UPDATE catalog_product SET price_amount = 7 WHERE sku LIKE 'A-%%'")
        page = await partner.page()
        while page["items"] != [] and page["items"][0]["sku"] != "A-1":  # past the number of the open one
            page = await partner.page()
        slow.commit()
    await partner.read()
    await partner.read()
    assert partner.stock["MUG-1"]["available"] == 3
    assert {partner.stock[f"A-{number}"]["price"]["amount"] for number in range(4)} == {7}


async def test_pages_go_on_though_a_transaction_stays_open(shop: Api, storefront: Storefront) -> None:
    for number in range(5):
        storefront.product(f"A-{number}")
    partner = Partner(shop, limit=2)
    with psycopg.connect(storefront.database.url()) as held:
        set_available(held, "MUG-1", 3)
        storefront.sql("UPDATE catalog_product SET price_amount = 7 WHERE sku LIKE 'A-%%'")
        await partner.read()
    assert {partner.stock[f"A-{number}"]["price"]["amount"] for number in range(5)} == {7}


async def test_a_cursor_of_another_history_begins_anew(shop: Api, storefront: Storefront) -> None:
    partner = Partner(shop)
    await partner.settle()
    shop_cursor = partner.cursor
    assert shop_cursor is not None
    history = json.loads(base64.urlsafe_b64decode(shop_cursor + "=="))["history"]

    # Restored from a backup; and from a copy of the disk, which has the same history and not yet come so far.
    for elsewhere in ({"history": "restored-00000002", "changed_in": 1}, {"history": history, "changed_in": 2**62}):
        partner.cursor = encode_cursor(elsewhere)
        assert set(await partner.read()) == {"MUG-1", "PAN-1"}
    partner.cursor = shop_cursor
    await partner.settle()


async def test_numbers_of_another_database_hide_nothing(shop: Api, storefront: Storefront) -> None:
    """A dump brings rows with the numbers of where it was made."""
    storefront.sql(
        "SET session_replication_role = replica;"  # no triggers
        f" UPDATE catalog_product SET changed_in = {2**60}; UPDATE inventory_stock SET changed_in = {2**60}"
    )
    partner = Partner(shop, limit=1)
    async with asyncio.timeout(10):
        assert set(await partner.read()) == {"MUG-1", "PAN-1"}
    storefront.sql("UPDATE inventory_stock SET available = 2 WHERE sku = 'PAN-1'")
    async with asyncio.timeout(10):
        await partner.read()
    assert partner.stock["PAN-1"]["available"] == 2


async def test_a_change_by_a_transaction_that_is_older_than_the_last_one_is_not_skipped(
    shop: Api, storefront: Storefront
) -> None:
    """The row's number goes down then: from that of the last change to that of the transaction that began before."""
    partner = Partner(shop, limit=1)
    await partner.settle()
    with psycopg.connect(storefront.database.url()) as slow:
        slow.execute("SELECT pg_current_xact_id()")
        storefront.sql("UPDATE inventory_stock SET available = 8 WHERE sku = 'MUG-1'")
        await partner.read()
        [before] = storefront.sql("SELECT changed_in FROM inventory_stock WHERE sku = 'MUG-1'")
        set_available(slow, "MUG-1", 7)
        slow.commit()
    [after] = storefront.sql("SELECT changed_in FROM inventory_stock WHERE sku = 'MUG-1'")
    assert after["changed_in"] < before["changed_in"]
    await partner.read()
    assert partner.stock["MUG-1"]["available"] == 7


@pytest.mark.parametrize("cursor", ["x", "e30", "eyJoaXN0b3J5IjoiYSIsImNoYW5nZWRfaW4iOi0xfQ"])
async def test_a_cursor_that_is_none_of_ours_is_refused(api: Api, cursor: str) -> None:
    auth = api.auth(PARTNER, client_id=PARTNER, scope="feed:read")
    answer = await api.client.get(f"/v1/feed/stock?cursor={cursor}", headers=auth)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "cursor"


def test_who_saves_all_columns_takes_no_change_back(shop: Api, storefront: Storefront) -> None:
    [before] = storefront.sql("SELECT changed_in FROM inventory_stock WHERE sku = 'MUG-1'")
    storefront.sql("UPDATE inventory_stock SET changed_in = 0, reserved = 1 WHERE sku = 'MUG-1'")
    assert storefront.sql("SELECT changed_in FROM inventory_stock WHERE sku = 'MUG-1'") == [before]
    storefront.sql("UPDATE catalog_product SET changed_in = 0, price_amount = 2 WHERE sku = 'MUG-1'")
    assert storefront.sql("SELECT changed_in FROM catalog_product WHERE sku = 'MUG-1'")[0]["changed_in"] > 0


def test_a_change_of_stock_touches_no_index(shop: Api, storefront: Storefront) -> None:
    """Reservations are the busiest writers of this table, and stay HOT updates."""
    indexed = storefront.sql(
        "SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indrelid = 'inventory_stock'::regclass"
    )
    assert indexed == [{"attname": "sku"}]
