"""How dead letters and the decisions about them are found."""

from typing import TYPE_CHECKING, Self
from uuid import UUID

from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery

if TYPE_CHECKING:
    from tandem_admin.events.models import DeadLetter, DeadLetterDecision  # noqa: F401 - a queryset's model

# What names the letter that a decision is about.
KEY = ("consumer", "aggregate_type", "aggregate_id", "version")


class DeadLetterQuerySet(models.QuerySet["DeadLetter"]):
    def for_list(self) -> Self:
        """With `pending_action`, what was decided and is not yet carried out."""
        return self.annotate(pending_action=Subquery(_pending().values("action")[:1]))

    def unsettled(self) -> Self:
        return self.filter(state__in=["dead", "queued"])

    def count_by_state(self) -> dict[str, int]:
        return dict(self.order_by().values_list("state").annotate(n=Count("pk")))

    def of_aggregate(self, letter: "DeadLetter") -> Self:
        """Those of the same consumer and aggregate, in order."""
        return self.filter(
            consumer=letter.consumer, aggregate_type=letter.aggregate_type, aggregate_id=letter.aggregate_id
        ).order_by("version")

    def undecided(self, action: str) -> Self:
        """Those about which such a decision can be made now, aggregate by aggregate and in order."""
        found = self.unsettled().filter(~Exists(_pending())).order_by(*KEY)
        return found if action == "discard" else found.exclude(reason="malformed")

    def search(self, term: str) -> Self:
        """By a whole id (of letter, aggregate or event), or by a part of the error."""
        try:
            identity = UUID(term)
        except ValueError:
            return self.filter(error__icontains=term)
        return self.filter(Q(pk=identity) | Q(aggregate_id=identity) | Q(event_id=identity))


class DecisionQuerySet(models.QuerySet["DeadLetterDecision"]):
    def about(self, letter: "DeadLetter") -> Self:
        """Those about the letter, the latest first."""
        return self.filter(**{name: getattr(letter, name) for name in KEY})


def _pending() -> "DecisionQuerySet":
    from tandem_admin.events.models import DeadLetterDecision  # noqa: PLC0415 - the models use this module

    return DeadLetterDecision.objects.filter(outcome="pending", **{name: OuterRef(name) for name in KEY})
