from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from tandem_contracts.envelope import Event, MalformedEventError, from_kafka, to_kafka
from tandem_contracts.orders import OrderReserved

ORDER, CUSTOMER = UUID(int=1), UUID(int=2)
RESERVED = OrderReserved(order_id=ORDER, customer_id=CUSTOMER)
EVENT = Event(
    id=uuid4(),
    type="order.reserved.v1",
    source="/tandem/worker",
    aggregate_type="order",
    aggregate_id=ORDER,
    version=2,
    time=datetime(2026, 11, 22, 19, 30, 0, 123456, tzinfo=UTC),
    body=RESERVED.model_dump_json().encode(),
    trace={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
)


def test_an_event_survives_the_journey_through_a_record() -> None:
    key, value, headers = to_kafka(EVENT)

    assert key == str(ORDER).encode()
    assert from_kafka(value, headers) == EVENT


def test_a_record_is_a_cloudevent_in_binary_mode() -> None:
    _, _, headers = to_kafka(EVENT)

    assert {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time"} <= {name for name, _ in headers}
    assert ("ce_specversion", b"1.0") in headers
    assert ("content-type", b"application/json") in headers


def test_the_payload_is_validated_by_its_types_model() -> None:
    assert EVENT.payload() == RESERVED


def test_fields_of_a_newer_producer_are_ignored() -> None:
    newer = replace(EVENT, body=EVENT.body[:-1] + b', "warehouse": "north"}')

    assert newer.payload() == RESERVED


def test_an_unknown_type_has_no_payload_rather_than_an_error() -> None:
    assert replace(EVENT, type="order.teleported.v7").payload() is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"order_id": "1"}'])
def test_a_body_that_breaks_the_contract_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEventError, match=r"order\.reserved\.v1"):
        replace(EVENT, body=body).payload()


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_aggregateversion"])
def test_a_record_without_an_attribute_is_malformed(name: str) -> None:
    _, value, headers = to_kafka(EVENT)

    with pytest.raises(MalformedEventError):
        from_kafka(value, [header for header in headers if header[0] != name])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ce_id", b"1"),
        ("ce_subject", b"order"),
        ("ce_time", b"now"),
        ("ce_aggregateversion", b"x"),
        ("ce_aggregateversion", b"0"),
        ("ce_aggregateversion", b"9" * 19),
        ("ce_type", b"\xff"),
        ("ce_type", b""),
        ("ce_type", b"x" * 65),
        ("ce_time", b"2026-11-22T19:30:00"),
        ("ce_subject", b"x" * 33 + b"/" + str(ORDER).encode()),
        ("ce_source", None),
    ],
)
def test_an_unreadable_attribute_is_malformed(name: str, content: bytes | None) -> None:
    _, value, headers = to_kafka(EVENT)

    with pytest.raises(MalformedEventError):
        from_kafka(value, [*(header for header in headers if header[0] != name), (name, content)])  # type: ignore[list-item]  # a foreign record may have null


@pytest.mark.parametrize("foreign", [("ce_dataschema", b"urn:x"), ("ce_added", b"\xff"), ("retries", None)])
def test_headers_that_nobody_here_knows_are_passed_over_whatever_they_hold(foreign: tuple[str, bytes | None]) -> None:
    _, value, headers = to_kafka(EVENT)

    assert from_kafka(value, [foreign, *headers, foreign]) == EVENT  # type: ignore[list-item]  # a foreign header may be null


def test_a_body_that_postgres_cannot_store_is_malformed() -> None:
    _, _, headers = to_kafka(EVENT)

    with pytest.raises(MalformedEventError):
        from_kafka(b'{"order_id": "\0"}', headers)
