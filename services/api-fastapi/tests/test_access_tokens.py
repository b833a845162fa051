import asyncio
import base64
import hashlib
import hmac
import json
import time
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from identity_provider import IdentityProvider, new_key
from running_api import Api, api_settings, running_api
from storefront import Storefront
from tandem_api.identity.tokens import LEEWAY_SECONDS
from tandem_local.databases import Database


async def me(api: Api, token: str) -> tuple[int, str]:
    """Status and kind of problem."""
    answer = await api.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json().get("type", "").rpartition("/")[2]


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def forged(algorithm: str, claims: dict[str, object], secret: bytes = b"") -> str:
    """A token by hand: libraries refuse to make such."""
    parts = ({"alg": algorithm, "kid": "first"}, claims)
    content = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    signature = hmac.digest(secret, content.encode(), hashlib.sha256) if secret else b""
    return f"{content}.{encoded(signature)}"


async def test_a_valid_token_tells_who_is_calling(api: Api, ada: UUID) -> None:
    answer = await api.get("/v1/me", ada)
    assert answer.json() == {"id": str(ada), "email": "ada@tandem.example", "name": "Ada"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 946_684_800},
        {"exp": None},
        {"aud": "another-api"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"sub": None},
        {"sub": "partner-7"},
        {"token_use": None},
        {"token_use": "id"},
        {"nbf": 4_102_444_800},
    ],
    ids=str,
)
async def test_a_token_that_proves_too_little_is_refused(api: Api, ada: UUID, changes: dict[str, object]) -> None:
    answer = await api.client.get("/v1/me", headers=api.auth(ada, **changes))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="tandem", error="invalid_token"'


async def test_a_token_that_was_good_ends_with_its_time(api: Api, ada: UUID) -> None:
    token = jwt.encode(
        api.provider.claims(ada) | {"exp": time.time() - LEEWAY_SECONDS + 3},
        api.provider.keys["first"],
        algorithm="RS256",
        headers={"kid": "first"},
    )
    assert (await me(api, token))[0] == 200
    while (answer := await me(api, token))[0] == 200:
        await asyncio.sleep(0.1)
    assert answer == (401, "unauthenticated")


async def test_only_the_providers_key_and_algorithm_count(api: Api, ada: UUID) -> None:
    claims = api.provider.claims(ada)
    public = api.provider.keys["first"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    tokens = [
        forged("none", claims),
        forged("HS256", claims, secret=public),
        jwt.encode(claims, new_key(), algorithm="RS256", headers={"kid": "first"}),
        jwt.encode(claims, api.provider.keys["first"], algorithm="RS512", headers={"kid": "first"}),
        jwt.encode(claims, api.provider.keys["first"], algorithm="RS256"),
        api.provider.token(ada)[:-4] + "AAAA",
        "not-a-token",
    ]
    for token in tokens:
        assert await me(api, token) == (401, "unauthenticated")


async def test_without_a_token_the_challenge_names_no_error(api: Api) -> None:
    answer = await api.get("/v1/me")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="tandem"')


async def test_each_operation_needs_its_scope(api: Api, ada: UUID) -> None:
    reading, writing = api.auth(ada, scope="orders:read"), api.auth(ada, scope="orders:write")
    body = {"lines": [{"sku": "MUG-1", "quantity": 1}], "payment_token": "tok_visa"}
    key = {"Idempotency-Key": "k"}

    refused = await api.client.post("/v1/orders", json=body, headers=reading | key)
    assert refused.status_code == 403
    assert refused.headers["www-authenticate"] == (
        'Bearer realm="tandem", error="insufficient_scope", scope="orders:write"'
    )
    order = (await api.client.post("/v1/orders", json=body, headers=writing | key)).json()
    cancellation = f"/v1/orders/{order['id']}/cancellation"
    assert (await api.client.post(cancellation, json={}, headers=reading | key)).status_code == 403
    for path in ("/v1/orders", f"/v1/orders/{order['id']}", f"/v1/orders/{order['id']}/events"):
        assert (await api.client.get(path, headers=writing)).status_code == 403
    assert (await api.client.get("/v1/orders", headers=reading)).status_code == 200


async def test_a_new_key_is_found_and_unknown_ones_do_not_hammer_the_provider(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    settings = api_settings(database.url("tandem_api"), provider, jwks_refetch_seconds=5)
    async with running_api(settings, provider) as api:
        assert (await me(api, provider.token(ada)))[0] == 200
        assert provider.requests == 1
        provider.add_key("second")
        made_up = provider.token(ada, key_id="made-up")
        for _ in range(20):
            assert await me(api, made_up) == (401, "unauthenticated")
        assert provider.requests == 1
        await asyncio.sleep(5)
        assert (await me(api, provider.token(ada, key_id="second")))[0] == 200
        assert provider.requests == 2


async def test_the_first_request_does_not_wait_for_the_keys_and_the_start_not_for_the_provider(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    provider.answering = False
    settings = api_settings(database.url("tandem_api"), provider, jwks_refetch_seconds=0.05)
    async with running_api(settings, provider):  # ready, though nobody answers
        async with asyncio.timeout(5):
            while provider.requests < 3:
                await asyncio.sleep(0.01)
    provider.answering = True
    provider.requests = 0
    async with running_api(api_settings(database.url("tandem_api"), provider), provider) as api:
        async with asyncio.timeout(5):
            while provider.requests == 0:
                await asyncio.sleep(0.01)
        assert (await me(api, provider.token(ada)))[0] == 200
        assert provider.requests == 1


async def test_a_provider_that_comes_later_is_found_soon(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    """As when both are started together; an unknown key would be looked for no sooner than a minute later."""
    provider.answering = False
    settings = api_settings(database.url("tandem_api"), provider, jwks_refetch_seconds=60)
    async with running_api(settings, provider) as api:
        assert await me(api, provider.token(ada)) == (503, "service-unavailable")
        provider.answering = True
        async with asyncio.timeout(10):
            while (await me(api, provider.token(ada)))[0] != 200:
                await asyncio.sleep(0.05)


async def test_keys_are_renewed_before_they_are_too_old(
    storefront: Storefront, database: Database, provider: IdentityProvider
) -> None:
    settings = api_settings(
        database.url("tandem_api"), provider, jwks_refetch_seconds=0.05, jwks_maximum_age_seconds=0.4
    )
    async with running_api(settings, provider):
        async with asyncio.timeout(5):
            while provider.requests < 3:
                await asyncio.sleep(0.01)


async def test_without_the_provider_known_keys_stay_good_and_unknown_ones_are_a_503(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    settings = api_settings(
        database.url("tandem_api"), provider, jwks_refetch_seconds=0.01, jwks_maximum_age_seconds=0.01
    )
    provider.answering = False
    async with running_api(settings, provider) as api:
        assert await me(api, provider.token(ada)) == (503, "service-unavailable")
        provider.answering = True
        await asyncio.sleep(0.02)
        assert (await me(api, provider.token(ada)))[0] == 200
        provider.answering = False
        await asyncio.sleep(0.02)
        assert (await me(api, provider.token(ada)))[0] == 200
        assert await me(api, provider.token(ada, key_id="new")) == (503, "service-unavailable")


async def test_a_withdrawn_key_ends_when_the_keys_are_fetched_anew(
    storefront: Storefront, database: Database, provider: IdentityProvider, ada: UUID
) -> None:
    settings = api_settings(
        database.url("tandem_api"), provider, jwks_refetch_seconds=0.01, jwks_maximum_age_seconds=0.3
    )
    async with running_api(settings, provider) as api:
        token = provider.token(ada)
        assert (await me(api, token))[0] == 200
        provider.keys = {}
        provider.add_key("second")
        await asyncio.sleep(0.3)
        assert await me(api, token) == (401, "unauthenticated")


async def test_a_deactivated_customer_is_refused_before_anything_is_done(
    storefront: Storefront, database: Database, provider: IdentityProvider
) -> None:
    gone = storefront.customer("gone@tandem.example", active=False)
    async with running_api(api_settings(database.url("tandem_api"), provider), provider) as api:
        for path in ("/v1/me", "/v1/orders", f"/v1/orders/{uuid4()}"):
            answer = await api.get(path, gone)
            assert (answer.status_code, answer.json()["title"]) == (403, "The customer's account is closed")
