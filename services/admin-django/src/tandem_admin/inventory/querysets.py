"""How stock is found."""

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from tandem_admin.inventory.models import Stock  # noqa: F401 - the queryset's model


class StockQuerySet(models.QuerySet["Stock"]):
    def for_list(self) -> Self:
        return self.select_related("product")

    def running_out(self) -> Self:
        """Those of products in the store of which few are left, or none."""
        from tandem_admin.inventory.models import LOW  # noqa: PLC0415 - the models use this module

        return self.filter(available__lte=LOW, product__status="published")
