"""`make chaos-mutants`: the checker is shown defects that systems like ours have had, and must see each.

A mutant is a copy of the worker with a few lines replaced, put before the real one on the path of the services. Each
has a run of its own, with the faults that make its defect matter.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import tandem_worker

from chaos.plan import FIRST_SECONDS, Fault

PACKAGE = Path(tandem_worker.__file__).parent


@dataclass(frozen=True)
class Edit:
    """In `file` of the worker, `before` (which is there once) becomes `after`."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Burst:
    """The same fault again and again: every so many seconds, in turn on each target, for so long each time."""

    kind: str
    targets: tuple[str, ...]
    every: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Mutant:
    name: str
    defect: str
    edits: tuple[Edit, ...]
    bursts: tuple[Burst, ...]
    told_by: tuple[str, ...]
    """The invariants of which at least one has to be violated; none for the worker as it is, which must hold."""
    brokers: int = 1


ORDERS = ("orders-1", "orders-2")
RELAYS = ("relay-1", "relay-2")
# It is away long enough for the others to agree on another, and back in time to be in sync before the next one is lost.
LEADER_LOST = Burst("lose leader", ("kafka",), every=22, seconds=9)

MUTANTS = (
    Mutant(
        "none",
        "The worker as it is: what tells the others must not tell of it.",
        (),
        (
            Burst("kill", ORDERS, every=11),
            Burst("kill", RELAYS, every=13),
            Burst("slow", ("api→postgres",), every=17, seconds=6),
            Burst("silent", ("orders-1→payment", "orders-2→payment"), every=19, seconds=6),
            Burst("deliver again", ("tandem.orders",), every=23),
        ),
        (),
    ),
    Mutant(
        "last-id-cursor",
        "The relay reads behind the last id it has seen: what commits late is skipped.",
        (
            Edit("relay/floors.py", "        if to_the_end:\n            self.behind = self.value\n", ""),
            Edit("relay/floors.py", "            late.add(row.aggregate)\n", "            pass\n"),
            Edit("relay/watch.py", "    if not up_to:\n        return\n", "    return\n"),
        ),
        (Burst("slow", ("api→postgres",), every=9, seconds=6),),
        ("every_event_is_in_kafka_in_order",),
    ),
    Mutant(
        "commit-before-process",
        "The consumer commits what it has taken, before the database has it.",
        (
            Edit(
                "consumer/offsets.py",
                "        self._last = offset\n",
                "        self._last, self._next = offset, offset + 1\n",
            ),
        ),
        (Burst("kill", ORDERS, every=4),),
        ("every_consumer_is_at_the_end", "every_order_came_to_its_end", "dead_letters_are_what_we_poisoned"),
    ),
    Mutant(
        "no-position-check",
        "The consumer applies whatever it is given, once more if it comes once more.",
        (
            Edit(
                "consumer/positions.py",
                '    if version <= position:\n        return "duplicate"\n',
                '    if not waiting:\n        return "due"\n',
            ),
            Edit("consumer/inbox.py", "if extents[aggregate][1] <= position}", "if False}"),
        ),
        (Burst("deliver again", ("tandem.orders",), every=12),),
        ("every_consumer_is_at_the_end", "dead_letters_are_what_we_poisoned", "states_agree_with_the_timeline"),
    ),
    Mutant(
        "new-payment-key",
        "Each try to collect a payment has an idempotency key of its own.",
        (
            Edit("payments/provider.py", "            key=str(attempt_id),\n", "            key=str(uuid4()),\n"),
            Edit("payments/provider.py", "from uuid import UUID\n", "from uuid import UUID, uuid4\n"),
        ),
        (Burst("silent", ("orders-1→payment", "orders-2→payment"), every=5, seconds=6), Burst("kill", ORDERS, every=7)),
        ("nobody_is_charged_twice",),
    ),
    Mutant(
        "new-refund-key",
        "Each try to give money back has an idempotency key of its own.",
        (
            Edit("payments/provider.py", 'key=f"refund-{refund_id}"', 'key=f"refund-{uuid4()}"'),
            Edit("payments/provider.py", "from uuid import UUID\n", "from uuid import UUID, uuid4\n"),
        ),
        (Burst("silent", ("orders-1→payment", "orders-2→payment"), every=5, seconds=6), Burst("kill", ORDERS, every=7)),
        ("every_refund_is_given_once",),
    ),
    Mutant(
        "check-then-decrement",
        "Stock is looked at first and taken later, with nothing that holds it in between.",
        (
            Edit("orders/stock.py", "        FOR UPDATE OF stock\n", ""),
            Edit(
                "orders/stock.py",
                "        SELECT stock.sku, stock.available, stock.reserved, wanted.quantity\n",
                "        SELECT stock.sku, stock.available, stock.reserved, wanted.quantity, pg_sleep(1)\n",
            ),
        ),
        (),
        ("dead_letters_are_what_we_poisoned", "stock_is_what_was_bought_less_what_was_sold"),
    ),
    Mutant(
        "delete-before-acknowledged",
        "The relay deletes an event when it hands it over, not when the broker has it.",
        (
            Edit(
                "relay/lanes.py",
                "            settled = settle(",
                "            await outbox.delete(self.connection, [row.id for row in rows])\n"
                "            settled = settle(",
            ),
        ),
        (Burst("kill", ("kafka",), every=15, seconds=1), Burst("kill", RELAYS, every=4)),
        ("every_event_is_in_kafka_in_order",),
    ),
    Mutant(
        "none-with-three-brokers",
        "The worker as it is, when the leader of the orders' topic is lost with what only it has.",
        (),
        (LEADER_LOST,),
        (),
        brokers=3,
    ),
    Mutant(
        "acks-one",
        "The relay takes the leader's word for it: what no other broker has yet is deleted from the outbox.",
        (
            Edit("relay/broker.py", '        acks="all",\n', "        acks=1,\n"),
            Edit("relay/broker.py", "        enable_idempotence=True,\n", "        enable_idempotence=False,\n"),
        ),
        (LEADER_LOST,),
        ("every_event_is_in_kafka_in_order",),
        brokers=3,
    ),
)


def schedule(mutant: Mutant, seconds: float) -> list[Fault]:
    """The mutant's faults that begin within `seconds`, by time."""
    faults = [
        (FIRST_SECONDS + burst.every * turn, burst, burst.targets[turn % len(burst.targets)])
        for burst in mutant.bursts
        for turn in range(int((seconds - FIRST_SECONDS) // burst.every) + 1)
    ]
    numbers = count()
    return [
        Fault(next(numbers), burst.kind, target, start, burst.seconds, 0.8)
        for start, burst, target in sorted(faults, key=lambda fault: fault[0])
    ]


@contextmanager
def on_the_path(mutant: Mutant, folder: Path) -> Iterator[None]:
    """While the block runs, processes that start have the mutant for a worker. ValueError when an edit fits no more."""
    copy = folder / "mutant" / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mutant.edits:
        source = (copy / edit.file).read_text()
        if source.count(edit.before) != 1:
            raise ValueError(f"{mutant.name}: {edit.file} has {source.count(edit.before)} times {edit.before!r}")
        (copy / edit.file).write_text(source.replace(edit.before, edit.after))
    former = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(copy.parent), *([former] if former else [])])
    try:
        yield
    finally:
        if former is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = former
