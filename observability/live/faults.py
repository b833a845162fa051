"""What goes wrong, for each alert: it begins when its block does, and is mended when the block ends."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from signal import SIGCONT, SIGKILL, SIGSTOP
from time import sleep
from typing import Any

import httpx
from kafka import KafkaConsumer
from tandem_contracts.topics import ORDERS
from tandem_local.processes import Running, start
from tandem_local.scenario.browser import Browser
from tandem_local.scenario.staff import Staff
from tandem_local.services import SERVICES, is_ready
from tandem_local.system import STAFF

from observability.live.receiver import receiving
from observability.live.store import Store, place_order
from observability.live.traffic import wait_for

# What the relay locks; see tandem_worker.relay.outbox.
SHARD_LOCKS = 0x7A4D
FLOOD = 60


class Theatre:
    """The store, and its processes by name: those that were started anew take the place of those that were killed."""

    def __init__(self, store: Store, sku: str, parts: ExitStack) -> None:
        self.store = store
        self.sku = sku
        self._parts = parts
        self.processes: dict[str, Running] = dict(
            zip((*SERVICES, "kafka", "postgres"), store.system.processes, strict=True)
        )

    def kill(self, name: str) -> None:
        self.processes[name].signal(SIGKILL)
        self.processes[name].stop()

    def start(self, name: str) -> None:
        self.processes[name] = start(self.store.system.wiring.commands()[name])
        self._parts.callback(self.processes[name].stop)
        port = self.store.system.wiring.ports.operations[name]
        self.processes[name].wait_until(lambda: is_ready(port), seconds=60, pause=0.1)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP, then SIGCONT."""
        self.processes[name].signal(SIGSTOP)
        try:
            yield
        finally:
            self.processes[name].signal(SIGCONT)

    def order(self, count: int) -> list[str]:
        with self.store.customer() as customer:
            return [place_order(customer, self.sku) for _ in range(count)]


Play = Callable[[Theatre], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and the alerts (with their severity) that have to tell."""

    what: str
    play: Play
    alerts: tuple[tuple[str, str], ...]


@contextmanager
def kafka_away(theatre: Theatre) -> Iterator[None]:
    with theatre.frozen("kafka"):
        theatre.order(1)
        yield


@contextmanager
def stock_locked(theatre: Theatre) -> Iterator[None]:
    """Somebody's open transaction: orders are placed, and nobody can set their pieces aside."""
    with theatre.store.superuser() as session, session.transaction():
        session.execute("SELECT pg_current_xact_id()")
        session.execute("LOCK TABLE inventory_stock IN EXCLUSIVE MODE")
        theatre.order(15)
        yield


@contextmanager
def orders_late(theatre: Theatre) -> Iterator[None]:
    """Orders that waited: their events take effect when the lock is gone, too late."""
    with theatre.store.superuser() as session, session.transaction():
        session.execute("LOCK TABLE inventory_stock IN EXCLUSIVE MODE")
        theatre.order(20)
        sleep(8)
    yield


@contextmanager
def poison(theatre: Theatre) -> Iterator[None]:
    """Events of orders that there are not, as a bad release might state them."""
    ((payload,),) = theatre.store.execute(
        "SELECT payload FROM orders_timelineentry WHERE event_type = 'order.placed.v1' LIMIT 1"
    )
    for _ in range(30):
        order_id = str(uuid.uuid4())
        theatre.store.execute(
            "SELECT append_event('order', %s, 'order.placed.v1', %s::jsonb, '{}')",
            order_id,
            json.dumps(payload | {"order_id": order_id}),
        )
    try:
        yield
    finally:
        _discard_all(theatre)


@contextmanager
def old_letters(theatre: Theatre) -> Iterator[None]:
    """A dead letter that nobody has looked at for two hours."""
    theatre.store.write_foreign_record(ORDERS.name)
    wait_for(lambda: bool(_unsettled(theatre)))
    theatre.store.execute("UPDATE events_deadletter SET created_at = created_at - interval '2 hours'")
    try:
        yield
    finally:
        _discard_all(theatre)


def _unsettled(theatre: Theatre) -> list[str]:
    """Consumers with dead letters, or with events that the guard holds until the letters are old enough."""
    rows = theatre.store.execute("SELECT DISTINCT consumer FROM events_deadletter WHERE state IN ('dead', 'queued')")
    return [row[0] for row in rows]


def _discard_all(theatre: Theatre) -> None:
    """Decide about all of them; what the guard held dies then, and is decided about too."""
    for _ in range(5):
        theatre.store.execute("UPDATE events_deadletter SET created_at = created_at - interval '2 hours'")
        for consumer in _unsettled(theatre):
            theatre.store.command(
                ["tandem-worker", "discard", "--consumer", consumer, "--why", "a fault", "--by", STAFF, "--wait"]
            )
        sleep(3)


@contextmanager
def provider_away(theatre: Theatre) -> Iterator[None]:
    with theatre.frozen("payment"):
        theatre.order(6)
        yield


@contextmanager
def payment_contradicts_itself(theatre: Theatre) -> Iterator[None]:
    """An attempt whose amount is not what the provider was asked for with the same key."""
    store = theatre.store
    ((attempt,),) = store.execute("SELECT id FROM orders_paymentattempt WHERE state = 'captured' LIMIT 1")
    store.execute(
        "UPDATE orders_paymentattempt SET state = 'unknown', amount = amount + 1,"
        " created_at = now() - interval '1 hour' WHERE id = %s",
        attempt,
    )
    try:
        yield
    finally:
        store.execute("UPDATE orders_paymentattempt SET state = 'captured', amount = amount - 1 WHERE id = %s", attempt)


@contextmanager
def stock_tampered_with(theatre: Theatre) -> Iterator[None]:
    change = "UPDATE inventory_stock SET available = available + %s WHERE sku = %s"
    theatre.store.execute(change, 1, theatre.sku)
    try:
        yield
    finally:
        theatre.store.execute(change, -1, theatre.sku)


@contextmanager
def mail_server_away(theatre: Theatre) -> Iterator[None]:
    """Mails go into a folder here; something else is in its place."""
    mails = theatre.store.system.wiring.mails
    away = mails.with_suffix(".away")
    mails.rename(away)
    mails.write_text("no folder")
    try:
        theatre.order(1)
        yield
    finally:
        mails.unlink()
        away.rename(mails)


@contextmanager
def partner_away(theatre: Theatre) -> Iterator[None]:
    """A partner's server that is not there for hours, and comes back."""
    with receiving() as address, theatre.store.partner(("webhooks:manage", "feed:read")) as partner:
        port = int(address.split(":")[2].split("/")[0])
        body = {"url": address, "event_types": ["product.published.v1", "product.changed.v1"]}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        endpoint = partner.post("/v1/webhooks/endpoints", json=body, headers=key).raise_for_status().json()["id"]
    publish_product(theatre.store, pieces=1)
    pending = "FROM webhooks_delivery WHERE state = 'pending' AND endpoint_id = %s"
    wait_for(lambda: bool(theatre.store.execute(f"SELECT 1 {pending}", endpoint)))
    theatre.store.execute(
        "UPDATE webhooks_delivery SET created_at = created_at - interval '2 hours' WHERE endpoint_id = %s", endpoint
    )
    yield
    theatre.store.execute("UPDATE webhooks_delivery SET next_attempt_at = now() WHERE endpoint_id = %s", endpoint)
    with receiving(port):
        wait_for(lambda: not theatre.store.execute(f"SELECT 1 {pending}", endpoint))


@contextmanager
def process_gone(theatre: Theatre) -> Iterator[None]:
    theatre.kill("notifications")
    try:
        yield
    finally:
        theatre.start("notifications")


@contextmanager
def process_restarting(theatre: Theatre) -> Iterator[None]:
    for _ in range(5):
        theatre.kill("notifications")
        theatre.start("notifications")
        sleep(2)  # Prometheus reads each of them
    yield


@contextmanager
def loop_blocked(theatre: Theatre) -> Iterator[None]:
    """A process that hardly runs."""
    ended = threading.Event()

    def hold() -> None:
        while not ended.wait(0.3):
            with theatre.frozen("webhooks"):
                sleep(1.2)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def flood(theatre: Theatre) -> Iterator[None]:
    """More customers than the pool has connections, and each of their statements waits."""
    ended = threading.Event()
    with theatre.store.customer() as customer:
        headers = dict(customer.headers)

    def ask(client: httpx.Client) -> None:
        while not ended.is_set():
            try:
                client.get("/v1/orders", headers=headers)
            except httpx.HTTPError:
                ended.wait(0.1)

    limits = httpx.Limits(max_connections=FLOOD)
    with (
        httpx.Client(base_url=theatre.store.system.api_url, timeout=30, limits=limits) as client,
        ThreadPoolExecutor(FLOOD) as pool,
        theatre.store.superuser() as session,
    ):
        try:
            with session.transaction():
                session.execute("LOCK TABLE orders_order IN ACCESS EXCLUSIVE MODE")
                for _ in range(FLOOD):
                    pool.submit(ask, client)
                yield
        finally:
            ended.set()


@contextmanager
def shard_held(theatre: Theatre) -> Iterator[None]:
    """A session that nobody knows of keeps a shard from the relay."""
    theatre.kill("relay")
    with theatre.store.superuser() as session:
        session.execute("SELECT pg_advisory_lock(%s, 5)", [SHARD_LOCKS])
        theatre.start("relay")
        yield


@contextmanager
def event_unsendable(theatre: Theatre) -> Iterator[None]:
    """Of a type that no topic is for."""
    identity = str(uuid.uuid4())
    theatre.store.execute("SELECT append_event('nobody', %s, 'nobody.knew.v1', '{}'::jsonb, '{}')", identity)
    yield
    theatre.store.execute("DELETE FROM events_outboxevent WHERE aggregate_id = %s", identity)
    theatre.kill("relay")
    theatre.start("relay")


@contextmanager
def stranger_in_the_group(theatre: Theatre) -> Iterator[None]:
    """Somebody who reads the order process's partitions, and does nothing with them."""
    stranger: Any = KafkaConsumer(
        ORDERS.name,
        bootstrap_servers=theatre.store.system.wiring.kafka,
        group_id="tandem-orders",
        enable_auto_commit=False,
    )
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            stranger.poll(timeout_ms=200)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        stranger.close(autocommit=False)


def publish_product(store: Store, *, pieces: int) -> str:
    """As staff do; returns its SKU."""
    sku = f"OBSERVED-{uuid.uuid4().hex[:6].upper()}"
    with Browser(store.system.admin_url) as browser:
        staff = Staff(browser)
        staff.log_in(STAFF, store.system.credentials.staff_password)
        page = staff.draft_product(
            sku=sku,
            name="Observed notebook",
            description="For orders that something happens to.",
            category="Desk & paper",
            price="14.50",
            pieces=pieces,
        )
        staff.publish(page)
    return sku


def _page(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, "page") for name in names)


def _ticket(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, "ticket") for name in names)


FAULTS = (
    Fault("stock is tampered with", stock_tampered_with, _page("TandemStockLedgerMismatch")),
    Fault("an event cannot be sent", event_unsendable, _ticket("TandemAggregateParked")),
    Fault("a shard is held by a stranger", shard_held, _page("TandemRelayShardsUnowned")),
    Fault("a stranger joins the group", stranger_in_the_group, _page("TandemConsumerAbsent")),
    Fault("Kafka is away", kafka_away, _page("TandemOutboxStalled", "TandemApiCacheStale")),
    Fault(
        "a transaction locks the stock",
        stock_locked,
        _page("TandemConsumerStuck", "TandemOrderCompletion")
        + _ticket("TandemConsumerBehind", "TandemLongTransaction"),
    ),
    Fault("orders take effect late", orders_late, _page("TandemEventAge")),
    Fault("the payment provider is away", provider_away, _page("TandemPaymentProviderFailing")),
    Fault("a payment contradicts itself", payment_contradicts_itself, _ticket("TandemPaymentUnsettled")),
    Fault("a release states nonsense", poison, _page("TandemDeadLettersGrowing", "TandemConsumerHeld")),
    Fault("a dead letter is forgotten", old_letters, _ticket("TandemDeadLettersOld")),
    Fault("the mail server is away", mail_server_away, _ticket("TandemMailStalled")),
    Fault("a partner's server is away", partner_away, _ticket("TandemWebhooksStalled")),
    Fault("a process is gone", process_gone, _page("TandemProcessAbsent") + _ticket("TandemTargetDown")),
    Fault("a process dies again and again", process_restarting, _ticket("TandemProcessRestarting")),
    Fault("an event loop is blocked", loop_blocked, _ticket("TandemEventLoopBlocked")),
    Fault(
        "the database answers nobody, and many ask",
        flood,
        _page("TandemApiAvailability", "TandemApiLatency") + _ticket("TandemApiShedsLoad", "TandemPoolExhausted"),
    ),
)
# The tickets of the error budgets look back for hours: the run is over before they end. promtool tests them.
NOT_PLAYED: Mapping[tuple[str, str], str] = {
    **{
        (name, "ticket"): "looks back for hours"
        for name in ("TandemApiAvailability", "TandemApiLatency", "TandemEventAge", "TandemOrderCompletion")
    },
    ("TandemRateLimitsOff", "ticket"): "the system on one machine has no store of limits",
}
