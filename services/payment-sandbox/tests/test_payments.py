from typing import Any

import httpx
import pytest


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["title"]
    assert body["detail"]
    return response.status_code, body["type"].removeprefix("urn:payment-sandbox:problem:")


def test_a_payment_is_authorised_and_captured_at_once(provider: Any, reference: str) -> None:
    response = provider.pay(2490, reference=reference)
    assert response.status_code == 201
    payment = response.json()
    assert payment["id"].startswith("pay_")
    assert payment["created_at"].endswith("Z")
    assert {key: payment[key] for key in payment if key not in {"id", "created_at"}} == {
        "status": "captured",
        "amount": 2490,
        "captured_amount": 2490,
        "refunded_amount": 0,
        "currency": "EUR",
        "reference": reference,
        "decline_code": None,
    }
    assert provider.client.get(f"/v1/payments/{payment['id']}").json() == payment
    assert provider.client.get("/v1/payments", params={"reference": reference}).json() == {"items": [payment]}
    assert provider.ledger(reference) == [("authorisation", 2490), ("capture", 2490)]


def test_a_reserved_payment_is_captured_later_and_once(provider: Any, reference: str) -> None:
    payment = provider.pay(2490, reference=reference, capture=False).json()
    assert (payment["status"], payment["captured_amount"]) == ("authorised", 0)
    captured = provider.post(f"/v1/payments/{payment['id']}/capture")
    assert (captured.status_code, captured.json()["status"]) == (200, "captured")
    assert problem(provider.post(f"/v1/payments/{payment['id']}/capture")) == (409, "not-capturable")
    assert provider.ledger(reference) == [("authorisation", 2490), ("capture", 2490)]


def test_refunds_add_up_to_the_captured_amount_and_no_more(provider: Any, reference: str) -> None:
    path = f"/v1/payments/{provider.pay(2490, reference=reference).json()['id']}/refunds"
    part = provider.post(path, {"amount": 1000})
    assert part.status_code == 201
    assert (part.json()["status"], part.json()["refunded_amount"]) == ("partially_refunded", 1000)
    assert problem(provider.post(path, {"amount": 1491})) == (409, "refund-exceeds-capture")
    assert provider.post(path, {"amount": 1490}).json()["status"] == "refunded"
    assert problem(provider.post(path, {"amount": 1})) == (409, "refund-exceeds-capture")
    assert provider.ledger(reference)[2:] == [("refund", 1000), ("refund", 1490)]


def test_what_was_not_captured_cannot_be_refunded(provider: Any) -> None:
    payment = provider.pay(2490, capture=False).json()
    assert problem(provider.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1})) == (409, "not-refundable")


def test_a_call_that_was_refused_may_be_repeated_with_its_key_when_its_reason_is_gone(provider: Any) -> None:
    payment = provider.pay(2490, capture=False).json()
    path = f"/v1/payments/{payment['id']}"
    assert provider.post(f"{path}/refunds", {"amount": 100}, key="refund-" + path).status_code == 409
    provider.post(f"{path}/capture")
    assert provider.post(f"{path}/refunds", {"amount": 100}, key="refund-" + path).status_code == 201


def test_the_balance_follows_captures_and_refunds_per_currency(provider: Any, reference: str) -> None:
    first = provider.pay(2490, reference=reference, currency="CHF").json()
    provider.pay(1000, reference=reference, currency="NOK")
    provider.pay(2401, reference=reference, currency="CHF")
    provider.post(f"/v1/payments/{first['id']}/refunds", {"amount": 490})
    entries = provider.client.get("/v1/ledger", params={"limit": 1000}).json()["items"]
    ours = [entry for entry in entries if entry["reference"] == reference]
    assert [(entry["type"], entry["currency"], entry["balance"]) for entry in ours] == [
        ("authorisation", "CHF", 0),
        ("capture", "CHF", 2490),
        ("authorisation", "NOK", 0),
        ("capture", "NOK", 1000),
        ("decline", "CHF", 2490),
        ("refund", "CHF", 2000),
    ]


def test_the_ledger_is_read_in_pages_that_miss_and_repeat_nothing(provider: Any) -> None:
    for _ in range(3):
        provider.pay(100)
    whole = provider.client.get("/v1/ledger", params={"limit": 1000}).json()
    assert whole["next_after"] is None
    pages: list[Any] = []
    after: Any = 0
    while after is not None:
        page = provider.client.get("/v1/ledger", params={"after": after, "limit": 4}).json()
        pages += page["items"]
        after = page["next_after"]
    assert pages == whole["items"]
    assert [entry["id"] for entry in pages] == list(range(1, len(pages) + 1))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"amount": 0}, "body.amount"),
        ({"amount": -5}, "body.amount"),
        ({"amount": 12.5}, "body.amount"),
        ({"amount": "100"}, "body.amount"),
        ({"currency": "euro"}, "body.currency"),
        ({"reference": ""}, "body.reference"),
        ({"payment_token": None}, "body.payment_token"),
        ({"amonut": 1}, "body.amonut"),
    ],
)
def test_a_request_that_is_not_valid_is_refused_with_its_field(
    provider: Any, change: dict[str, object], complaint: str
) -> None:
    response = provider.pay(**{"amount": 100, "payment_token": "tok_secret"} | change)
    assert problem(response) == (422, "invalid-request")
    assert [error.split(":")[0] for error in response.json()["errors"]] == [complaint]
    assert "tok_secret" not in response.text


def test_every_error_is_a_problem(provider: Any) -> None:
    client = provider.client
    assert problem(client.get("/v1/payments/pay_unknown")) == (404, "payment-not-found")
    assert problem(provider.post("/v1/payments/pay_unknown/capture")) == (404, "payment-not-found")
    assert problem(client.get("/v1/nothing")) == (404, "not-found")
    assert problem(client.delete("/v1/ledger")) == (405, "method-not-allowed")
    assert problem(client.get("/v1/payments")) == (422, "invalid-request")
    assert problem(client.post("/v1/payments", json={})) == (422, "invalid-request")


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(provider: Any, declared: bool) -> None:
    body = b"x" * 20_000
    content = body if declared else iter([body[:10_000], body[10_000:]])
    assert problem(provider.client.post("/v1/payments", content=content)) == (413, "request-entity-too-large")


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic YTpi", "Bearer schlüssel"])
def test_without_the_api_key_nothing_is_told(provider: Any, authorization: str | None) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode()}
    response = httpx.get(f"{provider.url}/v1/ledger", headers=headers)
    assert problem(response) == (401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
