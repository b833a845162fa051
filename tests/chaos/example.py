"""Evidence of a small sound world, for the checker's tests to break: five orders and a record that is no event."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from chaos.collect import GROUP, TOPIC
from chaos.evidence import MALFORMED_HEADER, Evidence, Record
from chaos.load.history import Request, Try

BOUGHT = 100
SKU = "CHAOS-03"
PRICE = 1111
QUANTITY = 2
PART = 500
SHIPPED, REJECTED, CANCELLED, POISONED = "order-shipped", "order-rejected", "order-cancelled", "order-poisoned"
PARTLY = "order-refunded-in-part"

Told = tuple[str, str | None]
# Of each order: its events in short, and the state that each led to.
BEGUN: list[Told] = [("placed", "placed"), ("reserved", "reserved"), ("paid", "paid")]
STORIES: dict[str, list[Told]] = {
    SHIPPED: [*BEGUN, ("shipment_registered", None), ("shipped", "shipped")],
    REJECTED: [("placed", "placed"), ("rejected", "rejected")],
    CANCELLED: [*BEGUN, ("cancellation_requested", None), ("cancelled", "cancelled")],
    POISONED: BEGUN,
    PARTLY: [*BEGUN, ("refund_requested", None), ("partially_refunded", None)],
}
MOVED = {
    SHIPPED: ("reservation", "shipment"),
    CANCELLED: ("reservation", "release"),
    POISONED: ("reservation",),
    PARTLY: ("reservation",),
}
# Of each order: what was given back, and by which request, its version 4.
REFUNDED = {
    CANCELLED: (PRICE * QUANTITY, "order.cancellation_requested.v1"),
    PARTLY: (PART, "order.refund_requested.v1"),
}
CHANGES = {"reservation": (-QUANTITY, QUANTITY), "release": (QUANTITY, -QUANTITY), "shipment": (0, -QUANTITY)}


@dataclass
class World:
    """The same as the evidence, but to be changed."""

    requests: list[Request] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)
    replayed: dict[str, list[dict[str, Any]]] | None = None
    quiet_seconds: float | None = 3.0

    def evidence(self) -> Evidence:
        return Evidence(
            self.requests,
            self.records,
            self.tables,
            self.tables if self.replayed is None else self.replayed,
            self.payments,
            self.ledger,
            self.quiet_seconds,
        )

    def row(self, table: str, **names: object) -> dict[str, Any]:
        """The row of the table that has these values."""
        (found,) = [row for row in self.tables[table] if names.items() <= row.items()]
        return found

    def publish(self, order_id: str, version: int, kind: str, value: str = "{}") -> None:
        headers = {
            "ce_subject": f"order/{order_id}",
            "ce_aggregateversion": str(version),
            "ce_type": f"order.{kind}.v1",
            "ce_id": f"{order_id}/{version}",
        }
        self.records.append(Record(TOPIC, 0, len(self.records), headers, value))


def sound_world() -> World:
    world = World()
    for table in ("orders_order", "orders_orderline", "orders_timelineentry", "orders_idempotencykey", "events_stream"):
        world.tables[table] = []
    for table in (
        "events_consumerposition",
        "events_outboxevent",
        "events_deadletter",
        "orders_paymentattempt",
        "refunds_refund",
    ):
        world.tables[table] = []
    world.tables["inventory_stockmovement"] = [_movement("receipt", BOUGHT, 0)]
    world.tables["inventory_stock"] = [
        {"sku": SKU, "available": BOUGHT - 3 * QUANTITY, "reserved": 2 * QUANTITY},
    ]
    for order_id, story in STORIES.items():
        _tell(world, order_id, story)
    _poison(world)
    _send_malformed(world)
    world.requests.append(Request("order", "ada", key="refused", tries=[Try(0, 0, 422)]))
    world.requests.append(Request("ship", "staff", order_id=SHIPPED, tries=[Try(0, 0, 200)]))
    cancelled = Try(0, 0, 202, {"order_id": CANCELLED, "version": 4})
    world.requests.append(Request("cancellation", "ada", key="cancel", order_id=CANCELLED, tries=[cancelled]))
    return world


def _tell(world: World, order_id: str, story: list[Told]) -> None:
    tables = world.tables
    tries = [Try(0, 0, None), Try(1, 0, 201, {"id": order_id})]
    world.requests.append(Request("order", "ada", key=f"key-{order_id}", lines={SKU: QUANTITY}, tries=tries))
    key = {"key": f"key-{order_id}", "response_status": 201, "response_body": {"id": order_id}}
    tables["orders_idempotencykey"].append(key)
    state = [state for _, state in story if state][-1]
    amounts = {"total_amount": PRICE * QUANTITY, "refunded_amount": 0, "refunding_amount": 0}
    tables["orders_order"].append({"id": order_id, "state": state, **amounts})
    tables["orders_orderline"].append({"order_id": order_id, "sku": SKU, "quantity": QUANTITY})
    for version, (kind, led_to) in enumerate(story, start=1):
        entry = {"order_id": order_id, "version": version, "event_type": f"order.{kind}.v1", "state": led_to}
        answers = {"request_version": 4} if kind == "partially_refunded" else {}
        tables["orders_timelineentry"].append(entry | {"payload": answers})
        world.publish(order_id, version, kind)
    stream = {"aggregate_type": "order", "aggregate_id": order_id, "version": len(story)}
    tables["events_stream"].append(stream)
    tables["events_consumerposition"].append(stream | {"consumer": GROUP})
    tables["inventory_stockmovement"] += [_movement(reason, *CHANGES[reason]) for reason in MOVED.get(order_id, ())]
    if any(kind == "paid" for kind, _ in story):
        _pay(world, order_id)


def _pay(world: World, order_id: str) -> None:
    amount, (refunded, request) = PRICE * QUANTITY, REFUNDED.get(order_id, (0, ""))
    state = status = "refunded" if refunded == amount else "captured"
    attempt = {"id": f"attempt-{order_id}", "order_id": order_id, "state": state, "provider_id": f"pay-{order_id}"}
    world.tables["orders_paymentattempt"].append(attempt)
    for kind in ("authorisation", "capture"):
        world.ledger.append({"type": kind, "reference": order_id, "amount": amount})
    if refunded:
        status = "refunded" if state == "refunded" else "partially_refunded"
        world.ledger.append({"type": "refund", "reference": order_id, "amount": refunded})
        refund = {"order_id": order_id, "request_version": 4, "request_type": request}
        world.tables["refunds_refund"].append(refund | {"amount": refunded, "state": "refunded"})
        world.row("orders_order", id=order_id)["refunded_amount"] = refunded
    world.payments.append({"id": f"pay-{order_id}", "reference": order_id, "status": status})


def _poison(world: World) -> None:
    """Version 4 of an order is ours, and version 5 waits behind it."""
    world.publish(POISONED, 4, "shipment_registered", '{"chaos": "poison"}')
    world.publish(POISONED, 5, "cancellation_requested")
    world.row("events_stream", aggregate_id=POISONED)["version"] = 5
    waiting = {"order_id": POISONED, "version": 5, "event_type": "order.cancellation_requested.v1", "state": None}
    world.tables["orders_timelineentry"].append(waiting | {"payload": {}})
    for version, state in ((4, "dead"), (5, "queued")):
        _bury(world, "order", POISONED, version, state)


def _send_malformed(world: World) -> None:
    record = Record(TOPIC, 0, len(world.records), {MALFORMED_HEADER: "malformed"}, "noise")
    world.records.append(record)
    _bury(world, "record", str(uuid.uuid5(uuid.NAMESPACE_URL, f"{TOPIC}/0")), record.offset + 1, "dead")


def _bury(world: World, kind: str, identity: str, version: int, state: str) -> None:
    letter = {"consumer": GROUP, "aggregate_type": kind, "aggregate_id": identity, "version": version}
    world.tables["events_deadletter"].append(letter | {"state": state, "error": ""})


def _movement(reason: str, available: int, reserved: int) -> dict[str, Any]:
    return {"sku": SKU, "reason": reason, "available_change": available, "reserved_change": reserved}
