"""How orders are found."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Self
from uuid import UUID

from allauth.idp.oidc.models import Client
from django.db import models
from django.db.models import Count, F, IntegerField, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDate

from tandem_admin.database.columns import first_id_at
from tandem_admin.identity.clients import NOBODYS

if TYPE_CHECKING:
    from tandem_admin.orders.models import Order  # noqa: F401 - the queryset's model


class OrderQuerySet(models.QuerySet["Order"]):
    def for_list(self) -> Self:
        from tandem_admin.orders.models import OrderLine  # noqa: PLC0415 - the models use this module

        pieces = OrderLine.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(n=Sum("quantity"))
        return self.select_related("customer").annotate(
            pieces=Subquery(pieces.values("n"), output_field=IntegerField())
        )

    def placed_since(self, moment: datetime) -> Self:
        """Found by the id, which begins with the time: there is no index on the time itself."""
        return self.filter(pk__gte=first_id_at(moment))

    def of_people(self) -> Self:
        """Without those of customers for whom a client acts, such as the probe's: `subject_of` says who they are."""
        return self.exclude(customer__in=Client.objects.filter(owner__email__endswith=NOBODYS).values("owner"))

    def count_by_day_and_state(self) -> dict[tuple[date, str], int]:
        rows = self.order_by().values_list(TruncDate("placed_at", tzinfo=UTC), "state").annotate(n=Count("pk"))
        return {(day, state): n for day, state, n in rows}

    def kept_by_currency(self) -> dict[str, int]:
        """What was not given back of the totals."""
        kept = Sum(F("total_amount") - F("refunded_amount"))
        return dict(self.order_by().values_list("total_currency").annotate(kept=kept))

    def for_page(self) -> Self:
        return self.select_related("customer", "shipping_address").prefetch_related(
            "lines", "timeline", "payment_attempts", "refunds", "notifications"
        )

    def search(self, term: str) -> Self:
        """By the whole id, or by a part of it or of the customer's email address."""
        try:
            return self.filter(pk=UUID(term))
        except ValueError:
            return self.filter(Q(customer__email__icontains=term) | Q(pk__icontains=term))
