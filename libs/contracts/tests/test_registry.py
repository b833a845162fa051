import re
from pathlib import Path

import pytest
from tandem_contracts import generate
from tandem_contracts.payloads import Payload
from tandem_contracts.registry import EVENT_TYPES, TOPIC_OF, EventType, event_type_of
from tandem_contracts.topics import TOPICS, Topic


@pytest.mark.parametrize("event_type", EVENT_TYPES.values(), ids=lambda event_type: event_type.name)
def test_a_type_is_named_for_its_aggregate_a_fact_and_a_version(event_type: EventType) -> None:
    aggregate = "order|product|stock|customer"
    assert re.fullmatch(rf"({aggregate})\.[a-z_]*?(ed|id)\.v[1-9]", event_type.name)
    assert event_type.name.startswith(f"{event_type.aggregate_type}.")


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
    assert set(TOPIC_OF.values()) <= set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_write_survives_the_loss_of_a_broker(topic: Topic, replicas: int, in_sync: str) -> None:
    assert topic.config(replication_factor=replicas)["min.insync.replicas"] == in_sync


def test_the_committed_schemas_are_those_of_the_models() -> None:
    assert generate.differences(generate.FOLDER) == []


def test_missing_stale_and_foreign_schemas_are_told(tmp_path: Path) -> None:
    for name, content in generate.schemas().items():
        (tmp_path / name).write_text(content)
    (tmp_path / "order.paid.v1.json").unlink()
    (tmp_path / "order.placed.v1.json").write_text("{}")
    (tmp_path / "order.eaten.v1.json").write_text("{}")

    assert generate.differences(tmp_path) == [
        "order.eaten.v1.json: no such event type",
        "order.paid.v1.json: missing",
        "order.placed.v1.json: out of date",
    ]
