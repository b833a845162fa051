"""What the provider decides; every function works in the caller's transaction."""

import sqlite3
from http import HTTPStatus
from uuid import uuid4

from payment_sandbox import repository
from payment_sandbox.faults import decline_code_for
from payment_sandbox.problems import ProblemError
from payment_sandbox.schemas import EntryType, Payment, PaymentRequest, PaymentStatus


def take_payment(connection: sqlite3.Connection, request: PaymentRequest) -> Payment:
    """Authorise and, if asked to, capture; a declined card is a payment too, with its code."""
    decline_code = decline_code_for(request.amount)
    payment_id = f"pay_{uuid4().hex}"
    repository.insert_payment(connection, payment_id, request, decline_code)
    payment = get_payment(connection, payment_id)
    if decline_code is not None:
        repository.append_to_ledger(connection, payment, EntryType.DECLINE, payment.amount)
        return payment
    repository.append_to_ledger(connection, payment, EntryType.AUTHORISATION, payment.amount)
    return capture_payment(connection, payment_id) if request.capture else payment


def capture_payment(connection: sqlite3.Connection, payment_id: str) -> Payment:
    """Capture the whole authorised amount."""
    payment = get_payment(connection, payment_id)
    if payment.status is not PaymentStatus.AUTHORISED:
        raise ProblemError(HTTPStatus.CONFLICT, "not-capturable", f"The payment is {payment.status}, not authorised.")
    repository.set_captured(connection, payment_id)
    repository.append_to_ledger(connection, payment, EntryType.CAPTURE, payment.amount)
    return get_payment(connection, payment_id)


def refund_payment(connection: sqlite3.Connection, payment_id: str, amount: int) -> Payment:
    """Give back `amount` minor units, at most what was captured and not yet refunded."""
    payment = get_payment(connection, payment_id)
    if payment.captured_amount == 0:
        raise ProblemError(
            HTTPStatus.CONFLICT, "not-refundable", f"The payment is {payment.status}: nothing was taken."
        )
    left = payment.captured_amount - payment.refunded_amount
    if amount > left:
        raise ProblemError(HTTPStatus.CONFLICT, "refund-exceeds-capture", f"Only {left} can still be refunded.")
    repository.add_refunded(connection, payment_id, amount)
    repository.append_to_ledger(connection, payment, EntryType.REFUND, amount)
    return get_payment(connection, payment_id)


def get_payment(connection: sqlite3.Connection, payment_id: str) -> Payment:
    payment = repository.find_payment(connection, payment_id)
    if payment is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "payment-not-found", f"There is no payment {payment_id!r}.")
    return payment
