"""How the back office looks: django-unfold's settings."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _page(title: str, icon: str, name: str, permission: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}"), "permission": _may(permission)}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Tandem",
    "SITE_HEADER": "Tandem",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "storefront",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("tandem_admin/icon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "STYLES": [lambda _request: static("tandem_admin/admin.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .016 184)",
            "100": "oklch(94.6% .045 181)",
            "200": "oklch(89% .08 181)",
            "300": "oklch(82% .11 182)",
            "400": "oklch(72% .12 183)",
            "500": "oklch(62% .11 185)",
            "600": "oklch(52% .095 187)",
            "700": "oklch(44% .078 189)",
            "800": "oklch(38% .064 191)",
            "900": "oklch(33% .052 193)",
            "950": "oklch(24% .042 195)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "title": "Store",
                "items": [
                    _page("Orders", "receipt_long", "orders_order_changelist", "orders.view_order"),
                    _page("Products", "inventory_2", "catalog_product_changelist", "catalog.view_product"),
                    _page("Categories", "category", "catalog_category_changelist", "catalog.view_category"),
                    _page("Stock", "warehouse", "inventory_stock_changelist", "inventory.view_stock"),
                    _page(
                        "Stock ledger", "list_alt", "inventory_stockmovement_changelist", "inventory.view_stockmovement"
                    ),
                ],
            },
            {
                "title": "Content",
                "separator": True,
                "items": [
                    _page("Pages", "article", "content_page_changelist", "content.view_page"),
                    _page("Banners", "featured_play_list", "content_banner_changelist", "content.view_banner"),
                ],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _page("Users", "person", "users_user_changelist", "users.view_user"),
                    _page("Groups", "group", "auth_group_changelist", "auth.view_group"),
                    _page("Mails", "mail", "notifications_notification_changelist", "notifications.view_notification"),
                    _page("Audit trail", "history", "audit_auditentry_changelist", "audit.view_auditentry"),
                    _page(
                        "OAuth clients", "vpn_key", "allauth_idp_oidc_client_changelist", "allauth_idp_oidc.view_client"
                    ),
                ],
            },
            {
                "title": "Webhooks",
                "separator": True,
                "items": [
                    _page("Endpoints", "webhook", "webhooks_endpoint_changelist", "webhooks.view_endpoint"),
                    _page("Deliveries", "outgoing_mail", "webhooks_delivery_changelist", "webhooks.view_delivery"),
                ],
            },
            {
                "title": "Events",
                "separator": True,
                "items": [
                    _page("Outbox", "outbox", "events_outboxevent_changelist", "events.view_outboxevent"),
                    _page("Dead letters", "report", "events_deadletter_changelist", "events.view_deadletter"),
                    _page(
                        "Decisions", "gavel", "events_deadletterdecision_changelist", "events.view_deadletterdecision"
                    ),
                ],
            },
        ],
    },
}
