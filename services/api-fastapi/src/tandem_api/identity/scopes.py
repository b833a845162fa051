"""What a client may ask a customer to allow."""

from tandem_contracts.webhooks import MANAGE_SCOPE

ORDERS_READ = "orders:read"
ORDERS_WRITE = "orders:write"

ACCOUNT_READ = "account:read"
ACCOUNT_WRITE = "account:write"

ORDERS_STATUS = "orders:status"
FEED_READ = "feed:read"

SCOPES = {
    "openid": "Know who you are",
    ORDERS_READ: "See your orders and follow them",
    ORDERS_WRITE: "Place and cancel orders for you",
    ACCOUNT_READ: "See your name and addresses",
    ACCOUNT_WRITE: "Change your name and addresses",
}

# What a partner's server may be allowed, in its own name.
PARTNER_SCOPES = {
    MANAGE_SCOPE: "Subscribe to events",
    ORDERS_STATUS: "See what has become of orders",
    FEED_READ: "Follow stock and prices",
}
