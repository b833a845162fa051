"""The one way to state an event, from Django and under concurrency."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from random import Random

import psycopg
import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError
from opentelemetry import context
from tandem_admin.events.models import OutboxEvent
from tandem_admin.events.services import append_event
from tandem_contracts.customers import CustomerReactivated
from tandem_local.databases import Database
from tandem_runtime.tracing import context_from

from .conftest import rolled_back

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WRITERS, ROUNDS = 6, 40
APPEND = "SELECT append_event('order', %s, 'order.paid.v1', '{}', '{}')"


@pytest.mark.django_db
def test_it_states_payload_version_and_trace() -> None:
    customer = uuid.uuid4()
    token = context.attach(context_from({"traceparent": CALLER}))
    try:
        versions = [append_event(customer, CustomerReactivated(customer_id=customer)) for _ in range(3)]
    finally:
        context.detach(token)
    assert versions == [1, 2, 3]
    event = OutboxEvent.objects.get(aggregate_id=customer, version=3)
    assert (event.aggregate_type, event.type) == ("customer", "customer.reactivated.v1")
    assert event.payload == {"customer_id": str(customer)}
    assert event.headers == {"traceparent": CALLER}


@pytest.mark.django_db
def test_a_rolled_back_event_leaves_no_gap() -> None:
    customer = uuid.uuid4()
    with rolled_back():
        assert append_event(customer, CustomerReactivated(customer_id=customer)) == 1
    assert append_event(customer, CustomerReactivated(customer_id=customer)) == 1


@pytest.mark.django_db(transaction=False)
def test_outside_a_transaction_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # The test itself runs in a transaction; the connection is told that it has none.
    connection = transaction.get_connection()
    monkeypatch.setattr(connection, "in_atomic_block", False)
    with pytest.raises(TransactionManagementError, match="in the transaction"):
        append_event(uuid.uuid4(), CustomerReactivated(customer_id=uuid.uuid4()))


def test_under_concurrency_versions_have_no_gap_and_ids_rise_in_commit_order(database: Database) -> None:
    """Writers append to few aggregates, some roll back; a reader never sees an event before its predecessors."""
    aggregates = [uuid.uuid4() for _ in range(3)]
    done = threading.Event()

    def write(number: int) -> int:
        random = Random(number)
        appended = 0
        with psycopg.connect(database.url("tandem_api"), autocommit=True) as connection:
            for _ in range(ROUNDS):
                rolls_back = random.random() < 0.25
                # In one order, as every writer of several aggregates must, else they deadlock.
                chosen = sorted(random.sample(aggregates, random.choice([1, 1, 2])))
                with connection.transaction(force_rollback=rolls_back):
                    for aggregate in chosen:
                        connection.execute(APPEND, [aggregate])
                appended += 0 if rolls_back else len(chosen)
        return appended

    def read() -> int:
        snapshots = 0
        with psycopg.connect(database.url("tandem_relay"), autocommit=True) as connection:
            while not done.is_set():
                seen: dict[uuid.UUID, int] = defaultdict(int)
                for aggregate, version in connection.execute(
                    "SELECT aggregate_id, version FROM events_outboxevent ORDER BY id"
                ):
                    assert version == seen[aggregate] + 1, f"{version} was visible after {seen[aggregate]}"
                    seen[aggregate] = version
                snapshots += 1
        return snapshots

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(read)
        try:
            appended = sum(pool.map(write, range(WRITERS)))
        finally:
            done.set()
        assert reader.result() > 5
    with psycopg.connect(database.url()) as connection:
        rows = connection.execute("SELECT aggregate_id, version FROM events_outboxevent ORDER BY id").fetchall()
        heads: dict[uuid.UUID, int] = dict(
            connection.execute("SELECT aggregate_id, version FROM events_stream").fetchall()
        )
    assert len(rows) == appended == sum(heads.values())
    for aggregate in aggregates:
        assert [version for owner, version in rows if owner == aggregate] == list(range(1, heads[aggregate] + 1))


@pytest.mark.django_db
def test_a_transaction_gives_the_relay_one_hint_after_its_commit(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Callable[[], None]]]],
) -> None:
    customer = uuid.uuid4()
    with django_capture_on_commit_callbacks(execute=True) as hints, transaction.atomic():
        for _ in range(3):
            append_event(customer, CustomerReactivated(customer_id=customer))
    assert len(hints) == 1

    with django_capture_on_commit_callbacks() as hints, rolled_back():
        append_event(customer, CustomerReactivated(customer_id=customer))
    assert hints == []


@pytest.mark.django_db
def test_a_hint_that_fails_is_nobody_s_error(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Callable[[], None]]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tandem_admin.events.services.GIVE_HINT", "SELECT no_such_function()")
    customer = uuid.uuid4()
    with django_capture_on_commit_callbacks(execute=True) as hints, transaction.atomic():
        assert append_event(customer, CustomerReactivated(customer_id=customer)) == 1
    assert len(hints) == 1
