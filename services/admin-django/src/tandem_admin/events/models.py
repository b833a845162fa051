"""The event backbone's tables. Only the SQL function `append_event` writes streams and outbox."""

from functools import cached_property

from django.db import models

from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.events.querysets import DeadLetterQuerySet, DecisionQuerySet


class Stream(models.Model):
    """The head of an aggregate's event stream. Its row lock, held to commit, puts the events in one order."""

    pk = models.CompositePrimaryKey("aggregate_type", "aggregate_id")
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()


class OutboxEvent(models.Model):
    """An event that the relay has not yet published; it deletes the row once the broker has acknowledged it."""

    id = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    shard = models.SmallIntegerField()
    producer = models.CharField(max_length=63, help_text="The database role that appended the event.")
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    type = models.CharField(max_length=64)
    payload = models.JSONField()
    headers = models.JSONField(help_text="The W3C trace context of the request.")
    occurred_at = created_at()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=["aggregate_type", "aggregate_id", "version"], name="events_outboxevent_version_unique"
            ),
            models.CheckConstraint(
                name="events_outboxevent_type_form", condition=models.Q(type__regex=r"^[a-z]+\.[a-z_]+\.v[1-9][0-9]*$")
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.aggregate_id} #{self.version}"


class ConsumerPosition(models.Model):
    """The last version of an aggregate that a consumer has applied: a duplicate can never be applied again."""

    pk = models.CompositePrimaryKey("consumer", "aggregate_type", "aggregate_id")
    consumer = models.CharField(max_length=64)
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()


class DeadLetter(models.Model):
    """An event that a consumer could not apply, or one that waits behind such an event of its aggregate.

    `dead` waits for a person, `queued` for those before it; `replayed` and `discarded` are settled. A record that is no
    event has its partition for an aggregate and its offset + 1 for a version.
    """

    class State(models.TextChoices):
        DEAD = "dead"
        QUEUED = "queued"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    class Reason(models.TextChoices):
        POISON = "poison", "The handler failed"
        GAP = "gap", "An earlier version is missing"
        MALFORMED = "malformed", "The record is no event"
        BEHIND = "behind", "An earlier event is dead"

    id = uuid_primary_key()
    consumer = models.CharField(max_length=64)
    event_id = models.UUIDField()
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    type = models.CharField(max_length=64)
    body = models.TextField()
    headers = models.JSONField(help_text="Source, time and W3C trace context of the event.")
    state = models.CharField(max_length=16, choices=State)
    reason = models.CharField(max_length=16, choices=Reason, db_default=Reason.POISON.value)
    error = models.TextField(db_default="", blank=True)
    attempts = models.PositiveIntegerField(default=0, db_default=0, help_text="How often the handler was tried.")
    created_at = created_at()
    settled_at = models.DateTimeField(null=True, editable=False)

    objects = DeadLetterQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            # What waits, by aggregate and in order: the consumer asks before each event, so it stays small.
            models.Index(
                fields=["consumer", "aggregate_type", "aggregate_id", "version"],
                condition=models.Q(state__in=["dead", "queued"]),
                name="events_deadletter_waiting",
            ),
            models.Index(fields=["consumer", "created_at"], name="events_deadletter_age"),
            # What the purge removes.
            models.Index(
                fields=["settled_at"],
                condition=models.Q(settled_at__isnull=False),
                name="events_deadletter_settled",
            ),
        )
        permissions = (("decide_deadletter", "Can replay and discard dead letters"),)
        constraints = (
            models.UniqueConstraint(
                fields=["consumer", "aggregate_type", "aggregate_id", "version"], name="events_deadletter_event_once"
            ),
            models.CheckConstraint(
                name="events_deadletter_state_known",
                condition=models.Q(state__in=["dead", "queued", "replayed", "discarded"]),
            ),
            models.CheckConstraint(
                name="events_deadletter_reason_known",
                condition=models.Q(reason__in=["poison", "gap", "malformed", "behind"]),
            ),
            models.CheckConstraint(
                name="events_deadletter_settled_has_time",
                condition=models.Q(state__in=["dead", "queued"], settled_at__isnull=True)
                | models.Q(state__in=["replayed", "discarded"], settled_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} for {self.consumer}: {self.state}"

    @cached_property
    def position(self) -> int | None:
        """The version of the aggregate that the consumer applied last; None for a record that is no event."""
        of_aggregate = ConsumerPosition.objects.filter(
            consumer=self.consumer, aggregate_type=self.aggregate_type, aggregate_id=self.aggregate_id
        )
        return of_aggregate.values_list("version", flat=True).first()

    @cached_property
    def missing(self) -> list[int]:
        """The first and the last of the versions before this one that neither were applied nor wait; empty if none."""
        if self.position is None:
            return []
        before = DeadLetter.objects.of_aggregate(self).unsettled().filter(version__lt=self.version)
        reached = max(self.position, before.aggregate(last=models.Max("version"))["last"] or 0)
        return [reached + 1, self.version - 1] if self.version > reached + 1 else []

    @cached_property
    def pending_decision(self) -> "DeadLetterDecision | None":
        return DeadLetterDecision.objects.about(self).filter(outcome=DeadLetterDecision.Outcome.PENDING).first()


class DeadLetterDecision(models.Model):
    """What a person decided about a dead letter, who and why; the consumer carries it out. Rows are never deleted.

    It names the letter by its event rather than by a foreign key: settled letters are purged, decisions are kept.
    """

    class Action(models.TextChoices):
        REPLAY = "replay"
        REPLAY_DESPITE_GAP = "replay_despite_gap"
        DISCARD = "discard"

    class Outcome(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"

    id = uuid_primary_key()
    consumer = models.CharField(max_length=64)
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    action = models.CharField(max_length=32, choices=Action)
    why = models.TextField()
    decided_by = models.CharField(max_length=254, help_text="The email of who decided.")
    decided_at = created_at()
    outcome = models.CharField(
        max_length=16, choices=Outcome, default=Outcome.PENDING, db_default=Outcome.PENDING.value
    )
    detail = models.TextField(db_default="", blank=True, help_text="Why it failed.")
    carried_out_at = models.DateTimeField(null=True, editable=False)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=["consumer", "id"],
                condition=models.Q(outcome="pending"),
                name="events_decision_pending",
            ),
            models.Index(
                fields=["consumer", "aggregate_type", "aggregate_id", "version"], name="events_decision_letter"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["consumer", "aggregate_type", "aggregate_id", "version"],
                condition=models.Q(outcome="pending"),
                name="events_decision_one_pending",
            ),
            models.CheckConstraint(
                name="events_decision_action_known",
                condition=models.Q(action__in=["replay", "replay_despite_gap", "discard"]),
            ),
            models.CheckConstraint(
                name="events_decision_outcome_known", condition=models.Q(outcome__in=["pending", "done", "failed"])
            ),
            models.CheckConstraint(name="events_decision_says_why", condition=~models.Q(why="")),
            models.CheckConstraint(name="events_decision_says_who", condition=~models.Q(decided_by="")),
        )

    def __str__(self) -> str:
        return f"{self.action} version {self.version} for {self.consumer}: {self.outcome}"
