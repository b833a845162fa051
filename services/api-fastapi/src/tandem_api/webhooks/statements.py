"""What writes webhooks: as for orders, each act is one statement, which is its transaction."""

from sqlalchemy import text

# Was the request answered before? And what the act has to know.
BEFORE = text("""
    SELECT
        uuidv7() AS id, statement_timestamp() AS at,
        (
            SELECT count(*) FROM webhooks_endpoint WHERE client_id = :client_id AND deleted_at IS NULL
        ) AS endpoints,
        (
            SELECT state FROM webhooks_endpoint
            WHERE client_id = :client_id AND deleted_at IS NULL AND id = CAST(:endpoint_id AS uuid)
        ) AS state,
        (
            SELECT event_id FROM webhooks_delivery
            WHERE endpoint_id = CAST(:endpoint_id AS uuid) AND id = CAST(:delivery_id AS uuid)
        ) AS event_id,
        stored.request_hash, stored.response_status, CAST(stored.response_body AS text) AS response_body
    FROM (SELECT) AS request
    LEFT JOIN orders_idempotencykey AS stored ON stored.principal = :principal AND stored.key = :key
""")
# No row while another request holds the key. The answer that is kept holds no secret.
_CLAIM = "claim AS MATERIALIZED (SELECT WHERE pg_try_advisory_xact_lock(CAST(:lock AS bigint)))"
_KEY = """
    INSERT INTO orders_idempotencykey (principal, key, request_hash, response_status, response_body)
    SELECT :principal, :key, :request_hash, CAST(:status AS smallint), CAST(:body AS jsonb)
"""

CREATION = text(f"""
    WITH {_CLAIM},
    created AS (
        INSERT INTO webhooks_endpoint (id, client_id, url, description, event_types, created_at)
        SELECT CAST(:id AS uuid), :client_id, :url, :description, CAST(:event_types AS varchar[]),
            CAST(:created_at AS timestamptz)
        FROM claim
        RETURNING id
    ),
    secret AS (INSERT INTO webhooks_signingsecret (endpoint_id, secret) SELECT id, :secret FROM created)
    {_KEY} FROM created RETURNING key
""")
# The new secret is written behind the end of the former ones: an endpoint has one without an end.
ROTATION = text(f"""
    WITH {_CLAIM},
    former AS (
        UPDATE webhooks_signingsecret SET expires_at = CAST(:former_until AS timestamptz)
        FROM claim
        WHERE endpoint_id = CAST(:endpoint_id AS uuid)
            AND (expires_at IS NULL OR expires_at > CAST(:former_until AS timestamptz))
        RETURNING webhooks_signingsecret.id
    ),
    secret AS (
        INSERT INTO webhooks_signingsecret (endpoint_id, secret)
        SELECT CAST(:endpoint_id AS uuid), :secret FROM claim, (SELECT count(*) FROM former) AS ended
        RETURNING id
    )
    {_KEY} FROM secret RETURNING key
""")
# Asked for twice before it was carried out is asked for once.
REQUEST = text(f"""
    WITH {_CLAIM},
    request AS (
        INSERT INTO webhooks_deliveryrequest (id, endpoint_id, delivery_id, requested_by, traceparent)
        SELECT CAST(:id AS uuid), CAST(:endpoint_id AS uuid), CAST(:delivery_id AS uuid), :client_id, :traceparent
        FROM claim
        ON CONFLICT (delivery_id) WHERE carried_out_at IS NULL DO NOTHING
    )
    {_KEY} FROM claim RETURNING key
""")
CHANGE = text("""
    UPDATE webhooks_endpoint SET
        url = coalesce(:url, url), description = coalesce(:description, description),
        event_types = coalesce(CAST(:event_types AS varchar[]), event_types), state = coalesce(:state, state),
        disabled_at = CASE coalesce(:state, state) WHEN 'disabled' THEN coalesce(disabled_at, now()) END,
        disabled_reason = CASE
            WHEN coalesce(:state, state) = 'enabled' THEN ''
            WHEN state = 'enabled' THEN 'By the partner.'
            ELSE disabled_reason
        END
    WHERE id = :endpoint_id AND client_id = :client_id AND deleted_at IS NULL
        AND NOT (is_held AND coalesce(:state, state) = 'enabled')
    RETURNING id, url, description, event_types, state, disabled_at, disabled_reason, created_at, last_success_at,
        failing_since
""")
# Kept until its deliveries are purged; what it was signed with is good for nothing at once.
DELETION = text("""
    WITH deleted AS (
        UPDATE webhooks_endpoint SET deleted_at = now()
        WHERE id = :endpoint_id AND client_id = :client_id AND deleted_at IS NULL RETURNING id
    ),
    ended AS (
        UPDATE webhooks_signingsecret AS secret SET expires_at = now() FROM deleted
        WHERE endpoint_id = deleted.id AND (expires_at IS NULL OR expires_at > now()) RETURNING secret.id
    )
    SELECT id FROM deleted
""")
