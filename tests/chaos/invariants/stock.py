"""The pieces: balance, ledger and orders tell the same."""

from collections import defaultdict
from collections.abc import Iterator

from chaos.evidence import Evidence, Row

BOOKED_BY_STAFF = ("receipt", "correction")
SET_ASIDE = {"reserved", "paid"}


def stock_equals_its_ledger(evidence: Evidence) -> Iterator[str]:
    """A balance is the sum of its ledger's lines, and never was below nothing."""
    for row in evidence.rows("inventory_stock"):
        available, reserved = 0, 0
        for line in _ledger(evidence, row["sku"]):
            available += line["available_change"]
            reserved += line["reserved_change"]
        if (available, reserved) != (row["available"], row["reserved"]):
            yield f"{row['sku']} has {row['available']}/{row['reserved']}, its ledger sums to {available}/{reserved}"
        if min(row["available"], row["reserved"]) < 0:
            yield f"{row['sku']} has {row['available']}/{row['reserved']}: less than nothing"


def stock_is_what_was_bought_less_what_was_sold(evidence: Evidence) -> Iterator[str]:
    """What was bought, less what orders hold or were sent, is available; what they hold is set aside."""
    held: dict[str, int] = defaultdict(int)
    gone: dict[str, int] = defaultdict(int)
    orders = {row["id"]: row for row in evidence.rows("orders_order")}
    for line in evidence.rows("orders_orderline"):
        order = orders[line["order_id"]]
        if order["state"] in SET_ASIDE:
            held[line["sku"]] += line["quantity"]
        elif any(entry["state"] == "shipped" for entry in evidence.timelines.get(order["id"], ())):
            gone[line["sku"]] += line["quantity"]
    for row in evidence.rows("inventory_stock"):
        sku = row["sku"]
        bought = sum(line["available_change"] for line in _ledger(evidence, sku) if line["reason"] in BOOKED_BY_STAFF)
        available = bought - held[sku] - gone[sku]
        if row["available"] != available:
            yield f"{sku}: {bought} bought, {gone[sku]} sent, {held[sku]} held, but {row['available']} available"
        if row["reserved"] != held[sku]:
            yield f"{sku}: orders hold {held[sku]}, set aside are {row['reserved']}"


def _ledger(evidence: Evidence, sku: str) -> list[Row]:
    return [line for line in evidence.rows("inventory_stockmovement") if line["sku"] == sku]
