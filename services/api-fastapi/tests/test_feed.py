"""The feed against a real broker, with topics of the test's own."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from identity_provider import IdentityProvider
from running_api import NO_BROKER, Api, api_settings, running_api
from storefront import Storefront
from tandem_api.feed import feed as feed_module
from tandem_api.feed.cache import Cache
from tandem_api.feed.feed import Feed
from tandem_api.feed.source import open_source
from tandem_api.metrics import EVENT_AGE, EVENTS_APPLIED, MALFORMED_RECORDS
from tandem_contracts.envelope import Event, to_kafka
from tandem_contracts.topics import Topic
from tandem_local.databases import Database

NewTopic = Callable[..., str]

# aiokafka leaves a connection to the garbage collector when it is cancelled while it connects.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed AIOKafkaConnection:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """The collector runs here, and not in a test where that warning is an error."""
    yield
    gc.collect()


class Broker:
    """Publishes as the relay does, to one topic of three partitions for all aggregates."""

    def __init__(self, topic: Topic, producer: AIOKafkaProducer) -> None:
        self.topic = topic
        self.producer = producer

    async def publish(self, aggregate_type: str, aggregate_id: UUID, kind: str, *, age_seconds: float = 0) -> None:
        event = Event(
            id=uuid4(),
            type=kind,
            source="/tandem/test",
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            version=1,
            time=datetime.now(UTC) - timedelta(seconds=age_seconds),
            body=json.dumps({"any": "thing"}).encode(),
        )
        key, value, headers = to_kafka(event)
        await self.producer.send_and_wait(self.topic.name, value, key=key, headers=headers)


@pytest.fixture
async def broker(kafka_server: str, topics: NewTopic) -> AsyncIterator[Broker]:
    topic = Topic(topics("feed", partitions=3), partitions=3, retention_ms=-1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server)
    await producer.start()
    try:
        yield Broker(topic, producer)
    finally:
        await producer.stop()


@asynccontextmanager
async def running_feed(cache: Cache, bootstrap: str, *topics: Topic, **changes: Any) -> AsyncIterator[Feed]:
    timing = {"retry_seconds": 0.2, "silence_seconds": 30.0, "reload_seconds": 600.0} | changes
    feed = Feed(cache, {"bootstrap_servers": bootstrap}, topics=topics, **timing)
    running = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The Kafka consumers that feeds open, in the order of opening."""
    opened: list[Any] = []

    @asynccontextmanager
    async def noting(*arguments: Any) -> AsyncIterator[Any]:
        async with open_source(*arguments) as source:
            opened.append(source._consumer)
            yield source

    monkeypatch.setattr(feed_module, "open_source", noting)
    return opened


async def until(condition: Callable[[], object], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def following(feed: Feed) -> None:
    await until(lambda: feed.following)


def applied(kind: str) -> float:
    return float(EVENTS_APPLIED.labels(kind)._value.get())


def shown(api: Api, sku: str) -> bool:
    snapshot = api.cache.catalogue.snapshot
    return snapshot is not None and snapshot.product(sku) is not None


async def test_product_events_renew_the_catalogue(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        before = applied("product.published.v1")

        product_id = storefront.product("NEW-1", name="New", category="new shelf")
        await broker.publish("product", product_id, "product.published.v1")
        await until(lambda: shown(api, "NEW-1"))
        assert (await api.get("/v1/products/NEW-1")).json()["category"]["slug"] == "new shelf"
        await until(lambda: applied("product.published.v1") == before + 1)

        storefront.sql("UPDATE catalog_product SET price_amount = 1 WHERE sku = 'NEW-1'")
        storefront.sql("UPDATE catalog_category SET name = 'Renamed' WHERE slug = 'new shelf'")
        etag = (await api.get("/v1/products/NEW-1")).headers["etag"]
        await broker.publish("product", product_id, "product.changed.v1")
        await until(lambda: api.cache.catalogue.snapshot.product("NEW-1")[1] != etag)  # type: ignore[union-attr,index]
        assert (await api.get("/v1/products/NEW-1")).json()["price"]["amount"] == 1
        assert {"slug": "new shelf", "name": "Renamed"} in (await api.get("/v1/categories")).json()["items"]

        storefront.sql("UPDATE catalog_product SET status = 'archived' WHERE sku = 'NEW-1'")
        await broker.publish("product", product_id, "product.archived.v1")
        await until(lambda: not shown(api, "NEW-1"))
        assert shown(api, "MUG-1"), "other products stay"


async def test_content_and_category_events_renew_what_is_shown(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        storefront.sql("INSERT INTO content_page (slug, title, body, is_published) VALUES ('imprint', 'Us', '', true)")
        await broker.publish("page", uuid4(), "page.published.v1")
        await until(lambda: api.cache.content.page("imprint"))

        storefront.sql("INSERT INTO content_banner (title, link, starts_at) VALUES ('Sale', 'page:imprint', now())")
        await broker.publish("banner", uuid4(), "banner.changed.v1")
        await until(lambda: b"Sale" in api.cache.content.home(datetime.now(UTC)))

        storefront.sql("UPDATE catalog_category SET name = 'Cookery' WHERE slug = 'kitchen'")
        await broker.publish("category", storefront.category("kitchen"), "category.changed.v1")
        await until(lambda: b"Cookery" in (api.cache.catalogue.snapshot.product("MUG-1") or (b"",))[0])  # type: ignore[union-attr]


async def test_a_feed_that_follows_is_as_stale_as_the_broker_is_silent(
    api: Api, kafka_server: str, broker: Broker
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        assert api.cache.loaded_at is not None
        api.cache.loaded_at -= 100
        await until(lambda: feed.stale_seconds() < 5)


async def test_an_event_that_comes_late_never_takes_the_catalogue_back(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker
) -> None:
    product_id = storefront.product("NEW-1", status="archived")
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        before = applied("product.published.v1")
        await broker.publish("product", product_id, "product.published.v1")
        await until(lambda: applied("product.published.v1") > before)
        assert not shown(api, "NEW-1")


async def test_a_deactivated_customer_is_refused_and_a_reactivated_one_welcome(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker, ada: UUID, eve: UUID
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        async with api.follow(storefront.order(ada), ada) as events:
            await events.next()
            storefront.sql("UPDATE users_user SET is_active = false WHERE id = %s", ada)
            await broker.publish("customer", ada, "customer.deactivated.v1")
            assert await events.next() is None, "her open stream ends"
        assert (await api.get("/v1/me", ada)).status_code == 403
        assert (await api.get("/v1/me", eve)).status_code == 200

        storefront.sql("UPDATE users_user SET is_active = true WHERE id = %s", ada)
        await broker.publish("customer", ada, "customer.reactivated.v1")
        await until(lambda: ada not in api.cache.refused)
        assert (await api.get("/v1/me", ada)).status_code == 200


async def test_an_order_event_wakes_the_streams_of_that_order(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker, ada: UUID
) -> None:
    order_id = storefront.order(ada)
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        async with api.follow(order_id, ada) as events:
            await events.next()
            storefront.advance(order_id, "reserved")
            await broker.publish("order", order_id, "order.reserved.v1", age_seconds=2)
            event = await events.next()  # well before the heartbeat
            assert event is not None
            assert event["id"] == "2"
    age = EVENT_AGE.labels(broker.topic.name)
    assert 2 <= age._sum.get() < 10


async def test_nothing_is_missed_between_the_ends_and_the_load(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: committed and published while the database is being read, after its rows were read."""
    load, loads = api.cache.load, 0

    async def load_and_then_publish() -> None:
        nonlocal loads
        await load()
        loads += 1
        if loads == 2:  # the first is without Kafka; the second is behind the noted ends
            product_id = storefront.product("GAP-1")
            await broker.publish("product", product_id, "product.published.v1")

    monkeypatch.setattr(api.cache, "load", load_and_then_publish)
    async with running_feed(api.cache, kafka_server, broker.topic):
        await until(lambda: shown(api, "GAP-1"))
    assert loads == 2


async def test_malformed_records_are_counted_and_the_next_is_applied(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        key = b"one"  # of one partition, so that the order is sure
        for value, headers in (
            (b"\xff\x00", []),
            (b"{}", [("ce_type", b"product.published.v1")]),
            (None, [("ce_subject", b"\xff")]),
        ):
            await broker.producer.send_and_wait(broker.topic.name, value, key=key, headers=headers)
        await broker.publish("unheard-of", uuid4(), "something.new.v1")
        product_id = storefront.product("NEW-1")
        await broker.publish("product", product_id, "product.published.v1")
        await until(lambda: shown(api, "NEW-1"))
        await until(lambda: MALFORMED_RECORDS.labels(broker.topic.name)._value.get() == 3)


async def test_without_a_broker_the_pod_is_ready_and_the_database_still_tells(
    api: Api, storefront: Storefront, ada: UUID
) -> None:
    async with running_feed(api.cache, NO_BROKER) as feed:
        storefront.product("NEW-1")
        storefront.sql("UPDATE users_user SET is_active = false WHERE id = %s", ada)
        await until(lambda: shown(api, "NEW-1") and ada in api.cache.refused)
        assert not feed.following
        assert feed.silent_seconds() > 0
        assert api.health.ready


async def test_a_broker_that_comes_later_is_followed(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker
) -> None:
    async with running_feed(api.cache, NO_BROKER, broker.topic) as feed:
        await until(lambda: feed.silent_seconds() > 0.5)
        feed.connection = {"bootstrap_servers": kafka_server}
        await following(feed)
        await broker.publish("product", storefront.product("NEW-1"), "product.published.v1")
        await until(lambda: shown(api, "NEW-1"))


async def test_silent_brokers_are_noticed_and_the_consumer_replaced(
    api: Api, kafka_server: str, broker: Broker, consumers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic, silence_seconds=3.0) as feed:
        await following(feed)
        await asyncio.sleep(4)
        assert len(consumers) == 1, "a quiet topic is no silent broker"
        # As when packets vanish: connections stay, answers do not come.
        monkeypatch.setattr(consumers[0]._client, "send", lambda *_a, **_k: asyncio.Event().wait())
        await until(lambda: len(consumers) == 2)


async def test_offsets_that_are_gone_make_the_feed_read_the_database_anew(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker, consumers: list[Any]
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        storefront.product("MISSED-1")  # its event was deleted with the offsets
        [consumer] = consumers
        for partition in consumer.assignment():
            consumer.seek(partition, 1_000_000)
        await until(lambda: shown(api, "MISSED-1"))
        await following(feed)
        await broker.publish("product", storefront.product("NEW-1"), "product.published.v1")
        await until(lambda: shown(api, "NEW-1"))


async def test_a_topic_that_is_missing_is_waited_for(
    api: Api, storefront: Storefront, kafka_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem_api.feed.source.CONNECT_SECONDS", 1)
    async with running_feed(api.cache, kafka_server, Topic("not.there", partitions=1, retention_ms=-1)) as feed:
        storefront.product("NEW-1")
        await until(lambda: shown(api, "NEW-1"))
        assert not feed.following


async def test_what_has_no_event_is_noticed_by_the_regular_reload(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker
) -> None:
    async with running_feed(api.cache, kafka_server, broker.topic, reload_seconds=1.5) as feed:
        await following(feed)
        storefront.category("garden")
        await until(lambda: len(api.cache.catalogue.snapshot.categories) == 2)  # type: ignore[union-attr]


async def test_a_database_that_was_away_when_an_event_came_is_read_when_it_is_back(
    api: Api, storefront: Storefront, kafka_server: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = api.cache.database
    async with running_feed(api.cache, kafka_server, broker.topic) as feed:
        await following(feed)
        api.cache.database = type(database)(api_settings("postgresql://nobody@127.0.0.1:9/nowhere", api.provider))
        await broker.publish("product", storefront.product("NEW-1"), "product.published.v1")
        await until(lambda: not feed.following)
        assert (await api.get("/v1/products/MUG-1")).status_code == 200
        api.cache.database = database
        await until(lambda: shown(api, "NEW-1"))


@pytest.fixture
def provisioned(kafka_server: str) -> Iterator[None]:
    """The topics that the API reads by itself."""
    from kafka import KafkaAdminClient  # noqa: PLC0415 - only this test pays for it
    from kafka.admin import NewTopic as Declared  # noqa: PLC0415
    from kafka.errors import TopicAlreadyExistsError  # noqa: PLC0415

    admin = KafkaAdminClient(bootstrap_servers=kafka_server)
    for topic in feed_module.TOPICS:
        with suppress(TopicAlreadyExistsError):
            admin.create_topics([Declared(topic.name, topic.partitions, 1)])
    yield
    admin.close()


@pytest.mark.usefixtures("provisioned")
async def test_the_application_follows_the_real_topics_by_itself(
    storefront: Storefront, database: Database, provider: IdentityProvider, kafka_server: str
) -> None:
    settings = api_settings(
        database.url("tandem_api"), provider, kafka_bootstrap_servers=kafka_server, feed_retry_seconds=0.2
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server)
    await producer.start()
    try:
        async with running_api(settings, provider) as api:
            reloads = api.cache.loaded_at
            await until(lambda: api.cache.loaded_at != reloads)  # behind the ends
            broker = Broker(feed_module.TOPICS[0], producer)
            await broker.publish("product", storefront.product("NEW-1"), "product.published.v1")
            await until(lambda: shown(api, "NEW-1"))
    finally:
        await producer.stop()
