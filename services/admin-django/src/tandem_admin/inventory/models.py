"""How many pieces there are, and every change of that."""

from django.db import models

from tandem_admin.catalog.models import Product
from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.inventory.querysets import StockQuerySet

LOW = 5


class Stock(models.Model):
    """The balance of one SKU in pieces: what can be sold, and what is set aside for orders."""

    product = models.OneToOneField(
        Product, primary_key=True, to_field="sku", db_column="sku", on_delete=models.PROTECT, related_name="stock"
    )
    available = models.IntegerField(db_default=0, default=0)
    reserved = models.IntegerField(db_default=0, default=0)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "stock"
        constraints = (
            models.CheckConstraint(name="inventory_stock_available_not_negative", condition=models.Q(available__gte=0)),
            models.CheckConstraint(name="inventory_stock_reserved_not_negative", condition=models.Q(reserved__gte=0)),
        )
        permissions = (
            ("receive_stock", "Can book arrivals"),
            ("correct_stock", "Can correct balances"),
        )

    def __str__(self) -> str:
        return f"{self.pk}: {self.available} available, {self.reserved} reserved"

    @property
    def is_low(self) -> bool:
        return self.available <= LOW


class StockMovement(models.Model):
    """A line of the append-only ledger; the lines of a SKU sum to its balance (no role may change or delete one)."""

    class Reason(models.TextChoices):
        RECEIPT = "receipt"
        CORRECTION = "correction"
        RESERVATION = "reservation"
        RELEASE = "release"
        SHIPMENT = "shipment"

    id = uuid_primary_key()
    stock = models.ForeignKey(Stock, db_column="sku", on_delete=models.PROTECT, related_name="movements")
    reason = models.CharField(max_length=16, choices=Reason)
    available_change = models.IntegerField(db_default=0)
    reserved_change = models.IntegerField(db_default=0)
    order = models.ForeignKey("orders.Order", null=True, on_delete=models.PROTECT, related_name="stock_movements")
    note = models.CharField(max_length=200, blank=True, db_default="")
    created_at = created_at()

    class Meta:
        ordering = ("-id",)
        constraints = (
            # An order takes, gives back and ships its pieces of a SKU at most once, however often events are delivered.
            models.UniqueConstraint(fields=["order", "stock", "reason"], name="inventory_stockmovement_once_per_order"),
            models.CheckConstraint(
                name="inventory_stockmovement_reason_known",
                condition=models.Q(reason__in=["receipt", "correction", "reservation", "release", "shipment"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.reason} {self.available_change:+d}/{self.reserved_change:+d}"
