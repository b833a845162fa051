"""What partners are sent: which event types, which fields of them, and in which form.

The form is that of Standard Webhooks (https://www.standardwebhooks.com): `type`, `timestamp` and `data`.
"""

import base64
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from tandem_contracts.envelope import Event, MalformedEventError

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
SECRET_BYTES = 32
MANAGE_SCOPE = "webhooks:manage"
# Sent on request, whatever an endpoint is subscribed to.
TEST_TYPE = "webhook.test.v1"


@dataclass(frozen=True, slots=True)
class WebhookType:
    """An event type that partners may hear of.

    `scope` is what the partner's client needs for it. `fields` are those of the payload that are sent: a field which an
    event gains later stays inside until somebody decides otherwise.
    """

    name: str
    scope: str
    fields: tuple[str, ...]


_PRODUCT = ("product_id", "sku", "name", "description", "category", "price", "picture")
# Never who the customer is, and no free text of theirs.
_ALL = (
    WebhookType("order.placed.v1", "orders:status", ("order_id", "total", "lines")),
    WebhookType("order.reserved.v1", "orders:status", ("order_id",)),
    WebhookType("order.paid.v1", "orders:status", ("order_id", "amount")),
    WebhookType("order.rejected.v1", "orders:status", ("order_id", "reason")),
    WebhookType("order.cancelled.v1", "orders:status", ("order_id", "refunded")),
    WebhookType("order.shipped.v1", "orders:status", ("order_id", "carrier", "tracking_number")),
    WebhookType("order.delivered.v1", "orders:status", ("order_id",)),
    WebhookType("order.partially_refunded.v1", "orders:status", ("order_id", "amount", "refunded")),
    WebhookType("order.refunded.v1", "orders:status", ("order_id", "amount", "last_amount")),
    WebhookType("product.published.v1", "feed:read", _PRODUCT),
    WebhookType("product.changed.v1", "feed:read", _PRODUCT),
    WebhookType("product.archived.v1", "feed:read", ("product_id", "sku")),
)
WEBHOOK_TYPES: MappingProxyType[str, WebhookType] = MappingProxyType({one.name: one for one in _ALL})


def types_for(scopes: Collection[str]) -> list[str]:
    """The event types to which a client with these scopes may subscribe."""
    return [one.name for one in _ALL if one.scope in scopes]


def message(event: Event) -> str:
    """The body that partners get for an event of WEBHOOK_TYPES; MalformedEventError when it breaks its contract."""
    payload = event.payload()
    if payload is None:
        raise MalformedEventError(f"{event.type} is not known")
    data = payload.model_dump(mode="json", include=set(WEBHOOK_TYPES[event.type].fields))
    return body(event.type, event.time, data | {"version": event.version})


def sample_message(endpoint_id: UUID, at: datetime) -> str:
    """The body of the event that says no more than that it arrives."""
    return body(TEST_TYPE, at, {"endpoint_id": str(endpoint_id)})


def body(event_type: str, at: datetime, data: dict[str, object]) -> str:
    return json.dumps(
        {"type": event_type, "timestamp": at.isoformat(), "data": data}, ensure_ascii=False, separators=(",", ":")
    )


def new_signing_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
