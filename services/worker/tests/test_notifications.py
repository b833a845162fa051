"""Mails to customers: from an order's events to a real mail server, and what may go wrong on the way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from mail_server import MailServer, text_of
from psycopg.rows import dict_row
from pydantic import ValidationError
from store import Store, processor
from tandem_contracts.orders import OrderCancellationRequested, OrderRefundRequested, OrderShipmentRegistered
from tandem_contracts.payloads import Money
from tandem_local.databases import Database
from tandem_runtime.mail import MailFolder, mail_target
from tandem_worker.consumer.handlers import Consumer
from tandem_worker.consumer.inbox import Outcome
from tandem_worker.database import SessionFactory, session_factory
from tandem_worker.notifications import repository, sending
from tandem_worker.notifications.intentions import KINDS, notifications_consumer
from tandem_worker.notifications.post import PostAwayError
from tandem_worker.notifications.sending import Sending
from tandem_worker.settings import NotificationsSettings, sender_address

SENDER = sender_address("Tandem <store@tandem.example>")


@pytest.fixture
async def mailer(database: Database) -> AsyncIterator[SessionFactory]:
    """Sessions in the role's own database role."""
    async with session_factory(database.url("tandem_notifications"), pool_size=6, application="test") as factory:
        yield factory


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer().serving() as running:
        yield running


@pytest.fixture
def post(server: MailServer, mailer: SessionFactory) -> Sending:
    return Sending(mailer, mail_target(server.url), SENDER, timedelta(hours=24))


async def note(store: Store, mailer: SessionFactory, consumer: Consumer | None = None) -> list[Outcome]:
    """Give all events that there are to the consumer of notifications."""
    work = processor(consumer or notifications_consumer(), mailer)
    return [(await work.process([event]))[0] for event in store.events() if event.aggregate_type == "order"]


async def send(post: Sending) -> None:
    await post.send_due(asyncio.Event())


def rows(store: Store) -> list[dict[str, Any]]:
    with psycopg.connect(store.database.url(), row_factory=dict_row) as superuser:
        return superuser.execute("SELECT * FROM notifications_notification ORDER BY created_at, id").fetchall()


def states(store: Store) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in rows(store)]


def due_now(store: Store) -> None:
    store.execute("UPDATE notifications_notification SET next_attempt_at = now()")


async def paid_order(store: Store, *, total: int = 2500) -> str:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2}, total=total)
    await store.run()
    return str(order_id)


async def test_a_paid_order_is_confirmed_in_text_and_html(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    store.execute("UPDATE users_user SET name = 'Ada <b>& Co</b>'")
    order_id = await paid_order(store)

    await note(store, mailer)
    await send(post)

    (mail,) = server.mails
    assert mail["To"] == '"Ada <b>& Co</b>" <ada@tandem.example>'
    assert mail["From"] == "Tandem <store@tandem.example>"
    assert mail["Subject"] == f"Your order {order_id[-12:]} is confirmed"
    assert "2 x MUG: €\N{NO-BREAK SPACE}25.00" in text_of(mail, "plain")
    page = text_of(mail, "html")
    assert "2 &times; MUG" in page
    assert "Ada &lt;b&gt;&amp; Co" in page
    assert states(store) == [("order_confirmed", "sent")]
    assert rows(store)[0]["sent_at"] is not None


async def test_every_kind_has_its_mail(store: Store, mailer: SessionFactory, post: Sending, server: MailServer) -> None:
    store.put_in_stock("MUG", 50)
    shipped, cancelled, refunded = [await store.place_order({"MUG": 2}) for _ in range(3)]
    sold_out = await store.place_order({"MUG": 90})
    declined = await store.place_order({"MUG": 2}, total=2502)
    await store.run()
    await store.ask(shipped, OrderShipmentRegistered, carrier="DHL", tracking_number="JD0146")
    await store.ask(cancelled, OrderCancellationRequested, requested_by="customer", reason="by mistake")
    await store.ask(refunded, OrderRefundRequested, reason="broken")
    await store.run()

    await note(store, mailer)
    await send(post)

    texts = {str(mail["Subject"]): text_of(mail, "plain") + text_of(mail, "html") for mail in server.mails}

    def told(order_id: object, about: str) -> str:
        (found,) = [text for subject, text in texts.items() if str(order_id)[-12:] in subject and about in subject]
        return found

    assert "JD0146" in told(shipped, "on its way")
    assert "€\N{NO-BREAK SPACE}25.00 back" in told(cancelled, "cancelled")
    assert "by mistake" in told(cancelled, "cancelled")
    assert "€\N{NO-BREAK SPACE}25.00 back" in told(refunded, "money")
    assert "sold out" in told(sold_out, "could not")
    assert "declined" in told(declined, "could not")
    assert {kind for kind, _ in states(store)} == set(KINDS.values())


async def test_money_that_goes_back_in_parts_is_told_part_by_part(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    store.put_in_stock("MUG", 5)
    order_id = await store.place_order({"MUG": 2})
    await store.run()
    await store.ask(order_id, OrderRefundRequested, reason="a crack", amount=Money(amount=500, currency="EUR"))
    await store.run()
    await store.ask(order_id, OrderRefundRequested, reason="another")
    await store.run()

    await note(store, mailer)
    await send(post)

    texts = [text_of(mail, "plain") for mail in server.mails if "money" in str(mail["Subject"])]
    assert len(texts) == 2
    for amount in ("5.00", "20.00"):
        assert any(f"we gave €\N{NO-BREAK SPACE}{amount} back" in text for text in texts)


async def test_however_often_events_come_there_is_one_mail_of_each(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    await paid_order(store)

    await note(store, mailer)
    await send(post)
    again = await note(store, mailer)
    store.execute("DELETE FROM events_consumerposition WHERE consumer = 'tandem-notifications'")
    await note(store, mailer)  # as a consumer whose positions were lost
    await send(post)

    assert set(again) == {Outcome.DUPLICATE}
    assert len(server.mails) == 1


async def test_a_crash_between_sending_and_marking_repeats_the_same_mail(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CrashError(Exception):
        pass

    async def crash(*_arguments: object, **_named: object) -> None:
        raise CrashError

    await paid_order(store)
    await note(store, mailer)
    with monkeypatch.context() as patched:
        patched.setattr(repository, "settle", crash)
        with pytest.raises(CrashError):
            await send(post)

    await send(post)
    assert len(server.mails) == 1, "it is claimed, so nobody takes it at once"
    due_now(store)
    await send(post)

    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert states(store) == [("order_confirmed", "sent")]


async def test_senders_side_by_side_send_each_mail_once(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    store.put_in_stock("MUG", 50)
    for _ in range(8):
        await store.place_order({"MUG": 1})
    await store.run()
    await note(store, mailer)

    await asyncio.gather(*(send(post) for _ in range(3)))

    ids = [str(mail["Message-ID"]) for mail in server.mails]
    assert len(ids) == len(set(ids)) == 8
    assert server.connections <= 3


async def test_a_mail_that_is_refused_for_now_is_tried_again_later(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    await paid_order(store)
    await note(store, mailer)
    server.data_answers.append("451 greylisted, come back")

    await send(post)
    (row,) = rows(store)
    assert (row["state"], row["attempts"], row["error"]) == ("pending", 1, "451 greylisted, come back")
    await send(post)
    assert server.mails == [], "not before its time"
    due_now(store)
    await send(post)

    assert len(server.mails) == 1
    assert (rows(store)[0]["state"], rows(store)[0]["error"]) == ("sent", "")


@pytest.mark.parametrize("where", ["rcpt_answers", "data_answers"])
async def test_a_mail_that_will_never_be_taken_has_failed_and_holds_up_no_other(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer, where: str
) -> None:
    store.put_in_stock("MUG", 5)
    for _ in range(2):
        await store.place_order({"MUG": 1})
    await store.run()
    await note(store, mailer)
    getattr(server, where).append("550 no such mailbox")

    await send(post)

    assert sorted(row["state"] for row in rows(store)) == ["failed", "sent"]
    assert "550 no such mailbox" in [row["error"] for row in rows(store)]


async def test_an_address_that_cannot_be_one_has_failed(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    store.execute("UPDATE users_user SET email = 'ada@tandem.example\r\nbcc: eve@example.com'")
    await paid_order(store)
    await note(store, mailer)

    await send(post)

    assert server.mails == []
    assert states(store) == [("order_confirmed", "failed")]


async def test_a_mail_that_cannot_be_made_holds_up_no_other(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    store.put_in_stock("MUG", 5)
    broken, sound = [await store.place_order({"MUG": 1}) for _ in range(2)]
    await store.run()
    for order_id in (broken, sound):
        await store.ask(order_id, OrderShipmentRegistered, carrier="DHL")
    await store.run()
    store.execute(
        "UPDATE orders_timelineentry SET payload = payload - 'carrier' WHERE event_type = 'order.shipped.v1'"
        " AND order_id = %s",
        broken,
    )
    await note(store, mailer)

    await send(post)

    assert sorted(states(store)) == [
        ("order_confirmed", "sent"),
        ("order_confirmed", "sent"),
        ("order_shipped", "failed"),
        ("order_shipped", "sent"),
    ]
    assert "It cannot be made: UndefinedError." in [row["error"] for row in rows(store)]


async def test_a_mail_server_that_is_away_costs_no_mail_and_is_told(
    store: Store, mailer: SessionFactory, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "AWAY_SECONDS", (0.1, 0.1))
    monkeypatch.setattr(sending, "LOOK_SECONDS", 0.1)
    away = MailServer()
    post = Sending(mailer, mail_target(away.url), SENDER, timedelta(hours=24))
    await paid_order(store)
    await note(store, mailer)

    with pytest.raises(PostAwayError):
        await send(post)
    assert post.reason_against() is not None
    assert (rows(store)[0]["state"], rows(store)[0]["attempts"]) == ("pending", 0)

    stop = asyncio.Event()
    running = asyncio.create_task(post.run(stop))
    try:
        with away.serving():
            async with asyncio.timeout(20):
                while not away.mails:
                    await asyncio.sleep(0.05)
    finally:
        stop.set()
        await running
    assert post.reason_against() is None


async def test_a_server_without_tls_gets_no_password(store: Store, mailer: SessionFactory, server: MailServer) -> None:
    await paid_order(store)
    await note(store, mailer)
    post = Sending(mailer, mail_target(f"smtp://store:secret@127.0.0.1:{server.port}"), SENDER, timedelta(hours=24))

    with pytest.raises(PostAwayError):
        await send(post)

    assert states(store) == [("order_confirmed", "pending")]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE users_user SET is_active = false", "The customer is deactivated."),
        ("UPDATE users_user SET is_active = false, erased_at = now()", "The customer is erased."),
        (
            "UPDATE notifications_notification SET wanted_at = now() - interval '25 hours'",
            "It is 25.0 h old, and the limit is 24.0 h.",
        ),
    ],
)
async def test_who_is_not_to_hear_of_it_does_not(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer, change: str, told: str
) -> None:
    await paid_order(store)
    await note(store, mailer)
    store.execute(change)

    await send(post)

    assert server.mails == []
    assert (rows(store)[0]["state"], rows(store)[0]["error"]) == ("skipped", told)


async def test_what_staff_ask_for_again_is_another_mail(
    store: Store, mailer: SessionFactory, post: Sending, server: MailServer
) -> None:
    await paid_order(store)
    await note(store, mailer)
    await send(post)
    store.execute("UPDATE notifications_notification SET state = 'pending', edition = 2, next_attempt_at = now()")

    await send(post)

    first, second = server.mails
    assert first["Message-ID"] != second["Message-ID"], "else it would be taken for a repetition and dropped"


async def test_the_sending_continues_the_orders_trace(store: Store, mailer: SessionFactory) -> None:
    await paid_order(store)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    store.execute("UPDATE events_outboxevent SET headers = jsonb_build_object('traceparent', %s::text)", trace)

    await note(store, mailer)

    assert rows(store)[0]["traceparent"] == trace


async def test_in_development_mails_are_files(store: Store, mailer: SessionFactory, tmp_path: Path) -> None:
    await paid_order(store)
    await note(store, mailer)

    await send(Sending(mailer, MailFolder(tmp_path / "mails"), SENDER, timedelta(hours=24)))

    (file,) = (tmp_path / "mails").iterdir()
    assert "order_confirmed" in file.name
    assert b"is confirmed" in file.read_bytes()


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("smtps://store:secret@mail.example.com", True),
        ("smtp://store:secret@mail.example.com", True),
        ("smtp://127.0.0.1:25", True),
        ("smtp://mail.example.com", False),
        ("file:///var/mails", False),
    ],
)
def test_production_sends_nothing_that_others_can_read(url: str, safe: bool) -> None:
    given = {"database_url": "postgresql://x@127.0.0.1/x", "kafka_bootstrap_servers": "127.0.0.1:9", "mail_url": url}
    if safe:
        assert NotificationsSettings(environment="production", **given)
    else:
        with pytest.raises(ValidationError, match="TANDEM_MAIL_URL"):
            NotificationsSettings(environment="production", **given)


@pytest.mark.parametrize("wrong", [{"mail_url": "imap://x"}, {"mail_from": "nobody"}, {"mail_from": "Store <a@>"}])
def test_a_setting_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    given = {
        "database_url": "postgresql://x@127.0.0.1/x",
        "kafka_bootstrap_servers": "127.0.0.1:9",
        "mail_url": "file:///tmp/mails",
    }
    with pytest.raises(ValidationError):
        NotificationsSettings(environment="test", **given | wrong)
