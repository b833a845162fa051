"""Dead letters as a consumer writes them."""

import uuid
from collections.abc import Callable

from psycopg.types.json import Jsonb
from tandem_admin.events.models import DeadLetter

from .store import TRACEPARENT, Store

Die = Callable[..., list[DeadLetter]]


def write_letters(
    store: Store, position: int | None = 0, consumer: str = "orders", **versions: str
) -> list[DeadLetter]:
    """Letters of one aggregate that `consumer` has at `position`; `v1="dead/poison"`: a version's state and reason."""
    aggregate_id = uuid.uuid4()
    if position is not None:
        store.worker.execute(
            "INSERT INTO events_consumerposition VALUES (%s, 'order', %s, %s)", [consumer, aggregate_id, position]
        )
    for name, kind in versions.items():
        state, reason = kind.split("/")
        store.worker.execute(
            "INSERT INTO events_deadletter (consumer, event_id, aggregate_type, aggregate_id, version, type, body,"
            " headers, state, reason, error, attempts, settled_at)"
            " VALUES (%s, uuidv7(), %s, %s, %s, 'order.placed.v1', %s, %s, %s, %s, %s, 1,"
            " CASE WHEN %s IN ('replayed', 'discarded') THEN now() END)",
            [
                consumer,
                "record" if reason == "malformed" else "order",
                aggregate_id,
                int(name.removeprefix("v")),
                '{"order_id": "0199", "note": "<b>bold</b>"}',
                Jsonb({"source": "/tandem/api", "traceparent": TRACEPARENT}),
                state,
                reason,
                "PoisonError: no stock row" if reason == "poison" else "",
                state,
            ],
        )
    return list(DeadLetter.objects.filter(aggregate_id=aggregate_id).order_by("version"))
