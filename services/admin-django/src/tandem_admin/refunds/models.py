"""Refunds as the back office reads them: the worker makes them of requests, and asks the provider."""

from django.db import models

from tandem_admin.database.columns import created_at
from tandem_admin.orders.models import Order


class Refund(models.Model):
    """Money on its way back, or back. Its id is that of the event that asked for it, and the provider's key for it.

    It exists from before the provider is asked. A request that is refused makes none, so all of an order's add up to
    its `refunded_amount` and `refunding_amount`.
    """

    class State(models.TextChoices):
        SENDING = "sending"
        UNKNOWN = "unknown"
        REFUNDED = "refunded"

    id = models.UUIDField(primary_key=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    request_version = models.BigIntegerField(help_text="The request's version in the order's stream.")
    request_type = models.CharField(max_length=64, help_text="A refund, or a cancellation of what was paid.")
    amount = models.BigIntegerField(help_text="In minor units.")
    currency = models.CharField(max_length=3)
    reason = models.TextField(blank=True, db_default="")
    state = models.CharField(max_length=16, choices=State, db_default=State.SENDING.value)
    created_at = created_at()

    class Meta:
        ordering = ("order", "request_version")
        indexes = (
            # What the worker asks the provider about again; empty but for some seconds after a time-out.
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["sending", "unknown"]),
                name="refunds_refund_open",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=["order", "request_version"], name="refunds_refund_one_a_request"),
            models.CheckConstraint(name="refunds_refund_amount_positive", condition=models.Q(amount__gt=0)),
            models.CheckConstraint(
                name="refunds_refund_state_known",
                condition=models.Q(state__in=["sending", "unknown", "refunded"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.amount} {self.currency}"
