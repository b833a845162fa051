"""The outbox as a table that is always emptied: one index less, and a vacuum that keeps up."""

from django.db import migrations

# Every row is inserted once, never updated (so pages may be filled to the brim, the default) and soon deleted.
STORAGE = {
    # A fixed number of dead rows, not a share of a table that may be empty now and have millions of rows later.
    "autovacuum_vacuum_scale_factor": "0",
    "autovacuum_vacuum_threshold": "5000",
    # Readers walk over what vacuum has left, so it does not pause to spare the disk.
    "autovacuum_vacuum_cost_delay": "0",
    # Insertions alone are no reason: what is inserted is about to be deleted, which is.
    "autovacuum_vacuum_insert_threshold": "-1",
    # The relay's statements do not depend on statistics; those of people who look at the table should not be far off.
    "autovacuum_analyze_scale_factor": "0",
    "autovacuum_analyze_threshold": "50000",
    # The file stays as large as the largest backlog was: giving its end back takes a lock that stops all who append.
    "vacuum_truncate": "false",
    # Payloads of more than 2 kB lie beside the table and die with their rows.
    "toast.autovacuum_vacuum_scale_factor": "0",
    "toast.autovacuum_vacuum_threshold": "5000",
    "toast.autovacuum_vacuum_cost_delay": "0",
    "toast.vacuum_truncate": "false",
}
SET = f"ALTER TABLE events_outboxevent SET ({', '.join(f'{name} = {value}' for name, value in STORAGE.items())})"
RESET = f"ALTER TABLE events_outboxevent RESET ({', '.join(STORAGE)})"


class Migration(migrations.Migration):
    dependencies = [("events", "0004_deciding")]
    operations = [
        # The relay reads by the primary key: with a choice of indexes, statistics that are out of date choose badly.
        migrations.RemoveIndex(model_name="outboxevent", name="events_outboxevent_shard"),
        migrations.RunSQL(SET, RESET),
    ]
