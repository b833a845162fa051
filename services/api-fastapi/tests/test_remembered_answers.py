"""What was answered once is answered again from memory, and nobody can tell but by the time it takes."""

from typing import Any
from uuid import UUID

import httpx
import pytest
import structlog
from identity_provider import IdentityProvider
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from running_api import Api, api_settings, running_api
from storefront import Storefront
from tandem_api.application import FROM_MEMORY
from tandem_api.catalog.memory import Memory
from tandem_api.metrics import REMEMBERED_ANSWERS
from tandem_api.rate_limits.classes import RouteClass, class_of

PATHS = ("/v1/products/MUG-1", "/v1/products?limit=1&sort=price", "/v1/categories")


def remembered() -> float:
    return REMEMBERED_ANSWERS._value.get()


def apart_from(answer: httpx.Response, *names: str) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in (*names, "date", "x-request-id")}


@pytest.mark.parametrize("path", PATHS)
async def test_the_second_answer_is_the_first_one(api: Api, path: str) -> None:
    before = remembered()
    first, second = await api.get(path), await api.get(path)
    assert remembered() == before + 1
    assert second.content == first.content
    assert apart_from(second, "ratelimit") == apart_from(first, "ratelimit")
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    quota = [int(answer.headers["ratelimit"].split(";")[1].removeprefix("r=")) for answer in (first, second)]
    assert quota[1] == quota[0] - 1


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_it_already_is_told_so(api: Api, path: str) -> None:
    etag = (await api.get(path)).headers["etag"]
    before = remembered()
    again = await api.get(path, If_None_Match=etag)
    assert (again.status_code, again.content, remembered()) == (304, b"", before + 1)
    assert again.headers["etag"] == etag


async def test_a_change_of_the_catalogue_is_seen_at_once(api: Api, storefront: Storefront) -> None:
    before = [await api.get(path) for path in PATHS]
    storefront.sql("UPDATE catalog_product SET name = 'Another mug', price_amount = 99 WHERE sku = 'MUG-1'")
    await api.cache.load()
    after = [await api.get(path) for path in PATHS]
    assert [answer.json() for answer in after[:2]] != [answer.json() for answer in before[:2]]
    assert after[0].json()["name"] == "Another mug"
    assert after[0].headers["etag"] != before[0].headers["etag"]


async def test_head_and_what_is_no_answer_of_the_catalogue_go_their_way(api: Api, ada: UUID) -> None:
    full = await api.get(PATHS[0])
    head = await api.client.head(PATHS[0])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == full.headers["etag"]
    before = remembered()
    for path in ("/v1/products/NONE", "/v1/products?limit=0", "/v1/me", "/v1/home"):
        first, second = await api.get(path, ada), await api.get(path, ada)
        assert first.status_code == second.status_code
    assert (await api.client.post(PATHS[0])).status_code == 405
    assert remembered() == before


async def test_it_is_counted_limited_and_measured_like_any_other(
    storefront: Storefront, provider: IdentityProvider
) -> None:
    def measured() -> float:
        labels = {"method": "GET", "route": "/v1/products/{sku}", "status": "200"}
        return REGISTRY.get_sample_value("tandem_http_server_request_duration_seconds_count", labels) or 0

    storefront.product("MUG-1")
    settings = api_settings(storefront.database.url("tandem_api"), provider, rate_limit_catalogue="2/minute")
    async with running_api(settings, provider) as api:
        before = measured()
        answers = [await api.get(PATHS[0]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["request_id"] == answers[2].headers["x-request-id"]
    assert "retry-after" in answers[2].headers
    assert measured() == before + 2


async def test_its_span_has_the_name_that_the_framework_gives(recorded: InMemorySpanExporter, api: Api) -> None:
    for path in PATHS:
        await api.get(path)
        await api.get(path)
    seen = [span for span in recorded.get_finished_spans() if span.kind is trace.SpanKind.SERVER]

    def told(span: Any) -> tuple[str, object]:
        return span.name, span.attributes["http.route"]

    assert [told(span) for span in seen[::2]] == [told(span) for span in seen[1::2]]
    assert told(seen[0]) == ("GET /v1/products/{sku}", "/v1/products/{sku}")


def test_memory_is_bounded() -> None:
    memory = Memory(limit_bytes=10_000)
    for number in range(1000):
        scope: dict[str, Any] = {"path": "/v1/products", "query_string": str(number).encode(), "route": None}
        memory.keep(scope, '"etag"', b"x" * 500)
        assert len(memory) <= 10
    found = memory.get(scope)
    assert found is not None
    assert found.body == b"x" * 500


async def test_what_goes_well_goes_without_saying_but_for_a_sample(
    storefront: Storefront, provider: IdentityProvider
) -> None:
    storefront.product("MUG-1")
    settings = api_settings(storefront.database.url("tandem_api"), provider, catalogue_sample=0)
    async with running_api(settings, provider) as api:
        with structlog.testing.capture_logs() as lines:
            for path in (PATHS[0], PATHS[0], "/v1/products/NO-SUCH", "/v1/search/products?q=mug"):
                await api.get(path)
    said = [(line["path"], line["status"], line["log_level"]) for line in lines if line["event"] == "request"]
    assert said == [
        ("/v1/products/MUG-1", 200, "debug"),
        ("/v1/products/MUG-1", 200, "debug"),
        ("/v1/products/NO-SUCH", 404, "info"),
        ("/v1/search/products", 200, "info"),
    ]


def test_the_paths_that_a_sample_may_leave_out_are_those_that_are_answered_from_memory(api: Api) -> None:
    paths = api.app.openapi()["paths"]
    for_everybody = {
        path
        for path, operations in paths.items()
        if "get" in operations and class_of("get", operations["get"]) is RouteClass.CATALOGUE
    }
    assert {path for path in paths if path.startswith(FROM_MEMORY)} == for_everybody
