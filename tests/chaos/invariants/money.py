"""Customers' money: the provider's own books against the orders."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.evidence import Evidence

KEPT = {"paid", "shipped", "delivered"}
# Of each state of an attempt: the provider's.
AT_THE_PROVIDER = {
    "captured": ("captured", "partially_refunded"),
    "declined": ("declined",),
    "refunded": ("refunded",),
}
REQUEST = "order.refund_requested.v1"
STATED = ("order.partially_refunded.v1", "order.refunded.v1")


def nobody_is_charged_twice(evidence: Evidence) -> Iterator[str]:
    """At most one capture for an order, ever, of its total."""
    totals = {row["id"]: row["total_amount"] for row in evidence.rows("orders_order")}
    captures: Counter[str] = Counter()
    for entry in evidence.ledger:
        order_id = entry["reference"]
        if order_id not in totals:
            yield f"the provider was asked for money for order {order_id}, which does not exist"
        elif entry["type"] == "capture":
            captures[order_id] += 1
            if entry["amount"] != totals[order_id]:
                yield f"order {order_id} is {totals[order_id]}, captured was {entry['amount']}"
    for order_id, count in captures.items():
        if count > 1:
            yield f"order {order_id} was charged {count} times"


def money_is_where_the_state_says(evidence: Evidence) -> Iterator[str]:
    """Of a paid order's total all is kept that was not given back in part; of any other order, nothing."""
    kept: dict[str, int] = defaultdict(int)
    for entry in evidence.ledger:
        kept[entry["reference"]] += {"capture": entry["amount"], "refund": -entry["amount"]}.get(entry["type"], 0)
    for row in evidence.rows("orders_order"):
        due = row["total_amount"] - row["refunded_amount"] if row["state"] in KEPT else 0
        if kept[row["id"]] != due:
            yield f"order {row['id']} is {row['state']}: the provider keeps {kept[row['id']]} of it, due is {due}"


def attempts_are_settled(evidence: Evidence) -> Iterator[str]:
    """No payment is under way any more, and what was captured is known under the provider's own id."""
    payments = {payment["id"]: payment for payment in evidence.payments}
    for row in evidence.rows("orders_paymentattempt"):
        if row["state"] in ("sending", "unknown"):
            yield f"the payment attempt {row['id']} of order {row['order_id']} is still {row['state']}"
            continue
        payment = payments.get(row["provider_id"])
        if payment is None or payment["reference"] != row["order_id"]:
            yield f"the payment attempt {row['id']} names {row['provider_id']!r}, which is no payment of its order"
        elif payment["status"] not in AT_THE_PROVIDER[row["state"]]:
            yield f"the payment attempt {row['id']} is {row['state']}, at the provider {payment['status']}"


def every_refund_is_given_once(evidence: Evidence) -> Iterator[str]:
    """The provider gave back what was asked for, each once; orders and timelines say the same."""
    given = Counter((row["reference"], row["amount"]) for row in evidence.ledger if row["type"] == "refund")
    asked = Counter((row["order_id"], row["amount"]) for row in evidence.rows("refunds_refund"))
    for (order_id, amount), count in ((given - asked) + (asked - given)).items():
        times = f"{given[order_id, amount]} times, asked for {asked[order_id, amount]} times"
        yield f"order {order_id}: {amount} was given back {times}, {count} too many or too few"
    back: Counter[str] = Counter()
    for row in evidence.rows("refunds_refund"):
        order_id, version = row["order_id"], row["request_version"]
        back[order_id] += row["amount"]
        if row["state"] != "refunded":
            yield f"order {order_id}: the refund that its version {version} asked for is still {row['state']}"
        told = [
            entry["event_type"]
            for entry in evidence.timelines.get(order_id, ())
            if entry["event_type"] in STATED and entry["payload"].get("request_version") == version
        ]
        if len(told) != (row["request_type"] == REQUEST):
            yield f"order {order_id}: of the refund that its version {version} asked for is told {told}"
    for row in evidence.rows("orders_order"):
        if (row["refunded_amount"], row["refunding_amount"]) != (back[row["id"]], 0):
            amounts = f"{row['refunded_amount']} refunded and {row['refunding_amount']} being refunded"
            yield f"order {row['id']} says {amounts}, its refunds add up to {back[row['id']]}"
