"""How much a client may ask for."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

import httpx
import pytest
from identity_provider import IdentityProvider
from prometheus_client import REGISTRY
from running_api import Api, api_settings, running_api
from shared_store import Store, running_store
from storefront import Storefront
from tandem_api.rate_limits.counters import Counters
from tandem_api.transport.addresses import client_address, network
from tandem_local.databases import Database
from unreliable_network import proxied


@asynccontextmanager
async def limited_api(storefront: Storefront, provider: IdentityProvider, **changes: object) -> AsyncIterator[Api]:
    settings = api_settings(
        storefront.database.url("tandem_api"),
        provider,
        **{
            "rate_limit_catalogue": "3/minute",
            "rate_limit_reads": "2/minute",
            "rate_limit_writes": "1/minute",
            "rate_limit_streams": "1/minute",
            **changes,
        },
    )
    async with running_api(settings, provider) as api:
        yield api


@pytest.fixture
async def limited(storefront: Storefront, provider: IdentityProvider) -> AsyncIterator[Api]:
    storefront.product("MUG-1")
    async with limited_api(storefront, provider) as api:
        yield api


@pytest.fixture
def store() -> Iterator[Store]:
    with running_store() as store:
        yield store


def assert_limited(answer: httpx.Response, route_class: str) -> None:
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/problems/rate-limited")
    assert answer.headers["ratelimit"].startswith(f'"{route_class}";r=0;t=')
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_a_client_sees_its_quota_shrink_and_is_refused_at_its_end(limited: Api) -> None:
    answers = [await limited.get("/v1/products") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"catalogue";q=3;w=60'}
    assert_limited(answers[-1], "catalogue")
    assert "ratelimit" not in (await limited.get("/problems")).headers


async def test_the_quota_comes_back(storefront: Storefront, provider: IdentityProvider) -> None:
    async with limited_api(storefront, provider, rate_limit_catalogue="1/second") as api:
        assert (await api.get("/v1/products")).status_code == 200
        refused = await api.get("/v1/products")
        assert refused.status_code == 429
        await asyncio.sleep(float(refused.headers["retry-after"]))
        assert (await api.get("/v1/products")).status_code == 200


async def test_classes_are_counted_apart(limited: Api, storefront: Storefront, ada: UUID) -> None:
    order = storefront.order(ada, "delivered")
    body = {"lines": [{"sku": "MUG-1", "quantity": 1}], "payment_token": "tok_visa"}
    assert (await limited.post("/v1/orders", body, ada)).status_code == 201
    assert_limited(await limited.post(f"/v1/orders/{order}/cancellation", {}, ada), "writes")
    assert (await limited.get("/v1/orders", ada)).status_code == 200
    assert (await limited.get("/v1/me", ada)).status_code == 200
    assert_limited(await limited.get(f"/v1/orders/{order}", ada), "reads")
    assert (await limited.get(f"/v1/orders/{order}/events", ada)).status_code == 200
    assert_limited(await limited.get(f"/v1/orders/{order}/events", ada), "streams")
    assert (await limited.get("/v1/products", ada)).status_code == 200


async def test_customers_are_counted_apart_and_so_is_who_has_no_token(limited: Api, ada: UUID, eve: UUID) -> None:
    for _ in range(3):
        await limited.get("/v1/products", ada)
    assert_limited(await limited.get("/v1/products", ada), "catalogue")
    assert (await limited.get("/v1/products", eve)).status_code == 200
    assert (await limited.get("/v1/products")).status_code == 200


async def test_a_bad_token_is_nobodys_quota_but_the_addresss(limited: Api, ada: UUID) -> None:
    tokens = [limited.provider.token(ada, exp=1), "nonsense", limited.provider.token(ada, key_id="other")]
    for token in tokens:
        answer = await limited.get("/v1/products", authorization=f"Bearer {token}")
        assert answer.status_code == 200
    assert_limited(await limited.get("/v1/products", authorization="Bearer another"), "catalogue")
    assert_limited(await limited.get("/v1/products"), "catalogue")


async def test_who_is_not_let_in_uses_up_a_quota_too(limited: Api) -> None:
    statuses = [(await limited.get("/v1/orders", authorization=f"Bearer {n}")).status_code for n in range(3)]
    assert statuses == [401, 401, 429]


async def test_a_refused_order_is_not_placed_and_its_key_stays_good(
    limited: Api, storefront: Storefront, ada: UUID
) -> None:
    assert (await limited.place(ada, key="first", MUG_1=1)).status_code == 201
    assert_limited(await limited.place(ada, key="second", MUG_1=1), "writes")
    assert storefront.count("orders_order") == storefront.count("orders_idempotencykey") == 1


async def test_no_limit_no_headers(storefront: Storefront, provider: IdentityProvider) -> None:
    async with limited_api(storefront, provider, rate_limit_catalogue="") as api:
        answers = [await api.get("/v1/products") for _ in range(5)]
        assert {answer.status_code for answer in answers} == {200}
        assert "ratelimit" not in answers[0].headers


async def test_pods_count_together_in_a_shared_store(
    storefront: Storefront, provider: IdentityProvider, store: Store
) -> None:
    async with AsyncExitStack() as pods:
        one, other = [
            await pods.enter_async_context(limited_api(storefront, provider, rate_limit_store_url=store.url))
            for _ in range(2)
        ]
        answers = [await pod.get("/v1/products") for pod in (one, other, one, other)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert_limited(answers[-1], "catalogue")


def failures() -> float:
    return REGISTRY.get_sample_value("tandem_api_rate_limit_store_failures_total") or 0.0


async def test_a_store_that_is_down_limits_nobody_and_counts_again_when_it_is_back(
    storefront: Storefront, provider: IdentityProvider, store: Store
) -> None:
    async with limited_api(storefront, provider, rate_limit_store_url=store.url) as api:
        assert "ratelimit" in (await api.get("/v1/products")).headers
        before = failures()
        store.stop()
        answers = [await api.get("/v1/products") for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}
        assert all("ratelimit" not in answer.headers for answer in answers)
        assert 1 <= failures() - before < 10, "it is not asked again for every request"
        store.start()
        async with asyncio.timeout(10):
            while "ratelimit" not in (await api.get("/v1/products")).headers:
                await asyncio.sleep(0.05)


async def test_a_store_that_falls_silent_costs_a_moment_and_no_more(
    storefront: Storefront, provider: IdentityProvider, store: Store
) -> None:
    async with (
        proxied(f"redis://@127.0.0.1:{store.port}") as (proxy, url),
        limited_api(storefront, provider, rate_limit_store_url=url.replace("@", "")) as api,
    ):
        assert "ratelimit" in (await api.get("/v1/products")).headers
        proxy.freeze()
        began = time.monotonic()
        answers = await asyncio.gather(*(api.get("/v1/products") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - began < 2
        proxy.thaw()


async def test_counters_of_clients_that_went_away_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    counters, now = Counters(), time.time()
    for client in range(100):
        await counters.incr(str(client), 60)
    monkeypatch.setattr(time, "time", lambda: now + 200)
    assert await counters.incr("another", 60) == 1
    assert len(counters) == 1


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "forged, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.7, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, "forged", "127.0.0.1"),
    ],
)
def test_of_what_was_forwarded_only_trusted_proxies_are_believed(proxies: int, forwarded: str, address: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": headers}
    assert client_address(scope, proxies) == address


async def test_clients_behind_a_proxy_are_counted_apart(storefront: Storefront, provider: IdentityProvider) -> None:
    async with limited_api(storefront, provider, rate_limit_catalogue="1/minute", trusted_proxy_count=1) as api:
        for address in ("203.0.113.9", "203.0.113.8", "2001:db8::1"):
            assert (await api.get("/v1/products", x_forwarded_for=f"forged, {address}")).status_code == 200
        assert (await api.get("/v1/products", x_forwarded_for="2001:db8::2")).status_code == 429


def test_a_network_of_ipv6_is_one_client() -> None:
    assert network("2001:db8:1:2:3::4") == network("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert network("::ffff:203.0.113.9") == network("203.0.113.9") == "203.0.113.9"
    assert network("") == ""


def test_a_limit_that_is_none_is_refused_at_the_start(database: Database, provider: IdentityProvider) -> None:
    with pytest.raises(ValueError, match="rate_limit_reads"):
        api_settings(database.url("tandem_api"), provider, rate_limit_reads="many")
