"""Customers and staff: what was promised is there, what was refused is not."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.evidence import Evidence

ENDED_OR_RESTING = {"paid", "shipped", "delivered", "rejected", "cancelled", "refunded"}
CONSEQUENCES = {
    "order.shipment_registered.v1": ("order.shipped.v1",),
    "order.cancellation_requested.v1": ("order.cancelled.v1",),
    "order.refund_requested.v1": ("order.partially_refunded.v1", "order.refunded.v1"),
}
REFUSED = "order.request_refused.v1"
STATED_BY = {
    "cancellation": "order.cancellation_requested.v1",
    "ship": "order.shipment_registered.v1",
    "refund": "order.refund_requested.v1",
}


def every_accepted_order_exists_once(evidence: Evidence) -> Iterator[str]:
    """A request answered 201 has one order, with the pieces that were wanted, however often it was repeated."""
    orders = {row["id"] for row in evidence.rows("orders_order")}
    lines: dict[str, dict[str, int]] = defaultdict(dict)
    for row in evidence.rows("orders_orderline"):
        lines[row["order_id"]][row["sku"]] = row["quantity"]
    owners: dict[str, str] = {}
    for request in evidence.requests:
        if request.kind != "order":
            continue
        ids = {answer["id"] for answer in request.answers}
        if len(ids) > 1:
            yield f"key {request.key} was answered with {len(ids)} orders: {sorted(ids)}"
        for order_id in ids:
            if order_id not in orders:
                yield f"order {order_id} was accepted and does not exist"
            elif lines[order_id] != request.lines:
                yield f"order {order_id} has {lines[order_id]}, wanted was {request.lines}"
            if owners.setdefault(order_id, request.key) != request.key:
                yield f"order {order_id} was the answer to two keys: {owners[order_id]}, {request.key}"


def every_order_was_asked_for_once(evidence: Evidence) -> Iterator[str]:
    """Each order belongs to one key, of a request that was not refused: a refused one left nothing."""
    outcomes = {request.key: request.outcome for request in evidence.requests if request.key}
    kept: Counter[str] = Counter()
    for row in evidence.rows("orders_idempotencykey"):
        if outcomes.get(row["key"], "failed") == "failed":
            yield f"key {row['key']} is kept, though its request was refused or never made"
        if row["response_status"] == 201:
            kept[row["response_body"]["id"]] += 1
    for row in evidence.rows("orders_order"):
        if kept[row["id"]] != 1:
            yield f"order {row['id']} belongs to {kept[row['id']]} requests"


def every_order_came_to_its_end(evidence: Evidence) -> Iterator[str]:
    """The system came to rest in time, with every order that holds no poison where it may rest, or ended."""
    if evidence.quiet_seconds is None:
        yield "the system did not come to rest after it was healed"
    for row in evidence.rows("orders_order"):
        if row["state"] not in ENDED_OR_RESTING and ("order", row["id"]) not in evidence.poisoned:
            yield f"order {row['id']} is still {row['state']}"


def every_accepted_request_is_in_the_timeline(evidence: Evidence) -> Iterator[str]:
    """What was answered yes is stated: a cancellation at its version, an act of staff as often as it was done."""
    stated = {(row["order_id"], row["version"]): row["event_type"] for row in evidence.rows("orders_timelineentry")}
    acts: Counter[tuple[str, str]] = Counter()
    for request in evidence.requests:
        if request.kind == "cancellation":
            for answer in request.answers:
                if stated.get((request.order_id, answer["version"])) != STATED_BY["cancellation"]:
                    yield f"the cancellation of order {request.order_id} was accepted as {answer} and is not there"
        elif request.kind in STATED_BY and request.outcome == "ok":
            acts[request.order_id, STATED_BY[request.kind]] += 1
    for (order_id, event_type), count in acts.items():
        there = sum(entry["event_type"] == event_type for entry in evidence.timelines.get(order_id, ()))
        if there < count:
            yield f"order {order_id} has {there} {event_type}, accepted were {count}"


def every_request_had_its_consequence(evidence: Evidence) -> Iterator[str]:
    """Each request in a timeline was carried out or refused, once."""
    for order_id, timeline in evidence.timelines.items():
        if ("order", order_id) in evidence.poisoned:
            continue
        types = Counter(entry["event_type"] for entry in timeline)
        refused = Counter(entry["payload"]["request"] for entry in timeline if entry["event_type"] == REFUSED)
        for request, consequences in CONSEQUENCES.items():
            followed = sum(types[consequence] for consequence in consequences) + refused[request]
            if types[request] != followed:
                yield f"order {order_id}: {types[request]} times {request}, {followed} consequences"


def states_agree_with_the_timeline(evidence: Evidence) -> Iterator[str]:
    """An order is in the state that the last entry of its timeline led to."""
    for row in evidence.rows("orders_order"):
        states = [entry["state"] for entry in evidence.timelines.get(row["id"], ()) if entry["state"]]
        if not states or states[-1] != row["state"]:
            yield f"order {row['id']} is {row['state']}, its timeline says {states}"
