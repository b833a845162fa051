"""What each database role may not do fails, and what its process lives on works."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from tandem_admin.database.grants import ROLES, TABLES
from tandem_local.databases import Database

from .store import Store

Connections = dict[str, psycopg.Connection]

FORBIDDEN = [
    # Password hashes and rights are the admin's alone.
    ("tandem_api", "SELECT password FROM users_user"),
    ("tandem_api", "SELECT * FROM users_user"),
    ("tandem_api", "UPDATE users_user SET is_superuser = true"),
    ("tandem_worker", "SELECT email FROM users_user"),
    ("tandem_worker", "UPDATE users_user SET is_active = true"),
    ("tandem_relay", "SELECT email FROM users_user"),
    ("tandem_api", "SELECT * FROM django_session"),
    ("tandem_worker", "SELECT * FROM allauth_idp_oidc_token"),
    ("tandem_api", "SELECT * FROM database_cacheentry"),
    # The catalogue is the admin's.
    ("tandem_worker", "UPDATE catalog_product SET price_amount = 1"),
    ("tandem_api", "INSERT INTO catalog_category (slug, name) VALUES ('x', 'X')"),
    ("tandem_api", "UPDATE catalog_product SET status = 'archived'"),
    ("tandem_relay", "SELECT * FROM catalog_product"),
    ("tandem_admin", "UPDATE catalog_pricechange SET amount = 1"),
    ("tandem_admin", "DELETE FROM catalog_pricechange"),
    ("tandem_admin", "UPDATE audit_auditentry SET message = ''"),
    ("tandem_admin", "DELETE FROM audit_auditentry"),
    ("tandem_api", "SELECT * FROM audit_auditentry"),
    ("tandem_api", "SELECT * FROM mfa_authenticator"),
    # An order's state is the worker's, and its content nobody's once it is placed.
    ("tandem_api", "UPDATE orders_order SET state = 'paid'"),
    ("tandem_api", "INSERT INTO orders_order (state) VALUES ('paid')"),
    ("tandem_admin", "SELECT nextval('events_outboxevent_id_seq')"),
    ("tandem_admin", "UPDATE orders_order SET state = 'shipped'"),
    ("tandem_admin", "INSERT INTO orders_order (total_amount) VALUES (1)"),
    ("tandem_admin", "SELECT * FROM orders_order FOR UPDATE"),
    ("tandem_worker", "UPDATE orders_order SET total_amount = 1"),
    ("tandem_worker", "INSERT INTO orders_order (total_amount) VALUES (1)"),
    ("tandem_worker", "DELETE FROM orders_order"),
    ("tandem_api", "DELETE FROM orders_orderline"),
    ("tandem_worker", "UPDATE orders_orderline SET quantity = 1"),
    ("tandem_relay", "SELECT * FROM orders_order"),
    # What has happened has happened.
    ("tandem_admin", "DELETE FROM orders_timelineentry"),
    ("tandem_worker", "UPDATE orders_timelineentry SET payload = '{}'"),
    ("tandem_admin", "DELETE FROM inventory_stockmovement"),
    ("tandem_admin", "UPDATE inventory_stockmovement SET available_change = 0"),
    ("tandem_worker", "DELETE FROM inventory_stockmovement"),
    ("tandem_worker", "TRUNCATE inventory_stockmovement"),
    # What is reserved is the worker's; the API reads.
    ("tandem_admin", "UPDATE inventory_stock SET reserved = 0"),
    ("tandem_admin", "DELETE FROM inventory_stock"),
    ("tandem_api", "UPDATE inventory_stock SET available = 0"),
    # Money is between the worker and the provider.
    ("tandem_admin", "UPDATE orders_paymentattempt SET state = 'refunded'"),
    ("tandem_api", "SELECT * FROM orders_paymentattempt"),
    ("tandem_worker", "UPDATE orders_paymentattempt SET amount = 1"),
    ("tandem_worker", "DELETE FROM orders_paymentattempt"),
    ("tandem_admin", "UPDATE orders_order SET refunded_amount = 0"),
    ("tandem_api", "UPDATE orders_order SET refunding_amount = 0"),
    ("tandem_api", "INSERT INTO orders_order (refunded_amount) VALUES (1)"),
    ("tandem_admin", "UPDATE refunds_refund SET state = 'refunded'"),
    ("tandem_admin", "INSERT INTO refunds_refund (amount) VALUES (1)"),
    ("tandem_api", "SELECT * FROM refunds_refund"),
    ("tandem_worker", "UPDATE refunds_refund SET amount = 1"),
    ("tandem_worker", "DELETE FROM refunds_refund"),
    ("tandem_api", "DELETE FROM orders_idempotencykey"),
    ("tandem_worker", "SELECT * FROM orders_idempotencykey"),
    # Where consumers are.
    ("tandem_api", "INSERT INTO events_consumerposition VALUES ('x', 'order', uuidv7(), 1)"),
    ("tandem_admin", "UPDATE events_consumerposition SET version = 1"),
    ("tandem_worker", "DELETE FROM events_consumerposition"),
    ("tandem_admin", "DELETE FROM events_deadletter"),
    ("tandem_admin", "UPDATE events_deadletter SET state = 'discarded'"),
    ("tandem_worker", "UPDATE events_deadletter SET body = '{}'"),
    # Who decided what, and why, stays.
    ("tandem_admin", "UPDATE events_deadletterdecision SET outcome = 'done'"),
    ("tandem_admin", "INSERT INTO events_deadletterdecision (decided_at) VALUES (now())"),
    ("tandem_worker", "UPDATE events_deadletterdecision SET decided_by = 'somebody else'"),
    ("tandem_worker", "DELETE FROM events_deadletterdecision"),
    ("tandem_api", "SELECT * FROM events_deadletterdecision"),
    ("tandem_relay", "SELECT append_event('order', uuidv7(), 'order.paid.v1', '{}', '{}')"),
    ("tandem_relay", "UPDATE events_outboxevent SET payload = '{}'"),
    # Who knows customers' addresses changes no order, and sees neither cards nor passwords.
    ("tandem_worker", "SELECT * FROM notifications_notification"),
    ("tandem_api", "SELECT * FROM notifications_notification"),
    ("tandem_notifications", "SELECT password FROM users_user"),
    ("tandem_notifications", "UPDATE users_user SET email = 'x'"),
    ("tandem_notifications", "SELECT payment_token FROM orders_order"),
    ("tandem_notifications", "UPDATE orders_order SET state = 'paid'"),
    ("tandem_notifications", "UPDATE notifications_notification SET edition = 2"),
    ("tandem_notifications", "DELETE FROM notifications_notification"),
    ("tandem_notifications", "SELECT append_event('order', uuidv7(), 'order.paid.v1', '{}', '{}')"),
    ("tandem_admin", "INSERT INTO notifications_notification (kind) VALUES ('x')"),
    ("tandem_admin", "UPDATE notifications_notification SET sent_at = now()"),
    ("tandem_admin", "DELETE FROM notifications_notification"),
    # Customers write their addresses themselves.
    ("tandem_admin", "UPDATE addresses_address SET street = 'x'"),
    ("tandem_admin", "INSERT INTO addresses_shippingaddress (street) VALUES ('x')"),
    ("tandem_api", "UPDATE addresses_address SET customer_id = uuidv7()"),
    ("tandem_api", "UPDATE addresses_shippingaddress SET street = 'x'"),
    ("tandem_api", "UPDATE users_user SET email = 'x'"),
    ("tandem_worker", "SELECT * FROM addresses_address"),
    # The purge sees how old a row is, not what is in it.
    # Who makes a signing secret cannot read one; who reads it can change nothing of the store.
    ("tandem_admin", "SELECT secret FROM webhooks_signingsecret"),
    ("tandem_api", "SELECT secret FROM webhooks_signingsecret"),
    ("tandem_worker", "SELECT secret FROM webhooks_signingsecret"),
    ("tandem_purge", "SELECT secret FROM webhooks_signingsecret"),
    ("tandem_api", "UPDATE webhooks_signingsecret SET secret = ''"),
    ("tandem_webhooks", "INSERT INTO webhooks_signingsecret (secret) VALUES ('')"),
    ("tandem_webhooks", "SELECT secret FROM allauth_idp_oidc_client"),
    ("tandem_webhooks", "SELECT * FROM orders_order"),
    ("tandem_webhooks", "SELECT email FROM users_user"),
    ("tandem_webhooks", "SELECT append_event('order', uuidv7(), 'order.paid.v1', '{}', '{}')"),
    ("tandem_webhooks", "UPDATE webhooks_endpoint SET url = ''"),
    ("tandem_webhooks", "UPDATE webhooks_delivery SET body = ''"),
    ("tandem_webhooks", "DELETE FROM webhooks_delivery"),
    # Deliveries are that process's alone; others ask for one.
    ("tandem_admin", "UPDATE webhooks_delivery SET state = 'pending'"),
    ("tandem_api", "UPDATE webhooks_delivery SET state = 'pending'"),
    ("tandem_api", "INSERT INTO webhooks_delivery (body) VALUES ('')"),
    ("tandem_api", "UPDATE webhooks_endpoint SET failing_since = NULL"),
    ("tandem_api", "DELETE FROM webhooks_endpoint"),
    ("tandem_admin", "DELETE FROM webhooks_endpoint"),
    ("tandem_admin", "UPDATE webhooks_endpoint SET client_id = ''"),
    ("tandem_worker", "SELECT * FROM webhooks_delivery"),
    ("tandem_purge", "SELECT body FROM webhooks_delivery"),
    ("tandem_purge", "SELECT response_body FROM orders_idempotencykey"),
    ("tandem_purge", "SELECT body FROM events_deadletter"),
    ("tandem_purge", "UPDATE events_deadletter SET settled_at = now()"),
    ("tandem_purge", "SELECT id FROM events_deadletter FOR UPDATE"),
    ("tandem_purge", "DELETE FROM events_deadletterdecision"),
    ("tandem_purge", "DELETE FROM events_consumerposition"),
    ("tandem_purge", "SELECT * FROM orders_order"),
    ("tandem_purge", "SELECT append_event('order', uuidv7(), 'order.paid.v1', '{}', '{}')"),
]
# Only `append_event` writes these, and only the relay takes away what is published.
BACKBONE = [
    "INSERT INTO events_stream VALUES ('order', uuidv7(), 1)",
    "UPDATE events_stream SET version = 7",
    "DELETE FROM events_stream",
    "INSERT INTO events_outboxevent (event_id) VALUES (uuidv7())",
    "UPDATE events_outboxevent SET version = 7",
]
NOT_OWNERS = [
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE orders_order DISABLE TRIGGER ALL",
    "DROP TABLE orders_order",
    "ALTER FUNCTION append_event(text, uuid, text, jsonb, jsonb) SECURITY INVOKER",
    "CREATE TEMPORARY TABLE events_outboxevent (id int)",
]


@pytest.fixture(scope="module")
def connections(admin_database: Database) -> Iterator[Connections]:
    opened: Connections = {role: psycopg.connect(admin_database.url(role), autocommit=True) for role in ROLES}
    yield opened
    for connection in opened.values():
        connection.close()


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_is_forbidden(connections: Connections, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        connections[role].execute(statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", BACKBONE)
def test_nobody_writes_events_but_by_the_function(connections: Connections, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        connections[role].execute(statement)


@pytest.mark.parametrize("role", ["tandem_admin", "tandem_api", "tandem_worker", "tandem_webhooks", "tandem_purge"])
def test_only_the_relay_takes_events_away(connections: Connections, role: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        connections[role].execute("DELETE FROM events_outboxevent")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", NOT_OWNERS)
def test_no_service_owns_or_shadows_anything(connections: Connections, role: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        connections[role].execute(statement)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_right_to_a_table_that_is_not_declared(connections: Connections, role: str) -> None:
    """So that a new table is nobody's until grants.py names it."""
    granted = {
        row[0]
        for row in connections[role].execute(
            "SELECT table_name FROM information_schema.column_privileges WHERE grantee = current_user"
            " UNION SELECT table_name FROM information_schema.table_privileges WHERE grantee = current_user"
        )
    }
    if role == "tandem_admin":
        packages = ("auth_", "account_", "allauth_", "mfa_", "django_", "database_", "users_")
        granted = {table for table in granted if not table.startswith(packages)}
    assert granted == set(TABLES[role])  # type: ignore[index]


def test_what_the_services_live_on_is_granted(database: Database) -> None:
    """An order's whole life, each step in the role that takes it."""
    with (
        psycopg.connect(database.url("tandem_admin"), autocommit=True) as admin,
        psycopg.connect(database.url("tandem_api"), autocommit=True) as api,
        psycopg.connect(database.url("tandem_worker"), autocommit=True) as worker,
        psycopg.connect(database.url("tandem_notifications"), autocommit=True) as notifications,
        psycopg.connect(database.url("tandem_relay"), autocommit=True) as relay,
    ):
        customer = _stock_a_mug(admin)
        assert _only(api, "SELECT email FROM users_user WHERE id = %s AND is_active", customer) == "ada@example.com"
        order = Store(api, worker, notifications).pay_order(customer)
        _reserve(worker, order)
        admin.execute(
            "INSERT INTO orders_timelineentry (order_id, version, event_type, payload)"
            " SELECT %s, append_event('order', %s, 'order.shipment_registered.v1', '{}', '{}'),"
            " 'order.shipment_registered.v1', '{}'",
            [order, order],
        )
        Store(api, worker, notifications).advance(order, "shipped")
        api.execute(
            "INSERT INTO orders_idempotencykey (principal, key, request_hash, response_status, response_body)"
            " VALUES ('ada', 'k', 'h', 201, '{}')"
        )
        mail = Store(api, worker, notifications).note_mail(order, "failed")
        assert _only(notifications, "SELECT email FROM users_user WHERE id = %s", customer) == "ada@example.com"
        admin.execute("UPDATE notifications_notification SET state = 'pending', edition = 2 WHERE id = %s", [mail])
        worker.execute("INSERT INTO events_consumerposition VALUES ('orders', 'order', %s, 1)", [order])
        worker.execute("UPDATE events_consumerposition SET version = 2")
        published = relay.execute("SELECT producer, version FROM events_outboxevent ORDER BY id").fetchall()
        assert [producer for producer, _ in published] == [
            "tandem_api",
            *["tandem_worker"] * 2,
            "tandem_admin",
            "tandem_worker",
        ]
        assert [version for _, version in published] == [1, 2, 3, 4, 5]
        assert relay.execute("DELETE FROM events_outboxevent").rowcount == 5


def _stock_a_mug(admin: psycopg.Connection) -> UUID:
    category = _only(admin, "INSERT INTO catalog_category (slug, name) VALUES ('k', 'K') RETURNING id")
    admin.execute(
        "INSERT INTO catalog_product (sku, name, category_id, price_amount) VALUES ('MUG', 'Mug', %s, 1490)", [category]
    )
    admin.execute("INSERT INTO inventory_stock (sku) VALUES ('MUG')")
    admin.execute("UPDATE inventory_stock SET available = available + 5 WHERE sku = 'MUG'")
    admin.execute("INSERT INTO inventory_stockmovement (sku, reason, available_change) VALUES ('MUG', 'receipt', 5)")
    user = "INSERT INTO users_user (email, password, is_superuser) VALUES ('ada@example.com', '!', false) RETURNING id"
    return UUID(str(_only(admin, user)))


def _reserve(worker: psycopg.Connection, order: UUID) -> None:
    worker.execute("UPDATE inventory_stock SET available = available - 2, reserved = reserved + 2 WHERE sku = 'MUG'")
    worker.execute(
        "INSERT INTO inventory_stockmovement (sku, reason, available_change, reserved_change, order_id)"
        " VALUES ('MUG', 'reservation', -2, 2, %s)",
        [order],
    )


def _only(connection: psycopg.Connection, statement: str, *parameters: object) -> object:
    row = connection.execute(statement, parameters).fetchone()
    assert row
    return row[0]
