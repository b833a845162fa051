"""Stating events, and deciding about those that a consumer could not apply. The caller owns the transaction."""

import json
from collections.abc import Iterable
from uuid import UUID

import structlog
from django.db import Error, connection, transaction
from django.db.transaction import TransactionManagementError
from tandem_contracts.outbox import GIVE_HINT
from tandem_contracts.payloads import Payload
from tandem_contracts.registry import event_type_of
from tandem_runtime.tracing import trace_headers

from tandem_admin.events.models import DeadLetter, DeadLetterDecision

log = structlog.get_logger()
Action = DeadLetterDecision.Action
UNSETTLED = (DeadLetter.State.DEAD, DeadLetter.State.QUEUED)
# As the worker's command does it, in one statement: a letter that was settled, or decided upon, meanwhile is left out.
DECIDE = """
    INSERT INTO events_deadletterdecision (consumer, aggregate_type, aggregate_id, version, action, why, decided_by)
    SELECT consumer, aggregate_type, aggregate_id, version, %s, %s, %s
    FROM events_deadletter WHERE id = ANY(%s) AND state IN ('dead', 'queued')
    ORDER BY consumer, aggregate_type, aggregate_id, version
    ON CONFLICT (consumer, aggregate_type, aggregate_id, version) WHERE outcome = 'pending' DO NOTHING
    RETURNING consumer, aggregate_type, aggregate_id, version
"""


class DecisionNotPossibleError(Exception):
    """Nothing can be decided about the letter, as it is now; the message is for staff."""


def append_event(aggregate_id: UUID, payload: Payload) -> int:
    """State an event in the current transaction; returns its version in the aggregate's stream.

    `tandem_tables.events.append_event` does the same from SQLAlchemy.

    Locks the stream's head row until the transaction ends. Raises TransactionManagementError outside a transaction:
    the event must stand or fall with the change it tells of.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("An event is stated in the transaction of the change it tells of.")
    event_type = event_type_of(payload)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT append_event(%s, %s, %s, %s::jsonb, %s::jsonb)",
            [
                event_type.aggregate_type,
                aggregate_id,
                event_type.name,
                payload.model_dump_json(),
                json.dumps(trace_headers()),
            ],
        )
        (version,) = cursor.fetchone()
    if all(act is not _give_hint for _, act, *_ in connection.run_on_commit):  # one is enough for a transaction
        transaction.on_commit(_give_hint)
    return int(version)


def _give_hint() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(GIVE_HINT)
    except Error as error:  # what is committed is committed; the relay finds it
        log.debug("hint to the relay failed", error=repr(error))


def decide(letters: Iterable[DeadLetter], action: Action, *, why: str, decided_by: str) -> list[DeadLetter]:
    """Record what a person decided; the letters' consumer carries it out, in the order of their aggregates.

    Returns the letters about which it was decided now: not those that are settled, or decided upon already.
    """
    by_key = {(one.consumer, one.aggregate_type, one.aggregate_id, one.version): one for one in letters}
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, [action, why, decided_by, [letter.pk for letter in by_key.values()]])
        return [by_key[key] for key in cursor.fetchall()]


def decide_one(letter: DeadLetter, action: Action, *, why: str, decided_by: str) -> list[DeadLetter]:
    """Decide about `letter` alone; raises DecisionNotPossibleError."""
    return _some(decide([letter], action, why=why, decided_by=decided_by))


def decide_all(letter: DeadLetter, action: Action, *, why: str, decided_by: str) -> list[DeadLetter]:
    """Decide about all unsettled letters of the letter's aggregate; raises DecisionNotPossibleError."""
    unsettled = DeadLetter.objects.of_aggregate(letter).unsettled()
    return _some(decide(unsettled, action, why=why, decided_by=decided_by))


def why_not(letter: DeadLetter, action: Action) -> str | None:
    """Why it makes no sense to decide so about the letter; None when it does."""
    reason = None
    if letter.state not in UNSETTLED:
        reason = f"It is {letter.state} already."
    elif letter.pending_decision is not None:
        reason = f"{letter.pending_decision.decided_by} has decided already; that is carried out when its turn comes."
    elif action == Action.DISCARD:
        pass
    elif letter.reason == DeadLetter.Reason.MALFORMED:
        reason = "A record that is no event can only be discarded."
    elif action == Action.REPLAY_DESPITE_GAP:
        reason = None if letter.missing else "No earlier version is missing."
    elif letter.missing:
        reason = "An earlier version is missing: once it has come, this one follows by itself."
    elif letter.state == DeadLetter.State.QUEUED:
        reason = "It follows by itself once those before it are settled."
    return reason


def _some(decided: list[DeadLetter]) -> list[DeadLetter]:
    if not decided:
        raise DecisionNotPossibleError("It was settled, or somebody else decided, in the meantime.")
    return decided
