"""What partners are sent, and where it may be sent."""

import json
import uuid
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from tandem_contracts.envelope import Event, MalformedEventError
from tandem_contracts.orders import OrderCancelled, OrderPaid
from tandem_contracts.payloads import Money, Payload
from tandem_contracts.registry import EVENT_TYPES, event_type_of
from tandem_contracts.webhook_urls import is_public, objection_to
from tandem_contracts.webhooks import WEBHOOK_TYPES, message, new_signing_secret, types_for

ORDER, CUSTOMER = uuid.uuid4(), uuid.uuid4()


def stated(payload: Payload) -> Event:
    return Event(
        id=uuid.uuid4(),
        type=event_type_of(payload).name,
        source="/tandem/worker",
        aggregate_type="order",
        aggregate_id=ORDER,
        version=3,
        time=datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
        body=payload.model_dump_json().encode(),
    )


def test_a_message_has_the_public_fields_and_no_other() -> None:
    paid = OrderPaid(
        order_id=ORDER,
        customer_id=CUSTOMER,
        payment_attempt_id=uuid.uuid4(),
        amount=Money(amount=2500, currency="EUR"),
    )

    assert json.loads(message(stated(paid))) == {
        "type": "order.paid.v1",
        "timestamp": "2026-11-23T12:30:00+00:00",
        "data": {"order_id": str(ORDER), "amount": {"amount": 2500, "currency": "EUR"}, "version": 3},
    }


def test_what_a_customer_wrote_stays_inside() -> None:
    cancelled = OrderCancelled(order_id=ORDER, customer_id=CUSTOMER, reason="my neighbour Eve has one")
    assert "Eve" not in message(stated(cancelled))


@pytest.mark.parametrize("name", WEBHOOK_TYPES)
def test_the_fields_are_those_of_the_event_and_none_says_who_the_customer_is(name: str) -> None:
    fields = WEBHOOK_TYPES[name].fields
    assert set(fields) <= set(EVENT_TYPES[name].model.model_fields)
    assert not {"customer_id", "payment_attempt_id"} & set(fields)


def test_an_event_that_breaks_its_contract_has_no_message() -> None:
    broken = Event(
        id=uuid.uuid4(),
        type="order.paid.v1",
        source="/tandem/worker",
        aggregate_type="order",
        aggregate_id=ORDER,
        version=1,
        time=datetime.now(UTC),
        body=b"{}",
    )
    with pytest.raises(MalformedEventError):
        message(broken)


def test_the_scope_decides_what_may_be_subscribed() -> None:
    assert types_for(["webhooks:manage"]) == []
    assert {name.partition(".")[0] for name in types_for(["webhooks:manage", "orders:status"])} == {"order"}
    assert set(types_for(["orders:status", "feed:read"])) == set(WEBHOOK_TYPES)


def test_secrets_are_long_and_never_the_same() -> None:
    first, second = new_signing_secret(), new_signing_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
        "169.254.169.254", "192.0.0.192", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_is_not_on_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_is_on_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://partner.example/hook", "https://"),
        ("ftp://partner.example/hook", "https://"),
        ("partner.example/hook", "https://"),
        ("https:///hook", "no host"),
        ("https://user:secret@partner.example/hook", "password"),
        ("https://partner.example/hook#part", "fragment"),
        ("https://partner.example:port/hook", "not a URL"),
        ("https://[::1/hook", "not a URL"),
        ("https://partner.example/a hook", "printable"),
        ("https://pärtner.example/hook", "printable"),
        (f"https://partner.example/{'x' * 2000}", "2000"),
        ("https://localhost/hook", "internet"),
        ("https://kafka/hook", "internet"),
        ("https://admin.tandem.svc.cluster.local/hook", "internet"),
        ("https://metadata.google.internal/hook", "internet"),
        ("https://127.0.0.1/hook", "internet"),
        ("https://[::1]/hook", "internet"),
        ("https://169.254.169.254/latest/meta-data", "internet"),
    ],
)
def test_is_refused_as_an_address_of_webhooks(url: str, told: str) -> None:
    assert told in (objection_to(url, allow_loopback=False) or "")


def test_an_https_address_on_the_internet_is_fine() -> None:
    assert objection_to("https://hooks.partner.example:8443/tandem?shop=1", allow_loopback=False) is None


def test_development_may_send_to_itself_and_nowhere_else_inside() -> None:
    for url in ("http://127.0.0.1:9000/hook", "http://localhost:9000/hook", "https://[::1]/hook"):
        assert objection_to(url, allow_loopback=True) is None
    for url in ("http://10.0.0.1/hook", "http://169.254.169.254/", "http://kafka:9092/"):
        assert objection_to(url, allow_loopback=True) is not None
