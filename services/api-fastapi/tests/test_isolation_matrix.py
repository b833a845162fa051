"""Every operation of the OpenAPI document with every kind of token: what each may see, and that nothing leaks.

An operation that is not in `OPERATIONS` fails here until somebody says whose data it is about.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from identity_provider import ALL_SCOPES
from running_api import Api
from storefront import Storefront
from tandem_api.identity.scopes import SCOPES

ADDRESS = {"recipient": "Somebody", "street": "Open Street 1", "city": "Amsterdam", "country": "NL"}
ADAS_ADDRESS = ADDRESS | {"recipient": "Ada Secret", "street": "Hidden Lane 1"}
BASKET = {"lines": [{"sku": "MUG-1", "quantity": 1}]}
PARTNER_SCOPES = ("feed:read", "orders:status", "webhooks:manage")


@dataclass(frozen=True)
class Operation:
    """How to call it, as its owner would.

    `scope` is what it needs, None if a token is enough; `owned` tells that its path names something of one customer,
    which is not there for anybody else; `public` that it needs no token at all.
    """

    scope: str | None = None
    body: Any = None
    owned: bool = False
    public: bool = False
    query: str = ""


OPERATIONS = {
    "GET /v1/products": Operation(public=True),
    "GET /v1/products/{sku}": Operation(public=True),
    "GET /v1/categories": Operation(public=True),
    "GET /v1/search/products": Operation(public=True, query="q=mug"),
    "GET /v1/home": Operation(public=True),
    "GET /v1/pages": Operation(public=True),
    "GET /v1/pages/{slug}": Operation(public=True),
    "GET /v1/me": Operation(),
    "PATCH /v1/me": Operation("account:write", {"name": "Somebody"}),
    "GET /v1/me/addresses": Operation("account:read"),
    "POST /v1/me/addresses": Operation("account:write", ADDRESS),
    "GET /v1/me/addresses/{address_id}": Operation("account:read", owned=True),
    "PUT /v1/me/addresses/{address_id}": Operation("account:write", ADDRESS, owned=True),
    "DELETE /v1/me/addresses/{address_id}": Operation("account:write", owned=True),
    "PUT /v1/me/addresses/{address_id}/default": Operation("account:write", owned=True),
    "GET /v1/orders": Operation("orders:read"),
    "POST /v1/orders": Operation("orders:write", BASKET | {"payment_token": "tok_visa"}),
    "POST /v1/quotes": Operation("orders:read", BASKET),
    "GET /v1/orders/{order_id}": Operation("orders:read", owned=True),
    "GET /v1/orders/{order_id}/events": Operation("orders:read", owned=True),
    "POST /v1/orders/{order_id}/cancellation": Operation("orders:write", {}, owned=True),
}
ENDPOINTS = "/v1/webhooks/endpoints"
# What partners' servers may do, in their own name; `test_webhooks` has what one partner may not do with another's.
PARTNERS_OPERATIONS = {
    "GET /v1/feed/stock": Operation("feed:read"),
    "POST /v1/order-statuses": Operation("orders:status", {"ids": [str(UUID(int=1))]}),
    "GET /v1/webhooks/event-types": Operation("webhooks:manage"),
    f"POST {ENDPOINTS}": Operation(
        "webhooks:manage", {"url": "https://hooks.partner.example/", "event_types": ["order.paid.v1"]}
    ),
    f"GET {ENDPOINTS}": Operation("webhooks:manage"),
    f"GET {ENDPOINTS}/{{endpoint_id}}": Operation("webhooks:manage"),
    f"PATCH {ENDPOINTS}/{{endpoint_id}}": Operation("webhooks:manage", {}),
    f"DELETE {ENDPOINTS}/{{endpoint_id}}": Operation("webhooks:manage"),
    f"POST {ENDPOINTS}/{{endpoint_id}}/secret": Operation("webhooks:manage"),
    f"POST {ENDPOINTS}/{{endpoint_id}}/test": Operation("webhooks:manage"),
    f"GET {ENDPOINTS}/{{endpoint_id}}/deliveries": Operation("webhooks:manage"),
    f"GET {ENDPOINTS}/{{endpoint_id}}/deliveries/{{delivery_id}}": Operation("webhooks:manage"),
    f"POST {ENDPOINTS}/{{endpoint_id}}/deliveries/{{delivery_id}}/resend": Operation("webhooks:manage"),
}
GUARDED = {name: operation for name, operation in OPERATIONS.items() if not operation.public}


@dataclass(frozen=True)
class Belongings:
    """What Ada has: each part of a path that names something, and what must not reach anybody else."""

    path: dict[str, str]
    secrets: tuple[str, ...]


@pytest.fixture
async def adas(api: Api, storefront: Storefront, ada: UUID) -> Belongings:
    storefront.sql("UPDATE users_user SET name = 'Ada Secret' WHERE id = %s", ada)
    storefront.sql("INSERT INTO content_page (slug, title, body, is_published) VALUES ('imprint', 'Us', '', true)")
    await api.cache.load()
    address = (await api.post("/v1/me/addresses", ADAS_ADDRESS, ada)).json()["id"]
    body = BASKET | {"payment_token": "tok_visa", "address_id": address}
    order = (await api.post("/v1/orders", body, ada)).json()["id"]
    return Belongings(
        {"order_id": order, "address_id": address, "sku": "MUG-1", "slug": "imprint"},
        (str(ada), "ada@tandem.example", "Ada Secret", "Hidden Lane", order, address),
    )


async def call(api: Api, name: str, path: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    """The operation's answer; of an event stream, its beginning."""
    method, _, template = name.partition(" ")
    headers = headers | {"Idempotency-Key": str(uuid4())}
    operation = (OPERATIONS | PARTNERS_OPERATIONS)[name]
    url = httpx.URL(template.format(**path), query=operation.query.encode() or None)
    request = api.client.build_request(method, url, json=operation.body, headers=headers)
    response = await api.client.send(request, stream=True)
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        await response.aread()
    await response.aclose()
    return response


def snapshot(storefront: Storefront, *, of: tuple[str, ...] = ("",)) -> str:
    """All that customers have, and all that was said about it; or the rows that name one of `of`."""
    tables = (
        "users_user",
        "addresses_address",
        "addresses_shippingaddress",
        "orders_order",
        "orders_orderline",
        "orders_timelineentry",
        "orders_idempotencykey",
        "events_outboxevent",
    )
    rows = {
        table: [str(row["row"]) for row in storefront.sql(f"SELECT to_jsonb(t) AS row FROM {table} AS t ORDER BY 1")]
        for table in tables
    }
    return json.dumps(
        {table: [row for row in found if any(name in row for name in of)] for table, found in rows.items()}
    )


def test_every_operation_is_classified(api: Api) -> None:
    document = api.app.openapi()
    described = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert described.keys() == OPERATIONS.keys() | PARTNERS_OPERATIONS.keys()
    for name, classified in PARTNERS_OPERATIONS.items():
        assert described.pop(name)["security"] == [{"partner": [classified.scope]}], name
    for name, operation in described.items():
        said = [scope for needed in operation.get("security", []) for scope in next(iter(needed.values()))]
        assert said == ([OPERATIONS[name].scope] if OPERATIONS[name].scope else []), name
        assert ("security" in operation) != OPERATIONS[name].public, name


async def test_the_owner_is_served(api: Api, adas: Belongings, ada: UUID) -> None:
    """Else what follows could not fail."""
    removing_last = sorted(OPERATIONS, key=lambda name: name.startswith("DELETE"))
    statuses = {name: (await call(api, name, adas.path, api.auth(ada))).status_code for name in removing_last}
    assert {name: status for name, status in statuses.items() if status >= 300} == {}


async def test_nothing_of_a_customer_reaches_another(
    api: Api, storefront: Storefront, adas: Belongings, ada: UUID, eve: UUID
) -> None:
    hers = (str(ada), adas.path["order_id"])
    before = snapshot(storefront, of=hers)
    elsewhere = adas.path | {"order_id": str(uuid4()), "address_id": str(uuid4())}

    for name, operation in OPERATIONS.items():
        answer = await call(api, name, adas.path, api.auth(eve))
        if operation.owned:
            assert answer.status_code == 404, name
            missing = await call(api, name, elsewhere, api.auth(eve))
            assert answer.json() | {"request_id": ""} == missing.json() | {"request_id": ""}, name
        else:
            assert answer.is_success, name
            assert not [secret for secret in adas.secrets if secret in answer.text], name
        assert snapshot(storefront, of=hers) == before, name


STRANGERS: dict[str, dict[str, Any] | str] = {
    "no token": "",
    "nonsense": "Bearer nonsense",
    "a password": "Basic YWRhOmFkYQ==",
    "an expired token": {"exp": 1},
    "a token signed by somebody else": {"key_id": "theirs"},
    "a token of another issuer": {"iss": "https://elsewhere.example"},
    "a token for somebody else": {"aud": "other"},
    "an ID token": {"token_use": "id"},
    # Partners' servers have tokens in their own name, which is no customer's.
    **{f"a partner with {scope}": {"sub": "partner-1", "scope": scope} for scope in (*PARTNER_SCOPES, ALL_SCOPES)},
    "a partner whose name looks like a customer's": {"sub": str(uuid4()), "scope": "feed:read"},
}


@pytest.mark.parametrize("who", STRANGERS)
async def test_who_is_no_customer_gets_nothing(
    api: Api, storefront: Storefront, adas: Belongings, ada: UUID, who: str
) -> None:
    stranger = STRANGERS[who]
    if isinstance(stranger, str):
        headers = {"Authorization": stranger} if stranger else {}
    else:
        headers = api.auth(ada, **stranger)
    before = snapshot(storefront)

    for name in GUARDED:
        answer = await call(api, name, adas.path, headers)
        assert answer.status_code in (401, 403), name
        assert not [secret for secret in adas.secrets if secret in answer.text], name

    assert snapshot(storefront) == before


@pytest.mark.parametrize("who", ["no token", "a customer", "a partner with another scope"])
async def test_who_is_no_partner_manages_nothing(api: Api, storefront: Storefront, ada: UUID, who: str) -> None:
    path = {"endpoint_id": str(uuid4()), "delivery_id": str(uuid4())}

    for name, operation in PARTNERS_OPERATIONS.items():
        others = " ".join(scope for scope in PARTNER_SCOPES if scope != operation.scope)
        headers = {
            "no token": {},
            "a customer": api.auth(ada, scope=" ".join([ALL_SCOPES, *PARTNER_SCOPES])),
            "a partner with another scope": api.auth("partner-1", client_id="partner-1", scope=others),
        }[who]
        assert (await call(api, name, path, headers)).status_code in (401, 403), name
    assert storefront.count("webhooks_endpoint") == 0


@pytest.mark.parametrize("scope", [*SCOPES, *PARTNER_SCOPES, ""])
async def test_a_token_opens_no_more_than_its_scope(
    api: Api, storefront: Storefront, adas: Belongings, ada: UUID, scope: str
) -> None:
    before = snapshot(storefront)

    for name, operation in GUARDED.items():
        if operation.scope in (None, scope):
            continue
        answer = await call(api, name, adas.path, api.auth(ada, scope=scope))
        assert answer.status_code == 403, name
        assert answer.json()["type"].endswith("/problems/insufficient-scope"), name
        assert not [secret for secret in adas.secrets if secret in answer.text], name

    assert snapshot(storefront) == before


async def test_a_deactivated_customer_is_refused_everywhere(
    api: Api, storefront: Storefront, adas: Belongings, ada: UUID
) -> None:
    api.cache.refused.update([ada], [ada])
    for name in GUARDED:
        answer = await call(api, name, adas.path, api.auth(ada))
        assert answer.status_code == 403, name
        assert answer.json()["type"].endswith("/problems/customer-deactivated"), name


async def test_a_deactivated_customer_changes_nothing_even_before_the_event_came(
    api: Api, storefront: Storefront, adas: Belongings, ada: UUID
) -> None:
    storefront.sql("UPDATE users_user SET is_active = false WHERE id = %s", ada)
    before = snapshot(storefront)
    for name in GUARDED:
        await call(api, name, adas.path, api.auth(ada))
        assert snapshot(storefront) == before, name
