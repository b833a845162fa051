"""The statements by which several processes share the deliveries. Each transaction is short; none waits for a partner.

Who claims locks the endpoint's row, so that its limit holds over all processes; who finds it locked goes on to others.
"""

from sqlalchemy import TextClause, text

# Deliveries of `endpoint` that may be sent now: due, nobody's, and the first of their aggregate that waits.
_DUE = """
    SELECT delivery.id, delivery.next_attempt_at
    FROM webhooks_delivery AS delivery
    WHERE delivery.endpoint_id = endpoint.id AND delivery.state = 'pending'
        AND delivery.next_attempt_at <= statement_timestamp()
        AND (delivery.lease IS NULL OR delivery.leased_until <= statement_timestamp())
        AND NOT EXISTS (
            SELECT FROM webhooks_delivery AS earlier
            WHERE earlier.endpoint_id = delivery.endpoint_id AND earlier.aggregate_id = delivery.aggregate_id
                AND earlier.state = 'pending' AND earlier.version < delivery.version
        )
    ORDER BY delivery.next_attempt_at, delivery.id
"""
_ON_THEIR_WAY = """(
    SELECT count(*) FROM webhooks_delivery AS leased
    WHERE leased.endpoint_id = endpoint.id AND leased.lease IS NOT NULL AND leased.leased_until > statement_timestamp()
)"""

# A statement of its own before the claim: what that one reads, it reads behind the locks.
LOCK_ENDPOINTS = text(f"""
    SELECT endpoint.id
    FROM webhooks_endpoint AS endpoint
    CROSS JOIN LATERAL ({_DUE} LIMIT 1) AS due
    WHERE endpoint.state = 'enabled' AND endpoint.deleted_at IS NULL
        AND (endpoint.not_before IS NULL OR endpoint.not_before <= statement_timestamp())
        AND (endpoint.failing_since IS NOT NULL) = CAST(:failing AS boolean)
        AND {_ON_THEIR_WAY} < CAST(:each AS bigint)
    ORDER BY due.next_attempt_at
    LIMIT :limit
    FOR NO KEY UPDATE OF endpoint SKIP LOCKED
""")
CLAIM = text(f"""
    WITH chosen AS MATERIALIZED (
        SELECT due.id
        FROM webhooks_endpoint AS endpoint
        CROSS JOIN LATERAL (
            SELECT found.id, found.next_attempt_at, row_number() OVER (ORDER BY found.next_attempt_at) AS turn
            FROM ({_DUE} LIMIT greatest(0, CAST(:each AS bigint) - {_ON_THEIR_WAY})) AS found
        ) AS due
        WHERE endpoint.id = ANY (CAST(:endpoints AS uuid[]))
        ORDER BY due.turn, due.next_attempt_at
        LIMIT :limit
    )
    UPDATE webhooks_delivery AS delivery
    SET lease = uuidv7(), leased_until = statement_timestamp() + CAST(:lease AS interval)
    FROM chosen, webhooks_endpoint AS endpoint
    WHERE delivery.id = chosen.id AND endpoint.id = delivery.endpoint_id
        -- asked again of the row as it is: whoever held the lease may be just back
        AND delivery.state = 'pending' AND (delivery.lease IS NULL OR delivery.leased_until <= statement_timestamp())
    RETURNING delivery.id, delivery.lease, delivery.endpoint_id, delivery.event_id, delivery.event_type,
        delivery.aggregate_type, delivery.aggregate_id, delivery.version, delivery.body, delivery.traceparent,
        delivery.attempts, delivery.created_at, endpoint.url,
        ARRAY(
            SELECT secret FROM webhooks_signingsecret AS valid
            WHERE valid.endpoint_id = endpoint.id
                AND (valid.expires_at IS NULL OR valid.expires_at > statement_timestamp())
            ORDER BY valid.id DESC
        ) AS secrets
""")

NOTE_ATTEMPT = text("""
    INSERT INTO webhooks_attempt (delivery_id, started_at, duration_ms, status, response, error)
    VALUES (:id, :started_at, :duration_ms, :status, :response, :error)
""")
_ANSWERED = """
    attempts = attempts + 1, lease = NULL, leased_until = NULL,
    last_status = :status, last_response = :response, last_error = :error
"""
_STILL_MINE = "id = :id AND lease = CAST(:lease AS uuid)"
DELIVERED = text(f"""
    UPDATE webhooks_delivery SET state = 'delivered', settled_at = now(), {_ANSWERED}
    WHERE {_STILL_MINE} RETURNING state
""")
# `give_up_at` is chosen at the first failure; the last attempt is at that very moment, or the first one behind it.
FAILED = text(f"""
    UPDATE webhooks_delivery SET
        state = CASE WHEN give_up_at <= now() OR :gone THEN 'failed' ELSE 'pending' END,
        settled_at = CASE WHEN give_up_at <= now() OR :gone THEN now() END,
        give_up_at = coalesce(give_up_at, now() + CAST(:retry AS interval)),
        next_attempt_at = least(
            now() + CAST(:pause AS interval), coalesce(give_up_at, now() + CAST(:retry AS interval))
        ),
        {_ANSWERED}
    WHERE {_STILL_MINE} RETURNING state
""")
# What waits behind it is not looked at again before; that it waits is decided by its version alone.
PUT_OFF_FOLLOWERS = text("""
    UPDATE webhooks_delivery AS follower SET next_attempt_at = failed.next_attempt_at
    FROM webhooks_delivery AS failed
    WHERE failed.id = :id AND failed.state = 'pending' AND follower.endpoint_id = failed.endpoint_id
        AND follower.aggregate_id = failed.aggregate_id AND follower.version > failed.version
        AND follower.state = 'pending' AND follower.lease IS NULL
        AND follower.next_attempt_at < failed.next_attempt_at
""")
# Not with each message: the row would be the one place that all of an endpoint's deliveries queue for.
ENDPOINT_WORKS = text("""
    UPDATE webhooks_endpoint SET last_success_at = now(), failing_since = NULL, not_before = NULL
    WHERE id = :endpoint_id
        AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < now() - interval '10 seconds')
""")
ENDPOINT_FAILS = text("""
    UPDATE webhooks_endpoint SET failing_since = coalesce(failing_since, now()),
        not_before = greatest(not_before, now() + CAST(:retry_after AS interval))
    WHERE id = :endpoint_id AND (failing_since IS NULL OR CAST(:retry_after AS interval) IS NOT NULL)
""")
# `failing_since` begins anew: whoever enables it again has as long as everybody.
DISABLE_ENDPOINT = text("""
    UPDATE webhooks_endpoint SET state = 'disabled', disabled_at = now(), disabled_reason = :reason,
        failing_since = NULL, not_before = NULL
    WHERE id = :endpoint_id AND state = 'enabled'
        AND (:gone OR failing_since <= now() - CAST(:retry AS interval))
    RETURNING id
""")

TAKE_REQUESTS = text("""
    SELECT id, endpoint_id, delivery_id, traceparent, created_at FROM webhooks_deliveryrequest
    WHERE carried_out_at IS NULL ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED
""")
RESEND = text("""
    UPDATE webhooks_delivery SET state = 'pending', attempts = 0, next_attempt_at = now(), give_up_at = NULL,
        settled_at = NULL
    WHERE id = ANY (CAST(:ids AS uuid[])) AND state <> 'pending'
""")
CLOSE_REQUESTS = text("""
    UPDATE webhooks_deliveryrequest SET carried_out_at = now() WHERE id = ANY (CAST(:ids AS uuid[]))
""")

COUNT_PENDING: TextClause = text("""
    SELECT count(*) AS pending, coalesce(extract(epoch FROM now() - min(delivery.created_at)), 0) AS oldest
    FROM webhooks_delivery AS delivery JOIN webhooks_endpoint AS endpoint ON endpoint.id = delivery.endpoint_id
    WHERE delivery.state = 'pending' AND endpoint.state = 'enabled' AND endpoint.deleted_at IS NULL
""")
COUNT_ENDPOINTS = text("SELECT state, count(*) AS n FROM webhooks_endpoint WHERE deleted_at IS NULL GROUP BY state")
