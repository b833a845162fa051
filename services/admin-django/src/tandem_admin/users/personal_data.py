"""Everybody's right to their data: a copy of it, and its end. The caller owns the transaction."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.utils import timezone
from tandem_contracts.customers import CustomerErased

from tandem_admin.addresses.models import Address, ShippingAddress
from tandem_admin.events.services import append_event
from tandem_admin.notifications.models import Notification
from tandem_admin.orders.models import Order, State
from tandem_admin.users import services
from tandem_admin.users.models import User

# Somebody still has to hear of these.
UNDER_WAY = (State.PLACED, State.RESERVED, State.PAID, State.SHIPPED)


def copy_of(user: User) -> dict[str, Any]:
    """All that is kept about a person, for a machine to read; money in minor units, times in UTC."""
    orders = Order.objects.filter(customer=user).for_page().order_by("pk")
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "registered_at": user.created_at,
        "last_login_at": user.last_login,
        "addresses": [address.copy() for address in Address.objects.filter(customer=user).order_by("pk")],
        "orders": [_copy_of_order(order) for order in orders],
    }


def why_not_erase(user: User) -> str | None:
    """Why a person's data cannot be erased now; None when it can."""
    if user.erased_at is not None:
        return "This user is erased already."
    if user.is_staff:
        return "Staff are not erased: the audit trail names them. Take their rights first."
    if Order.objects.filter(customer=user, state__in=UNDER_WAY).exists():
        return "Orders of this customer are under way. Let them arrive, or cancel them first."
    return None


def erase(user: User) -> None:
    """Make a person unknown: no name, no address, no way to log in. What they ordered stays, and is nobody's.

    ValueError when `why_not_erase` has a reason.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    if reason := why_not_erase(locked):
        raise ValueError(reason)
    services.deactivate(locked)
    locked.email, locked.name, locked.last_login = f"{locked.pk}@erased.invalid", "", None
    locked.erased_at = timezone.now()
    locked.set_unusable_password()
    locked.save()
    EmailAddress.objects.filter(user=locked).delete()
    Authenticator.objects.filter(user=locked).delete()
    Address.objects.filter(customer=locked).delete()
    ShippingAddress.objects.filter(order__customer=locked).delete()
    # What a mail server said names the address as often as not. What still waits to be sent is skipped by its sender.
    Notification.objects.filter(order__customer=locked).update(error="")
    append_event(locked.pk, CustomerErased(customer_id=locked.pk))


def _copy_of_order(order: Order) -> dict[str, Any]:
    return {
        "id": order.pk,
        "placed_at": order.placed_at,
        "state": order.state,
        "total": {"amount": order.total_amount, "currency": order.total_currency},
        "shipping_address": address.copy() if (address := order.ships_to) else None,
        "lines": [
            {"sku": line.sku, "name": line.name, "quantity": line.quantity, "unit_amount": line.unit_amount}
            for line in order.lines.all()
        ],
        "timeline": [
            {"event": entry.event_type, "at": entry.occurred_at, "state": entry.state, "content": entry.payload}
            for entry in order.timeline.all()
        ],
        "payments": [
            {"state": attempt.state, "amount": attempt.amount, "currency": attempt.currency, "at": attempt.created_at}
            for attempt in order.payment_attempts.all()
        ],
        "refunds": [
            {"state": refund.state, "amount": refund.amount, "currency": refund.currency, "at": refund.created_at}
            for refund in order.refunds.all()
        ],
        "mails": [
            {
                "kind": mail.kind,
                "state": mail.state,
                "reason": mail.error,
                "at": mail.created_at,
                "sent_at": mail.sent_at,
            }
            for mail in order.notifications.all()
        ],
    }
