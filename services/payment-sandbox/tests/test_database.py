import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from payment_sandbox.database import Database
from payment_sandbox.problems import ProblemError
from payment_sandbox.schemas import PaymentRequest
from payment_sandbox.services import refund_payment, take_payment

REQUEST = PaymentRequest(amount=2490, currency="EUR", payment_token="tok", reference="o-1")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "new" / "payments.db")
    yield database
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET amount = 1",
        "UPDATE ledger SET created_at = '2000-01-01'",
        "DELETE FROM ledger",
        "DELETE FROM ledger WHERE id = 1",
    ],
)
def test_a_ledger_entry_can_neither_be_changed_nor_removed(database: Database, statement: str) -> None:
    with database.transaction() as connection:
        take_payment(connection, REQUEST)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), database.transaction() as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("entry_type", "balance", "complaint"),
    [("refund", 2490, "does not follow"), ("refund", 9999, "does not follow"), ("capture", 4980, "UNIQUE")],
)
def test_the_ledger_takes_no_entry_that_does_not_add_up(
    database: Database, entry_type: str, balance: int, complaint: str
) -> None:
    with database.transaction() as connection:
        payment = take_payment(connection, REQUEST)
    with pytest.raises(sqlite3.IntegrityError, match=complaint), database.transaction() as connection:
        connection.execute(
            "INSERT INTO ledger (payment_id, type, amount, currency, balance, reference, created_at)"
            " VALUES (?, ?, 2490, 'EUR', ?, 'o-1', '2026-01-01')",
            (payment.id, entry_type, balance),
        )


@pytest.mark.parametrize("change", ["captured_amount = 1", "refunded_amount = 2491", "decline_code = 'card_declined'"])
def test_the_amounts_of_a_payment_cannot_contradict_each_other(database: Database, change: str) -> None:
    with database.transaction() as connection:
        take_payment(connection, REQUEST)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"), database.transaction() as connection:
        connection.execute(f"UPDATE payment SET {change}")


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(ProblemError, match="Only 2490"), database.transaction() as connection:
        refund_payment(connection, take_payment(connection, REQUEST).id, 2491)
    with database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM payment").fetchone()[0] == 0
        assert connection.execute("SELECT count(*) FROM ledger").fetchone()[0] == 0


def test_commits_are_on_the_disk_when_the_power_fails(database: Database) -> None:
    with database.transaction() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_closed_database_is_a_reason_against_readiness(database: Database) -> None:
    assert database.reason_against() is None
    database.close()
    assert database.reason_against() == "Cannot operate on a closed database."
