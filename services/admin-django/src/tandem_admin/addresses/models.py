"""Where parcels go. The API writes these at customers' request; the back office reads them, and erases."""

from django.conf import settings
from django.db import models

from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.orders.models import Order

LIMIT = 20


def _country_is_a_code(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=models.Q(country__regex=r"^[A-Z]{2}$"))


class PostalAddress(models.Model):
    recipient = models.CharField(max_length=150)
    street = models.CharField(max_length=200, help_text="With the house number.")
    addition = models.CharField(max_length=200, blank=True, db_default="", help_text="Flat, floor, company.")
    postal_code = models.CharField(max_length=20, blank=True, db_default="")
    city = models.CharField(max_length=100)
    region = models.CharField(max_length=100, blank=True, db_default="", help_text="State or province.")
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return ", ".join(self.lines())

    def lines(self) -> list[str]:
        """As on a parcel."""
        place = " ".join(part for part in (self.postal_code, self.city) if part)
        return [part for part in (self.recipient, self.street, self.addition, place, self.region, self.country) if part]

    def copy(self) -> dict[str, str]:
        """All of it, for a machine to read."""
        names = ("recipient", "street", "addition", "postal_code", "city", "region", "country")
        return {name: getattr(self, name) for name in names}


class Address(PostalAddress):
    """One of a customer's addresses. The default is the one that was made so last; before any was, the oldest."""

    id = uuid_primary_key()
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="addresses")
    slot = models.PositiveSmallIntegerField(help_text="Its number among the customer's: so there is a limit to them.")
    default_since = models.DateTimeField(null=True)
    created_at = created_at()

    class Meta:
        ordering = ("customer", "id")
        verbose_name_plural = "addresses"
        constraints = (
            models.UniqueConstraint(fields=["customer", "slot"], name="addresses_address_slot_unique"),
            models.CheckConstraint(name="addresses_address_limit", condition=models.Q(slot__range=(1, LIMIT))),
            _country_is_a_code("addresses_address_country"),
        )


class ShippingAddress(PostalAddress):
    """Where an order goes, as it was when the order was placed. Neither event nor timeline has it: those stay."""

    order = models.OneToOneField(Order, primary_key=True, on_delete=models.PROTECT, related_name="shipping_address")

    class Meta:
        verbose_name_plural = "shipping addresses"
        constraints = (_country_is_a_code("addresses_shippingaddress_country"),)
