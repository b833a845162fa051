"""The broker's side: a producer that sends record batches as they are planned, and what its answers mean."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnknownError,
    UnsupportedForMessageFormatError,
)
from tandem_contracts.topics import MAX_BATCH_BYTES
from tandem_runtime.kafka import KafkaSettings

from tandem_worker.relay.records import OutgoingRecord
from tandem_worker.relay.rounds import Delivery, Fault, Partition

ACKNOWLEDGEMENT_SECONDS = 15.0
ABANDON_SECONDS = 2.0

REFUSALS = (
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    UnsupportedForMessageFormatError,
)


@asynccontextmanager
async def running_producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer. After its first error it is of no more use: aiokafka's may be wedged (aiokafka #1017)."""
    producer = AIOKafkaProducer(
        **settings.kafka_connection(),
        client_id="tandem-relay",
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        request_timeout_ms=10_000,
        metadata_max_age_ms=60_000,
        max_batch_size=MAX_BATCH_BYTES,  # our plan bounds the batches; they are never filled any further
    )
    try:
        await producer.start()
        yield producer
    finally:
        await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Stop the producer; one that cannot deliver is not waited for. What it holds is in the outbox still."""
    try:
        await asyncio.wait_for(producer.stop(), timeout=ABANDON_SECONDS)
    except (KafkaError, TimeoutError):
        # It must not deliver later what its successor has sent by then.
        await producer._sender.close()  # noqa: SLF001 - there is no public way to give up
        await producer.client.close()


async def deliver(
    producer: AIOKafkaProducer, batches: Mapping[Partition, Sequence[Sequence[OutgoingRecord]]]
) -> dict[Partition, Delivery]:
    """Send each partition's batches one after the other, all partitions at once; tell how far each came."""
    deadline = asyncio.get_running_loop().time() + ACKNOWLEDGEMENT_SECONDS
    deliveries = await asyncio.gather(
        *(_deliver_to(producer, partition, sequence, deadline) for partition, sequence in batches.items())
    )
    return dict(zip(batches, deliveries, strict=True))


async def _deliver_to(
    producer: AIOKafkaProducer, partition: Partition, batches: Sequence[Sequence[OutgoingRecord]], deadline: float
) -> Delivery:
    topic, number = partition
    for acknowledged, records in enumerate(batches):
        batch = producer.create_batch()
        for record in records:
            if not batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers):
                raise AssertionError("a planned batch is larger than the producer's bound")
        batch.close()  # nobody else's records may join it
        fault = Fault.PASSING
        try:
            # An idempotent producer never gives a batch up, so the deadline is ours: then a new producer reads again.
            async with asyncio.timeout_at(deadline):
                acknowledgement = await producer.send_batch(batch, topic, partition=number)
                fault = Fault.DOUBTFUL  # from here on an error is about this batch
                await acknowledgement
        except (KafkaError, OSError) as error:
            return Delivery(acknowledged, _fault(error) if fault is Fault.DOUBTFUL else fault, error)
    return Delivery(len(batches))


def _fault(error: BaseException) -> Fault:
    if isinstance(error, REFUSALS):
        return Fault.REFUSED
    # Also the codes that aiokafka does not know, such as that of an invalid record (87).
    return Fault.DOUBTFUL if isinstance(error, UnknownError) else Fault.PASSING
