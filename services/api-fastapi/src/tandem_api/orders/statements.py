"""What writes orders: for each act one statement that reads what it has to know, and one that writes all of it.

They run in autocommit mode, so the second one is the transaction. More and smaller ones would be easier to read; each
is a round trip to Postgres, though, and those are most of what an order costs (docs/performance.md).
"""

from sqlalchemy import text

# What every act has to know: is the customer active, and was the request answered before?
KNOWN = """
    EXISTS (SELECT FROM users_user WHERE id = CAST(:customer_id AS uuid) AND is_active) AS active,
    stored.request_hash, stored.response_status, CAST(stored.response_body AS text) AS response_body
FROM (SELECT) AS request
LEFT JOIN orders_idempotencykey AS stored ON stored.principal = :principal AND stored.key = :key
"""
# No row while another request holds the key. An answer that was written since the other statement looked is not seen:
# the table's primary key refuses a second one, and with it the statement.
CLAIM = "claim AS MATERIALIZED (SELECT WHERE pg_try_advisory_xact_lock(CAST(:lock AS bigint)))"
_EVENT = "append_event(:aggregate_type, {order_id}, :event_type, CAST(:payload AS jsonb), CAST(:headers AS jsonb))"
KEY = "INSERT INTO orders_idempotencykey (principal, key, request_hash, response_status, response_body)"

# It gives the order's id and time, so that event and answer are made before anything is written.
BEFORE_PLACEMENT = text(f"""
SELECT
    uuidv7() AS order_id, statement_timestamp() AS placed_at,
    (
        SELECT json_agg(product) FROM (
            SELECT sku, name, price_amount, price_currency FROM catalog_product
            WHERE sku = ANY (CAST(:skus AS text[])) AND status = 'published'
        ) AS product
    ) AS products,
    (
        SELECT to_jsonb(address) FROM (
            SELECT recipient, street, addition, postal_code, city, region, country FROM addresses_address
            WHERE CAST(:from_own AS boolean) AND customer_id = CAST(:customer_id AS uuid)
                AND (CAST(:address_id AS uuid) IS NULL OR id = CAST(:address_id AS uuid))
            ORDER BY default_since DESC NULLS LAST, id
            LIMIT 1
        ) AS address
    ) AS address,
    {KNOWN}""")

PLACEMENT = text(f"""
WITH {CLAIM},
customer AS MATERIALIZED (
    -- Waits for whoever erases the customer; then there is nobody to order.
    SELECT FROM users_user WHERE id = CAST(:customer_id AS uuid) AND is_active FOR KEY SHARE
),
placed AS (
    INSERT INTO orders_order (id, customer_id, total_amount, total_currency, payment_token, placed_at)
    SELECT CAST(:order_id AS uuid), CAST(:customer_id AS uuid), CAST(:total_amount AS bigint), :total_currency,
        :payment_token, CAST(:placed_at AS timestamptz)
    FROM claim, customer
    RETURNING id, placed_at
),
lines AS (
    INSERT INTO orders_orderline (order_id, position, sku, name, quantity, unit_amount)
    SELECT placed.id, line.position, line.sku, line.name, line.quantity, line.unit_amount
    FROM placed, unnest(
        CAST(:skus AS text[]), CAST(:names AS text[]), CAST(:quantities AS int[]), CAST(:unit_amounts AS bigint[])
    ) WITH ORDINALITY AS line (sku, name, quantity, unit_amount, position)
),
shipping AS (
    INSERT INTO addresses_shippingaddress (
        order_id, recipient, street, addition, postal_code, city, region, country
    )
    SELECT placed.id, address.*
    FROM placed, jsonb_to_record(CAST(:address AS jsonb)) AS address (
        recipient text, street text, addition text, postal_code text, city text, region text, country text
    )
    WHERE CAST(:address AS jsonb) IS NOT NULL
),
entry AS (
    INSERT INTO orders_timelineentry (order_id, version, event_type, state, payload, traceparent, occurred_at)
    SELECT id, {_EVENT.format(order_id="id")}, :event_type, 'placed', CAST(:payload AS jsonb), :traceparent, placed_at
    FROM placed
    RETURNING order_id
)
{KEY}
SELECT :principal, :key, :request_hash, CAST(:status AS smallint), CAST(:body AS jsonb) FROM entry
RETURNING key
""")

BEFORE_CANCELLATION = text(f"""
SELECT
    (
        SELECT state FROM orders_order WHERE id = CAST(:order_id AS uuid) AND customer_id = CAST(:customer_id AS uuid)
    ) AS state,
    {KNOWN}""")

# Each request ends in what it asks for, which ends the order's being cancellable too, or in a refusal; in their order.
PENDING_REQUEST = text("""
SELECT version FROM orders_timelineentry
WHERE order_id = CAST(:order_id AS uuid) AND event_type = :event_type
ORDER BY version
OFFSET (
    SELECT count(*) FROM orders_timelineentry
    WHERE order_id = CAST(:order_id AS uuid) AND event_type = 'order.request_refused.v1'
        AND payload ->> 'request' = :event_type
)
LIMIT 1
""")

# For an act that turns out to be done already: its answer, and no event.
ANSWER = text(f"""
WITH {CLAIM}
{KEY}
SELECT :principal, :key, :request_hash, CAST(:status AS smallint), CAST(:body AS jsonb) FROM claim
RETURNING key
""")

CANCELLATION = text(f"""
WITH {CLAIM},
entry AS (
    INSERT INTO orders_timelineentry (order_id, version, event_type, payload, traceparent)
    SELECT CAST(:order_id AS uuid), {_EVENT.format(order_id="CAST(:order_id AS uuid)")}, :event_type,
        CAST(:payload AS jsonb), :traceparent
    FROM claim
    RETURNING order_id, version
)
{KEY}
SELECT :principal, :key, :request_hash, CAST(:status AS smallint),
    jsonb_build_object('order_id', order_id, 'version', version)
FROM entry
RETURNING CAST(response_body AS text)
""")
