"""How stock is found."""

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from tandem_admin.inventory.models import Stock  # noqa: F401 - the queryset's model


class StockQuerySet(models.QuerySet["Stock"]):
    def for_list(self) -> Self:
        return self.select_related("product")
