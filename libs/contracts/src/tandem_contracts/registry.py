"""Every event type: its payload model, its aggregate, its topic and the service that states it."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tandem_contracts import catalog, customers, inventory, orders, topics
from tandem_contracts.payloads import Payload
from tandem_contracts.topics import Topic

AggregateType = Literal["order", "product", "stock", "customer"]
Owner = Literal["admin", "api", "worker", "admin or api"]


@dataclass(frozen=True, slots=True)
class EventType:
    name: str
    model: type[Payload]
    aggregate_type: AggregateType
    owner: Owner

    @property
    def topic(self) -> Topic:
        return TOPIC_OF[self.aggregate_type]


TOPIC_OF: MappingProxyType[str, Topic] = MappingProxyType(
    {
        "order": topics.ORDERS,
        "product": topics.CATALOG,
        "stock": topics.INVENTORY,
        "customer": topics.CUSTOMERS,
    }
)

_ALL = (
    EventType("order.placed.v1", orders.OrderPlaced, "order", "api"),
    EventType("order.reserved.v1", orders.OrderReserved, "order", "worker"),
    EventType("order.paid.v1", orders.OrderPaid, "order", "worker"),
    EventType("order.rejected.v1", orders.OrderRejected, "order", "worker"),
    EventType("order.cancellation_requested.v1", orders.OrderCancellationRequested, "order", "admin or api"),
    EventType("order.cancelled.v1", orders.OrderCancelled, "order", "worker"),
    EventType("order.shipment_registered.v1", orders.OrderShipmentRegistered, "order", "admin"),
    EventType("order.shipped.v1", orders.OrderShipped, "order", "worker"),
    EventType("order.delivery_registered.v1", orders.OrderDeliveryRegistered, "order", "admin"),
    EventType("order.delivered.v1", orders.OrderDelivered, "order", "worker"),
    EventType("order.refund_requested.v1", orders.OrderRefundRequested, "order", "admin"),
    EventType("order.refunded.v1", orders.OrderRefunded, "order", "worker"),
    EventType("order.request_refused.v1", orders.OrderRequestRefused, "order", "worker"),
    EventType("product.published.v1", catalog.ProductPublished, "product", "admin"),
    EventType("product.changed.v1", catalog.ProductChanged, "product", "admin"),
    EventType("product.archived.v1", catalog.ProductArchived, "product", "admin"),
    EventType("stock.received.v1", inventory.StockReceived, "stock", "admin"),
    EventType("stock.corrected.v1", inventory.StockCorrected, "stock", "admin"),
    EventType("customer.registered.v1", customers.CustomerRegistered, "customer", "admin"),
    EventType("customer.deactivated.v1", customers.CustomerDeactivated, "customer", "admin"),
    EventType("customer.reactivated.v1", customers.CustomerReactivated, "customer", "admin"),
)

EVENT_TYPES: MappingProxyType[str, EventType] = MappingProxyType({event_type.name: event_type for event_type in _ALL})
_TYPE_OF = {event_type.model: event_type for event_type in _ALL}


def event_type_of(payload: Payload) -> EventType:
    """The event type that `payload` is the body of; KeyError for a model that is no event."""
    return _TYPE_OF[type(payload)]
