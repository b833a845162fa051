from datetime import UTC, datetime
from uuid import UUID

import pytest
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from storefront import Storefront
from tandem_api.catalog.schemas import Category, Product
from tandem_api.catalog.snapshot import Snapshot
from tandem_contracts.payloads import Money
from tandem_local.databases import Database


async def test_pages_show_every_published_product_once_in_the_order_of_names(api: Api, storefront: Storefront) -> None:
    storefront.product("SAME-2", name="Apron")
    storefront.product("SAME-1", name="Apron")
    storefront.product("HIDDEN-1", name="Draft", status="draft")
    await api.cache.load()

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get(f"/v1/products?limit=1{f'&cursor={cursor}' if cursor else ''}")).json()
        seen += [product["sku"] for product in page["items"]]
        cursor = page["next_cursor"]

    assert seen == ["SAME-1", "SAME-2", "MUG-1", "PAN-1"]


async def test_products_are_filtered_by_category(api: Api, storefront: Storefront) -> None:
    storefront.product("LAMP-1", category="light")
    await api.cache.load()
    in_light = (await api.get("/v1/products?category=light")).json()
    assert [product["sku"] for product in in_light["items"]] == ["LAMP-1"]
    assert (await api.get("/v1/products?category=nothing")).json() == {"items": [], "next_cursor": None}


async def test_a_product_is_shown_as_customers_see_it(api: Api) -> None:
    product = (await api.get("/v1/products/MUG-1")).json()
    assert product.pop("id")
    assert datetime.fromisoformat(product.pop("published_at")).tzinfo
    assert product == {
        "sku": "MUG-1",
        "name": "Enamel mug",
        "description": "",
        "category": {"slug": "kitchen", "name": "Kitchen"},
        "price": {"amount": 1450, "currency": "EUR"},
        "picture": None,
    }
    assert (await api.get("/v1/categories")).json() == {"items": [{"slug": "kitchen", "name": "Kitchen"}]}


async def test_a_picture_is_an_address_that_the_world_knows(api: Api, storefront: Storefront) -> None:
    storefront.sql("UPDATE catalog_product SET picture = 'products/an apron.webp' WHERE sku = 'MUG-1'")
    await api.cache.load()
    product = (await api.get("/v1/products/MUG-1")).json()
    assert product["picture"] == f"{api.provider.url}/media/products/an%20apron.webp"


async def skus(api: Api, query: str) -> list[str]:
    """Those of all pages, one product a page."""
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await api.get(f"/v1/products?limit=1&{query}{f'&cursor={cursor}' if cursor else ''}")).json()
        seen += [product["sku"] for product in page["items"]]
        cursor = page["next_cursor"]
    return seen


async def test_products_come_in_the_order_that_is_asked_for(api: Api, storefront: Storefront) -> None:
    for sku, price in (("CHEAP-2", 100), ("CHEAP-1", 100), ("DEAR-1", 90_000)):
        storefront.product(sku, price=price, category="light")
    storefront.sql("UPDATE catalog_product SET published_at = now() - interval '1 day' WHERE sku = 'DEAR-1'")
    storefront.sql("UPDATE catalog_product SET published_at = now() WHERE sku LIKE 'CHEAP%'")
    await api.cache.load()

    assert await skus(api, "category=light&sort=price") == ["CHEAP-1", "CHEAP-2", "DEAR-1"]
    assert await skus(api, "category=light&sort=-price") == ["DEAR-1", "CHEAP-1", "CHEAP-2"]
    assert await skus(api, "category=light&sort=newest") == ["CHEAP-1", "CHEAP-2", "DEAR-1"]
    assert (await skus(api, "sort=-price"))[0] == "DEAR-1"


async def test_products_are_filtered_by_their_price(api: Api, storefront: Storefront) -> None:
    for sku, price, currency in (("A", 999, "EUR"), ("B", 1000, "EUR"), ("C", 2000, "EUR"), ("D", 1500, "CHF")):
        storefront.product(sku, price=price, currency=currency, category="light")
    await api.cache.load()

    light = "category=light"
    assert await skus(api, f"{light}&currency=EUR&minimum_price=1000&maximum_price=2000") == ["B", "C"]
    assert await skus(api, f"{light}&currency=EUR&maximum_price=999") == ["A"]
    assert await skus(api, f"{light}&currency=CHF&sort=price") == ["D"]
    assert await skus(api, f"{light}&currency=USD") == []
    refused = await api.get("/v1/products?minimum_price=1000")
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "currency")


async def test_a_cursor_belongs_to_its_order(api: Api) -> None:
    cursor = (await api.get("/v1/products?limit=1&sort=price")).json()["next_cursor"]
    assert (await api.get(f"/v1/products?sort=price&cursor={cursor}")).status_code == 200
    for other in ("name", "-price", "newest"):
        assert (await api.get(f"/v1/products?sort={other}&cursor={cursor}")).status_code == 422


async def test_an_answer_tells_how_old_it_may_be(api: Api) -> None:
    """There is no broker here: what the database said is as old as the last look at it."""
    assert api.cache.loaded_at is not None
    api.cache.loaded_at -= 100
    for path in ("/v1/products", "/v1/products/MUG-1", "/v1/categories", "/v1/home", "/v1/pages"):
        assert 100 <= int((await api.get(path)).headers["age"]) < 160
    await api.cache.load()
    assert int((await api.get("/v1/products")).headers["age"]) < 60


async def test_what_is_not_published_is_not_there(api: Api, storefront: Storefront) -> None:
    storefront.product("HIDDEN-1", status="archived")
    await api.cache.load()
    assert (await api.get("/v1/products/HIDDEN-1")).status_code == 404


@pytest.mark.parametrize("path", ["/v1/products?limit=1", "/v1/products/MUG-1", "/v1/categories"])
async def test_a_client_with_the_present_copy_is_not_sent_another(api: Api, storefront: Storefront, path: str) -> None:
    first = await api.get(path)
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=10"
    for present in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        unchanged = await api.get(path, if_none_match=present)
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    assert (await api.get(path, if_none_match='"other"')).status_code == 200

    storefront.sql("UPDATE catalog_product SET name = 'New mug' WHERE sku = 'MUG-1'")
    await api.cache.load()
    changed = await api.get(path, if_none_match=etag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


async def test_reading_the_catalogue_needs_no_database(api: Api) -> None:
    await api.cache.database.close()
    broken = api_settings("postgresql://nobody@127.0.0.1:9/nowhere", api.provider)
    api.app.state.database = type(api.cache.database)(broken)
    assert (await api.get("/v1/products")).status_code == 200


async def test_before_it_is_loaded_the_catalogue_is_unavailable_and_the_pod_not_ready(
    database: Database, provider: IdentityProvider
) -> None:
    settings = api_settings("postgresql://tandem_api@127.0.0.1:9/nowhere", provider)
    async with running_api(settings, provider, wait=False) as api:
        answer = await api.get("/v1/products")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert api.health.reasons_against() == {"cache": "catalogue and customers are not loaded yet"}


@pytest.mark.parametrize("cursor", ["", "x", "WyJvbmUiXQ", "e30", "_" * 2000])
async def test_a_cursor_that_is_none_of_ours_is_refused(api: Api, cursor: str) -> None:
    answer = await api.get(f"/v1/products?cursor={cursor}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "cursor"


def test_equal_content_has_equal_etags_whatever_its_history() -> None:
    shelf = Category(slug="kitchen", name="Kitchen")
    price = Money(amount=1, currency="EUR")
    products = [
        Product(
            id=UUID(int=n),
            sku=f"S{n}",
            name="Same name",
            description="",
            category=shelf,
            price=price,
            picture=None,
            published_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for n in range(3)
    ]
    assert Snapshot(products, [shelf]).etag == Snapshot(products[::-1], [shelf]).etag
    assert Snapshot(products, [shelf]).etag != Snapshot(products[:2], [shelf]).etag
    assert Snapshot(products, [shelf]).etag != Snapshot(products, []).etag
