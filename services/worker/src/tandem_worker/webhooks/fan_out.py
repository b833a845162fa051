"""The consumer `tandem-webhooks`: a delivery for each endpoint that wants an event, in the position's transaction."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts import topics
from tandem_contracts.envelope import Event
from tandem_contracts.webhooks import WEBHOOK_TYPES, message

from tandem_worker.consumer.handlers import Consumer, SetHandler

# What the partner's client may know is asked anew for each event: a scope that staff take away ends its events at once.
# An endpoint hears of nothing that happened before there was one, however far back a consumer begins.
FAN_OUT = text(r"""
    INSERT INTO webhooks_delivery (
        endpoint_id, event_id, event_type, aggregate_type, aggregate_id, version, body, traceparent
    )
    SELECT endpoint.id, event.id, event.type, event.aggregate_type, event.aggregate_id, event.version, event.body,
        event.traceparent
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:aggregate_types AS text[]), CAST(:aggregate_ids AS uuid[]),
        CAST(:versions AS bigint[]), CAST(:bodies AS text[]), CAST(:traceparents AS text[]),
        CAST(:times AS timestamptz[]), CAST(:scopes AS text[])
    ) WITH ORDINALITY AS event (
        id, type, aggregate_type, aggregate_id, version, body, traceparent, time, scope, place
    )
    JOIN webhooks_endpoint AS endpoint
        ON event.type = ANY (endpoint.event_types) AND endpoint.state = 'enabled' AND endpoint.deleted_at IS NULL
        AND endpoint.created_at <= event.time
    JOIN allauth_idp_oidc_client AS client
        ON client.id = endpoint.client_id AND event.scope = ANY (regexp_split_to_array(client.scopes, '\s+'))
    ORDER BY event.place
    ON CONFLICT (endpoint_id, event_id) DO NOTHING
""")


def webhooks_consumer() -> Consumer:
    handler = SetHandler(write_deliveries)
    return Consumer(
        name="tandem-webhooks",
        topics=(topics.ORDERS.name, topics.CATALOG.name),
        handlers=dict.fromkeys(WEBHOOK_TYPES, handler),
    )


async def write_deliveries(session: AsyncSession, events: Sequence[Event]) -> None:
    await session.execute(
        FAN_OUT,
        {
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "aggregate_types": [event.aggregate_type for event in events],
            "aggregate_ids": [event.aggregate_id for event in events],
            "versions": [event.version for event in events],
            "bodies": [message(event) for event in events],
            "traceparents": [event.trace.get("traceparent", "") for event in events],
            "times": [event.time for event in events],
            "scopes": [WEBHOOK_TYPES[event.type].scope for event in events],
        },
    )
