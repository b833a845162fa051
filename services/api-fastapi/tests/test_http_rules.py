"""What holds for every address: methods, browsers, deprecation."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest
from fastapi import APIRouter
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from storefront import Storefront
from tandem_api.deprecation import deprecated

SHOP = "https://shop.example.com"


@pytest.fixture
async def for_browsers(storefront: Storefront, provider: IdentityProvider) -> AsyncIterator[Api]:
    settings = api_settings(
        storefront.database.url("tandem_api"),
        provider,
        cors_origins=[SHOP],
        api_url="https://api.example.com",
        rate_limit_catalogue="1/minute",
    )
    async with running_api(settings, provider) as api:
        yield api


async def test_head_is_get_without_a_body(api: Api, ada: UUID) -> None:
    order = (await api.place(ada, MUG_1=1)).headers["location"]
    for path in ("/v1/products?limit=1", "/v1/products/MUG-1", order, "/problems", "/openapi.json", "/none"):
        get = await api.get(path, ada)
        head = await api.client.head(path, headers=api.auth(ada))
        assert (head.status_code, head.content) == (get.status_code, b"")
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == get.headers.get(name)


async def test_head_of_an_event_stream_ends(api: Api, storefront: Storefront, ada: UUID) -> None:
    path = f"/v1/orders/{storefront.order(ada)}/events"
    async with asyncio.timeout(5):
        head = await api.client.head(path, headers=api.auth(ada))
    assert head.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/products", "GET, HEAD, OPTIONS"),
        ("/v1/orders", "GET, HEAD, OPTIONS, POST"),
        ("/v1/orders/0192a1f0-0000-7000-8000-000000000000/cancellation", "OPTIONS, POST"),
        ("/docs/assets/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
async def test_an_address_names_all_its_methods(api: Api, path: str, allowed: str) -> None:
    options = await api.client.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, allowed, b"")
    for method in ("DELETE", "TRACE"):
        refused = await api.client.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        assert refused.json()["type"].endswith("/problems/method-not-allowed")


async def test_where_nothing_is_there_are_no_methods(api: Api) -> None:
    assert (await api.client.options("/none")).status_code == 404
    assert (await api.client.options("/none")).json()["type"].endswith("/problems/not-found")


async def test_browsers_are_told_to_take_answers_for_data(api: Api, for_browsers: Api) -> None:
    for path in ("/v1/products", "/v1/orders", "/none"):
        headers = (await api.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in headers
    assert (await for_browsers.get("/none")).headers["strict-transport-security"] == "max-age=63072000"
    docs = (await api.get("/docs")).headers["content-security-policy"]
    assert f"connect-src 'self' {api.provider.url}" in docs
    assert "style-src 'unsafe-inline'" in (await api.get("/problems")).headers["content-security-policy"]


async def test_no_other_origin_may_read_answers_unless_a_setting_says_so(api: Api) -> None:
    answer = await api.get("/v1/products", origin=SHOP)
    assert not [name for name in answer.headers if name.startswith("access-control")]


def preflight(origin: str) -> dict[str, str]:
    wanted = "authorization, content-type, idempotency-key"
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }


async def test_an_allowed_origin_may_send_and_read_what_the_api_needs(for_browsers: Api) -> None:
    asked = await for_browsers.client.options("/v1/orders", headers=preflight(SHOP))
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, SHOP)
    for status in (200, 429):  # errors too: the application has to see why
        answer = await for_browsers.get("/v1/products", origin=SHOP)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, SHOP)
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"X-Request-ID", "RateLimit", "Retry-After", "ETag", "Location", "Idempotent-Replayed"} <= set(exposed)
        assert answer.headers["vary"] == "Origin"
    other = await for_browsers.client.options("/v1/orders", headers=preflight("https://evil.example.com"))
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers


async def test_what_is_deprecated_says_since_when_until_when_and_what_instead(api: Api) -> None:
    router = APIRouter(prefix="/v1")

    @router.get("/old", **deprecated(since=date(2026, 1, 1), sunset=date(2026, 7, 1), successor="/v1/new"))
    async def old(*, fail: bool = False) -> None:
        if fail:
            raise ZeroDivisionError

    api.app.include_router(router)
    for path in ("/v1/old", "/v1/old?fail=what", "/v1/old?fail=true"):
        headers = (await api.get(path)).headers
        assert headers["deprecation"] == "@1767225600"
        assert headers["sunset"] == "Wed, 01 Jul 2026 00:00:00 GMT"
        assert headers["link"] == '</v1/new>; rel="successor-version"'
    assert "deprecation" not in (await api.get("/v1/products")).headers
    operation = api.app.openapi()["paths"]["/v1/old"]["get"]
    assert operation["deprecated"] is True
    assert operation["x-sunset"] == "2026-07-01"


async def test_a_client_that_leaves_while_it_sends_is_no_failure_of_ours(
    api: Api, ada: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    url = api.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nAuthorization: {api.auth(ada)['Authorization']}"
    )
    writer.write(f"{head}\r\n\r\n{{".encode())
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    log = ""
    async with asyncio.timeout(5):
        while "path='/v1/orders'" not in log:
            log += capsys.readouterr().out
            await asyncio.sleep(0.02)
    assert "Traceback" not in log
    assert "level='error'" not in log
