"""A record of Kafka as the consumer works with it."""

from dataclasses import dataclass
from uuid import UUID

from aiokafka import ConsumerRecord, TopicPartition
from tandem_contracts.envelope import Event, MalformedEventError, from_kafka

from tandem_worker.consumer import metrics
from tandem_worker.consumer.dead_letters import as_event
from tandem_worker.consumer.spans import Source


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event and where it came from; `malformed` says why the record is none, the event then only stands for it."""

    partition: TopicPartition
    offset: int
    event: Event
    malformed: str | None = None

    @property
    def lane(self) -> tuple[TopicPartition, str, UUID]:
        return self.partition, self.event.aggregate_type, self.event.aggregate_id

    @property
    def source(self) -> Source:
        return Source(self.partition.topic, self.partition.partition, self.offset)


def read(consumer: str, partition: TopicPartition, record: ConsumerRecord) -> Delivery:
    """The record as a delivery; the relay writes only well-formed ones, so one that is not is told."""
    try:
        return Delivery(partition, record.offset, from_kafka(record.value, record.headers))
    except MalformedEventError as error:
        metrics.MALFORMED.labels(consumer=consumer, topic=partition.topic).inc()
        return Delivery(partition, record.offset, as_event(record), malformed=str(error))
