"""A dead letter as its page shows it: made before the template."""

import json
from types import MappingProxyType
from typing import Any

from django.urls import reverse

from tandem_admin.events.models import DeadLetter, DeadLetterDecision
from tandem_admin.traces import trace_id_of, trace_url

# unfold's label variants
STATE_COLORS = MappingProxyType(
    {
        DeadLetter.State.DEAD: "danger",
        DeadLetter.State.QUEUED: "warning",
        DeadLetter.State.REPLAYED: "success",
        DeadLetter.State.DISCARDED: "default",
    }
)
OUTCOME_COLORS = MappingProxyType(
    {
        DeadLetterDecision.Outcome.PENDING: "info",
        DeadLetterDecision.Outcome.DONE: "success",
        DeadLetterDecision.Outcome.FAILED: "danger",
    }
)
# Where staff see what an event is about.
AGGREGATE_PAGES = MappingProxyType(
    {"order": "orders_order_change", "product": "catalog_product_change", "customer": "users_user_change"}
)


def aggregate_url(letter: DeadLetter) -> str:
    """The page of what the event is about; empty when there is none."""
    name = AGGREGATE_PAGES.get(letter.aggregate_type)
    return reverse(f"admin:{name}", args=[letter.aggregate_id]) if name else ""


def short_name(of: DeadLetter | DeadLetterDecision) -> str:
    """Which event of which aggregate: the end of a UUIDv7 is its random part."""
    identity = f"\N{HORIZONTAL ELLIPSIS}{str(of.aggregate_id)[-12:]}"
    return f"{of.aggregate_type}\N{NO-BREAK SPACE}{identity}\N{NO-BREAK SPACE}#{of.version}"


def last_line(error: str) -> str:
    return error.strip().rpartition("\n")[2][:100]


def page(letter: DeadLetter) -> dict[str, Any]:
    """What the page of a letter shows."""
    trace_id = trace_id_of(letter.headers.get("traceparent", ""))
    return {
        "letter": letter,
        "state_color": STATE_COLORS[DeadLetter.State(letter.state)],
        "aggregate_url": aggregate_url(letter),
        "trace_id": trace_id,
        "trace_url": trace_url(trace_id),
        "payload": _pretty(letter.body),
        "headers": sorted(letter.headers.items()),
        "siblings": [
            {"letter": other, "color": STATE_COLORS[DeadLetter.State(other.state)]}
            for other in DeadLetter.objects.of_aggregate(letter).for_list()
        ],
        "decisions": [
            {"decision": one, "color": OUTCOME_COLORS[DeadLetterDecision.Outcome(one.outcome)]}
            for one in DeadLetterDecision.objects.about(letter)
        ],
    }


def _pretty(body: str) -> str:
    """JSON with a line for each member; what is no JSON, as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
