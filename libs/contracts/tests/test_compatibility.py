"""The gate: what it refuses, each with an event that would have been lost, and that nothing it lets pass loses one."""

from collections.abc import Callable
from copy import deepcopy
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError, create_model
from schema_strategies import values
from tandem_contracts.asyncapi import Document, document
from tandem_contracts.compatibility import refusals
from tandem_contracts.generate import PAGE, ROOT
from tandem_contracts.payloads import Payload
from tandem_contracts.registry import ORDER, EventType
from tandem_contracts.schema_changes import LAST_RELEASE, THIS_RELEASE

Fields = dict[str, Any]


def model(fields: Fields, base: type[Payload] = Payload) -> type[Payload]:
    """The payload of an event; a field is its type, alone or with its default."""
    definitions: Any = {name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()}
    return create_model("OrderEaten", __base__=base, __doc__="Somebody ate it.", order_id=(UUID, ...), **definitions)


def release(payload: type[Payload]) -> Document:
    return document([EventType("order.eaten.v1", payload, ORDER, ("worker",))])


def told(before: type[Payload], after: type[Payload]) -> list[str]:
    return [str(refusal) for refusal in refusals(release(before), release(after))]


def both_understand(before: type[Payload], after: type[Payload], body: bytes) -> bool:
    """Whether both releases read an event, and this one sees all that the last one sees in it."""
    try:
        return covers(*(reader.model_validate_json(body).model_dump() for reader in (after, before)))
    except ValidationError:
        return False


def covers(more: Any, less: Any) -> bool:
    if isinstance(more, dict) and isinstance(less, dict):
        return less.keys() <= more.keys() and all(covers(more[name], less[name]) for name in less)
    if isinstance(more, list) and isinstance(less, list):
        return len(more) == len(less) and all(map(covers, more, less))
    return bool(more == less)


class Bite(Payload):
    size: int


class BiteWithTeeth(Bite):
    teeth: int


class BiteWithSauce(Bite):
    sauce: str = ""


class Closed(Payload, extra="forbid"):
    pass


def bounded(**bounds: Any) -> Any:
    return Annotated[int, Field(**bounds)]


def text(**bounds: Any) -> Any:
    return Annotated[str, Field(**bounds)]


FILLED = Annotated[list[int], Field(min_length=1)]
NONE: Any = object()
BITE = {"size": 1}
# What the field `f` was and is, what is told, and an event that would be lost: who wrote it, and `f` in it.
REFUSED: dict[str, tuple[Any, Any, str, str, Any]] = {
    "a field is removed": (str, NONE, ".f: removed", "last", "Ada"),
    "a field that may be absent is removed": ((str, ""), NONE, ".f: removed", "last", "Ada"),
    "a required field is added": (NONE, str, ".f: a required field was added", "last", NONE),
    "a field becomes required": ((str, ""), str, ".f: optional became required", "last", NONE),
    "a field becomes optional": (str, (str, ""), ".f: required became optional", "this", NONE),
    "a default changes": ((str, ""), (str, "me"), '.f: default "" became "me"', "last", NONE),
    "a field is retyped": (int, str, '.f: type "integer" became "string"', "this", "x"),
    "a number may have a fraction": (int, float, '.f: type "integer" became "number"', "this", 0.5),
    "a list takes the place of a value": (int, list[int], '.f: type "integer" became "array"', "last", 1),
    "a format is added": (str, UUID, '.f: format absent became "uuid"', "last", "x"),
    "null is no longer allowed": (int | None, int, ".f: null is no longer allowed", "last", None),
    "null is allowed": (int, int | None, ".f: null is allowed now", "this", None),
    "an alternative is added": (int, int | str, ".f: 1 alternatives became 2", "this", "x"),
    "an alternative is removed": (int | str, int, ".f: 2 alternatives became 1", "last", "x"),
    "a bound is raised": (bounded(ge=1), bounded(ge=2), ".f: minimum 1 became 2", "last", 1),
    "a bound is lowered": (bounded(gt=1), bounded(gt=0), ".f: exclusiveMinimum 1 became 0", "this", 1),
    "a bound is added": (int, bounded(le=9), ".f: maximum absent became 9", "last", 10),
    "a bound is dropped": (bounded(le=9), int, ".f: maximum 9 became absent", "this", 10),
    "a text may be longer": (text(max_length=1), text(max_length=2), ".f: maxLength 1 became 2", "this", "ab"),
    "a text must be shorter": (text(max_length=2), text(max_length=1), ".f: maxLength 2 became 1", "last", "ab"),
    "a list may be empty": (FILLED, list[int], ".f: minItems 1 became absent", "this", []),
    "a pattern is added": (str, text(pattern="^a"), '.f: pattern absent became "^a"', "last", "b"),
    "a pattern changes": (text(pattern="^a"), text(pattern="^b"), '.f: pattern "^a" became "^b"', "last", "a"),
    "a closed list is extended": (Literal["a"], Literal["b", "a"], '.f: enum ["a"] became ["a", "b"]', "this", "b"),
    "a closed list is shortened": (Literal["b", "a"], Literal["a"], '.f: enum ["a", "b"] became ["a"]', "last", "b"),
    "a closed list is changed": (Literal["a"], Literal["b"], '.f: enum ["a"] became ["b"]', "last", "a"),
    "an open text is closed": (str, Literal["a", "b"], '.f: enum absent became ["a", "b"]', "last", "c"),
    "within an object": (Bite, BiteWithTeeth, ".f.teeth: a required field was added", "last", BITE),
    "within a list": (list[Bite], list[BiteWithTeeth], ".f[].teeth: a required field", "last", [BITE]),
    "within a mapping": (dict[str, Bite], dict[str, BiteWithTeeth], ".f[].teeth: a required", "last", {"a": BITE}),
    "behind what may be null": (Bite | None, BiteWithTeeth | None, ".f.teeth: a required field", "last", BITE),
    "among alternatives": (Bite | int, BiteWithTeeth | int, ".f.teeth: a required field", "last", BITE),
}


def with_field(field: Any, base: type[Payload] = Payload) -> type[Payload]:
    return model({} if field is NONE else {"f": field}, base)


@pytest.mark.parametrize(("before", "after", "line", "writer", "value"), REFUSED.values(), ids=REFUSED.keys())
def test_a_change_that_loses_an_event_is_refused(before: Any, after: Any, line: str, writer: str, value: Any) -> None:
    last, this = with_field(before), with_field(after)
    lost = {"order_id": str(uuid4())} | ({} if value is NONE else {"f": value})
    body = (last if writer == "last" else this).model_validate(lost).model_dump_json(exclude_unset=True).encode()

    assert not both_understand(last, this, body), "the example is none"
    (refusal,) = refusals(release(last), release(this))
    assert str(refusal).startswith(f"order.eaten.v1: payload{line}")
    assert refusal.change.why != (LAST_RELEASE if writer == "last" else THIS_RELEASE), (
        "it is the other one that refuses"
    )


def test_a_field_added_to_a_closed_object_is_refused() -> None:
    last, this = with_field(NONE, Closed), with_field((str, ""), Closed)
    body = this(order_id=uuid4(), f="x").model_dump_json().encode()  # type: ignore[call-arg]

    assert not both_understand(last, this, body)
    assert [refusal.change.why for refusal in refusals(release(last), release(this))] == [LAST_RELEASE]


def test_an_object_that_is_closed_is_refused() -> None:
    assert told(model({}), model({}, Closed)) == [
        f"order.eaten.v1: payload: additionalProperties absent became false; {THIS_RELEASE}"
    ]


class Cake(Payload):
    layers: "list[Cake]"
    size: int


class Pie(Payload):
    layers: "list[Pie]"
    size: str


def test_a_change_within_a_type_that_contains_itself_is_found_once() -> None:
    (refusal,) = refusals(release(with_field(Cake)), release(with_field(Pie)))

    assert (refusal.change.where, refusal.change.what) == ("payload.f.size", 'type "integer" became "string"')


def moved(change: Callable[[Document], None]) -> list[str]:
    last = release(model({}))
    current = deepcopy(last)
    change(current)
    return [str(refusal) for refusal in refusals(last, current)]


def drop_the_type(current: Document) -> None:
    del current["channels"]["tandem.orders"]["messages"]["order.eaten.v1"]


def change_the_topic(current: Document) -> None:
    current["channels"]["tandem.orders"]["address"] = "tandem.meals"


def add_partitions(current: Document) -> None:
    current["channels"]["tandem.orders"]["bindings"]["kafka"]["partitions"] = 24


def change_the_key(current: Document) -> None:
    message = current["components"]["messages"]["order.eaten.v1"]
    message["bindings"]["kafka"]["key"]["x-payload-field"] = "customer_id"


def change_the_content_type(current: Document) -> None:
    current["components"]["messages"]["order.eaten.v1"]["contentType"] = "application/avro"


def drop_a_header(current: Document) -> None:
    del current["components"]["schemas"]["CloudEvent"]["properties"]["traceparent"]


def require_a_header(current: Document) -> None:
    current["components"]["schemas"]["CloudEvent"]["required"].append("traceparent")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (drop_the_type, "type: removed; consumers of the last release wait for it, and topics still hold it"),
        (change_the_topic, 'topic: "tandem.orders" became "tandem.meals"; consumers of the last release do not read'),
        (add_partitions, "partitions: 12 became 24; events of one aggregate would be in two partitions"),
        (change_the_key, '"customer_id"}; events of one aggregate would be in two partitions'),
        (change_the_content_type, 'content type: "application/json" became "application/avro"; one release'),
        (drop_a_header, "headers.traceparent: removed; consumers of the last release would miss it"),
        (require_a_header, f"headers.traceparent: optional became required; {THIS_RELEASE}"),
    ],
)
def test_a_change_of_how_an_event_travels_is_refused(change: Callable[[Document], None], line: str) -> None:
    (refusal,) = moved(change)

    assert refusal.startswith("order.eaten.v1: ")
    assert line in refusal


class Described(Payload):
    """Anything else."""

    size: int = Field(title="Size", description="in millimetres", examples=[3])


ADDED = {
    "a field that may be absent": ({}, {"by": (str, "")}),
    "a field with a closed list": ({}, {"by": (Literal["a", "b"], "a")}),
    "a list": ({}, {"bites": (list[Bite], Field(default_factory=list))}),
    "a field within another object": ({"bite": Bite}, {"bite": BiteWithSauce}),
    "a field within a list": ({"bites": list[Bite]}, {"bites": list[BiteWithSauce]}),
    "a field within a mapping": ({"bites": dict[str, Bite]}, {"bites": dict[str, BiteWithSauce]}),
    "a field behind what may be null": ({"bite": Bite | None}, {"bite": BiteWithSauce | None}),
    "words, and another class name": ({"bite": Bite}, {"bite": Described}),
    "another order of a closed list": ({"s": Literal["a", "b"]}, {"s": Literal["b", "a"]}),
    "another order of null": ({"n": int | None}, {"n": None | int}),
}


@pytest.mark.parametrize(("before", "after"), ADDED.values(), ids=ADDED.keys())
def test_additions_pass(before: Fields, after: Fields) -> None:
    assert told(model(before), model(after)) == []


def test_new_types_other_owners_and_longer_retention_pass() -> None:
    payload = model({})
    last = document([EventType("order.eaten.v1", payload, ORDER, ("worker",))])
    current = document(
        [
            EventType("order.eaten.v1", payload, ORDER, ("api", "admin")),
            EventType("order.eaten.v2", model({"by": str}), ORDER, ("worker",)),
        ]
    )
    current["channels"]["tandem.orders"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] *= 2

    assert refusals(last, current) == []


VALUES: list[Any] = [
    *(int, bounded(ge=0), bounded(ge=1), bounded(gt=0, le=9), int | None),
    *(str, text(max_length=2), text(min_length=1, max_length=2), text(pattern="^[ab]{2}$"), str | None),
    *(Literal["a"], Literal["a", "b"], Literal["b", "c"], UUID, bool, int | str),
    *(Bite, BiteWithTeeth, BiteWithSauce, Bite | None, BiteWithSauce | None, list[Bite], list[BiteWithSauce]),
]
OPTIONAL: list[Any] = [(int, 0), (int, 1), (str, ""), (str | None, None), (Literal["a", "b"], "a"), (Bite | None, None)]
FIELD = st.sampled_from(VALUES + OPTIONAL)
# Mostly what the gate lets pass: kept as it is, or absent before.
EVOLUTION = st.one_of(FIELD.map(lambda field: (field, field)), st.tuples(st.just(NONE), FIELD), st.tuples(FIELD, FIELD))


@given(st.lists(EVOLUTION, max_size=3), st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_whatever_passes_loses_no_event_of_either_release(
    evolutions: list[tuple[Any, Any]], data: st.DataObject
) -> None:
    before, after = (
        model({f"f{number}": fields[side] for number, fields in enumerate(evolutions) if fields[side] is not NONE})
        for side in (0, 1)
    )
    assume(not told(before, after))
    for writer in (before, after):
        schema = writer.model_json_schema(mode="serialization")
        written = writer.model_validate(data.draw(values(schema, schema))).model_dump_json()
        assert both_understand(before, after, written.encode())


def test_the_page_shows_what_the_gate_says() -> None:
    class Shipped(Payload):
        carrier: str

    class ShippedShort(Payload):
        carrier: str = Field(max_length=40)

    def told_of(name: str, before: type[Payload], after: type[Payload]) -> list[str]:
        releases = (document([EventType(name, payload, ORDER, ("worker",))]) for payload in (before, after))
        return [str(refusal) for refusal in refusals(*releases)]

    requested = [
        create_model("Requested", __base__=Payload, requested_by=(requester, ...))
        for requester in (Literal["customer", "staff"], Literal["customer", "partner", "staff"])
    ]
    lines = told_of("order.shipped.v1", Shipped, ShippedShort)
    lines += told_of("order.cancellation_requested.v1", *requested)

    assert "\n".join(lines) in (ROOT / PAGE).read_text()
