import asyncio

import psycopg
import pytest
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from storefront import Storefront
from tandem_local.databases import Database


@pytest.fixture
async def shop(api: Api, storefront: Storefront) -> Api:
    """Beside the enamel mug and the iron pan of every test."""
    storefront.product("TEA-1", name="Tea pot")
    storefront.product("KIT-1", name="Breakfast set")
    storefront.sql("UPDATE catalog_product SET description = 'With mugs of enamel' WHERE sku = 'KIT-1'")
    storefront.product("HIDDEN-1", name="Enamel mug, draft", status="draft")
    storefront.product("OLD-1", name="Enamel mug, archived", status="archived")
    await api.cache.load()
    return api


async def found(api: Api, words: str, **parameters: int) -> list[str]:
    answer = await api.client.get("/v1/search/products", params={"q": words} | parameters)
    assert answer.status_code == 200, answer.text
    return [product["sku"] for product in answer.json()["items"]]


@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("enamel mug", ["MUG-1", "KIT-1"]),  # the name counts for more than the description
        ("Mugs", ["MUG-1", "KIT-1"]),
        ("pan or pot", ["PAN-1", "TEA-1"]),
        ("mug -breakfast", ["MUG-1"]),
        ('"enamel mug"', ["MUG-1"]),
        ("mug-1", ["MUG-1"]),
        ("enmael mugg", ["MUG-1"]),
        ("irno pan", ["PAN-1"]),
        ("te", ["TEA-1"]),
        ("zebra", []),
    ],
)
async def test_words_and_small_mistakes_find_published_products(shop: Api, words: str, skus: list[str]) -> None:
    assert await found(shop, words) == skus


async def test_what_is_found_is_shown_as_everywhere(shop: Api) -> None:
    answer = await shop.get("/v1/search/products?q=enamel&limit=1")
    assert answer.json() == {"items": [(await shop.get("/v1/products/MUG-1")).json()]}
    assert answer.headers["cache-control"] == "public, max-age=10"


@pytest.mark.parametrize(
    "words",
    [" ", "'", '"', '"unclosed', "-", "!&|():*<->", "the", "a", "%_\\", "😀", "\u202e\u200b\ufeff", "e\u0301" * 50,
     "İıſß", "'; DROP TABLE catalog_product; --", "-mug", "or or or", "x " * 50, "\x01\x7f"],
)  # fmt: skip
async def test_odd_words_are_no_error(shop: Api, words: str) -> None:
    await found(shop, words)


@pytest.mark.parametrize("query", ["", "q=", "q=%00", f"q={'x' * 101}", "q=mug&limit=0", "q=mug&limit=51"])
async def test_what_cannot_be_searched_for_is_refused(api: Api, query: str) -> None:
    answer = await api.get(f"/v1/search/products?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] in ("q", "limit")


async def test_bytes_that_are_no_text_find_nothing(api: Api) -> None:
    assert (await api.get("/v1/search/products?q=%ff%fe")).json() == {"items": []}


async def test_a_search_that_takes_too_long_is_given_up(
    storefront: Storefront, database: Database, provider: IdentityProvider
) -> None:
    storefront.product("MUG-1")
    settings = api_settings(database.url("tandem_api"), provider, search_seconds=0.3)
    async with running_api(settings, provider) as api:
        with psycopg.connect(database.url()) as blocker:
            blocker.execute("LOCK TABLE catalog_product")
            async with asyncio.timeout(2):
                answer = await api.get("/v1/search/products?q=mug")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert (await api.get("/v1/search/products?q=mug")).status_code == 200


def test_both_ways_are_by_an_index(storefront: Storefront) -> None:
    for condition in ("search @@ websearch_to_tsquery('english', 'mug')", "'mug' <% name"):
        with psycopg.connect(storefront.database.url()) as connection:
            connection.execute("SET enable_seqscan = off")
            plan = connection.execute(f"EXPLAIN SELECT id FROM catalog_product WHERE {condition}".encode()).fetchall()
        assert "Bitmap Index Scan" in str(plan)
