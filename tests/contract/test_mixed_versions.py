"""Two releases side by side: this one reads what the last one may have written, and the other way round.

The last release is what it published: the AsyncAPI document that `tandem-contracts publish` keeps.
"""

import json
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft202012Validator
from schema_strategies import Schema, values
from tandem_contracts import generate, main
from tandem_contracts.asyncapi import document
from tandem_contracts.envelope import KafkaHeaders, from_kafka, to_kafka

LAST: Schema = json.loads((generate.ROOT / main.PUBLISHED).read_text())
THIS: Schema = document()
RELEASES = {"last": LAST, "this": THIS}

each_published_type = pytest.mark.parametrize("name", LAST["components"]["messages"])
some = settings(deadline=None, max_examples=25)


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


def objections(release: Schema, schema: Schema, instance: Any) -> list[str]:
    """What a consumer of `release` would say about a record's headers or payload."""
    validator = Draft202012Validator(
        {**schema, "components": release["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [error.message for error in validator.iter_errors(instance)]


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

    key, value, headers = to_kafka(replace(event, body=payload.model_dump_json().encode()))

    expected = message(LAST, name)
    assert objections(LAST, expected["headers"], {header: content.decode() for header, content in headers}) == []
    assert objections(LAST, expected["payload"], json.loads(value)) == []
    assert objections(LAST, expected["bindings"]["kafka"]["key"], key.decode()) == []


def test_a_consumer_of_the_last_release_would_object_to_what_breaks_its_contract() -> None:
    payload = message(LAST, "order.paid.v1")["payload"]
    order = str(uuid4())
    amount = {"amount": 1, "currency": "EUR"}
    paid = {"order_id": order, "customer_id": order, "payment_attempt_id": order, "amount": amount}

    assert objections(LAST, payload, paid) == []
    assert objections(LAST, payload, paid | {"order_id": "1"}) == ["'1' is not a 'uuid'"]
    assert objections(LAST, payload, paid | {"amount": amount | {"currency": "euro"}}) == [
        "'euro' does not match '^[A-Z]{3}$'"
    ]
