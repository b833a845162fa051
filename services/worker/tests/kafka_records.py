"""Reading a topic to its end, and writing to it."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from kafka import KafkaAdminClient
from tandem_contracts.envelope import Event, to_kafka
from tandem_contracts.topics import TOPICS


def provision(bootstrap_servers: str) -> None:
    """The topics, as the relay needs them; several test workers may try at once."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        admin.create_topics(
            {
                topic.name: {
                    "num_partitions": topic.partitions,
                    "replication_factor": 1,
                    "configs": topic.config(replication_factor=1),
                }
                for topic in TOPICS
            },
            raise_errors=False,
        )
        admin.wait_for_topics([topic.name for topic in TOPICS])
    finally:
        admin.close()


async def read_to_end(bootstrap_servers: str, topic: str) -> list[ConsumerRecord]:
    """Every record of the topic, partition by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            await consumer._client._wait_on_metadata(topic)
            partitions = [
                TopicPartition(topic, number) for number in consumer._client.cluster.partitions_for_topic(topic)
            ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        records: list[ConsumerRecord] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for part in (await consumer.getmany(timeout_ms=200)).values():
                records += part
        return records
    finally:
        await consumer.stop()


async def write(bootstrap_servers: str, topic: str, events: Iterable[Event]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for event in events:
            key, value, headers = to_kafka(event)
            await producer.send_and_wait(topic, value, key=key, headers=headers)
