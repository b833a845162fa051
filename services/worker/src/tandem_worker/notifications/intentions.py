"""Which events customers hear of by mail. What shall be sent is noted in the transaction of the consumer's position."""

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_contracts import topics
from tandem_contracts.envelope import Event
from tandem_contracts.orders import OrderEvent
from tandem_tables.notifications import Notification

from tandem_worker.consumer.handlers import Consumer, PoisonError, SetHandler

# An order is confirmed when it is paid and not before: a second later it might have been rejected.
KINDS = MappingProxyType(
    {
        "order.paid.v1": "order_confirmed",
        "order.rejected.v1": "order_rejected",
        "order.shipped.v1": "order_shipped",
        "order.cancelled.v1": "order_cancelled",
        "order.partially_refunded.v1": "order_refunded",
        "order.refunded.v1": "order_refunded",
    }
)


def notifications_consumer() -> Consumer:
    """The consumer `tandem-notifications`."""
    return Consumer(
        name="tandem-notifications",
        topics=(topics.ORDERS.name,),
        handlers={event_type: SetHandler(partial(note_mails, kind)) for event_type, kind in KINDS.items()},
    )


async def note_mails(kind: str, session: AsyncSession, events: Sequence[Event]) -> None:
    """Note that a mail of the kind shall be sent for each of the events; once, however often they come."""
    wanted = [
        {
            "event_id": event.id,
            "kind": kind,
            "order_id": _order_event(event).order_id,
            "version": event.version,
            "wanted_at": event.time,
            "traceparent": event.trace.get("traceparent", ""),
        }
        for event in events
    ]
    await session.execute(insert(Notification).values(wanted).on_conflict_do_nothing())


def _order_event(event: Event) -> OrderEvent:
    payload = event.payload()
    if not isinstance(payload, OrderEvent):
        raise PoisonError(f"{event.type} is about no order")
    return payload
