"""SQLAlchemy's view of the tables that Django owns: what the services read and write, and no more."""

from tandem_tables import (
    addresses,
    catalog,
    content,
    events,
    inventory,
    notifications,
    orders,
    refunds,
    users,
    webhooks,
)

__all__ = [
    "addresses",
    "catalog",
    "content",
    "events",
    "inventory",
    "notifications",
    "orders",
    "refunds",
    "users",
    "webhooks",
]
