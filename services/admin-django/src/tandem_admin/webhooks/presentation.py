"""Webhooks as their pages show them: made before the template."""

import json
from types import MappingProxyType
from typing import Any

from django.urls import reverse

from tandem_admin.events.presentation import AGGREGATE_PAGES
from tandem_admin.traces import trace_id_of, trace_url
from tandem_admin.webhooks.models import Delivery, Endpoint

SHOWN_ATTEMPTS = 100
# unfold's label variants
ENDPOINT_COLORS = MappingProxyType({"Enabled": "success", "Failing": "warning", "Disabled": "danger"})
DELIVERY_COLORS = MappingProxyType(
    {
        Delivery.State.PENDING: "info",
        Delivery.State.DELIVERED: "success",
        Delivery.State.FAILED: "danger",
    }
)


def state_of(endpoint: Endpoint) -> str:
    """As a person would say it."""
    if endpoint.state == Endpoint.State.ENABLED and endpoint.failing_since:
        return "Failing"
    return endpoint.get_state_display()


def aggregate_url(delivery: Delivery) -> str:
    """The page of what the event is about; empty when there is none."""
    name = AGGREGATE_PAGES.get(delivery.aggregate_type)
    return reverse(f"admin:{name}", args=[delivery.aggregate_id]) if name else ""


def page(delivery: Delivery) -> dict[str, Any]:
    """What the page of a delivery shows."""
    trace_id = trace_id_of(delivery.traceparent)
    return {
        "delivery": delivery,
        "state_color": DELIVERY_COLORS[Delivery.State(delivery.state)],
        "message": json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False),
        "aggregate_url": aggregate_url(delivery),
        "trace_id": trace_id,
        "trace_url": trace_url(trace_id),
        "attempts": delivery.history.all()[:SHOWN_ATTEMPTS],
        "requests": delivery.requests.all()[:SHOWN_ATTEMPTS],
    }
