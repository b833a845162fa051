import asyncio
import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from identity_provider import IdentityProvider
from running_api import Api, api_settings, running_api
from tandem_api.problems.types import PROBLEM_TYPES
from tandem_local.databases import Database


def assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert problem["type"] == f"http://127.0.0.1:8001/problems/{slug}"
    assert problem["title"] == PROBLEM_TYPES[slug].title
    assert problem["request_id"] == answer.headers["x-request-id"]


async def test_what_the_framework_refuses_is_a_problem_too(api: Api, ada: UUID) -> None:
    assert_problem(await api.get("/nothing/here"), 404, "not-found")
    assert_problem(await api.get("/docs/assets/missing.js"), 404, "not-found")
    assert_problem(await api.get("/v1/orders/", ada), 404, "not-found")
    assert_problem(await api.client.delete("/v1/products"), 405, "method-not-allowed")
    assert_problem(await api.get("/v1/products?limit=0"), 422, "invalid-request")
    assert_problem(await api.get("/v1/orders/not-a-uuid", ada), 422, "invalid-request")
    assert_problem(await api.get("/v1/orders"), 401, "unauthenticated")
    assert (await api.client.delete("/v1/products")).headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("content", [b"{not json", b"", b"\xff\xfe", b"[]", b"null", b'"text"'])
async def test_a_body_that_is_no_order_is_a_problem(api: Api, ada: UUID, content: bytes) -> None:
    headers = api.auth(ada) | {"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    answer = await api.client.post("/v1/orders", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert_problem(answer, answer.status_code, "bad-request" if answer.status_code == 400 else "invalid-request")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused(api: Api, ada: UUID, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    headers = api.auth(ada) | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    content = parts() if chunked else b" " * 70_000
    assert_problem(await api.client.post("/v1/orders", content=content, headers=headers), 413, "body-too-large")


async def test_a_failure_of_ours_tells_nothing_but_the_request_id(
    database: Database, provider: IdentityProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_api(api_settings(database.url("tandem_api"), provider), provider) as api:

        @api.app.get("/broken")
        async def broken() -> None:
            raise RuntimeError("the password is swordfish")

        answer = await api.get("/broken", x_request_id="mine")
        assert_problem(answer, 500, "internal-error")
        assert "swordfish" not in answer.text
        log = capsys.readouterr().out
        assert "swordfish" in log
        assert "request_id='mine'" in log


async def test_what_takes_too_long_is_a_503(database: Database, provider: IdentityProvider) -> None:
    settings = api_settings(database.url("tandem_api"), provider, request_seconds=0.1)
    async with running_api(settings, provider) as api:
        cancelled = asyncio.Event()

        @api.app.get("/slow")
        async def slow() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                cancelled.set()

        assert_problem(await api.get("/slow"), 503, "service-unavailable")
        await asyncio.wait_for(cancelled.wait(), 1)


async def test_request_ids_are_kept_when_harmless_and_made_when_not(api: Api) -> None:
    assert (await api.get("/v1/products", x_request_id="abc-123")).headers["x-request-id"] == "abc-123"
    for bad in ("a b", "x" * 129, '{"a":1}'):
        made = (await api.get("/v1/products", x_request_id=bad)).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", made)


async def test_every_problem_has_a_page(api: Api) -> None:
    index = (await api.get("/problems")).text
    for slug, problem in PROBLEM_TYPES.items():
        page = await api.get(f"/problems/{slug}")
        assert page.status_code == 200
        assert problem.title.replace("'", "&#x27;") in page.text
        assert f'href="/problems/{slug}"' in index
    assert_problem(await api.get("/problems/none-such"), 404, "not-found")
