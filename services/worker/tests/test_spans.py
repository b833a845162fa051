"""A consumer's spans: the names are those of OpenTelemetry's conventions, a batch is linked both ways."""

from dataclasses import replace
from uuid import uuid4

import pytest
from letters import event
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import messaging_attributes
from tandem_contracts.envelope import Event
from tandem_worker.consumer.spans import Source, batch_span, process_span

CONVENTIONS = {value for name, value in vars(messaging_attributes).items() if name.startswith("MESSAGING_")}
DEPRECATED = {"messaging.operation", "messaging.kafka.message.offset", "messaging.kafka.destination.partition"}
CAUSE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
SOURCE = Source("tandem.orders", 3, 42)


def caused() -> Event:
    return replace(event(uuid4(), 1), trace=CAUSE)


def test_a_span_says_what_was_read_where_in_the_conventions_words() -> None:
    told = process_span("tandem-orders", caused(), SOURCE)["attributes"]

    assert {name for name in told if name.startswith("messaging.")} <= CONVENTIONS - DEPRECATED
    assert (told["messaging.system"], told["messaging.operation.type"]) == ("kafka", "process")
    assert (told["messaging.destination.name"], told["messaging.consumer.group.name"]) == (
        "tandem.orders",
        "tandem-orders",
    )
    assert (told["messaging.destination.partition.id"], told["messaging.kafka.offset"]) == ("3", 42)


def test_events_of_one_transaction_and_the_transaction_are_linked(recorded: InMemorySpanExporter) -> None:
    events = [caused(), caused(), caused()]
    with batch_span("tandem-webhooks", events, [SOURCE] * 3):
        current = trace.get_current_span().get_span_context()

    *each, batch = recorded.get_finished_spans()
    assert (batch.name, batch.parent, batch.context.span_id) == ("process batch", None, current.span_id)
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert {name for name in batch.attributes if name.startswith("messaging.")} <= CONVENTIONS - DEPRECATED
    assert {link.context.span_id for link in batch.links} == {span.context.span_id for span in each}
    for span in each:
        assert f"{span.context.trace_id:032x}" == CAUSE["traceparent"].split("-")[1]
        assert [link.context.span_id for link in span.links] == [batch.context.span_id]


def test_a_transaction_that_fails_is_a_failure_of_each_of_its_events(recorded: InMemorySpanExporter) -> None:
    def fail() -> None:
        with batch_span("tandem-webhooks", [caused(), caused()], [SOURCE] * 2):
            raise ValueError("deadlock")

    with pytest.raises(ValueError, match="deadlock"):
        fail()

    ended = recorded.get_finished_spans()
    assert [span.status.status_code for span in ended] == [trace.StatusCode.ERROR] * 3
    assert [span.attributes["error.type"] for span in ended[:2]] == ["ValueError"] * 2


def test_a_batch_of_which_nothing_is_recorded_is_not_either(recorded: InMemorySpanExporter) -> None:
    unsampled = {"traceparent": CAUSE["traceparent"][:-2] + "00"}
    with batch_span("tandem-webhooks", [replace(caused(), trace=unsampled), replace(caused(), trace={})], [None, None]):
        pass
    assert recorded.get_finished_spans() == ()
