"""Pages and the home screen, as staff have written them."""

import asyncio
from datetime import timedelta
from uuid import UUID

from running_api import Api
from storefront import Storefront

HOUR = timedelta(hours=1)


def page(storefront: Storefront, slug: str, *, title: str = "", published: bool = True) -> UUID:
    rows = storefront.sql(
        "INSERT INTO content_page (slug, title, body, is_published) VALUES (%s, %s, '*We*', %s) RETURNING id",
        slug,
        title or slug.capitalize(),
        published,
    )
    return UUID(str(rows[0]["id"]))


def banner(
    storefront: Storefront, title: str, *, position: int = 0, begins: timedelta = -HOUR, ends: timedelta | None = None
) -> None:
    storefront.sql(
        "INSERT INTO content_banner (title, link, position, starts_at, ends_at)"
        " VALUES (%s, 'category:kitchen', %s, now() + %s, now() + %s)",
        title,
        position,
        begins,
        ends,
    )


async def test_published_pages_are_listed_by_title_and_read_by_slug(api: Api, storefront: Storefront) -> None:
    page(storefront, "terms")
    page(storefront, "imprint")
    page(storefront, "draft", published=False)
    await api.cache.load()

    listed = (await api.get("/v1/pages")).json()
    assert listed == {"items": [{"slug": "imprint", "title": "Imprint"}, {"slug": "terms", "title": "Terms"}]}
    assert (await api.get("/v1/pages/imprint")).json() == {"slug": "imprint", "title": "Imprint", "body": "*We*"}
    for slug in ("draft", "nothing"):
        assert (await api.get(f"/v1/pages/{slug}")).status_code == 404


async def test_the_home_screen_has_the_banners_of_this_moment_in_their_order(api: Api, storefront: Storefront) -> None:
    banner(storefront, "Second", position=2)
    banner(storefront, "First", position=1, ends=HOUR)
    banner(storefront, "Later", begins=HOUR)
    banner(storefront, "Over", begins=-2 * HOUR, ends=-HOUR)
    await api.cache.load()

    shown = (await api.get("/v1/home")).json()["banners"]
    assert [one["title"] for one in shown] == ["First", "Second"]
    assert shown[1]["ends_at"] is None
    assert shown[0]["link"] == "category:kitchen"


async def test_a_banner_comes_and_goes_by_its_time_alone(api: Api, storefront: Storefront) -> None:
    soon = timedelta(seconds=4)
    banner(storefront, "Comes", begins=soon)
    banner(storefront, "Goes", ends=soon)
    await api.cache.load()
    first = await api.get("/v1/home")
    assert [one["title"] for one in first.json()["banners"]] == ["Goes"]

    async with asyncio.timeout(30):
        while [one["title"] for one in (await api.get("/v1/home")).json()["banners"]] != ["Comes"]:
            await asyncio.sleep(0.05)
    assert (await api.get("/v1/home", if_none_match=first.headers["etag"])).status_code == 200


async def test_a_client_with_the_present_copy_is_not_sent_another(api: Api, storefront: Storefront) -> None:
    page(storefront, "imprint")
    await api.cache.load()
    for path in ("/v1/home", "/v1/pages", "/v1/pages/imprint"):
        etag = (await api.get(path)).headers["etag"]
        assert (await api.get(path, if_none_match=etag)).status_code == 304
