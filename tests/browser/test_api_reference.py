"""The API's reference as a developer uses it: log in by PKCE, and place an order from the page."""

import json
from uuid import uuid4

from playwright.sync_api import Browser, expect
from tandem_local.logins import CUSTOMER
from tandem_local.system import System

DESKTOP = {"width": 1440, "height": 900}


def test_a_developer_logs_in_and_places_an_order(chromium: Browser, system: System, any_sku: str) -> None:
    context = chromium.new_context(base_url=system.api_url, viewport=DESKTOP)
    page = context.new_page()
    page.goto("/docs")
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".auth-container", has=page.get_by_text("authorizationCode")).first
    expect(dialog.locator("[id^=client_id]")).to_have_value("tandem-api-docs")
    expect(dialog.locator("input[id^='orders:write']")).to_be_checked()
    with context.expect_page() as opened:
        dialog.locator("button", has_text="Authorize").click()
    login = opened.value
    login.locator("[name=login]").fill(CUSTOMER)
    login.locator("[name=password]").fill(system.credentials.customer_password)
    login.locator("[name=password]").press("Enter")
    expect(dialog.locator("button", has_text="Logout")).to_be_visible(timeout=30_000)
    page.locator(".close-modal").click()

    operation = page.locator("#operations-orders-placeOrder")
    operation.locator(".opblock-summary-control").first.click()
    operation.locator("[data-param-name='Idempotency-Key'] input").fill(str(uuid4()))
    body = operation.locator("textarea.body-param__text")
    example = json.loads(body.input_value())
    example["lines"][0]["sku"] = any_sku
    body.fill(json.dumps(example))
    operation.get_by_role("button", name="Execute").click()
    live = operation.locator(".live-responses-table")
    expect(live.locator(".response-col_status").last).to_contain_text("201")
    expect(live).to_contain_text('"state": "placed"')
    context.close()
