"""How entries of the audit trail are found."""

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from tandem_admin.audit.models import AuditEntry  # noqa: F401 - the queryset's model


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def for_list(self) -> Self:
        return self.select_related("actor")

    def about(self, obj: models.Model) -> Self:
        """Those about the object, the latest first."""
        return self.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk)).order_by("-pk")  # noqa: SLF001
