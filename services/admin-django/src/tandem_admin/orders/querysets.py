"""How orders are found."""

from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import IntegerField, OuterRef, Q, Subquery, Sum

if TYPE_CHECKING:
    from tandem_admin.orders.models import Order  # noqa: F401 - the queryset's model


class OrderQuerySet(models.QuerySet["Order"]):
    def for_list(self) -> Self:
        from tandem_admin.orders.models import OrderLine  # noqa: PLC0415 - the models use this module

        pieces = OrderLine.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(n=Sum("quantity"))
        return self.select_related("customer").annotate(
            pieces=Subquery(pieces.values("n"), output_field=IntegerField())
        )

    def for_page(self) -> Self:
        return self.select_related("customer").prefetch_related("lines", "timeline", "payment_attempts")

    def search(self, term: str) -> Self:
        """By the whole id, or by a part of it or of the customer's email address."""
        try:
            return self.filter(pk=UUID(term))
        except ValueError:
            return self.filter(Q(customer__email__icontains=term) | Q(pk__icontains=term))
