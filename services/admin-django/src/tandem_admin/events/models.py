"""The event backbone's tables. Only the SQL function `append_event` writes streams and outbox."""

from django.db import models

from tandem_admin.database.columns import created_at, uuid_primary_key


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
        indexes = (models.Index(fields=["shard", "id"], name="events_outboxevent_shard"),)
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
    """An event that a consumer cannot apply, or (`queued`) one that waits behind such an event of its aggregate."""

    class State(models.TextChoices):
        DEAD = "dead"
        QUEUED = "queued"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = uuid_primary_key()
    consumer = models.CharField(max_length=64)
    event_id = models.UUIDField()
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.UUIDField()
    version = models.BigIntegerField()
    type = models.CharField(max_length=64)
    body = models.TextField()
    headers = models.JSONField()
    state = models.CharField(max_length=16, choices=State)
    error = models.TextField(db_default="", blank=True)
    created_at = created_at()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=["consumer", "aggregate_type", "aggregate_id", "version"], name="events_deadletter_event_once"
            ),
            models.CheckConstraint(
                name="events_deadletter_state_known",
                condition=models.Q(state__in=["dead", "queued", "replayed", "discarded"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} for {self.consumer}: {self.state}"
