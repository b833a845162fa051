"""Webhooks from the event to the partner's server, in their own database role."""

import asyncio
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

import pytest
from kafka_records import write
from partners import Message, Partners, Receiver, Reply
from prometheus_client import REGISTRY
from standardwebhooks import WebhookVerificationError
from store import processor
from tandem_contracts.envelope import Event
from tandem_contracts.orders import OrderPaid, OrderPlaced
from tandem_contracts.payloads import Money, Payload
from tandem_contracts.registry import event_type_of
from tandem_runtime.health import Health
from tandem_worker.consumer.inbox import Outcome
from tandem_worker.consumer.main import run_consumer
from tandem_worker.database import SessionFactory
from tandem_worker.settings import WebhooksSettings
from tandem_worker.webhooks import metrics
from tandem_worker.webhooks.deliverer import Deliverer, measure
from tandem_worker.webhooks.fan_out import webhooks_consumer
from tandem_worker.webhooks.sending import sender

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EURO = Money(amount=2500, currency="EUR")
CUSTOMER = uuid.uuid4()


def stated(payload: Payload, aggregate_id: UUID, version: int) -> Event:
    return Event(
        id=uuid.uuid4(),
        type=event_type_of(payload).name,
        source="/tandem/worker",
        aggregate_type="order",
        aggregate_id=aggregate_id,
        version=version,
        time=datetime.now(UTC),
        body=payload.model_dump_json().encode(),
        trace={"traceparent": TRACEPARENT},
    )


def placed(order_id: UUID) -> Event:
    line = {"sku": "MUG", "quantity": 2, "unit_price": {"amount": 1250, "currency": "EUR"}}
    return stated(OrderPlaced(order_id=order_id, customer_id=CUSTOMER, total=EURO, lines=[line]), order_id, 1)


def paid(order_id: UUID, version: int = 2) -> Event:
    payload = OrderPaid(order_id=order_id, customer_id=CUSTOMER, payment_attempt_id=uuid.uuid4(), amount=EURO)
    return stated(payload, order_id, version)


async def consume(sessions: SessionFactory, *events: Event) -> list[Outcome]:
    return await processor(webhooks_consumer(), sessions).process(events)


@asynccontextmanager
async def deliverers(
    sessions: SessionFactory, settings: WebhooksSettings, count: int = 1
) -> AsyncIterator[list[Deliverer]]:
    async with sender(settings) as sending:
        yield [Deliverer(sessions, sending, settings) for _ in range(count)]


async def deliver_due(sessions: SessionFactory, settings: WebhooksSettings) -> None:
    """Send until nothing is due any more."""
    async with deliverers(sessions, settings) as (deliverer,):
        while await deliverer.begin_due():
            await deliverer.finish()


async def deliver_until(deliverer: Deliverer, done: Callable[[], bool], seconds: float = 30) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(deliverer.run(stop))
    try:
        async with asyncio.timeout(seconds):
            while not done():
                assert not running.done(), running.exception()
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await running


async def let_no_pause_be(partners: Partners, stop: asyncio.Event) -> None:
    """Make what failed due again. In a thread: it may wait for rows that a transaction of this one has locked."""
    due = (
        "WITH due AS (SELECT id FROM webhooks_delivery WHERE state = 'pending' AND attempts > 0 FOR UPDATE SKIP LOCKED)"
        " UPDATE webhooks_delivery SET next_attempt_at = now() FROM due WHERE webhooks_delivery.id = due.id"
    )
    while not stop.is_set():
        await asyncio.to_thread(partners.sql, due)
        await asyncio.sleep(0.2)


@pytest.fixture
def order_id() -> UUID:
    return uuid.uuid4()


class TestFanOut:
    async def test_an_event_is_a_delivery_for_each_endpoint_that_wants_it(
        self, webhook_sessions: SessionFactory, partners: Partners, order_id: UUID
    ) -> None:
        both = partners.endpoint("https://a.example/", types=["order.placed.v1", "order.paid.v1"])
        one = partners.endpoint("https://b.example/", types=["order.paid.v1"])
        first, second = placed(order_id), paid(order_id)

        assert await consume(webhook_sessions, first, second) == [Outcome.APPLIED] * 2

        assert [row["event_id"] for row in partners.deliveries(both)] == [first.id, second.id]
        (row,) = partners.deliveries(one)
        assert (row["event_id"], row["event_type"], row["version"]) == (second.id, "order.paid.v1", 2)
        assert row["traceparent"] == TRACEPARENT
        assert json.loads(row["body"])["data"] == {
            "order_id": str(order_id),
            "amount": {"amount": 2500, "currency": "EUR"},
            "version": 2,
        }

    async def test_an_event_that_comes_again_is_one_delivery(
        self, webhook_sessions: SessionFactory, partners: Partners, order_id: UUID
    ) -> None:
        partners.endpoint("https://a.example/")
        event = placed(order_id)

        assert await consume(webhook_sessions, event) == [Outcome.APPLIED]
        assert await consume(webhook_sessions, event) == [Outcome.DUPLICATE]

        assert len(partners.deliveries()) == 1

    async def test_nobody_hears_what_their_client_may_not_know(
        self, webhook_sessions: SessionFactory, partners: Partners, order_id: UUID
    ) -> None:
        client_id = partners.client(scopes="webhooks:manage\nfeed:read\norders:status-of-others")
        endpoint = partners.endpoint("https://a.example/", client_id=client_id)
        await consume(webhook_sessions, placed(order_id))
        assert partners.deliveries() == []

        partners.sql("UPDATE allauth_idp_oidc_client SET scopes = %s", "webhooks:manage\r\norders:status\r\n")
        await consume(webhook_sessions, paid(order_id))
        assert [row["version"] for row in partners.deliveries(endpoint)] == [2]

    async def test_a_disabled_a_deleted_and_a_later_endpoint_get_nothing(
        self, webhook_sessions: SessionFactory, partners: Partners, order_id: UUID
    ) -> None:
        event = placed(order_id)
        partners.endpoint("https://later.example/")
        partners.sql("UPDATE webhooks_endpoint SET created_at = now() + interval '1 second'")
        off, deleted = partners.endpoint("https://off.example/"), partners.endpoint("https://deleted.example/")
        partners.sql(
            "UPDATE webhooks_endpoint SET state = 'disabled', disabled_at = now(), disabled_reason = 'holidays',"
            " created_at = now() - interval '1 day' WHERE id = %s",
            off,
        )
        partners.sql(
            "UPDATE webhooks_endpoint SET deleted_at = now(), created_at = now() - interval '1 day' WHERE id = %s",
            deleted,
        )
        await consume(webhook_sessions, event)
        assert partners.deliveries() == []

    async def test_an_event_that_breaks_its_contract_is_a_dead_letter_and_no_other_is(
        self, webhook_sessions: SessionFactory, partners: Partners, order_id: UUID
    ) -> None:
        endpoint, other = partners.endpoint("https://a.example/"), uuid.uuid4()
        broken = replace(placed(order_id), body=b"{}")

        assert await consume(webhook_sessions, broken, placed(other)) == [Outcome.DEAD, Outcome.APPLIED]

        assert [row["aggregate_id"] for row in partners.deliveries(endpoint)] == [other]


class TestAMessage:
    async def test_is_signed_so_that_the_official_library_verifies_it(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url("/hook?shop=1"))
        event = placed(order_id)
        await consume(webhook_sessions, event)

        await deliver_due(webhook_sessions, webhook_settings)

        (message,) = receiver.messages
        (secret,) = partners.secrets(endpoint)
        assert message.verified_by(secret)["data"]["total"] == {"amount": 2500, "currency": "EUR"}
        assert message.path == "/hook?shop=1"
        assert message.headers["webhook-id"] == str(event.id)
        assert message.headers["content-type"] == "application/json"
        assert abs(int(message.headers["webhook-timestamp"]) - time.time()) < 10
        with pytest.raises(WebhookVerificationError):
            message.verified_by("whsec_" + "A" * 43 + "=")
        assert partners.states(endpoint) == ["delivered"]
        (attempt,) = partners.attempts()
        assert (attempt["status"], attempt["response"], attempt["error"]) == (200, "thanks", "")

    async def test_has_a_signature_of_each_secret_that_is_valid(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        partners.secret(endpoint, former_for="-1 minute")
        partners.secret(endpoint)
        oldest, former, newest = partners.secrets(endpoint)
        await consume(webhook_sessions, placed(order_id))

        await deliver_due(webhook_sessions, webhook_settings)

        (message,) = receiver.messages
        message.verified_by(former)
        message.verified_by(newest)
        with pytest.raises(WebhookVerificationError):
            message.verified_by(oldest)

    async def test_continues_the_trace_of_its_event(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        assert receiver.messages[0].headers["traceparent"].split("-")[1] == TRACEPARENT.split("-")[1]

    async def test_is_the_same_byte_for_byte_when_it_is_tried_again(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(500 if len(receiver.messages) < 3 else 204, b"")
        await consume(webhook_sessions, placed(order_id))

        for _ in range(3):
            await deliver_due(webhook_sessions, webhook_settings)
            partners.let_pass(0.1)

        first, *others = receiver.messages
        assert len(others) == 2
        for other in others:
            assert (other.body, other.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])
            other.verified_by(partners.secrets(endpoint)[0])
        assert partners.states() == ["delivered"]
        assert [attempt["status"] for attempt in partners.attempts()] == [500, 500, 204]


class TestOrder:
    async def test_a_later_event_waits_for_the_earlier_one_and_others_do_not(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        other = uuid.uuid4()
        partners.endpoint(receiver.url())

        def answer(message: Message) -> Reply:
            return Reply(503 if message.data["order_id"] == str(order_id) else 200)

        receiver.answer = answer
        await consume(webhook_sessions, placed(order_id), placed(other), paid(order_id), paid(other))
        await deliver_due(webhook_sessions, webhook_settings)
        assert receiver.versions(order_id) == [1]
        partners.let_pass(0.1)
        receiver.answer = lambda _: Reply()
        await deliver_due(webhook_sessions, webhook_settings)

        assert receiver.versions(order_id) == [1, 1, 2]
        assert receiver.versions(other) == [1, 2]

    async def test_it_goes_on_when_the_earlier_one_is_given_up(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        receiver.answer = lambda message: Reply(400 if message.data["version"] == 1 else 200)
        await consume(webhook_sessions, placed(order_id), paid(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        await consume(webhook_sessions, placed(uuid.uuid4()))
        partners.sql("UPDATE webhooks_endpoint SET failing_since = NULL")  # others are accepted meanwhile
        partners.let_pass(25)

        await deliver_due(webhook_sessions, webhook_settings)

        assert receiver.versions(order_id) == [1, 1, 2]
        assert partners.states(endpoint)[:2] == ["failed", "delivered"]
        assert partners.state(endpoint)["state"] == "enabled"

    async def test_many_orders_to_several_endpoints_by_several_processes_keep_theirs(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver,
    ) -> None:  # fmt: skip
        endpoints = [partners.endpoint(receiver.url(f"/{number}")) for number in range(3)]
        orders = [uuid.uuid4() for _ in range(20)]
        refused: set[tuple[str, bytes]] = set()

        def answer(message: Message) -> Reply:
            """Each fifth is refused once."""
            identity = message.path, message.body
            if crc32(message.path.encode() + message.body) % 5 or identity in refused:
                return Reply()
            refused.add(identity)
            return Reply(500)

        receiver.answer = answer
        for version in range(1, 6):
            await consume(webhook_sessions, *(paid(order, version) for order in orders))
        stop = asyncio.Event()
        async with deliverers(webhook_sessions, webhook_settings, 3) as (one, two, three):
            others = [asyncio.create_task(each.run(stop)) for each in (two, three)]
            others.append(asyncio.create_task(let_no_pause_be(partners, stop)))
            await deliver_until(one, lambda: set(partners.states()) == {"delivered"}, seconds=60)
            stop.set()
            await asyncio.gather(*others)

        assert refused
        sent = partners.sql(
            "SELECT delivery.endpoint_id, aggregate_id, version, status FROM webhooks_attempt AS attempt"
            " JOIN webhooks_delivery AS delivery ON delivery.id = delivery_id ORDER BY started_at"
        )
        assert len(sent) == len(orders) * 5 * len(endpoints) + len(refused)
        for endpoint in endpoints:
            for order in orders:
                heard = [
                    row["version"] for row in sent if (row["endpoint_id"], row["aggregate_id"]) == (endpoint, order)
                ]
                assert heard == sorted(heard)
                assert set(heard) == set(range(1, 6))


class TestASlowPartner:
    async def test_holds_up_no_other_and_gets_few_at_once(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver,
    ) -> None:  # fmt: skip
        slow, quick = partners.endpoint(receiver.url("/slow")), partners.endpoint(receiver.url("/quick"))
        slow_under_way: list[int] = []

        def answer(message: Message) -> Reply:
            slow_under_way.append(receiver.under_way)
            return Reply(seconds=1.0 if message.path == "/slow" else 0)

        receiver.answer = answer
        settings = webhook_settings.model_copy(update={"webhooks_endpoint_concurrency": 2, "webhooks_concurrency": 6})
        await consume(webhook_sessions, *(placed(uuid.uuid4()) for _ in range(20)))

        async with deliverers(webhook_sessions, settings, 2) as (one, two):
            stop = asyncio.Event()
            other = asyncio.create_task(two.run(stop))
            began = time.monotonic()
            await deliver_until(one, lambda: set(partners.states(quick)) == {"delivered"})
            took = time.monotonic() - began
            stop.set()
            await other

        assert took < 5
        assert partners.states(slow).count("delivered") < 20
        slow_ones = [message for message in receiver.messages if message.path == "/slow"]
        assert _most_at_once(slow_ones, seconds=0.95) <= 2

    async def test_that_does_not_answer_at_all_is_a_failure_and_takes_one_place(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(seconds=1.5)
        settings = webhook_settings.model_copy(update={"webhooks_timeout_seconds": 0.5})
        await consume(webhook_sessions, placed(uuid.uuid4()))
        await deliver_due(webhook_sessions, settings)
        (row,) = partners.deliveries(endpoint)
        assert (row["state"], row["last_status"]) == ("pending", None)
        assert row["last_error"] == "No answer within 0.5 s."

        await consume(webhook_sessions, *(placed(uuid.uuid4()) for _ in range(8)))
        async with deliverers(webhook_sessions, settings) as (deliverer,):
            assert await deliverer.begin_due() == 1
            await deliverer.finish()


def _most_at_once(messages: list[Message], *, seconds: float) -> int:
    """How many of the messages, each of which was answered after `seconds`, were under way at one time."""
    return max(sum(0 <= one.at - other.at < seconds for other in messages) for one in messages)


class TestFailing:
    async def test_pauses_grow_and_jitter(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(500)
        await consume(webhook_sessions, placed(order_id))
        pauses = []
        for _ in range(4):
            await deliver_due(webhook_sessions, webhook_settings)
            (row,) = partners.sql("SELECT extract(epoch FROM next_attempt_at - now()) AS pause FROM webhooks_delivery")
            pauses.append(float(row["pause"]))
            partners.sql("UPDATE webhooks_delivery SET next_attempt_at = now()")
        for pause, expected in zip(pauses, (5, 20, 80, 320), strict=True):
            assert expected * 0.8 - 2 <= pause <= expected * 1.2

    async def test_for_a_day_is_given_up_and_disables_the_endpoint(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(500, b"no\0 luck" * 1000)
        await consume(webhook_sessions, placed(order_id), paid(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        partners.let_pass(23.9)
        await deliver_due(webhook_sessions, webhook_settings)
        assert partners.states() == ["pending", "pending"]

        partners.let_pass(0.2)
        await deliver_due(webhook_sessions, webhook_settings)

        assert partners.states() == ["failed", "pending"]
        state = partners.state(endpoint)
        assert (state["state"], state["disabled_reason"]) == ("disabled", "Nothing was accepted for 24 h.")
        (first, *_others) = partners.attempts()
        assert first["response"].startswith("no\N{REPLACEMENT CHARACTER} luck")
        assert len(first["response"]) <= 1000

        sent = len(receiver.messages)
        await deliver_due(webhook_sessions, webhook_settings)
        assert len(receiver.messages) == sent

        receiver.answer = lambda _: Reply()
        partners.sql("UPDATE webhooks_endpoint SET state = 'enabled', disabled_at = NULL, disabled_reason = ''")
        await deliver_due(webhook_sessions, webhook_settings)
        assert partners.states() == ["failed", "delivered"]

    async def test_with_410_disables_at_once(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(410)
        await consume(webhook_sessions, placed(order_id), paid(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        assert partners.states(endpoint) == ["failed", "pending"]
        assert partners.state(endpoint)["disabled_reason"] == "The endpoint answered 410 Gone."
        assert len(receiver.messages) == 1

    async def test_with_retry_after_leaves_the_endpoint_alone_for_so_long(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(429, headers={"Retry-After": "600"})
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        await consume(webhook_sessions, placed(uuid.uuid4()))
        receiver.answer = lambda _: Reply()
        for hours, heard in ((0.15, 1), (0.05, 3)):
            partners.let_pass(hours)
            await deliver_due(webhook_sessions, webhook_settings)
            assert len(receiver.messages) == heard

    async def test_a_redirect_is_not_followed(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url("/moved"))
        receiver.answer = lambda _: Reply(307, headers={"Location": receiver.url("/elsewhere")})
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        assert [message.path for message in receiver.messages] == ["/moved"]
        assert partners.deliveries()[0]["last_status"] == 307

    async def test_an_answer_that_never_ends_is_read_a_little_and_its_status_counts(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(200, b"begin", headers={"Content-Length": "1000000000"})
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        (row,) = partners.deliveries()
        assert (row["state"], row["last_response"]) == ("delivered", "begin")

    async def test_nobody_there_is_a_failure_like_any_other(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners, order_id: UUID
    ) -> None:
        partners.endpoint("http://127.0.0.1:9/hook")
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        (row,) = partners.deliveries()
        assert row["state"] == "pending"
        assert re.match(r"ConnectError: ", row["last_error"])


class TestCrashes:
    async def test_who_dies_behind_the_yes_has_it_sent_again_under_the_same_id(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(seconds=0.3)
        await consume(webhook_sessions, placed(order_id), paid(order_id))
        async with deliverers(webhook_sessions, webhook_settings) as (deliverer,):
            await deliverer.begin_due()
            while not receiver.messages:
                await asyncio.sleep(0.01)
            for task in tuple(deliverer._under_way):
                task.cancel()
            await deliverer.finish()

        await deliver_due(webhook_sessions, webhook_settings)
        assert receiver.versions(order_id) == [1]  # until its lease ends, nobody touches it, nor what is behind it
        partners.let_pass(1)
        await deliver_due(webhook_sessions, webhook_settings)

        assert receiver.versions(order_id) == [1, 1, 2]
        assert len({message.headers["webhook-id"] for message in receiver.messages}) == 2

    async def test_who_comes_back_after_its_lease_changes_nothing(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())
        receiver.answer = lambda _: Reply(500, seconds=0.8) if len(receiver.messages) == 1 else Reply()
        await consume(webhook_sessions, placed(order_id))
        async with deliverers(webhook_sessions, webhook_settings, 2) as (sleeper, other):
            await sleeper.begin_due()
            while not receiver.messages:
                await asyncio.sleep(0.01)
            partners.let_pass(1)
            assert await other.begin_due() == 1
            await other.finish()
            await sleeper.finish()

        (row,) = partners.deliveries()
        assert (row["state"], row["last_status"]) == ("delivered", 200)
        assert len(partners.attempts()) == 2

    async def test_a_database_that_is_away_for_a_moment_loses_no_answer(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        partners.endpoint(receiver.url())

        def answer(_message: Message) -> Reply:
            partners.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'tandem_webhooks' AND datname = current_database()"
            )
            return Reply()

        receiver.answer = answer
        await consume(webhook_sessions, placed(order_id))
        async with deliverers(webhook_sessions, webhook_settings) as (deliverer,):
            await deliver_until(deliverer, lambda: partners.states() == ["delivered"])
        assert len(receiver.messages) == 1


class TestRequests:
    async def test_a_delivery_is_sent_again_and_keeps_its_history(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url())
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        (row,) = partners.deliveries()
        partners.sql(
            "INSERT INTO webhooks_deliveryrequest (endpoint_id, delivery_id, requested_by, why)"
            " VALUES (%s, %s, 'staff@tandem.example', 'they lost it')",
            endpoint,
            row["id"],
        )

        await deliver_due(webhook_sessions, webhook_settings)

        first, second = receiver.messages
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert partners.states() == ["delivered"]
        assert len(partners.attempts()) == 2
        await deliver_due(webhook_sessions, webhook_settings)
        assert len(receiver.messages) == 2

    async def test_a_test_event_arrives_whatever_the_endpoint_wants(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver,
    ) -> None:  # fmt: skip
        endpoint = partners.endpoint(receiver.url(), types=["product.archived.v1"])
        (request,) = partners.sql(
            "INSERT INTO webhooks_deliveryrequest (endpoint_id, requested_by) VALUES (%s, 'partner') RETURNING id",
            endpoint,
        )
        await deliver_due(webhook_sessions, webhook_settings)
        (message,) = receiver.messages
        told = message.verified_by(partners.secrets(endpoint)[0])
        assert (told["type"], told["data"]) == ("webhook.test.v1", {"endpoint_id": str(endpoint)})
        assert message.headers["webhook-id"] == str(request["id"])


class TestWhatOperatorsSee:
    async def test_what_waits_and_how_old_it_is(
        self, webhook_sessions: SessionFactory, partners: Partners, order_id: UUID
    ) -> None:
        waiting, off = partners.endpoint("https://a.example/"), partners.endpoint("https://b.example/")
        await consume(webhook_sessions, placed(order_id), paid(order_id))
        partners.sql("UPDATE webhooks_delivery SET created_at = created_at - interval '1 hour'")
        partners.sql(
            "UPDATE webhooks_endpoint SET state = 'disabled', disabled_at = now(), disabled_reason = 'x' WHERE id = %s",
            off,
        )
        assert len(partners.deliveries(waiting)) == len(partners.deliveries(off)) == 2
        metrics.PENDING.set(-1)
        stop = asyncio.Event()
        measuring = asyncio.create_task(measure(webhook_sessions, stop))
        async with asyncio.timeout(10):
            while REGISTRY.get_sample_value("tandem_webhook_endpoints", {"state": "disabled"}) != 1:
                await asyncio.sleep(0.01)
        stop.set()
        await measuring

        assert REGISTRY.get_sample_value("tandem_webhook_pending_deliveries") == 2
        assert 3600 <= (REGISTRY.get_sample_value("tandem_webhook_oldest_pending_age_seconds") or 0) < 3700

    async def test_what_came_back_and_what_became_of_it(
        self, webhook_sessions: SessionFactory, webhook_settings: WebhooksSettings, partners: Partners,
        receiver: Receiver, order_id: UUID,
    ) -> None:  # fmt: skip
        def counted(name: str, **labels: str) -> float:
            return REGISTRY.get_sample_value(name, labels) or 0

        names = [
            ("tandem_webhook_attempts_total", {"outcome": "success"}),
            ("tandem_webhook_attempts_total", {"outcome": "4xx"}),
            ("tandem_webhook_deliveries_settled_total", {"outcome": "delivered"}),
            ("tandem_webhook_deliveries_settled_total", {"outcome": "given_up"}),
            ("tandem_webhook_endpoints_disabled_total", {"reason": "gone"}),
        ]
        before = [counted(name, **labels) for name, labels in names]
        partners.endpoint(receiver.url("/fine"))
        partners.endpoint(receiver.url("/gone"))
        receiver.answer = lambda message: Reply(410 if message.path == "/gone" else 200)
        await consume(webhook_sessions, placed(order_id))
        await deliver_due(webhook_sessions, webhook_settings)
        assert [counted(name, **labels) - was for (name, labels), was in zip(names, before, strict=True)] == [1] * 5


async def test_from_kafka_to_the_partner(
    webhook_sessions: SessionFactory,
    webhook_settings: WebhooksSettings,
    partners: Partners,
    receiver: Receiver,
    topics: Callable[..., str],
    order_id: UUID,
) -> None:
    """The consumer and the deliverer side by side, as the role runs them."""
    endpoint = partners.endpoint(receiver.url())
    name = topics("orders", partitions=2)
    consumer = replace(webhooks_consumer(), name=f"webhooks-{uuid.uuid4().hex[:8]}", topics=(name,))
    stop = asyncio.Event()
    consuming = asyncio.create_task(run_consumer(consumer, webhook_settings, webhook_sessions, Health(), stop))
    try:
        await write(webhook_settings.kafka_bootstrap_servers, name, [placed(order_id), paid(order_id)])
        async with deliverers(webhook_sessions, webhook_settings) as (deliverer,):
            await deliver_until(deliverer, lambda: partners.states(endpoint) == ["delivered"] * 2)
    finally:
        stop.set()
        await consuming
    assert receiver.versions(order_id) == [1, 2]
