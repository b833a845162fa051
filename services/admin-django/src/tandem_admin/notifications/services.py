"""What staff do about mails. The caller owns the transaction."""

from django.db.models import F
from django.db.models.functions import Now

from tandem_admin.notifications.models import Notification


def why_not_resend(notification: Notification) -> str | None:
    """Why a mail cannot be sent again now; None when it can."""
    if notification.state == Notification.State.PENDING:
        return "This mail is waiting to be sent."
    customer = notification.order.customer
    if customer.erased_at is not None:
        return "This customer is erased."
    return None if customer.is_active else "This customer is deactivated."


def resend(notification: Notification) -> None:
    """Have a mail sent anew, as a new edition; ValueError when `why_not_resend` has a reason."""
    if reason := why_not_resend(notification):
        raise ValueError(reason)
    asked = Notification.objects.filter(pk=notification.pk).exclude(state=Notification.State.PENDING)
    if not asked.update(
        state=Notification.State.PENDING,
        edition=F("edition") + 1,
        attempts=0,
        error="",
        wanted_at=Now(),
        next_attempt_at=Now(),
    ):
        raise ValueError("This mail is waiting to be sent.")
