"""What a client may ask a customer to allow."""

ORDERS_READ = "orders:read"
ORDERS_WRITE = "orders:write"

SCOPES = {
    "openid": "Know who you are",
    ORDERS_READ: "See your orders and follow them",
    ORDERS_WRITE: "Place and cancel orders for you",
}
