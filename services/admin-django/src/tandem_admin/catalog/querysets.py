"""How products and categories are found."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Count, Q

if TYPE_CHECKING:
    from tandem_admin.catalog.models import Category, Product  # noqa: F401 - the querysets' models


class ProductQuerySet(models.QuerySet["Product"]):
    def locked(self) -> Self:
        """With their rows locked until the transaction ends, in one order so that two such readers never deadlock."""
        return self.select_for_update(of=("self",)).select_related("category").order_by("pk")

    def for_list(self) -> Self:
        return self.select_related("category", "stock")

    def due(self, now: datetime) -> Self:
        """Scheduled products whose time has come, without those that somebody else is about to publish."""
        return (
            self.filter(status="scheduled", publish_at__lte=now)
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("category")
            .order_by("publish_at", "pk")
        )


class CategoryQuerySet(models.QuerySet["Category"]):
    def with_product_counts(self) -> Self:
        # Grouping drops the model's ordering, so it is said again.
        return self.annotate(
            products_count=Count("products"), published_count=Count("products", filter=Q(products__status="published"))
        ).order_by("position", "name")
