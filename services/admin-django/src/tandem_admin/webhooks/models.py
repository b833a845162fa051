"""Webhooks: where partners want to hear of events, and what became of each message.

Partners (through the API) and staff write endpoints and secrets, and ask for deliveries; the worker's role `webhooks`
writes the rest.
"""

from allauth.idp.oidc.models import Client
from django.contrib.postgres.fields import ArrayField
from django.db import models
from tandem_contracts.webhook_urls import MAXIMUM_URL
from tandem_contracts.webhooks import SECRET_PREFIX

from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.webhooks.querysets import DeliveryQuerySet, EndpointQuerySet, SigningSecretManager


class Endpoint(models.Model):
    """An address of a partner's, and the event types that are sent there.

    One that is disabled gets no new deliveries; those that wait go on when it is enabled again. A deleted one is kept
    until its deliveries are purged.
    """

    class State(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"

    id = uuid_primary_key()
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="webhook_endpoints", verbose_name="partner"
    )
    url = models.CharField("URL", max_length=MAXIMUM_URL)
    description = models.CharField(max_length=200, blank=True, db_default="", default="")
    event_types = ArrayField(models.CharField(max_length=64))
    state = models.CharField(max_length=16, choices=State, default=State.ENABLED, db_default=State.ENABLED.value)
    disabled_at = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.CharField(max_length=500, blank=True, db_default="", default="")
    is_held = models.BooleanField(
        "held",
        default=False,
        db_default=False,
        editable=False,
        help_text="Staff disabled it: the partner cannot enable it.",
    )
    created_at = created_at()
    deleted_at = models.DateTimeField(null=True, editable=False)
    # The worker's.
    last_success_at = models.DateTimeField("last success", null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False, help_text="No delivery has succeeded since.")
    not_before = models.DateTimeField(null=True, editable=False, help_text="As the partner's Retry-After asked.")

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "webhook endpoint"
        permissions = (("switch_endpoint", "Can enable and disable endpoints, and exchange their secrets"),)
        indexes = (models.Index(fields=["client", "-id"], name="webhooks_endpoint_partner"),)
        constraints = (
            models.CheckConstraint(
                name="webhooks_endpoint_state_known", condition=models.Q(state__in=["enabled", "disabled"])
            ),
            models.CheckConstraint(
                name="webhooks_endpoint_disabled_says_why",
                condition=models.Q(state="enabled", disabled_at__isnull=True, disabled_reason="")
                | (models.Q(state="disabled", disabled_at__isnull=False) & ~models.Q(disabled_reason="")),
            ),
            models.CheckConstraint(name="webhooks_endpoint_has_types", condition=models.Q(event_types__len__gt=0)),
        )

    def __str__(self) -> str:
        return self.url


class SigningSecret(models.Model):
    """What an endpoint's messages are signed with. Only the worker may read it; all others may add one.

    The newest has no end. Former ones sign beside it until theirs, so that a partner can exchange it without a gap.
    """

    id = uuid_primary_key()
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="secrets")
    secret = models.CharField(max_length=200)
    created_at = created_at()
    expires_at = models.DateTimeField(null=True)

    objects = SigningSecretManager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["endpoint"], condition=models.Q(expires_at__isnull=True), name="webhooks_secret_one_newest"
            ),
            models.CheckConstraint(
                name="webhooks_secret_form",
                condition=models.Q(secret__regex=rf"^{SECRET_PREFIX}[A-Za-z0-9+/=]{{32,}}$"),
            ),
        )

    def __str__(self) -> str:
        return f"secret of {self.created_at:%Y-%m-%d %H:%M}"


class Delivery(models.Model):
    """One event for one endpoint. `event_id` is the `webhook-id` of every attempt, `body` what is sent, byte for byte.

    `pending` is tried at `next_attempt_at`, unless an earlier version of its aggregate is pending too; `failed` was
    given up. Whoever sends it holds a `lease` meanwhile, which ends by itself.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = uuid_primary_key()
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=64)
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    body = models.TextField()
    traceparent = models.CharField(max_length=64, db_default="", blank=True)
    state = models.CharField(max_length=16, choices=State, db_default=State.PENDING.value)
    attempts = models.PositiveIntegerField("tries", db_default=0, help_text="Since it was last asked for.")
    next_attempt_at = created_at()
    give_up_at = models.DateTimeField(null=True, help_text="Set by the first attempt that fails.")
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_response = models.TextField(db_default="", blank=True)
    last_error = models.TextField(db_default="", blank=True)
    created_at = created_at()
    settled_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        permissions = (("resend_delivery", "Can have deliveries sent again"),)
        indexes = (
            # What waits: by when it is due, and by what it waits for. Both stay small.
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=models.Q(state="pending"),
                name="webhooks_delivery_due",
            ),
            models.Index(
                fields=["endpoint", "aggregate_id", "version"],
                condition=models.Q(state="pending"),
                name="webhooks_delivery_order",
            ),
            models.Index(fields=["endpoint"], condition=models.Q(state="failed"), name="webhooks_delivery_given_up"),
            models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_endpoint"),
            # What is on its way: an endpoint has a few.
            models.Index(fields=["endpoint"], condition=models.Q(lease__isnull=False), name="webhooks_delivery_leased"),
            # What the purge removes.
            models.Index(fields=["created_at"], name="webhooks_delivery_age"),
        )
        constraints = (
            # Whatever is consumed twice: an endpoint has one delivery of an event.
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhooks_delivery_event_once"),
            models.CheckConstraint(
                name="webhooks_delivery_state_known",
                condition=models.Q(state__in=["pending", "delivered", "failed"]),
            ),
            models.CheckConstraint(
                name="webhooks_delivery_settled_has_time",
                condition=models.Q(state="pending", settled_at__isnull=True)
                | models.Q(state__in=["delivered", "failed"], settled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="webhooks_delivery_lease_has_end",
                condition=models.Q(lease__isnull=True, leased_until__isnull=True)
                | models.Q(lease__isnull=False, leased_until__isnull=False, state="pending"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class Attempt(models.Model):
    """One time that a delivery was sent, and what came back: a status with the beginning of the answer, or an error."""

    id = uuid_primary_key()
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="history")
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    response = models.TextField(db_default="", blank=True)
    error = models.TextField(db_default="", blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                name="webhooks_attempt_has_outcome", condition=models.Q(status__isnull=False) | ~models.Q(error="")
            ),
        )

    def __str__(self) -> str:
        return f"{self.status or self.error} at {self.started_at:%H:%M:%S}"


class DeliveryRequest(models.Model):
    """Somebody wants a delivery sent again or, where none is named, a test event; the worker carries it out.

    The test's event has the request's id.
    """

    id = uuid_primary_key()
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="requests")
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="requests", null=True)
    requested_by = models.CharField(max_length=254, help_text="The email of a member of staff, or the partner's id.")
    why = models.TextField(db_default="", blank=True)
    traceparent = models.CharField(max_length=64, db_default="", blank=True)
    created_at = created_at()
    carried_out_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=["id"], condition=models.Q(carried_out_at__isnull=True), name="webhooks_request_waiting"
            ),
            models.Index(fields=["created_at"], name="webhooks_request_age"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["delivery"],
                condition=models.Q(carried_out_at__isnull=True),
                name="webhooks_request_one_waiting",
            ),
        )

    def __str__(self) -> str:
        return f"by {self.requested_by}"
