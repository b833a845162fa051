"""What an application of a customer asks of the store: OAuth at the admin, JSON at the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
from tandem_runtime.certificates import note_certificate

from tandem_worker.http_client import TracedClient
from tandem_worker.settings import ProbeSettings

# A server that does not answer at all is no slower than this.
ANSWER_SECONDS = 10.0
NOT_FINAL = ("placed", "reserved", "paid")
ADDRESS = {"recipient": "Probe", "street": "Nowhere 1", "postal_code": "0000", "city": "Nowhere", "country": "NL"}

Order = dict[str, Any]


class StoreError(Exception):
    """The store did not do what a customer expects; the message says what it did."""


@asynccontextmanager
async def connected() -> AsyncIterator[httpx.AsyncClient]:
    """Connections of one order: the next is a customer who comes anew."""
    async with TracedClient(timeout=ANSWER_SECONDS) as client:
        yield client


class Customer:
    """The probe's customer, once it is logged in."""

    def __init__(self, client: httpx.AsyncClient, settings: ProbeSettings) -> None:
        self._client = client
        self._settings = settings

    async def log_in(self) -> None:
        """A token by client credentials, from where the provider says; the API gets it with every request from now."""
        provider = await self._ask("GET", f"{self._settings.admin_url}/.well-known/openid-configuration")
        credentials = (self._settings.probe_client_id, self._settings.probe_client_secret.get_secret_value())
        answer = await self._ask(
            "POST", provider["token_endpoint"], data={"grant_type": "client_credentials"}, auth=credentials
        )
        self._client.headers["Authorization"] = f"Bearer {answer['access_token']}"

    async def unfinished_orders(self) -> list[Order]:
        """Of the latest orders, those that are not at their end."""
        page = await self._api("GET", "/v1/orders")
        return [order for order in page["items"] if order["state"] in NOT_FINAL]

    async def look_at_article(self) -> None:
        await self._api("GET", f"/v1/products/{self._settings.probe_sku}")

    async def place_order(self) -> str:
        """Returns the order's id."""
        body = {
            "lines": [{"sku": self._settings.probe_sku, "quantity": 1}],
            "shipping_address": ADDRESS,
            "payment_token": self._settings.probe_payment_token.get_secret_value(),
        }
        order = await self._api("POST", "/v1/orders", json=body, headers={"Idempotency-Key": str(uuid4())})
        return str(order["id"])

    async def order(self, order_id: str) -> Order:
        order: Order = await self._api("GET", f"/v1/orders/{order_id}")
        return order

    async def ask_to_cancel(self, order_id: str) -> None:
        await self._api(
            "POST",
            f"/v1/orders/{order_id}/cancellation",
            json={"reason": "probe"},
            headers={"Idempotency-Key": str(uuid4())},
        )

    async def _api(self, method: str, path: str, **request: Any) -> Any:
        return await self._ask(method, f"{self._settings.api_url}{path}", **request)

    async def _ask(self, method: str, url: str, **request: Any) -> Any:
        try:
            answer = await self._client.request(method, url, **request)
            self._note_certificate(url, answer)
            if answer.is_success:
                return answer.json()
            # The title of a problem (RFC 9457) says what is wrong and quotes nothing.
            problem = answer.json() if "problem" in answer.headers.get("Content-Type", "") else {}
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise StoreError(f"{method} {url}: {error!r}") from error
        except ValueError as error:
            raise StoreError(f"{method} {url}: no JSON") from error
        title = problem.get("title", answer.reason_phrase)
        raise StoreError(f"{method} {url}: {answer.status_code} {title}")

    def _note_certificate(self, url: str, answer: httpx.Response) -> None:
        """When the store's own ends, as its customers meet it."""
        if tls := answer.extensions["network_stream"].get_extra_info("ssl_object"):
            note_certificate("api" if url.startswith(self._settings.api_url) else "admin", tls.getpeercert())
