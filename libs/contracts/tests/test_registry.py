import re
from uuid import UUID

import pytest
from tandem_contracts.payloads import Payload
from tandem_contracts.registry import AGGREGATES, EVENT_TYPES, EventType, event_type_of
from tandem_contracts.topics import TOPICS, Topic

each_type = pytest.mark.parametrize("event_type", EVENT_TYPES.values(), ids=lambda event_type: event_type.name)


@each_type
def test_a_type_is_named_for_its_aggregate_a_fact_and_a_version(event_type: EventType) -> None:
    aggregate = "order|product|category|stock|customer|page|banner"
    assert re.fullmatch(rf"({aggregate})\.[a-z_]*?(ed|id)\.v[1-9]", event_type.name)
    assert event_type.name.startswith(f"{event_type.aggregate_type}.")
    assert event_type.name.endswith(f".v{event_type.version}")


@each_type
def test_a_type_says_what_happened_and_who_may_state_it(event_type: EventType) -> None:
    assert event_type.model.__doc__
    assert event_type.owners


@each_type
def test_a_payload_holds_the_key_of_its_record(event_type: EventType) -> None:
    assert event_type.model.model_fields[event_type.key].annotation is UUID


@each_type
def test_what_is_written_is_what_is_read(event_type: EventType) -> None:
    written = event_type.model.model_json_schema(mode="serialization")

    assert written == event_type.model.model_json_schema(mode="validation")


def test_every_model_is_the_body_of_one_type() -> None:
    models = [event_type.model for event_type in EVENT_TYPES.values()]
    assert len(set(models)) == len(models)


def test_a_payload_knows_its_type() -> None:
    event_type = EVENT_TYPES["order.delivered.v1"]
    assert event_type_of(event_type.model.model_construct()) is event_type


def test_what_is_no_event_has_no_type() -> None:
    with pytest.raises(KeyError):
        event_type_of(Payload())


def test_every_aggregate_has_a_declared_topic() -> None:
    assert {aggregate.topic for aggregate in AGGREGATES} <= set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_write_survives_the_loss_of_a_broker(topic: Topic, replicas: int, in_sync: str) -> None:
    assert topic.config(replication_factor=replicas)["min.insync.replicas"] == in_sync
