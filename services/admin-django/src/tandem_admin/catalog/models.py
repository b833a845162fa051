"""What the store sells."""

from django.db import models

from tandem_admin.catalog.querysets import CategoryQuerySet, ProductQuerySet
from tandem_admin.database.columns import created_at, uuid_primary_key


class Category(models.Model):
    id = uuid_primary_key()
    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Lower comes first.")

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ("position", "name")
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something customers can order once it is published."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SCHEDULED = "scheduled"
        PUBLISHED = "published"
        ARCHIVED = "archived"

    id = uuid_primary_key()
    sku = models.CharField("SKU", max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="", db_default="")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    price_amount = models.BigIntegerField("price", help_text="In minor units: 1999 is € 19.99.")
    price_currency = models.CharField("currency", max_length=3, default="EUR", db_default="EUR")
    picture = models.ImageField(upload_to="products", blank=True, default="", db_default="")
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT, db_default=Status.DRAFT.value)
    publish_at = models.DateTimeField(null=True, blank=True, help_text="When a scheduled product comes into the store.")
    published_at = models.DateTimeField(null=True, editable=False)
    created_at = created_at()

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="catalog_product_price_positive",
                condition=models.Q(price_amount__gt=0),
                violation_error_message="The price must be above zero.",
            ),
            models.CheckConstraint(
                name="catalog_product_currency_iso",
                condition=models.Q(price_currency__regex=r"^[A-Z]{3}$"),
                violation_error_message="Give the currency as three capital letters (ISO 4217).",
            ),
            models.CheckConstraint(
                name="catalog_product_status_known",
                condition=models.Q(status__in=["draft", "scheduled", "published", "archived"]),
            ),
            models.CheckConstraint(
                name="catalog_product_published_has_date",
                condition=~models.Q(status="published") | models.Q(published_at__isnull=False),
            ),
            models.CheckConstraint(
                name="catalog_product_scheduled_has_date",
                condition=models.Q(status="scheduled", publish_at__isnull=False)
                | (~models.Q(status="scheduled") & models.Q(publish_at__isnull=True)),
                violation_error_message="A scheduled product, and only such a one, has a time to come.",
            ),
        )
        indexes = (
            models.Index(
                fields=["publish_at"], name="catalog_product_scheduled", condition=models.Q(status="scheduled")
            ),
        )
        permissions = (("publish_product", "Can publish and archive products"),)

    def __str__(self) -> str:
        return self.name


class PriceChange(models.Model):
    """A price that a product has had from a moment on (no role may change or delete one)."""

    id = uuid_primary_key()
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="price_changes")
    amount = models.BigIntegerField(help_text="In minor units.")
    currency = models.CharField(max_length=3)
    since = created_at()

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=["product", "-id"], name="catalog_pricechange_product"),)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
