"""How what happened is named in a line of the log, so that an order is found by its id in all services' lines."""

from uuid import UUID


def about(aggregate_type: str, aggregate_id: UUID) -> dict[str, str]:
    """The fields that name an aggregate; an order has its own beside them."""
    names = {"aggregate_type": aggregate_type, "aggregate_id": str(aggregate_id)}
    return names | {"order_id": str(aggregate_id)} if aggregate_type == "order" else names
