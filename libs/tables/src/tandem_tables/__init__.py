"""SQLAlchemy's view of the tables that Django owns: what the services read and write, and no more."""

from tandem_tables import catalog, events, inventory, orders, users, webhooks

__all__ = ["catalog", "events", "inventory", "orders", "users", "webhooks"]
