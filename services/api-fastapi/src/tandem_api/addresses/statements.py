"""What writes addresses.

The customer's row is locked: nobody is erased meanwhile.
"""

from sqlalchemy import text

from tandem_api.orders.statements import CLAIM, KEY, KNOWN

LIMIT = 20
COLUMNS = "recipient, street, addition, postal_code, city, region, country"
VALUES = ":recipient, :street, :addition, :postal_code, :city, :region, :country"
_OWNER = """owner AS MATERIALIZED (
    SELECT id FROM users_user WHERE id = CAST(:customer_id AS uuid) AND is_active FOR NO KEY UPDATE
)"""

BEFORE_CREATION = text(f"""
SELECT
    uuidv7() AS address_id,
    (
        SELECT min(number) FROM generate_series(1, {LIMIT}) AS number WHERE number NOT IN (
            SELECT slot FROM addresses_address WHERE customer_id = CAST(:customer_id AS uuid)
        )
    ) AS slot,
    EXISTS (SELECT FROM addresses_address WHERE customer_id = CAST(:customer_id AS uuid)) AS has_others,
    {KNOWN}""")

CREATION = text(f"""
WITH {CLAIM}, {_OWNER},
created AS (
    INSERT INTO addresses_address (id, customer_id, slot, {COLUMNS})
    SELECT CAST(:address_id AS uuid), owner.id, CAST(:slot AS smallint), {VALUES} FROM claim, owner
    RETURNING id
)
{KEY}
SELECT :principal, :key, :request_hash, CAST(:status AS smallint), CAST(:body AS jsonb) FROM created
RETURNING key
""")

CHANGE = text(f"""
WITH {_OWNER}
UPDATE addresses_address AS address SET ({COLUMNS}) = ROW ({VALUES})
FROM owner WHERE address.id = CAST(:address_id AS uuid) AND address.customer_id = owner.id
RETURNING address.id
""")

MAKE_DEFAULT = text(f"""
WITH {_OWNER}
UPDATE addresses_address AS address SET default_since = clock_timestamp()
FROM owner WHERE address.id = CAST(:address_id AS uuid) AND address.customer_id = owner.id
RETURNING address.id
""")

REMOVAL = text(f"""
WITH {_OWNER}
DELETE FROM addresses_address AS address
USING owner WHERE address.id = CAST(:address_id AS uuid) AND address.customer_id = owner.id
RETURNING address.id
""")
