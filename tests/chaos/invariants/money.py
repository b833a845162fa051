"""Customers' money: the provider's own books against the orders."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.evidence import Evidence

KEPT = {"paid", "shipped", "delivered"}


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
    """A paid order's total was captured and kept; of any other order, the provider keeps nothing."""
    kept: dict[str, int] = defaultdict(int)
    for entry in evidence.ledger:
        kept[entry["reference"]] += {"capture": entry["amount"], "refund": -entry["amount"]}.get(entry["type"], 0)
    for row in evidence.rows("orders_order"):
        due = row["total_amount"] if row["state"] in KEPT else 0
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
        elif row["state"] != payment["status"]:
            yield f"the payment attempt {row['id']} is {row['state']}, at the provider {payment['status']}"
