"""The rights that the chart gives to each login, at a real broker: each process gets what it needs, no more."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)
from tandem_api.feed.feed import TOPICS as FEED
from tandem_api.feed.source import open_source
from tandem_contracts.topics import CATALOG, CUSTOMERS, INVENTORY, ORDERS, TOPICS, Topic
from tandem_runtime.kafka import KafkaSettings
from tandem_worker.notifications.intentions import notifications_consumer
from tandem_worker.orders.process import NAME as ORDER_PROCESS
from tandem_worker.relay.broker import running_producer
from tandem_worker.streams import broker as streams
from tandem_worker.webhooks.fan_out import webhooks_consumer

from charts.broker import Broker, running_broker
from charts.rendering import rendered

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")

NOTIFICATIONS, WEBHOOKS = notifications_consumer(), webhooks_consumer()


@pytest.fixture(scope="module")
def broker(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = [
        *(one for one in rendered(packed, "data", "operators", values="dev.yaml") if one["kind"] == "KafkaTopic"),
        *(one for one in rendered(packed, "data", "operators", values="restored.yaml") if one["kind"] == "KafkaUser"),
    ]
    with running_broker(tmp_path_factory.mktemp("kafka"), made) as running:
        yield running


@asynccontextmanager
async def member(settings: KafkaSettings, group: str, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
    """As tandem_worker.consumer.membership joins."""
    consumer = AIOKafkaConsumer(
        **settings.kafka_connection(), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    consumer.subscribe(topics)
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def consume(settings: KafkaSettings, group: str, topic: str) -> None:
    """Until it is refused, which some errors of aiokafka's do not tell at once."""
    async with member(settings, group, topic) as consumer, asyncio.timeout(60):
        while True:
            await consumer.getmany(timeout_ms=1000)


async def publish(broker: Broker, *topics: Topic, user: str = "relay") -> None:
    async with running_producer(broker.settings(user)) as producer:
        for topic in topics:
            await producer.send_and_wait(topic.name, b"an event")


async def test_the_relay_publishes_everything(broker: Broker) -> None:
    await publish(broker, *TOPICS)


@pytest.mark.parametrize(
    ("user", "group", "topics"),
    [
        ("orders", ORDER_PROCESS, (ORDERS.name,)),
        ("notifications", NOTIFICATIONS.name, NOTIFICATIONS.topics),
        ("webhooks", WEBHOOKS.name, WEBHOOKS.topics),
    ],
)
async def test_a_consumer_reads_its_topics_in_its_group(
    broker: Broker, user: str, group: str, topics: tuple[str, ...]
) -> None:
    await publish(broker, *(topic for topic in TOPICS if topic.name in topics))
    read: set[str] = set()
    async with member(broker.settings(user), group, *topics) as consumer, asyncio.timeout(60):
        while read != set(topics):
            read |= {partition.topic for partition in await consumer.getmany(timeout_ms=1000)}
        await consumer.commit()


async def test_a_pod_of_the_api_follows_without_a_group(broker: Broker) -> None:
    async with open_source(broker.settings("api").kafka_connection(), FEED) as source, asyncio.timeout(60):
        await publish(broker, ORDERS)
        while not await source.read():
            pass


async def test_people_look_at_streams_with_the_order_process_login(broker: Broker) -> None:
    async with member(broker.settings("orders"), ORDER_PROCESS, ORDERS.name) as consumer:
        await publish(broker, ORDERS)
        await consumer.getmany(timeout_ms=5000)
        await consumer.commit()
    async with streams.connected(broker.settings("orders")) as looking:
        assert ORDER_PROCESS in await looking.committed("tandem-")
        extents = await looking.extents(await looking.partitions([topic.name for topic in TOPICS]))
    assert len(extents) == sum(topic.partitions for topic in TOPICS)


@pytest.mark.parametrize("user", ["orders", "notifications", "webhooks", "api"])
async def test_only_the_relay_publishes(broker: Broker, user: str) -> None:
    # Who may write nowhere is not even given a producer's id.
    with pytest.raises(ClusterAuthorizationFailedError):
        await publish(broker, ORDERS, user=user)


@pytest.mark.parametrize(
    ("user", "group", "topic"),
    [
        ("notifications", NOTIFICATIONS.name, CUSTOMERS.name),
        ("notifications", NOTIFICATIONS.name, CATALOG.name),
        ("webhooks", WEBHOOKS.name, CUSTOMERS.name),
        ("relay", ORDER_PROCESS, ORDERS.name),
    ],
)
async def test_nobody_reads_what_is_not_for_him(broker: Broker, user: str, group: str, topic: str) -> None:
    with pytest.raises((TopicAuthorizationFailedError, GroupAuthorizationFailedError)):
        await consume(broker.settings(user), group, topic)


@pytest.mark.parametrize("user", ["notifications", "webhooks", "api"])
async def test_nobody_takes_the_order_process_partitions(broker: Broker, user: str) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await consume(broker.settings(user), ORDER_PROCESS, ORDERS.name)


@pytest.mark.parametrize(
    ("user", "group", "topics"),
    [
        ("orders", ORDER_PROCESS, (ORDERS.name,)),
        ("notifications", NOTIFICATIONS.name, NOTIFICATIONS.topics),
        ("webhooks", WEBHOOKS.name, WEBHOOKS.topics),
    ],
)
async def test_a_scaler_reads_a_consumers_lag_with_the_consumers_login(
    broker: Broker, user: str, group: str, topics: tuple[str, ...]
) -> None:
    async with streams.connected(broker.settings(user)) as looking:
        await looking.admin.list_consumer_group_offsets(group)
        extents = await looking.extents(await looking.partitions(topics))
    assert {partition.topic for partition in extents} == set(topics)


async def test_a_login_that_is_no_consumers_reads_no_lag(broker: Broker) -> None:
    async with streams.connected(broker.settings("api")) as looking:
        with pytest.raises(GroupAuthorizationFailedError):
            await looking.admin.list_consumer_group_offsets(WEBHOOKS.name)


async def test_the_api_does_not_even_see_the_topic_of_stock(broker: Broker) -> None:
    async with streams.connected(broker.settings("api")) as looking:
        with pytest.raises(streams.NoSuchTopicError):
            await looking.partitions([INVENTORY.name])


async def test_after_a_restore_one_login_may_delete_what_is_lost(broker: Broker) -> None:
    await publish(broker, CATALOG, user="restore")
    async with streams.connected(broker.settings("restore")) as looking:
        assert await looking.groups_with_members([ORDER_PROCESS, WEBHOOKS.name]) == []
        extents = await looking.extents(await looking.partitions([CATALOG.name]))
        await looking.admin.delete_records({one: RecordsToDelete(extent.end) for one, extent in extents.items()})
        emptied = await looking.extents(list(extents))
    assert all(extent.records == 0 for extent in emptied.values())
