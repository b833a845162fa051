"""Two releases side by side: this one reads what the last one may have written, and the other way round.

The last release is what it published: the AsyncAPI document that `tandem-contracts publish` keeps.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from described import objections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schema_strategies import Schema, values
from tandem_contracts import generate, main
from tandem_contracts.asyncapi import document
from tandem_contracts.envelope import Event, KafkaHeaders, from_kafka, to_kafka
from tandem_contracts.orders import OrderPaid
from tandem_contracts.payloads import Money
from tandem_contracts.registry import EVENT_TYPES

LAST: Schema = json.loads((generate.ROOT / main.PUBLISHED).read_text())
THIS: Schema = document()
RELEASES = {"last": LAST, "this": THIS}

each_published_type = pytest.mark.parametrize("name", LAST["components"]["messages"])
some = settings(max_examples=25)


def message(release: Schema, name: str) -> Schema:
    published: Schema = release["components"]["messages"][name]
    return published


@cache
def records(release: str, name: str) -> SearchStrategy[tuple[Any, KafkaHeaders]]:
    """Payload and headers as a release promises them, and some fields and headers that nobody knows yet."""
    promised = RELEASES[release]
    of_type = message(promised, name)["headers"]["allOf"][1]["properties"]
    envelope = promised["components"]["schemas"]["CloudEvent"]
    narrowed = {header: schema | of_type.get(header, {}) for header, schema in envelope["properties"].items()}
    foreign = st.sampled_from([("ce_partitionkey", b"north"), ("ce_added", b"\xff"), ("retries", None)])
    headers = st.builds(
        lambda known, added: [(header, str(value).encode()) for header, value in known.items()] + added,
        values({**envelope, "properties": narrowed}, promised),
        st.lists(foreign, unique=True),
    )
    return st.tuples(values(message(promised, name)["payload"], promised), headers)


def covers(read: Any, written: Any) -> bool:
    """Whether all that was written was read, but for fields that only a newer release knows."""
    if isinstance(written, dict):
        known = [name for name in written if not name.startswith("added_")]
        return all(name in read and covers(read[name], written[name]) for name in known)
    if isinstance(written, list):
        return len(read) == len(written) and all(map(covers, read, written))
    return bool(read == written)


@each_published_type
@given(data=st.data())
@some
def test_this_release_reads_what_the_last_one_wrote(name: str, data: st.DataObject) -> None:
    written, headers = data.draw(records("last", name))

    event = from_kafka(json.dumps(written).encode(), headers)
    payload = event.payload()

    assert event.type == name
    assert payload is not None
    assert covers(payload.model_dump(mode="json"), written)


@each_published_type
@given(data=st.data())
@some
def test_the_last_release_reads_what_this_one_writes(name: str, data: st.DataObject) -> None:
    content, promised = data.draw(records("this", name))
    event = from_kafka(json.dumps(content).encode(), promised)
    payload = event.payload()
    assert payload is not None

    event_type = EVENT_TYPES[name]
    stated = replace(
        event,
        aggregate_id=getattr(payload, event_type.key),
        body=payload.model_dump_json().encode(),
    )

    assert objections(LAST, event_type.topic.name, *to_kafka(stated)) == []


PAID = OrderPaid(
    order_id=uuid4(), customer_id=uuid4(), payment_attempt_id=uuid4(), amount=Money(amount=1, currency="EUR")
)
EVENT = Event(
    id=uuid4(),
    type="order.paid.v1",
    source="/tandem/worker",
    aggregate_type="order",
    aggregate_id=PAID.order_id,
    version=3,
    time=datetime.now(UTC),
    body=PAID.model_dump_json().encode(),
)


@pytest.mark.parametrize(
    ("topic", "change", "objection"),
    [
        ("tandem.catalog", {}, "order.paid.v1 is not in tandem.catalog"),
        ("tandem.orders", {"aggregate_id": PAID.customer_id}, "is not that of the payload and the subject"),
        ("tandem.orders", {"aggregate_type": "product"}, "does not match '^order/"),
        ("tandem.orders", {"version": 0}, "'0' does not match"),
        ("tandem.orders", {"body": EVENT.body.replace(b"EUR", b"euro")}, "'euro' does not match '^[A-Z]{3}$'"),
        ("tandem.orders", {"body": EVENT.body.replace(b"payment_attempt_id", b"attempt")}, "is a required property"),
    ],
)
def test_a_reader_of_the_last_release_objects_to_what_breaks_its_contract(
    topic: str, change: dict[str, Any], objection: str
) -> None:
    assert objections(LAST, "tandem.orders", *to_kafka(EVENT)) == []

    (told,) = objections(LAST, topic, *to_kafka(replace(EVENT, **change)))

    assert objection in told
