"""Mails to customers as the back office sees them: the worker's role `notifications` writes and sends them."""

from django.db import models
from django.db.models.functions import Now

from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.orders.models import Order


class Notification(models.Model):
    """A mail about an order: first the intention, in the transaction of the event's position, then what became of it.

    It keeps neither address nor text. Both are made when it is sent, of what is then known of order and customer.
    """

    class Kind(models.TextChoices):
        CONFIRMED = "order_confirmed"
        REJECTED = "order_rejected"
        SHIPPED = "order_shipped"
        CANCELLED = "order_cancelled"
        REFUNDED = "order_refunded"

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"
        SKIPPED = "skipped"

    id = uuid_primary_key()
    event_id = models.UUIDField("event")
    kind = models.CharField(max_length=32, choices=Kind)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="notifications")
    version = models.BigIntegerField(help_text="The event's place in the order's stream.")
    state = models.CharField(max_length=16, choices=State, db_default=State.PENDING.value)
    wanted_at = models.DateTimeField(
        help_text="When it happened, or staff asked to send it again: too old is not sent."
    )
    edition = models.PositiveSmallIntegerField(db_default=1, help_text="Counts how often it was asked for.")
    attempts = models.PositiveIntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    error = models.TextField("reason", blank=True, db_default="", help_text="The last refusal, or why it was skipped.")
    traceparent = models.CharField(max_length=64, blank=True, db_default="")
    created_at = created_at()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(state="pending"),
                name="notifications_pending",
            ),
        )
        constraints = (
            # However often an event is delivered, it makes one mail of a kind.
            models.UniqueConstraint(fields=["event_id", "kind"], name="notifications_once_per_event"),
            models.CheckConstraint(
                name="notifications_state_known",
                condition=models.Q(state__in=["pending", "sent", "failed", "skipped"]),
            ),
        )
        permissions = (("resend_notification", "Can have mails sent again"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.order}"
