"""The consumer's loop on a real Kafka: offsets behind the database, members that come and go, whole topics replayed."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2
from kafka_records import read_to_end, write
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncSession
from store import Store
from tandem_contracts.envelope import Event, to_kafka
from tandem_contracts.orders import OrderCancellationRequested
from tandem_local.databases import Database
from tandem_runtime.health import Health
from tandem_worker.consumer.handlers import Consumer, Handler
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

        records = len(await read_to_end(settings.kafka_bootstrap_servers, consumer.topics[0]))
        async with asyncio.timeout(30):
            while await committed(consumer, settings) < records:
                await asyncio.sleep(0.2)

    assert store.stock("MUG") == (10, 10)
    assert await committed(consumer, settings) == records


async def test_two_members_share_the_work_and_one_may_leave(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 60)
    applied: dict[str, set[UUID]] = {"first": set(), "second": set()}
    first, second = (told(consumer, applied[name]) for name in applied)
    orders: list[UUID] = []
    published = 0

    async def carry_on_until(done: Callable[[], bool]) -> None:
        nonlocal published
        async with asyncio.timeout(60):
            while not done():
                published = await publish_new(consumer, store, settings, published)
                await asyncio.sleep(0.1)

    def all_paid() -> bool:
        return {store.state(one) for one in orders} == {"paid"}

    async with consuming(first, settings, store):
        async with consuming(second, settings, store):
            while not (applied["first"] and applied["second"]) and len(orders) < 50:
                orders += [await store.place_order({"MUG": 1}) for _ in range(5)]
                await carry_on_until(all_paid)
        assert applied["first"]
        assert applied["second"]
        orders += [await store.place_order({"MUG": 1}) for _ in range(5)]
        await carry_on_until(all_paid)

    assert store.stock("MUG") == (60 - len(orders), len(orders))


def told(consumer: Consumer, applied: set[UUID]) -> Consumer:
    """The consumer, noting which orders it reserves."""
    handler = consumer.handlers["order.placed.v1"]

    async def apply(session: AsyncSession, event: Event, prepared: object) -> None:
        await handler.apply(session, event, prepared)
        applied.add(event.aggregate_id)

    return replace(consumer, handlers={**consumer.handlers, "order.placed.v1": Handler(apply)})


async def test_an_order_that_has_to_wait_holds_up_no_other_and_its_commit_only(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 30)
    stuck = await store.place_order({"MUG": 1}, total=2513)  # the provider fails for as long as it is asked
    store.process = consumer
    await store.run()
    await store.ask(stuck, OrderCancellationRequested, requested_by="customer")
    others = [await store.place_order({"MUG": 1}) for _ in range(12)]

    async with consuming(consumer, settings, store):
        await carry_through(consumer, store, settings, lambda: {store.state(one) for one in others} == {"paid"})
        records = await read_to_end(settings.kafka_bootstrap_servers, consumer.topics[0])
        behind = [one for one in records if one.partition == partition_of(stuck)]

    assert store.state(stuck) == "reserved"
    assert await committed(consumer, settings) <= len(records) - len(behind) + 2, "its first two events were applied"


async def test_a_full_partition_pauses_while_the_others_go_on(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 60)
    stuck = await store.place_order({"MUG": 1}, total=2513)
    store.process = consumer
    await store.run()
    await store.ask(stuck, OrderCancellationRequested, requested_by="customer")
    others = [await store.place_order({"MUG": 1}) for _ in range(40)]
    elsewhere = [one for one in others if partition_of(one) != partition_of(stuck)]
    few = settings.model_copy(update={"consumer_partition_events": 3})

    async with consuming(consumer, few, store):
        await carry_through(consumer, store, few, lambda: {store.state(one) for one in elsewhere} == {"paid"})
        here = {store.state(one) for one in others if partition_of(one) == partition_of(stuck)}

    assert "placed" in here, "what is behind the limit stays in Kafka"


def partition_of(order_id: UUID) -> int:
    """As the producer chooses it, of four."""
    return int(murmur2(str(order_id).encode()) & 0x7FFFFFFF) % 4


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


async def test_what_only_a_newer_release_knows_is_passed_over(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 1)
    order = await store.place_order({"MUG": 1})
    with psycopg.connect(store.database.url()) as newer:
        newer.execute("SELECT append_event('order', %s, 'order.paid.v2', '{\"paid\": [1, 2]}', '{}')", [order])
    placed, unknown = store.events()
    body = json.loads(placed.body) | {"gift": {"wrapped": True}}
    body["lines"][0] |= {"warehouse": None}

    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for event in (replace(placed, body=json.dumps(body).encode()), unknown):
            key, value, headers = to_kafka(event)
            foreign = [("ce_partitionkey", b"north"), ("ce_dataschema", b"\xff"), ("retries", None)]
            await producer.send_and_wait(consumer.topics[0], value, key=key, headers=foreign + headers)
    async with consuming(consumer, settings, store):
        await carry_through(consumer, store, settings, lambda: store.state(order) == "paid")

    assert store.dead_letters() == []
    assert store.types(order) == ["order.placed.v1", "order.paid.v2", "order.reserved.v1", "order.paid.v1"]


async def test_a_malformed_record_becomes_a_dead_letter_and_stops_nobody(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    store.put_in_stock("MUG", 1)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for partition in range(4):
            await producer.send_and_wait(consumer.topics[0], b"not \0an event", partition=partition)
    order = await store.place_order({"MUG": 1})

    async with consuming(consumer, settings, store):
        await carry_through(consumer, store, settings, lambda: store.state(order) == "paid")
    again = replace(consumer, name=consumer.name)
    async with consuming(again, settings, store):
        await carry_through(consumer, store, settings, lambda: len(store.dead_letters()) == 4)

    assert store.dead_letters() == [(1, "dead")] * 4


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


async def test_what_a_consumer_is_behind_is_measured(
    store: Store, consumer: Consumer, settings: ConsumerSettings
) -> None:
    def measured(name: str) -> float | None:
        return REGISTRY.get_sample_value(f"tandem_consumer_{name}", {"consumer": consumer.name})

    async def until(done: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not done():
                await asyncio.sleep(0.05)

    store.put_in_stock("MUG", 20)
    await store.place_order({"MUG": 1})
    with psycopg.connect(store.database.url()) as holder:
        holder.execute("LOCK TABLE inventory_stock IN EXCLUSIVE MODE")
        async with consuming(consumer, settings, store):
            await publish_new(consumer, store, settings, 0)

            await until(lambda: (measured("stalled_seconds") or 0) > 1)
            assert measured("assigned_partitions") == measured("topic_partitions") == 4
            assert measured("rebalances_total") == 1
            assert measured("lag_events") == 1
            assert (measured("lag_seconds") or 0) > 1

            holder.rollback()
            await until(lambda: measured("lag_events") == 0)
            await until(lambda: measured("stalled_seconds") == measured("lag_seconds") == 0)
        assert measured("assigned_partitions") == 0
