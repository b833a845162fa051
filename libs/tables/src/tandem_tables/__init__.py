"""SQLAlchemy's view of the tables that Django owns: what the services read and write, and no more."""

from tandem_tables import addresses, catalog, events, inventory, notifications, orders, refunds, users

__all__ = ["addresses", "catalog", "events", "inventory", "notifications", "orders", "refunds", "users"]
