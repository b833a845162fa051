"""Stating events, and deciding about those that a consumer could not apply. The caller owns the transaction."""

import json
from collections.abc import Iterable
from operator import itemgetter
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
APPEND = """
    SELECT append_event(aggregate_type, aggregate_id, type, payload::jsonb, %s::jsonb)
    FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[]) AS event (aggregate_type, aggregate_id, type, payload)
"""
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

    Locks the stream's head row until the transaction ends. Raises TransactionManagementError outside a transaction:
    the event must stand or fall with the change it tells of.
    """
    (version,) = append_events([(aggregate_id, payload)])
    return version


def append_events(events: Iterable[tuple[UUID, Payload]]) -> list[int]:
    """As `append_event`, for many at once: one statement, however many they are.

    The events of an aggregate keep their order. The aggregates come in the order of their ids, so that two who lock
    many heads never wait for each other; the versions are returned in that order.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("An event is stated in the transaction of the change it tells of.")
    ordered = sorted(events, key=itemgetter(0))
    if not ordered:
        return []
    types = [event_type_of(payload) for _, payload in ordered]
    with connection.cursor() as cursor:
        cursor.execute(
            APPEND,
            [
                json.dumps(trace_headers()),
                [event_type.aggregate_type for event_type in types],
                [aggregate_id for aggregate_id, _ in ordered],
                [event_type.name for event_type in types],
                [payload.model_dump_json() for _, payload in ordered],
            ],
        )
        versions = [int(version) for (version,) in cursor.fetchall()]
    if all(act is not _give_hint for _, act, *_ in connection.run_on_commit):  # one is enough for a transaction
        transaction.on_commit(_give_hint)
    return versions


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
