"""tandem_tables against a Postgres that Django migrated."""

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tandem_local.databases import Database
from tandem_tables.metadata import Table

TABLES = Table.metadata.tables

# Which service inserts where; the rights in the database say the same.
INSERTED_BY_SERVICES = {
    "tandem_api": [
        "addresses_address",
        "addresses_shippingaddress",
        "orders_order",
        "orders_orderline",
        "orders_timelineentry",
        "orders_idempotencykey",
        "webhooks_endpoint",
        "webhooks_signingsecret",
        "webhooks_deliveryrequest",
    ],
    "tandem_worker": [
        "inventory_stockmovement",
        "orders_timelineentry",
        "orders_paymentattempt",
        "refunds_refund",
        "events_consumerposition",
        "events_deadletter",
        "events_deadletterdecision",
    ],
    "tandem_notifications": ["notifications_notification", "events_consumerposition", "events_deadletter"],
    "tandem_webhooks": ["webhooks_delivery", "webhooks_attempt", "events_consumerposition", "events_deadletter"],
}


def concerns_services(_object: object, _name: str | None, kind: str, reflected: bool, twin: object) -> bool:
    """Indexes, constraints and the columns that only Django reads are Django's business."""
    only_in_django = reflected and twin is None
    return kind in ("table", "column") and not only_in_django


def differences(database: Database) -> list[object]:
    engine = sa.create_engine(sa.make_url(database.url()).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_type": True,
                    "compare_server_default": True,
                    "include_object": concerns_services,
                    "include_name": lambda name, kind, _parents: kind != "table" or name in TABLES,
                },
            )
            return list(compare_metadata(context, Table.metadata))
    finally:
        engine.dispose()


def test_tables_types_and_defaults_are_those_of_the_database(database: Database) -> None:
    assert differences(database) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE orders_order DROP COLUMN payment_token", "add_column"),
        ("ALTER TABLE orders_order ALTER COLUMN total_amount TYPE integer", "modify_type"),
        ("ALTER TABLE orders_order ALTER COLUMN state SET DEFAULT 'paid'", "modify_default"),
        ("ALTER TABLE orders_order ALTER COLUMN payment_token DROP NOT NULL", "modify_nullable"),
        ("DROP TABLE orders_idempotencykey", "add_table"),
    ],
)
def test_a_drift_is_told(database: Database, change: str, told: str) -> None:
    with psycopg.connect(database.url()) as connection:
        connection.execute(change)

    assert told in str(differences(database))


def required_columns(database: Database, table: str) -> set[str]:
    """Columns that an INSERT must name, as Postgres has them."""
    with psycopg.connect(database.url()) as connection:
        rows = connection.execute(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
            """,
            [table],
        )
        return {row[0] for row in rows}


@pytest.mark.parametrize("table", sorted({name for names in INSERTED_BY_SERVICES.values() for name in names}))
def test_no_required_column_is_unknown_to_those_who_insert(database: Database, table: str) -> None:
    assert required_columns(database, table) <= set(TABLES[table].columns.keys())


def test_services_insert_where_this_test_says(database: Database) -> None:
    with psycopg.connect(database.url()) as connection:
        rows = connection.execute(
            """
            SELECT DISTINCT grantee, table_name FROM information_schema.column_privileges
            WHERE privilege_type = 'INSERT'
              AND grantee LIKE 'tandem!_%' ESCAPE '!' AND grantee NOT IN ('tandem_owner', 'tandem_admin')
            """
        ).fetchall()

    assert sorted(rows) == sorted((role, table) for role, tables in INSERTED_BY_SERVICES.items() for table in tables)
