"""Stating events from Django; `tandem_tables.events` does the same from SQLAlchemy."""

import json
from uuid import UUID

from django.db import connection
from django.db.transaction import TransactionManagementError
from tandem_contracts.payloads import Payload
from tandem_contracts.registry import event_type_of
from tandem_runtime.tracing import trace_headers


def append_event(aggregate_id: UUID, payload: Payload) -> int:
    """State an event in the current transaction; returns its version in the aggregate's stream.

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
    return int(version)
