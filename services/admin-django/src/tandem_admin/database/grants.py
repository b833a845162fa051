"""Who may do what: one Postgres role per process, rights per table, and per column where that matters.

A role that is not named for a table has no right to it. `tandem-manage apply_grants` makes the database agree.
"""

from typing import Literal

Role = Literal[
    "tandem_admin",
    "tandem_api",
    "tandem_worker",
    "tandem_notifications",
    "tandem_webhooks",
    "tandem_relay",
    "tandem_purge",
]
ROLES: tuple[Role, ...] = (
    "tandem_admin",
    "tandem_api",
    "tandem_worker",
    "tandem_notifications",
    "tandem_webhooks",
    "tandem_relay",
    "tandem_purge",
)
OWNER = "tandem_owner"

ALL = "SELECT, INSERT, UPDATE, DELETE"
READ = "SELECT"

# Tables of Django and its packages, found by the prefix of their names: the admin's alone.
ADMIN_PREFIXES = (
    "auth_",
    "account_",
    "allauth_",
    "mfa_",
    "django_session",
    "database_cacheentry",
    "users_",
)
# Django's own log of the admin is not in use: `tandem_admin.audit` is what nobody can change.
ADMIN_READS = ("django_admin_log", "django_content_type", "django_migrations", "django_site")

ADDRESS = "recipient, street, addition, postal_code, city, region, country"
# A signing secret is written by who makes it, and read by who signs.
NEW_SECRETS = "SELECT (id, endpoint_id, created_at, expires_at), INSERT, UPDATE (expires_at)"

TABLES: dict[Role, dict[str, str]] = {
    "tandem_admin": {
        "audit_auditentry": "SELECT, INSERT",
        "catalog_category": ALL,
        "catalog_product": ALL,
        "content_page": ALL,
        "content_banner": ALL,
        "catalog_pricechange": "SELECT, INSERT",
        "inventory_stock": "SELECT, INSERT, UPDATE (available)",
        "inventory_stockmovement": "SELECT, INSERT",
        "orders_order": READ,
        "orders_orderline": READ,
        "orders_timelineentry": "SELECT, INSERT",
        "orders_paymentattempt": READ,
        "refunds_refund": READ,
        # To erase a person.
        "addresses_address": "SELECT, DELETE",
        "addresses_shippingaddress": "SELECT, DELETE",
        # Sending one again; and of the erased, what a mail server said, which may name an address.
        "notifications_notification": ("SELECT, UPDATE (state, edition, attempts, error, wanted_at, next_attempt_at)"),
        "events_stream": READ,
        "events_outboxevent": READ,
        "events_consumerposition": READ,
        "events_deadletter": READ,
        # A decision stays as it was made; what became of it is for the consumer to write.
        "events_deadletterdecision": (
            "SELECT, INSERT (consumer, aggregate_type, aggregate_id, version, action, why, decided_by)"
        ),
        "webhooks_endpoint": (
            "SELECT, INSERT, UPDATE (url, description, event_types, state, disabled_at, disabled_reason, is_held)"
        ),
        "webhooks_signingsecret": NEW_SECRETS,
        "webhooks_delivery": READ,
        "webhooks_attempt": READ,
        "webhooks_deliveryrequest": "SELECT, INSERT",
    },
    "tandem_api": {
        "users_user": "SELECT (id, email, name, is_active), UPDATE (name)",
        "addresses_address": (
            f"SELECT, INSERT (id, customer_id, slot, {ADDRESS}), UPDATE ({ADDRESS}, default_since), DELETE"
        ),
        "addresses_shippingaddress": "SELECT, INSERT",
        "catalog_category": READ,
        "catalog_product": READ,
        "content_page": READ,
        "content_banner": READ,
        "inventory_stock": READ,
        # Not the state: an order begins as placed, and goes on by the order process.
        "orders_order": "SELECT, INSERT (id, customer_id, total_amount, total_currency, payment_token, placed_at)",
        "orders_orderline": "SELECT, INSERT",
        "orders_timelineentry": "SELECT, INSERT",
        "orders_idempotencykey": "SELECT, INSERT",
        "webhooks_endpoint": (
            "SELECT, INSERT (id, client_id, url, description, event_types, created_at),"
            " UPDATE (url, description, event_types, state, disabled_at, disabled_reason, deleted_at)"
        ),
        "webhooks_signingsecret": NEW_SECRETS,
        "webhooks_delivery": READ,
        "webhooks_attempt": READ,
        "webhooks_deliveryrequest": "SELECT, INSERT (id, endpoint_id, delivery_id, requested_by, traceparent)",
    },
    "tandem_worker": {
        "inventory_stock": "SELECT, UPDATE (available, reserved)",
        "inventory_stockmovement": "SELECT, INSERT",
        "orders_order": "SELECT, UPDATE (state, refunded_amount, refunding_amount)",
        "orders_orderline": READ,
        "orders_timelineentry": "SELECT, INSERT",
        "orders_paymentattempt": "SELECT, INSERT, UPDATE (state, provider_id, decline_code)",
        "refunds_refund": "SELECT, INSERT, UPDATE (state)",
        # For people's look at streams. Kafka tells the worker every event anyway, only a moment later.
        "events_stream": READ,
        "events_outboxevent": READ,
        "events_consumerposition": "SELECT, INSERT, UPDATE (version)",
        "events_deadletter": "SELECT, INSERT, UPDATE (state, reason, error, attempts, settled_at)",
        "events_deadletterdecision": (
            "SELECT, INSERT (consumer, aggregate_type, aggregate_id, version, action, why, decided_by),"
            " UPDATE (outcome, detail, carried_out_at)"
        ),
    },
    # The one process that is let to know customers' addresses, and it can change no order.
    "tandem_notifications": {
        "users_user": "SELECT (id, email, name, is_active, erased_at)",
        "orders_order": "SELECT (id, customer_id, total_amount, total_currency, placed_at)",
        "orders_orderline": READ,
        "orders_timelineentry": "SELECT (order_id, version, payload)",
        "notifications_notification": (
            "SELECT, INSERT (event_id, kind, order_id, version, wanted_at, traceparent),"
            " UPDATE (state, attempts, error, next_attempt_at, sent_at)"
        ),
        "events_consumerposition": "SELECT, INSERT, UPDATE (version)",
        "events_deadletter": "SELECT, INSERT, UPDATE (state, reason, error, attempts, settled_at)",
        "events_deadletterdecision": "SELECT, UPDATE (outcome, detail, carried_out_at)",
    },
    # The one process that may read what messages are signed with, and it can change nothing of the store.
    "tandem_webhooks": {
        "allauth_idp_oidc_client": "SELECT (id, scopes)",
        "webhooks_endpoint": (
            "SELECT, UPDATE (state, disabled_at, disabled_reason, last_success_at, failing_since, not_before)"
        ),
        "webhooks_signingsecret": READ,
        "webhooks_delivery": (
            "SELECT, INSERT, UPDATE (state, attempts, next_attempt_at, give_up_at, lease, leased_until, last_status,"
            " last_response, last_error, settled_at)"
        ),
        "webhooks_attempt": "SELECT, INSERT",
        "webhooks_deliveryrequest": "SELECT, UPDATE (carried_out_at)",
        "events_consumerposition": "SELECT, INSERT, UPDATE (version)",
        "events_deadletter": "SELECT, INSERT, UPDATE (state, reason, error, attempts, settled_at)",
        "events_deadletterdecision": "SELECT, UPDATE (outcome, detail, carried_out_at)",
    },
    "tandem_relay": {
        "events_outboxevent": "SELECT, DELETE",
    },
    # It sees no more than what tells a row's age. There is no right to lock: that would be one to change.
    "tandem_purge": {
        "orders_idempotencykey": "SELECT (principal, key, created_at), DELETE",
        "events_deadletter": "SELECT (id, settled_at), DELETE",
        "webhooks_delivery": "SELECT (id, endpoint_id, created_at, leased_until), DELETE",
        "webhooks_attempt": "SELECT (id, delivery_id), DELETE",
        "webhooks_deliveryrequest": "SELECT (id, endpoint_id, delivery_id, created_at), DELETE",
        "webhooks_signingsecret": "SELECT (id, endpoint_id, expires_at), DELETE",
        "webhooks_endpoint": "SELECT (id, deleted_at), DELETE",
    },
}
# Roles of Postgres itself. The relay measures the oldest transaction; of another role's transaction an ordinary role
# sees only that it is there. The texts of statements, which this lets it see too, hold no values: those travel apart.
MEMBERSHIPS: dict[Role, tuple[str, ...]] = {"tandem_relay": ("pg_read_all_stats",)}
APPEND_EVENT = "append_event(text, uuid, text, jsonb, jsonb)"
MAY_APPEND: tuple[Role, ...] = ("tandem_admin", "tandem_api", "tandem_worker")
