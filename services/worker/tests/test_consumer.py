"""The consumer's loop on a real Kafka: offsets behind the database, members that come and go, whole topics replayed."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka_records import read_to_end, write
from store import Store
from tandem_local.databases import Database
from tandem_runtime.health import Health
from tandem_worker.consumer.handlers import Consumer
from tandem_worker.consumer.main import run_consumer
from tandem_worker.settings import ConsumerSettings


@pytest.fixture
def settings(database: Database, kafka_server: str) -> ConsumerSettings:
    return ConsumerSettings(
        environment="test", database_url=database.url("tandem_worker"), kafka_bootstrap_servers=kafka_server
    )


@pytest.fixture
def consumer(store: Store, topics: Callable[..., str]) -> Consumer:
    """The order process in a group and on a topic of its own."""
    return replace(store.process, name=f"orders-{uuid.uuid4().hex[:8]}", topics=(topics("orders", partitions=4),))


@asynccontextmanager
async def consuming(consumer: Consumer, settings: ConsumerSettings, store: Store) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_consumer(consumer, settings, store.worker, Health(), stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


async def publish_new(consumer: Consumer, store: Store, settings: ConsumerSettings, published: int) -> int:
    """Publish what the outbox has beyond the first `published` events; returns how many there are."""
    events = store.events()
    await write(settings.kafka_bootstrap_servers, consumer.topics[0], events[published:])
    return len(events)


async def carry_through(consumer: Consumer, store: Store, settings: ConsumerSettings, done: Callable[[], bool]) -> None:
    published = 0
    async with asyncio.timeout(60):
        while not done():
            published = await publish_new(consumer, store, settings, published)
            await asyncio.sleep(0.1)


async def committed(consumer: Consumer, settings: ConsumerSettings) -> int:
    """Offsets committed by the group, summed over the partitions."""
    client = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, group_id=consumer.name, enable_auto_commit=False
    )
    await client.start()
    try:
        offsets = [await client.committed(TopicPartition(consumer.topics[0], number)) for number in range(4)]
        return sum(offset or 0 for offset in offsets)
    finally:
        await client.stop()


async def test_orders_are_carried_through_and_all_offsets_committed(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 20)
    orders = [await store.place_order({"MUG": 1}) for _ in range(10)]

    async with consuming(consumer, settings, store):
        await carry_through(consumer, store, settings, lambda: {store.state(one) for one in orders} == {"paid"})

    records = await read_to_end(settings.kafka_bootstrap_servers, consumer.topics[0])
    assert store.stock("MUG") == (10, 10)
    assert 0 < await committed(consumer, settings) <= len(records)


async def test_two_members_share_the_work_and_one_may_leave(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 40)
    async with consuming(consumer, settings, store):
        async with consuming(consumer, settings, store):
            orders = [await store.place_order({"MUG": 1}) for _ in range(10)]
            await carry_through(consumer, store, settings, lambda: {store.state(one) for one in orders} == {"paid"})
        published = len(store.events())
        orders += [await store.place_order({"MUG": 1}) for _ in range(10)]
        async with asyncio.timeout(60):
            while {store.state(one) for one in orders} != {"paid"}:
                published = await publish_new(consumer, store, settings, published)
                await asyncio.sleep(0.1)

    assert store.stock("MUG") == (20, 20)


async def test_a_whole_topic_delivered_again_changes_nothing(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 20)
    orders = [await store.place_order({"MUG": 1}) for _ in range(5)]
    async with consuming(consumer, settings, store):
        await carry_through(consumer, store, settings, lambda: {store.state(one) for one in orders} == {"paid"})
    before = store.events()

    again = replace(consumer)
    await write(settings.kafka_bootstrap_servers, consumer.topics[0], before)
    end = len(await read_to_end(settings.kafka_bootstrap_servers, consumer.topics[0]))
    async with consuming(again, settings, store), asyncio.timeout(60):
        while await committed(consumer, settings) < end:
            await asyncio.sleep(0.2)

    assert store.events() == before
    assert store.stock("MUG") == (15, 5)
    assert [store.payments(one) for one in orders] == [[("captured", 2500, 0)]] * 5


async def test_a_malformed_record_is_passed_over(store: Store, consumer: Consumer, settings: ConsumerSettings) -> None:
    store.put_in_stock("MUG", 1)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for partition in range(4):
            await producer.send_and_wait(consumer.topics[0], b"not an event", partition=partition)
    order = await store.place_order({"MUG": 1})

    async with consuming(consumer, settings, store):
        await carry_through(consumer, store, settings, lambda: store.state(order) == "paid")


async def test_what_was_in_hand_when_the_database_went_away_is_applied_when_it_is_back(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 30)
    orders = [await store.place_order({"MUG": 1}) for _ in range(20)]

    async def cut_connections() -> None:
        for _ in range(10):
            await asyncio.sleep(0.2)
            store.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'tandem_worker' AND datname = current_database()"
            )

    async with consuming(consumer, settings, store), asyncio.TaskGroup() as group:
        group.create_task(cut_connections())
        await carry_through(consumer, store, settings, lambda: {store.state(one) for one in orders} == {"paid"})

    assert store.stock("MUG") == (10, 20)
    assert store.dead_letters() == []
    assert [store.payments(one) for one in orders] == [[("captured", 2500, 0)]] * 20
