"""The queries, each on the connection of the caller's transaction."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from payment_sandbox.schemas import DeclineCode, EntryType, LedgerEntry, Payment, PaymentRequest

_PAYMENT = "id, status, amount, captured_amount, refunded_amount, currency, reference, decline_code, created_at"


@dataclass(frozen=True)
class Answer:
    """What a call was answered, as kept for its repetitions."""

    fingerprint: str
    status: int
    body: str


def insert_payment(
    connection: sqlite3.Connection, payment_id: str, request: PaymentRequest, decline_code: DeclineCode | None
) -> None:
    connection.execute(
        "INSERT INTO payment (id, amount, currency, reference, decline_code, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (payment_id, request.amount, request.currency, request.reference, decline_code, _now()),
    )


def set_captured(connection: sqlite3.Connection, payment_id: str) -> None:
    connection.execute("UPDATE payment SET captured_amount = amount WHERE id = ?", (payment_id,))


def add_refunded(connection: sqlite3.Connection, payment_id: str, amount: int) -> None:
    connection.execute("UPDATE payment SET refunded_amount = refunded_amount + ? WHERE id = ?", (amount, payment_id))


def find_payment(connection: sqlite3.Connection, payment_id: str) -> Payment | None:
    row = connection.execute(f"SELECT {_PAYMENT} FROM payment WHERE id = ?", (payment_id,)).fetchone()  # noqa: S608 - a constant
    return None if row is None else Payment(**row)


def payments_by_reference(connection: sqlite3.Connection, reference: str) -> list[Payment]:
    rows = connection.execute(
        f"SELECT {_PAYMENT} FROM payment WHERE reference = ? ORDER BY created_at, id",  # noqa: S608 - a constant
        (reference,),
    )
    return [Payment(**row) for row in rows]


def append_to_ledger(connection: sqlite3.Connection, payment: Payment, entry_type: EntryType, amount: int) -> None:
    """Append an entry for `amount` minor units with the balance that follows; a trigger proves that it does."""
    held = connection.execute(
        "SELECT balance FROM ledger WHERE currency = ? ORDER BY id DESC LIMIT 1", (payment.currency,)
    ).fetchone()
    moved = {EntryType.CAPTURE: amount, EntryType.REFUND: -amount}.get(entry_type, 0)
    connection.execute(
        "INSERT INTO ledger (payment_id, type, amount, currency, balance, reference, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            payment.id,
            entry_type,
            amount,
            payment.currency,
            (held["balance"] if held else 0) + moved,
            payment.reference,
            _now(),
        ),
    )


def ledger_after(connection: sqlite3.Connection, after: int, limit: int) -> list[LedgerEntry]:
    rows = connection.execute("SELECT * FROM ledger WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return [LedgerEntry(**row) for row in rows]


def find_answer(connection: sqlite3.Connection, key: str) -> Answer | None:
    row = connection.execute(
        "SELECT fingerprint, status, body FROM answer WHERE idempotency_key = ?", (key,)
    ).fetchone()
    return None if row is None else Answer(**row)


def keep_answer(connection: sqlite3.Connection, key: str, answer: Answer) -> None:
    connection.execute(
        "INSERT INTO answer (idempotency_key, fingerprint, status, body, created_at) VALUES (?, ?, ?, ?, ?)",
        (key, answer.fingerprint, answer.status, answer.body, _now()),
    )


def count_outage(connection: sqlite3.Connection, key: str) -> int:
    """Count one more refusal of this key, and return how many there have been."""
    connection.execute(
        "INSERT INTO outage (idempotency_key, attempts) VALUES (?, 1)"
        " ON CONFLICT (idempotency_key) DO UPDATE SET attempts = attempts + 1",
        (key,),
    )
    row = connection.execute("SELECT attempts FROM outage WHERE idempotency_key = ?", (key,)).fetchone()
    return int(row["attempts"])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
