"""`append_event`: the one way to state an event, for Django and SQLAlchemy alike."""

from django.db import migrations

CREATE = """
CREATE FUNCTION append_event(
    p_aggregate_type text, p_aggregate_id uuid, p_type text, p_payload jsonb, p_headers jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql
-- A service needs only EXECUTE: the function writes with its owner's rights, on a search_path nobody can bend.
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_version bigint;
BEGIN
    -- The head row stays locked until commit: versions have no gap, and because the outbox id is drawn below,
    -- behind the lock, ids rise in commit order per aggregate.
    INSERT INTO public.events_stream AS head (aggregate_type, aggregate_id, version)
    VALUES (p_aggregate_type, p_aggregate_id, 1)
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = head.version + 1
    RETURNING version INTO new_version;

    INSERT INTO public.events_outboxevent
        (event_id, shard, producer, aggregate_type, aggregate_id, version, type, payload, headers)
    VALUES (
        uuidv7(), hashtextextended(p_aggregate_id::text, 0) & 63, session_user,
        p_aggregate_type, p_aggregate_id, new_version, p_type, p_payload, p_headers
    );
    RETURN new_version;
END
$$;
REVOKE EXECUTE ON FUNCTION append_event(text, uuid, text, jsonb, jsonb) FROM PUBLIC;
"""
DROP = "DROP FUNCTION append_event(text, uuid, text, jsonb, jsonb)"


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
