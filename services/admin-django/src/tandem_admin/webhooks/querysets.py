"""How endpoints and deliveries are found."""

from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Count, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

if TYPE_CHECKING:
    from tandem_admin.webhooks.models import Delivery, Endpoint, SigningSecret  # noqa: F401 - the querysets' models


class SigningSecretManager(models.Manager["SigningSecret"]):
    """The secret itself is not among the columns that the admin's database role may read."""

    def get_queryset(self) -> "models.QuerySet[SigningSecret]":
        return super().get_queryset().defer("secret")


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def there(self) -> Self:
        """Those that nobody has deleted."""
        return self.filter(deleted_at__isnull=True)

    def for_list(self) -> Self:
        """With the number of deliveries that wait, and of those that were given up."""
        return self.select_related("client").annotate(waiting=_count("pending"), given_up=_count("failed"))


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_list(self) -> Self:
        """Without the bodies, which no list shows."""
        return self.select_related("endpoint__client").defer("body", "last_response")

    def resendable(self) -> Self:
        """Those that would not be sent anyway, of endpoints to which something is sent."""
        there = Q(endpoint__state="enabled", endpoint__deleted_at__isnull=True)
        return self.filter(there).exclude(state="pending")

    def search(self, term: str) -> Self:
        """By the whole id of a delivery, an event or what the event is about; or by a part of the address."""
        try:
            number = UUID(term)
        except ValueError:
            return self.filter(endpoint__url__icontains=term)
        return self.filter(Q(pk=number) | Q(event_id=number) | Q(aggregate_id=number))


def _count(state: str) -> Coalesce:
    """By the index of that state: there may be a million others."""
    from tandem_admin.webhooks.models import Delivery  # noqa: PLC0415 - the models use this module

    deliveries = Delivery.objects.filter(endpoint=OuterRef("pk"), state=state).order_by().values("endpoint")
    counted = deliveries.annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
