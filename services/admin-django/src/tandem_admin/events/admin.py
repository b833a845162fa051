"""Pages to look at what waits to be published, and at what could not be applied."""

from django.contrib import admin

from tandem_admin.acts import ReadOnlyAdmin
from tandem_admin.events.models import DeadLetter, OutboxEvent
from tandem_admin.unfold_types import display


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "type", "aggregate_id", "version", "producer", "shard", "occurred_at")
    list_filter = ("type", "producer")
    search_fields = ("aggregate_id",)
    list_per_page = 50


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("type", "aggregate_id", "version", "consumer", "state_badge", "short_error", "created_at")
    list_filter = ("state", "consumer", "type")
    search_fields = ("aggregate_id", "error")
    list_per_page = 50

    @display(
        description="State",
        ordering="state",
        label={"Dead": "danger", "Queued": "warning", "Replayed": "success", "Discarded": "default"},
    )
    def state_badge(self, letter: DeadLetter) -> str:
        return letter.get_state_display()

    @display(description="Error")
    def short_error(self, letter: DeadLetter) -> str:
        return letter.error.strip().rpartition("\n")[2][:100]
