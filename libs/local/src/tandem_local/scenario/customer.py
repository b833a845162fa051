"""What a customer's app does: log in with PKCE, order, follow the order live."""

import base64
import hashlib
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from httpx_sse import connect_sse

from tandem_local.scenario.browser import Browser, UnexpectedPageError

CLIENT_ID = "tandem-mobile"
REDIRECT_URI = "tandem://callback"
SCOPES = "openid email orders:read orders:write"
ADDRESS = {
    "recipient": "Ada Lovelace",
    "street": "Keizersgracht 1",
    "postal_code": "1015 CJ",
    "city": "Amsterdam",
    "country": "NL",
}
# Longer than any step may take; the demonstration says so rather than wait for ever.
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Entry:
    """An entry of an order's timeline, as the live stream tells it."""

    type: str
    state: str | None
    occurred_at: str


def log_in(admin_url: str, email: str, password: str) -> str:
    """Authorization code with PKCE (RFC 7636): the login happens on Django's pages, the app gets an access token."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(16)
    provider = httpx.get(f"{admin_url}/.well-known/openid-configuration").raise_for_status().json()
    asked = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPES,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with Browser(admin_url) as browser:
        browser.open(f"{provider['authorization_endpoint']}?{urlencode(asked)}")
        answer = browser.submit(login=email, password=password)
    if not answer.startswith(REDIRECT_URI):
        raise UnexpectedPageError(f"the login of {email} ended at {answer}")
    query = parse_qs(urlsplit(answer).query)
    if query.get("state") != [state] or "code" not in query:
        raise UnexpectedPageError(f"the login of {email} was answered {query.get('error', query)}")
    tokens = httpx.post(
        provider["token_endpoint"],
        data={
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": query["code"][0],
            "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        },
    ).raise_for_status()
    return str(tokens.json()["access_token"])


class Customer:
    """A customer's app at the public API. Without a token it can only look at the catalogue."""

    def __init__(self, api_url: str, token: str | None = None) -> None:
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=api_url, headers=authorization, timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def sees(self, sku: str) -> bool:
        response = self._client.get(f"/v1/products/{sku}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return False
        response.raise_for_status()
        return True

    def wait_for(self, sku: str) -> float:
        """Look until the catalogue shows the product; returns the seconds that took."""
        began = time.monotonic()
        while not self.sees(sku):
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise UnexpectedPageError(f"the catalogue does not show {sku} after {PATIENCE_SECONDS} s")
            time.sleep(0.06)  # within the quota of who has no token
        return time.monotonic() - began

    def place_order(self, quantities: dict[str, int]) -> tuple[str, str]:
        """Order; returns the order's id and the id of the request's trace."""
        trace_id = secrets.token_hex(16)
        response = self._client.post(
            "/v1/orders",
            json={
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()],
                "shipping_address": ADDRESS,
                "payment_token": "tok_visa",
            },
            headers={
                "Idempotency-Key": str(uuid.uuid4()),
                "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01",
            },
        )
        response.raise_for_status()
        return str(response.json()["id"]), trace_id

    def order(self, order_id: str) -> dict[str, Any]:
        content: dict[str, Any] = self._client.get(f"/v1/orders/{order_id}").raise_for_status().json()
        return content

    @contextmanager
    def following(self, order_id: str) -> Iterator[Iterator[Entry]]:
        """The order's life as it happens, from its first event on (server-sent events)."""
        with connect_sse(self._client, "GET", f"/v1/orders/{order_id}/events") as source:
            source.response.raise_for_status()
            yield (
                Entry(content["type"], content["state"], content["occurred_at"])
                for content in (json.loads(event.data) for event in source.iter_sse())
            )
