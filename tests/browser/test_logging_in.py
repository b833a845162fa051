"""Logging in on a phone: what a customer of the mobile app sees."""

import base64
import hashlib
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from playwright.sync_api import Page, Route, expect
from tandem_local.logins import CUSTOMER
from tandem_local.system import System

Look = Callable[[Page, str], None]
CALLBACK = "http://127.0.0.1:8765/callback"
VERIFIER = "v" * 64


def authorization(system: System) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    provider = httpx.get(f"{system.admin_url}/.well-known/openid-configuration").json()
    asked = {
        "response_type": "code",
        "client_id": "tandem-mobile",
        "redirect_uri": CALLBACK,
        "scope": "openid orders:read orders:write",
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{provider['authorization_endpoint']}?{urlencode(asked)}"


def test_a_customer_logs_in_with_pkce(phone: Page, system: System, look: Look) -> None:
    arrived: list[str] = []

    def arrive(route: Route) -> None:
        arrived.append(route.request.url)
        route.fulfill(status=200, content_type="text/plain", body="the app")

    phone.route(f"{CALLBACK}*", arrive)
    phone.goto(authorization(system))
    look(phone, "login")
    phone.locator("[name=login]").fill(CUSTOMER)
    phone.locator("[name=password]").fill(system.credentials.customer_password)
    phone.locator("[name=password]").press("Enter")
    phone.wait_for_url(f"{CALLBACK}*")

    (code,) = parse_qs(urlsplit(arrived[0]).query)["code"]
    tokens = httpx.post(
        f"{system.admin_url}/identity/o/api/token",
        data={
            "grant_type": "authorization_code",
            "client_id": "tandem-mobile",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        },
    ).json()
    orders = httpx.get(f"{system.api_url}/v1/orders", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert orders.status_code == 200


def test_a_wrong_password_is_told_where_it_was_typed(phone: Page, system: System, look: Look) -> None:
    phone.goto(authorization(system))
    phone.locator("[name=login]").fill("nobody@example.com")
    phone.locator("[name=password]").fill("wrong password")
    phone.locator("[name=password]").press("Enter")
    expect(phone.get_by_text(re.compile("not correct"))).to_be_visible()
    look(phone, "login-refused")


def test_whoever_is_new_registers_on_the_same_phone(phone: Page, look: Look) -> None:
    phone.goto("/accounts/signup/")
    look(phone, "signup")
    assert phone.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"
