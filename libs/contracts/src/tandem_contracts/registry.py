"""Every event type: its payload model, its aggregate with topic and key, and the services that state it."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tandem_contracts import catalog, content, customers, inventory, orders, topics
from tandem_contracts.payloads import Payload
from tandem_contracts.topics import Topic

AggregateType = Literal["order", "product", "category", "stock", "customer", "page", "banner"]
Service = Literal["admin", "api", "worker"]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What has one stream of events: their topic, and the payload field with the aggregate's id, which is their key."""

    type: AggregateType
    topic: Topic
    key: str


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of fact; `owners` are the services that may state it, and nobody else."""

    name: str
    model: type[Payload]
    aggregate: Aggregate
    owners: tuple[Service, ...]

    @property
    def aggregate_type(self) -> AggregateType:
        return self.aggregate.type

    @property
    def topic(self) -> Topic:
        return self.aggregate.topic

    @property
    def key(self) -> str:
        return self.aggregate.key

    @property
    def version(self) -> int:
        """The version of the type, 1 for `order.paid.v1`; an aggregate's versions count its events instead."""
        return int(self.name.rpartition(".v")[2])


ORDER = Aggregate("order", topics.ORDERS, key="order_id")
PRODUCT = Aggregate("product", topics.CATALOG, key="product_id")
CATEGORY = Aggregate("category", topics.CATALOG, key="category_id")
STOCK = Aggregate("stock", topics.INVENTORY, key="product_id")
CUSTOMER = Aggregate("customer", topics.CUSTOMERS, key="customer_id")
PAGE = Aggregate("page", topics.CONTENT, key="page_id")
BANNER = Aggregate("banner", topics.CONTENT, key="banner_id")

AGGREGATES = (ORDER, PRODUCT, CATEGORY, STOCK, CUSTOMER, PAGE, BANNER)
TOPIC_OF: MappingProxyType[str, Topic] = MappingProxyType(
    {aggregate.type: aggregate.topic for aggregate in AGGREGATES},
)

_ALL = (
    EventType("order.placed.v1", orders.OrderPlaced, ORDER, ("api",)),
    EventType("order.reserved.v1", orders.OrderReserved, ORDER, ("worker",)),
    EventType("order.paid.v1", orders.OrderPaid, ORDER, ("worker",)),
    EventType("order.rejected.v1", orders.OrderRejected, ORDER, ("worker",)),
    EventType("order.cancellation_requested.v1", orders.OrderCancellationRequested, ORDER, ("admin", "api")),
    EventType("order.cancelled.v1", orders.OrderCancelled, ORDER, ("worker",)),
    EventType("order.shipment_registered.v1", orders.OrderShipmentRegistered, ORDER, ("admin",)),
    EventType("order.shipped.v1", orders.OrderShipped, ORDER, ("worker",)),
    EventType("order.delivery_registered.v1", orders.OrderDeliveryRegistered, ORDER, ("admin",)),
    EventType("order.delivered.v1", orders.OrderDelivered, ORDER, ("worker",)),
    EventType("order.refund_requested.v1", orders.OrderRefundRequested, ORDER, ("admin",)),
    EventType("order.partially_refunded.v1", orders.OrderPartiallyRefunded, ORDER, ("worker",)),
    EventType("order.refunded.v1", orders.OrderRefunded, ORDER, ("worker",)),
    EventType("order.request_refused.v1", orders.OrderRequestRefused, ORDER, ("worker",)),
    EventType("product.published.v1", catalog.ProductPublished, PRODUCT, ("admin",)),
    EventType("product.changed.v1", catalog.ProductChanged, PRODUCT, ("admin",)),
    EventType("product.archived.v1", catalog.ProductArchived, PRODUCT, ("admin",)),
    EventType("category.changed.v1", catalog.CategoryChanged, CATEGORY, ("admin",)),
    EventType("category.removed.v1", catalog.CategoryRemoved, CATEGORY, ("admin",)),
    EventType("stock.received.v1", inventory.StockReceived, STOCK, ("admin",)),
    EventType("stock.corrected.v1", inventory.StockCorrected, STOCK, ("admin",)),
    EventType("customer.registered.v1", customers.CustomerRegistered, CUSTOMER, ("admin",)),
    EventType("customer.deactivated.v1", customers.CustomerDeactivated, CUSTOMER, ("admin",)),
    EventType("customer.reactivated.v1", customers.CustomerReactivated, CUSTOMER, ("admin",)),
    EventType("customer.erased.v1", customers.CustomerErased, CUSTOMER, ("admin",)),
    EventType("page.published.v1", content.PagePublished, PAGE, ("admin",)),
    EventType("page.changed.v1", content.PageChanged, PAGE, ("admin",)),
    EventType("page.removed.v1", content.PageRemoved, PAGE, ("admin",)),
    EventType("banner.changed.v1", content.BannerChanged, BANNER, ("admin",)),
    EventType("banner.removed.v1", content.BannerRemoved, BANNER, ("admin",)),
)

EVENT_TYPES: MappingProxyType[str, EventType] = MappingProxyType({event_type.name: event_type for event_type in _ALL})
_TYPE_OF = {event_type.model: event_type for event_type in _ALL}


def event_type_of(payload: Payload) -> EventType:
    """The event type that `payload` is the body of; KeyError for a model that is no event."""
    return _TYPE_OF[type(payload)]
