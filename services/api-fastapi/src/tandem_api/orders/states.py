"""What an order's state allows."""

PLACED = "placed"
CANCELLABLE = frozenset({PLACED, "reserved", "paid"})
FINAL = frozenset({"rejected", "delivered", "cancelled", "refunded"})


def is_cancellable(state: str) -> bool:
    """Tell whether a customer may still ask to cancel; a state that this release does not know is too late."""
    return state in CANCELLABLE


def is_final(state: str) -> bool:
    return state in FINAL
