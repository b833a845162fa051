"""Waiting until a healed system has done all there was to do."""

import time
from contextlib import AbstractContextManager
from threading import Event
from typing import Protocol

import psycopg
from kafka.errors import KafkaError

from chaos.collect import consume_from_the_beginning, lag

# Longer than every time-out and back-off in a row: session, provider, retry.
QUIET_SECONDS = 300
LOOKS = 2

UNFINISHED = """
    SELECT (SELECT count(*) FROM events_outboxevent),
           (SELECT count(*) FROM orders_paymentattempt WHERE state IN ('sending', 'unknown')),
           (SELECT count(*) FROM refunds_refund WHERE state IN ('sending', 'unknown')),
           (SELECT count(*) FROM orders_order WHERE state IN ('placed', 'reserved') AND NOT EXISTS (
               SELECT FROM events_deadletter AS letter WHERE letter.aggregate_id = orders_order.id))
"""


class Observed(Protocol):
    """A system, however it runs, as those reach it who look past its interfaces."""

    @property
    def stop(self) -> Event: ...

    def superuser_url(self) -> str:
        """Of Tandem's database."""

    def bootstrap_servers(self) -> str:
        """Of Kafka."""

    def without_orders(self) -> AbstractContextManager[None]:
        """No process of the orders role runs while the block does."""


def wait_until_quiet(stage: Observed, seconds: float = QUIET_SECONDS) -> tuple[float | None, str]:
    """The seconds until nothing was left to do, or None; and what was left at the last look."""
    began = time.monotonic()
    quiet_looks, left = 0, ""
    while time.monotonic() - began < seconds:
        left = _left(stage)
        quiet_looks = quiet_looks + 1 if not left else 0
        if quiet_looks == LOOKS:
            return time.monotonic() - began, ""
        stage.stop.wait(1)
    return None, left


def _left(stage: Observed) -> str:
    """What is still to be done, in words; nothing when the system rests."""
    try:
        with psycopg.connect(stage.superuser_url(), connect_timeout=5) as connection:
            row = connection.execute(UNFINISHED).fetchone() or ()
        things = ("events in the outbox", "open payment attempts", "open refunds", "unfinished orders")
        counts = dict(zip(things, row, strict=True))
        counts["records not consumed"] = lag(stage.bootstrap_servers())
    except (psycopg.OperationalError, KafkaError, OSError) as error:
        return repr(error)
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def consume_all_again(stage: Observed, seconds: float = 60) -> None:
    """Stop the order processes, set their group back to the beginning of everything, and let them run."""
    with stage.without_orders():
        deadline = time.monotonic() + seconds
        while True:
            try:
                consume_from_the_beginning(stage.bootstrap_servers())
            except (KafkaError, OSError):  # a member that was killed is one until its session ends
                if time.monotonic() > deadline:
                    raise
                stage.stop.wait(1)
            else:
                return
