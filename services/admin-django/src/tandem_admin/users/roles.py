"""The groups a store begins with, and what each may do.

A migration creates them once; from then on they are the store's own, to change on their page. A superuser decides
who is in them: whoever may give rights may take all.
"""

from types import MappingProxyType

_LOOK_AT_STORE = ("catalog.view_category", "catalog.view_product", "inventory.view_stock")
_LOOK_AT_WEBHOOKS = ("webhooks.view_endpoint", "webhooks.view_delivery")
_LOOK_AT_EVENTS = ("events.view_outboxevent", "events.view_deadletter", "events.view_deadletterdecision")

CATALOGUE = (
    *_LOOK_AT_STORE,
    "catalog.add_category",
    "catalog.change_category",
    "catalog.add_product",
    "catalog.change_product",
    "catalog.publish_product",
    *(f"content.{action}_{model}" for model in ("page", "banner") for action in ("view", "add", "change", "delete")),
)
FULFILMENT = (
    *_LOOK_AT_STORE,
    "inventory.view_stockmovement",
    "inventory.receive_stock",
    "inventory.correct_stock",
    "orders.view_order",
    "orders.ship_order",
)
SUPPORT = (
    *_LOOK_AT_STORE,
    "orders.view_order",
    "orders.cancel_order",
    "orders.refund_order",
    "users.view_user",
    "users.export_user",
    "notifications.view_notification",
    "notifications.resend_notification",
    *_LOOK_AT_WEBHOOKS,
    "webhooks.resend_delivery",
)
ADMINISTRATION = (
    *CATALOGUE,
    *FULFILMENT,
    *SUPPORT,
    *_LOOK_AT_EVENTS,
    "events.decide_deadletter",
    "users.add_user",
    "users.change_user",
    "users.erase_user",
    "auth.view_group",
    "audit.view_auditentry",
    "allauth_idp_oidc.view_client",
    "allauth_idp_oidc.add_client",
    "allauth_idp_oidc.change_client",
    "webhooks.add_endpoint",
    "webhooks.change_endpoint",
    "webhooks.switch_endpoint",
)
AUDIT = (
    *_LOOK_AT_STORE,
    "content.view_page",
    "content.view_banner",
    *_LOOK_AT_EVENTS,
    "inventory.view_stockmovement",
    "orders.view_order",
    "notifications.view_notification",
    "users.view_user",
    "auth.view_group",
    "audit.view_auditentry",
    "allauth_idp_oidc.view_client",
    *_LOOK_AT_WEBHOOKS,
)

ROLES = MappingProxyType(
    {
        "Catalogue editor": CATALOGUE,
        "Fulfilment": FULFILMENT,
        "Support": SUPPORT,
        "Administrator": ADMINISTRATION,
        "Auditor": AUDIT,
    }
)
