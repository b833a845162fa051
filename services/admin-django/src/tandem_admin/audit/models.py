"""Who did what in the back office. No role but the tables' owner may change or remove a row."""

from django.conf import settings
from django.db import models

from tandem_admin.audit.querysets import AuditQuerySet
from tandem_admin.database.columns import created_at, uuid_primary_key


class AuditEntry(models.Model):
    """One thing that one person did to one object, written in the transaction that did it.

    The object is named rather than referred to: an entry outlives it.
    """

    class Action(models.TextChoices):
        ADDED = "added"
        CHANGED = "changed"
        DELETED = "deleted"
        ACTED = "acted"

    id = uuid_primary_key()
    at = created_at()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="audit_entries")
    address = models.GenericIPAddressField("from", null=True)
    traceparent = models.CharField(max_length=64, db_default="", blank=True)
    action = models.CharField(max_length=16, choices=Action)
    object_type = models.CharField(max_length=64, help_text="Such as catalog.product.")
    object_id = models.CharField(max_length=100)
    object_name = models.CharField(max_length=200)
    changes = models.JSONField(default=dict, help_text="By field what it was and what it became.")
    message = models.TextField(db_default="", blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "audit trail"
        indexes = (
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_entry_object"),
            models.Index(fields=["actor", "-id"], name="audit_entry_actor"),
        )
        constraints = (
            models.CheckConstraint(
                name="audit_entry_action_known",
                condition=models.Q(action__in=["added", "changed", "deleted", "acted"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.object_name} {self.action}"
