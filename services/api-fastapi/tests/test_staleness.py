"""A pod that lost Kafka: it goes on serving, says how old what it knows may be, and catches up without a restart."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from running_api import Api
from storefront import Storefront
from tandem_contracts.topics import Topic
from tandem_local.kafka import running_kafka
from test_feed import Broker, collected, running_feed, shown, until

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed AIOKafkaConnection:ResourceWarning")
__all__ = ["collected"]  # a fixture, used by being here

SILENCE_SECONDS = 6


class OwnKafka:
    """A broker that can be stopped and started again, with its data and its port."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._running = ExitStack()
        self.bootstrap = ""

    async def start(self) -> None:
        server = await asyncio.to_thread(self._running.enter_context, running_kafka(self._home))
        self.bootstrap = server.bootstrap_servers

    async def stop(self) -> None:
        await asyncio.to_thread(self._running.close)


async def age(api: Api) -> int:
    answer = await api.get("/v1/products/MUG-1")
    assert answer.status_code == 200
    return int(answer.headers["age"])


async def test_the_broker_stops_and_comes_again(api: Api, storefront: Storefront, tmp_path: Path) -> None:
    kafka = OwnKafka(tmp_path)
    await kafka.start()
    topic = Topic("tandem.test", partitions=1, retention_ms=-1)
    try:
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        admin.create_topics([NewTopic(topic.name, 1, 1)])
        admin.close()
        async with running_feed(api.cache, kafka.bootstrap, topic, silence_seconds=SILENCE_SECONDS) as feed:
            api.app.state.feed = feed  # in place of its own, which has no broker
            await until(lambda: feed.following, seconds=60)
            await asyncio.sleep(SILENCE_SECONDS)
            assert await age(api) <= 3, "a quiet topic makes nothing old"

            await kafka.stop()
            await until(lambda: feed.stale_seconds() > 4)
            assert await age(api) >= 4
            storefront.product("NEW-1")
            await until(lambda: shown(api, "NEW-1"), seconds=20)
            assert await age(api) <= 3, "it was read from the database"

            await kafka.start()
            feed.connection = {"bootstrap_servers": kafka.bootstrap}
            await until(lambda: feed.following, seconds=60)
            async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
                await Broker(topic, producer).publish("product", storefront.product("NEW-2"), "product.published.v1")
            await until(lambda: shown(api, "NEW-2"))
    finally:
        await kafka.stop()
