"""Doing what the plan says: each kind of fault begins when its block does, and is healed when the block ends."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import psycopg

from chaos import collect, deliveries
from chaos.network import FAIR, Weather
from chaos.plan import Fault
from chaos.quiet import consume_all_again
from chaos.servers import Cluster
from chaos.stage import Stage

ALONE_SECONDS = 3.0

Act = Callable[[Stage, Fault], AbstractContextManager[None]]


@contextmanager
def kill(stage: Stage, fault: Fault) -> Iterator[None]:
    """SIGKILL. The supervisor starts a service again; Kafka comes back when healed."""
    if fault.target == "kafka":
        stage.kafka.crash()
        yield
        stage.kafka.start()
    else:
        stage.services[fault.target].kill()
        yield


@contextmanager
def freeze(stage: Stage, fault: Fault) -> Iterator[None]:
    """SIGSTOP, then SIGCONT: a process that believes no time has passed."""
    frozen = stage.kafka if fault.target == "kafka" else stage.services[fault.target]
    frozen.freeze()
    try:
        yield
    finally:
        frozen.thaw()


@contextmanager
def lose_leader(stage: Stage, fault: Fault) -> Iterator[None]:
    """The orders' leader goes on alone for a moment, since nobody hears it, then it is killed: the others take over.

    Shorter than the followers' session time-out: they are in sync as far as anybody knows.
    """
    if not isinstance(stage.kafka, Cluster):
        raise TypeError("there is one broker")
    leader = stage.kafka.leader_of(collect.TOPIC)
    followers = [node for node in stage.kafka.nodes if node is not leader]
    for node in followers:
        node.freeze()
    try:
        stage.stop.wait(ALONE_SECONDS)
        leader.crash()
    finally:
        for node in followers:
            node.thaw()
    yield
    leader.start()


@contextmanager
def stop(stage: Stage, fault: Fault) -> Iterator[None]:
    if fault.target == "kafka":
        stage.kafka.stop()
        yield
        stage.kafka.start()
    else:
        stage.postgres.stop()
        yield
        stage.postgres.start()


@contextmanager
def crash(stage: Stage, fault: Fault) -> Iterator[None]:
    stage.postgres.crash()
    yield
    stage.postgres.start()


@contextmanager
def fill_disk(stage: Stage, fault: Fault) -> Iterator[None]:
    """No room for another byte; what ended of that is started again when there is."""
    disk = stage.disks.get(fault.target)
    if disk is None:
        raise PermissionError("only root on Linux can mount a disk to fill")
    disk.fill()
    try:
        yield
    finally:
        disk.clear()
    (stage.kafka if fault.target == "kafka" else stage.postgres).revive()


@contextmanager
def end_connections(stage: Stage, fault: Fault) -> Iterator[None]:
    with psycopg.connect(stage.superuser_url(), autocommit=True) as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    yield


@contextmanager
def hold_transaction(stage: Stage, fault: Fault) -> Iterator[None]:
    """A forgotten transaction that has written: everything dead stays as long as it does."""
    with _forgotten(stage) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT pg_current_xact_id(), count(*) FROM orders_order")
        yield


@contextmanager
def hold_stock_row(stage: Stage, fault: Fault) -> Iterator[None]:
    """A transaction sits on the stock of a product that sells."""
    with _forgotten(stage) as connection:
        row = connection.execute("SELECT sku FROM inventory_stock WHERE available > 1000 ORDER BY sku").fetchall()
        sku = row[int(fault.choice * (len(row) - 1))][0]
        connection.execute("SELECT FROM inventory_stock WHERE sku = %s FOR UPDATE", [sku])
        yield


def weather(kind: str) -> Act:
    @contextmanager
    def turned(stage: Stage, fault: Fault) -> Iterator[None]:
        link = stage.network.links[fault.target]
        amount = {"slow": 0.02 + fault.choice, "narrow": 2_000 + 30_000 * fault.choice}.get(kind, 0)
        link.turn(Weather(kind, amount))  # type: ignore[arg-type]
        try:
            yield
        finally:
            link.turn(FAIR)

    return turned


@contextmanager
def replay(stage: Stage, fault: Fault) -> Iterator[None]:
    consume_all_again(stage, seconds=25)  # an absent Kafka is not waited for: nobody consumes meanwhile
    yield


@contextmanager
def deliver_again(stage: Stage, fault: Fault) -> Iterator[None]:
    deliveries.copy_records(stage.bootstrap_servers())
    yield


@contextmanager
def malformed_records(stage: Stage, fault: Fault) -> Iterator[None]:
    deliveries.send_malformed(stage.bootstrap_servers())
    yield


ACTS: dict[str, Act] = {
    "kill": kill,
    "freeze": freeze,
    "lose leader": lose_leader,
    "stop": stop,
    "crash": crash,
    "fill disk": fill_disk,
    "end connections": end_connections,
    "hold transaction": hold_transaction,
    "hold stock row": hold_stock_row,
    "cut": weather("cut"),
    "silent": weather("silent"),
    "slow": weather("slow"),
    "narrow": weather("narrow"),
    "failing": weather("failing"),
    "replay": replay,
    "deliver again": deliver_again,
    "malformed records": malformed_records,
}


@contextmanager
def _forgotten(stage: Stage) -> Iterator[psycopg.Connection]:
    connection = psycopg.connect(stage.superuser_url())
    try:
        yield connection
    finally:
        with suppress(psycopg.Error):  # another fault may have ended it
            connection.rollback()
        connection.close()
