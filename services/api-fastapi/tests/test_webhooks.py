"""Webhooks as partners manage them: what is theirs, what is nobody else's, and what a repeated request does."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from identity_provider import IdentityProvider
from pydantic import ValidationError
from running_api import Api, api_settings
from storefront import Storefront

ENDPOINTS = "/v1/webhooks/endpoints"
SCOPES = "webhooks:manage orders:status"
URL = "https://hooks.partner.example/tandem"


@dataclass
class Partner:
    """A partner's server; `client_id` is registered."""

    api: Api
    client_id: str
    scopes: str = SCOPES

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        token = self.api.provider.token(self.client_id, client_id=self.client_id, scope=self.scopes)
        headers = {"Authorization": f"Bearer {token}", **headers}
        return await self.api.client.request(method, path, json=body, headers=headers)

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        return await self.ask("POST", path, body, **{"Idempotency-Key": key or str(uuid4())})

    async def subscribe(self, *, key: str | None = None, **changes: Any) -> httpx.Response:
        body = {"url": URL, "event_types": ["order.paid.v1"], **changes}
        return await self.post(ENDPOINTS, body, key=key)

    async def endpoint(self) -> str:
        created = await self.subscribe()
        assert created.status_code == 201, created.text
        return f"{ENDPOINTS}/{created.json()['id']}"


def deliver(storefront: Storefront, endpoint: str, *, state: str = "delivered") -> UUID:
    """A delivery as the worker leaves it, with an attempt."""
    (row,) = storefront.sql(
        "INSERT INTO webhooks_delivery (endpoint_id, event_id, event_type, aggregate_type, aggregate_id, version, body,"
        " state, attempts, last_status, settled_at) VALUES (%s, uuidv7(), 'order.paid.v1', 'order', uuidv7(), 3,"
        """ '{"type": "order.paid.v1"}', %s, 1, 200, CASE WHEN %s <> 'pending' THEN now() END) RETURNING id""",
        endpoint.rpartition("/")[2],
        state,
        state,
    )
    storefront.sql(
        "INSERT INTO webhooks_attempt (delivery_id, started_at, duration_ms, status, response)"
        " VALUES (%s, now(), 12, 200, 'thanks')",
        row["id"],
    )
    return UUID(str(row["id"]))


@pytest.fixture
async def parcels(api: Api, storefront: Storefront) -> Partner:
    return Partner(api, storefront.partner(uuid4().hex))


@pytest.fixture
async def rival(api: Api, storefront: Storefront) -> Partner:
    return Partner(api, storefront.partner("a rival's server, by its own name"))


class TestSubscribing:
    async def test_tells_the_secret_once(self, parcels: Partner, storefront: Storefront) -> None:
        created = await parcels.subscribe(description="the warehouse's")
        assert created.status_code == 201
        told = created.json()
        assert told["secret"].startswith("whsec_")
        assert created.headers["cache-control"] == "no-store"
        path = created.headers["location"]

        found = await parcels.ask("GET", path)
        assert found.json() == {name: value for name, value in told.items() if name != "secret"}
        assert found.headers["cache-control"] == "no-store"
        assert told["secret"] not in str(storefront.sql("SELECT * FROM orders_idempotencykey"))
        assert storefront.sql("SELECT secret FROM webhooks_signingsecret")[0]["secret"] == told["secret"]

    async def test_again_with_the_same_key_is_once_and_keeps_the_secret(
        self, parcels: Partner, storefront: Storefront
    ) -> None:
        first, again = await parcels.subscribe(key="k"), await parcels.subscribe(key="k")
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json() == first.json() | {"secret": None}
        assert storefront.count("webhooks_endpoint") == storefront.count("webhooks_signingsecret") == 1
        other = await parcels.subscribe(key="k", event_types=["order.placed.v1"])
        assert other.json()["type"].endswith("/problems/idempotency-key-reused")

    async def test_of_many_at_once_exactly_one_is_done(self, parcels: Partner, storefront: Storefront) -> None:
        answers = await asyncio.gather(*(parcels.subscribe(key="k") for _ in range(10)))
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert sum(bool(answer.json().get("secret")) for answer in answers) == 1
        assert storefront.count("webhooks_endpoint") == 1

    async def test_needs_a_key(self, parcels: Partner) -> None:
        refused = await parcels.ask("POST", ENDPOINTS, {"url": URL, "event_types": ["order.paid.v1"]})
        assert refused.json()["type"].endswith("/problems/idempotency-key-required")

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"url": "http://hooks.partner.example/"}, "#/url"),
            ({"url": "https://169.254.169.254/latest"}, "#/url"),
            ({"url": "https://localhost/"}, "#/url"),
            ({"event_types": []}, "#/event_types"),
            ({"event_types": ["order.paid.v1", "order.refund_requested.v1"]}, "#/event_types/1"),
            ({"event_types": ["product.published.v1"]}, "#/event_types/0"),
            ({"event_types": ["webhook.test.v1"]}, "#/event_types/0"),
            ({"description": "a\0b"}, "#/description"),
            ({"secret": "whsec_mine"}, "#/secret"),
        ],
    )
    async def test_to_what_may_not_be_is_refused(
        self, parcels: Partner, storefront: Storefront, changes: dict[str, Any], pointer: str
    ) -> None:
        refused = await parcels.subscribe(**changes)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == pointer
        assert storefront.count("webhooks_endpoint") == 0

    async def test_what_may_be_is_what_the_scopes_allow(self, parcels: Partner) -> None:
        told = (await parcels.ask("GET", "/v1/webhooks/event-types")).json()["items"]
        assert "order.shipped.v1" in told
        assert not [name for name in told if name.startswith("product.")]
        parcels.scopes = "webhooks:manage feed:read"
        assert (await parcels.subscribe(event_types=["product.published.v1"])).status_code == 201

    async def test_has_a_limit(self, parcels: Partner, api: Api) -> None:
        limit = api.app.state.settings.webhooks_endpoint_limit
        for _ in range(limit):
            last = await parcels.endpoint()
        assert (await parcels.subscribe()).json()["type"].endswith("/problems/webhook-limit")
        assert (await parcels.ask("DELETE", last)).status_code == 204
        assert (await parcels.subscribe()).status_code == 201

    async def test_by_a_client_that_is_gone_is_refused(self, parcels: Partner, storefront: Storefront) -> None:
        storefront.sql("DELETE FROM allauth_idp_oidc_client WHERE id = %s", parcels.client_id)
        assert (await parcels.subscribe()).status_code == 401
        assert storefront.count("orders_idempotencykey") == 0


class TestAnEndpoint:
    async def test_is_changed_in_what_is_named(self, parcels: Partner) -> None:
        path = await parcels.endpoint()
        changed = await parcels.ask("PATCH", path, {"event_types": ["order.placed.v1", "order.placed.v1"]})
        assert changed.json()["event_types"] == ["order.placed.v1"]
        assert changed.json()["url"] == URL
        assert (await parcels.ask("PATCH", path, {"url": "http://a.example/"})).status_code == 422
        assert (await parcels.ask("PATCH", path, {"failing_since": None})).status_code == 422

    async def test_is_disabled_and_enabled(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        off = (await parcels.ask("PATCH", path, {"state": "disabled"})).json()
        assert (off["state"], off["disabled_reason"]) == ("disabled", "By the partner.")
        again = (await parcels.ask("PATCH", path, {"state": "disabled", "description": "holidays"})).json()
        assert again["disabled_at"] == off["disabled_at"]
        on = (await parcels.ask("PATCH", path, {"state": "enabled"})).json()
        assert (on["state"], on["disabled_at"], on["disabled_reason"]) == ("enabled", None, "")

    async def test_that_staff_disabled_is_theirs_to_enable(
        self, parcels: Partner, rival: Partner, storefront: Storefront
    ) -> None:
        path = await parcels.endpoint()
        storefront.sql(
            "UPDATE webhooks_endpoint SET state = 'disabled', disabled_at = now(), disabled_reason = 'Too slow.',"
            " is_held = true"
        )
        refused = await parcels.ask("PATCH", path, {"state": "enabled", "description": "again"})
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("/problems/webhook-held")
        assert (await rival.ask("PATCH", path, {"state": "enabled"})).status_code == 404
        changed = (await parcels.ask("PATCH", path, {"description": "mended"})).json()
        assert (changed["description"], changed["state"], changed["disabled_reason"]) == (
            "mended",
            "disabled",
            "Too slow.",
        )

    async def test_that_is_deleted_is_gone_and_its_secret_good_for_nothing(
        self, parcels: Partner, storefront: Storefront
    ) -> None:
        path = await parcels.endpoint()
        assert (await parcels.ask("DELETE", path)).status_code == 204
        assert (await parcels.ask("GET", path)).status_code == 404
        assert (await parcels.ask("DELETE", path)).status_code == 404
        assert (await parcels.ask("GET", ENDPOINTS)).json()["items"] == []
        (secret,) = storefront.sql("SELECT expires_at <= now() AS ended FROM webhooks_signingsecret")
        assert secret["ended"]

    async def test_is_listed_page_by_page(self, parcels: Partner) -> None:
        paths = [await parcels.endpoint() for _ in range(3)]
        first = (await parcels.ask("GET", f"{ENDPOINTS}?limit=2")).json()
        second = (await parcels.ask("GET", f"{ENDPOINTS}?limit=2&cursor={first['next_cursor']}")).json()
        assert [f"{ENDPOINTS}/{one['id']}" for one in first["items"] + second["items"]] == paths[::-1]
        assert second["next_cursor"] is None


class TestExchangingTheSecret:
    async def test_leaves_the_former_one_its_time(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        rotated = await parcels.post(f"{path}/secret", {"former_valid_hours": 2}, key="k")
        assert rotated.status_code == 201
        again = await parcels.post(f"{path}/secret", {"former_valid_hours": 2}, key="k")
        assert again.json() == rotated.json() | {"secret": None}
        secrets = storefront.sql(
            "SELECT secret, round(extract(epoch FROM expires_at - now()) / 3600) AS hours"
            " FROM webhooks_signingsecret ORDER BY id"
        )
        assert [row["hours"] for row in secrets] == [2, None]
        assert secrets[1]["secret"] == rotated.json()["secret"]

    async def test_after_a_leak_ends_all_former_ones_at_once(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        await parcels.post(f"{path}/secret", {})
        assert (await parcels.post(f"{path}/secret", {"former_valid_hours": False})).status_code == 422
        await parcels.post(f"{path}/secret", {"former_valid_hours": 0})
        ended = storefront.sql("SELECT expires_at <= now() AS ended FROM webhooks_signingsecret ORDER BY id")
        assert [row["ended"] for row in ended] == [True, True, None]


class TestDeliveries:
    async def test_are_listed_by_state_and_page_by_page(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        sent = [str(deliver(storefront, path)) for _ in range(3)]
        failed = str(deliver(storefront, path, state="failed"))
        only = (await parcels.ask("GET", f"{path}/deliveries?state=failed")).json()
        assert [one["id"] for one in only["items"]] == [failed]
        first = (await parcels.ask("GET", f"{path}/deliveries?limit=3")).json()
        second = (await parcels.ask("GET", f"{path}/deliveries?limit=3&cursor={first['next_cursor']}")).json()
        assert [one["id"] for one in first["items"] + second["items"]] == [failed, *sent[::-1]]

    async def test_show_what_was_sent_and_what_came_back(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        told = (await parcels.ask("GET", f"{path}/deliveries/{deliver(storefront, path)}")).json()
        assert told["message"] == {"type": "order.paid.v1"}
        assert [(one["status"], one["response"]) for one in told["history"]] == [(200, "thanks")]

    async def test_are_asked_for_again_once(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        delivery = deliver(storefront, path)
        for _ in range(2):
            accepted = await parcels.post(f"{path}/deliveries/{delivery}/resend")
            assert accepted.status_code == 202
        (event,) = storefront.sql("SELECT event_id FROM webhooks_delivery")
        assert accepted.json() == {"event_id": str(event["event_id"])}
        (request,) = storefront.sql("SELECT delivery_id, requested_by FROM webhooks_deliveryrequest")
        assert request == {"delivery_id": delivery, "requested_by": parcels.client_id}

    async def test_a_test_is_asked_for_once_per_key(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        first, again = await parcels.post(f"{path}/test", key="k"), await parcels.post(f"{path}/test", key="k")
        assert first.json() == again.json()
        (request,) = storefront.sql("SELECT id, delivery_id FROM webhooks_deliveryrequest")
        assert request == {"id": UUID(first.json()["event_id"]), "delivery_id": None}

    async def test_of_a_disabled_endpoint_are_not_asked_for(self, parcels: Partner, storefront: Storefront) -> None:
        path = await parcels.endpoint()
        delivery = deliver(storefront, path)
        await parcels.ask("PATCH", path, {"state": "disabled"})
        for act in ("test", f"deliveries/{delivery}/resend"):
            assert (await parcels.post(f"{path}/{act}")).json()["type"].endswith("/problems/webhook-disabled")
        assert storefront.count("webhooks_deliveryrequest") == 0


class TestIsolation:
    async def test_anothers_endpoint_is_as_if_it_were_not_there(
        self, parcels: Partner, rival: Partner, storefront: Storefront
    ) -> None:
        path = await parcels.endpoint()
        own = await rival.endpoint()
        delivery = deliver(storefront, path)
        before = storefront.sql("SELECT * FROM webhooks_endpoint ORDER BY id")
        acts = [
            ("GET", "", None),
            ("PATCH", "", {"state": "disabled"}),
            ("DELETE", "", None),
            ("GET", "/deliveries", None),
            ("GET", f"/deliveries/{delivery}", None),
            ("POST", "/secret", {}),
            ("POST", "/test", None),
            ("POST", f"/deliveries/{delivery}/resend", None),
        ]
        for method, act, body in acts:
            key = {"Idempotency-Key": str(uuid4())}
            theirs = await rival.ask(method, path + act, body, **key)
            none = await rival.ask(method, f"{ENDPOINTS}/{uuid4()}{act}", body, **{"Idempotency-Key": str(uuid4())})
            assert theirs.status_code == none.status_code == 404, act
            assert theirs.json() | {"request_id": ""} == none.json() | {"request_id": ""}
        for act in (f"/deliveries/{delivery}", f"/deliveries/{delivery}/resend"):  # by way of an endpoint of their own
            method = "POST" if act.endswith("resend") else "GET"
            assert (await rival.ask(method, own + act, **{"Idempotency-Key": str(uuid4())})).status_code == 404
        assert storefront.sql("SELECT * FROM webhooks_endpoint ORDER BY id") == before
        assert storefront.count("webhooks_signingsecret") == 2
        assert storefront.count("webhooks_deliveryrequest") == 0
        assert [f"{ENDPOINTS}/{one['id']}" for one in (await rival.ask("GET", ENDPOINTS)).json()["items"]] == [own]

    async def test_partners_choose_keys_independently(self, parcels: Partner, rival: Partner) -> None:
        first, second = await parcels.subscribe(key="k"), await rival.subscribe(key="k")
        assert first.json()["id"] != second.json()["id"]

    async def test_customers_are_no_partners_and_partners_no_customers(
        self, api: Api, parcels: Partner, ada: UUID
    ) -> None:
        headers = api.auth(ada, scope=SCOPES)
        assert (await api.client.get(ENDPOINTS, headers=headers)).status_code == 401
        parcels.scopes = "orders:read orders:write webhooks:manage"
        for path in ("/v1/orders", "/v1/me"):
            assert (await parcels.ask("GET", path)).status_code == 401

    async def test_the_scope_is_needed(self, parcels: Partner) -> None:
        parcels.scopes = "orders:status"
        refused = await parcels.ask("GET", ENDPOINTS)
        assert refused.status_code == 403
        assert 'scope="webhooks:manage"' in refused.headers["www-authenticate"]

    async def test_without_a_token_nothing_is_told(self, api: Api) -> None:
        for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer x"}):
            assert (await api.client.get(ENDPOINTS, headers=headers)).status_code == 401


def test_production_does_not_boot_with_addresses_of_this_machine(provider: IdentityProvider) -> None:
    with pytest.raises(ValidationError, match="TANDEM_WEBHOOKS_ALLOW_LOOPBACK"):
        api_settings(
            "postgresql://nobody@127.0.0.1:9/nowhere",
            provider,
            environment="production",
            admin_url="https://admin.example.com",
            api_url="https://api.example.com",
            webhooks_allow_loopback=True,
        )
