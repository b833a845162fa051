"""Orders as the back office reads them: the API places them, the worker's order process carries them on."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.orders.querysets import OrderQuerySet

if TYPE_CHECKING:
    from tandem_admin.addresses.models import ShippingAddress


class State(models.TextChoices):
    PLACED = "placed"
    RESERVED = "reserved"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


STATES = [state.value for state in State]
# The states of an order that was paid at some time, or may have been.
ONCE_PAID = ["paid", "shipped", "delivered", "cancelled", "refunded"]


class Order(models.Model):
    id = uuid_primary_key()
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders")
    state = models.CharField(max_length=16, choices=State, db_default=State.PLACED.value)
    total_amount = models.BigIntegerField("total", help_text="In minor units.")
    total_currency = models.CharField("currency", max_length=3)
    refunded_amount = models.BigIntegerField("refunded", db_default=0, help_text="In minor units, as confirmed.")
    refunding_amount = models.BigIntegerField("being refunded", db_default=0, help_text="In minor units.")
    payment_token = models.CharField(max_length=200, help_text="The provider's token for the card, never the card.")
    placed_at = created_at()

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["customer", "-id"], name="orders_order_customer"),
            models.Index(fields=["state", "-id"], name="orders_order_state"),
        )
        constraints = (
            models.CheckConstraint(name="orders_order_state_known", condition=models.Q(state__in=STATES)),
            models.CheckConstraint(name="orders_order_total_positive", condition=models.Q(total_amount__gt=0)),
            # Never more than was captured, which is the total: what is on its way back counts before it is sent.
            models.CheckConstraint(
                name="orders_order_refunds_within_total",
                condition=models.Q(
                    refunded_amount__gte=0,
                    refunding_amount__gte=0,
                    total_amount__gte=models.F("refunded_amount") + models.F("refunding_amount"),
                ),
            ),
            models.CheckConstraint(
                name="orders_order_refunds_of_paid_ones",
                condition=models.Q(refunded_amount=0, refunding_amount=0) | models.Q(state__in=ONCE_PAID),
            ),
        )
        permissions = (
            ("ship_order", "Can register shipments and deliveries"),
            ("cancel_order", "Can request cancellations"),
            ("refund_order", "Can request refunds"),
        )

    def __str__(self) -> str:
        # The end of a UUIDv7 is its random part: the beginning is the same for all orders of a minute.
        return f"Order \N{HORIZONTAL ELLIPSIS}{str(self.pk)[-12:]}"

    @property
    def left_amount(self) -> int:
        """What could still be given back, had the order been paid; in minor units."""
        return self.total_amount - self.refunded_amount - self.refunding_amount

    @property
    def ships_to(self) -> "ShippingAddress | None":
        """None when the order was placed without, or when its customer was erased."""
        return getattr(self, "shipping_address", None)


class OrderLine(models.Model):
    """What was ordered, with name and price as they were then."""

    id = uuid_primary_key()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    sku = models.CharField("SKU", max_length=64)
    name = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_amount = models.BigIntegerField("unit price", help_text="In minor units of the order's currency.")

    class Meta:
        ordering = ("order", "position")
        constraints = (
            models.UniqueConstraint(fields=["order", "position"], name="orders_orderline_position_unique"),
            models.UniqueConstraint(fields=["order", "sku"], name="orders_orderline_sku_unique"),
            models.CheckConstraint(name="orders_orderline_quantity_positive", condition=models.Q(quantity__gt=0)),
            models.CheckConstraint(name="orders_orderline_unit_not_negative", condition=models.Q(unit_amount__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"


class TimelineEntry(models.Model):
    """One event of the order's stream, kept: `version` is the event's, `state` the one it led to, if it led to one."""

    pk = models.CompositePrimaryKey("order", "version")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="timeline")
    version = models.BigIntegerField()
    event_type = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State, null=True)  # noqa: DJ001 - null: the event changed no state
    payload = models.JSONField()
    traceparent = models.CharField(max_length=64, db_default="", blank=True)
    occurred_at = created_at()

    class Meta:
        ordering = ("order", "version")
        verbose_name_plural = "timeline"
        constraints = (
            # No state is entered twice: the database refuses what a duplicate delivery might try.
            models.UniqueConstraint(
                fields=["order", "state"], condition=models.Q(state__isnull=False), name="orders_timeline_state_once"
            ),
        )


class PaymentAttempt(models.Model):
    """One try to collect an order's total. Its id is the idempotency key that the provider knows it by."""

    class State(models.TextChoices):
        SENDING = "sending"
        UNKNOWN = "unknown"
        CAPTURED = "captured"
        DECLINED = "declined"
        REFUNDED = "refunded"

    id = uuid_primary_key()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payment_attempts")
    state = models.CharField(max_length=16, choices=State, db_default=State.SENDING.value)
    amount = models.BigIntegerField(help_text="In minor units.")
    currency = models.CharField(max_length=3)
    provider_id = models.CharField("provider's id", max_length=100, blank=True, db_default="")
    decline_code = models.CharField(max_length=64, blank=True, db_default="")
    created_at = created_at()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # What the worker asks the provider about again; empty but for some seconds after a time-out.
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["sending", "unknown"]),
                name="orders_paymentattempt_open",
            ),
        )
        constraints = (
            # Nobody is charged twice: an order has one attempt that took money or may have.
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(state__in=["sending", "unknown", "captured"]),
                name="orders_paymentattempt_one_open",
            ),
            models.CheckConstraint(
                name="orders_paymentattempt_state_known",
                condition=models.Q(state__in=["sending", "unknown", "captured", "declined", "refunded"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.amount} {self.currency}"


class IdempotencyKey(models.Model):
    """What a caller's POST with this key was answered, written in the transaction of what it did."""

    pk = models.CompositePrimaryKey("principal", "key")
    principal = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField()
    response_body = models.JSONField()
    created_at = created_at()

    class Meta:
        indexes = (models.Index(fields=["created_at"], name="orders_idempotencykey_age"),)
