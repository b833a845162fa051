"""Old webhooks go with all that belongs to them, in the purge's own database role."""

import asyncio
import uuid

import pytest
from partners import Partners
from tandem_local.databases import Database
from tandem_worker.purge.main import Purge
from tandem_worker.settings import PurgeSettings


@pytest.fixture
def settings(database: Database) -> PurgeSettings:
    return PurgeSettings(environment="test", database_url=database.url("tandem_purge"), purge_batch_rows=2)


def deliver(partners: Partners, endpoint: uuid.UUID, *, days: int, leased: bool = False) -> None:
    (row,) = partners.sql(
        "INSERT INTO webhooks_delivery (endpoint_id, event_id, event_type, aggregate_type, aggregate_id, version, body,"
        " created_at, lease, leased_until) VALUES (%s, uuidv7(), 'order.paid.v1', 'order', uuidv7(), 1, '{}',"
        " now() - %s * interval '1 day', CASE WHEN %s THEN uuidv7() END,"
        " CASE WHEN %s THEN now() + interval '1 min' END) RETURNING id",
        endpoint,
        days,
        leased,
        leased,
    )
    partners.sql(
        "INSERT INTO webhooks_attempt (delivery_id, started_at, duration_ms, status) VALUES (%s, now(), 1, 500)",
        row["id"],
    )
    partners.sql(
        "INSERT INTO webhooks_deliveryrequest (endpoint_id, delivery_id, requested_by) VALUES (%s, %s, 'ada')",
        endpoint,
        row["id"],
    )


def counts(partners: Partners) -> dict[str, int]:
    tables = ("delivery", "attempt", "deliveryrequest", "signingsecret", "endpoint")
    return {table: partners.sql(f"SELECT count(*) AS n FROM webhooks_{table}")[0]["n"] for table in tables}


async def test_old_deliveries_go_with_their_attempts_and_young_ones_stay(
    partners: Partners, settings: PurgeSettings
) -> None:
    endpoint = partners.endpoint("https://a.example/")
    for days in (29, 31, 32, 40, 50, 60):
        deliver(partners, endpoint, days=days)
    deliver(partners, endpoint, days=70, leased=True)

    purge = Purge(settings)
    assert await purge.run(asyncio.Event())

    assert purge.removed["webhooks_delivery"] == 5
    assert counts(partners) == {"delivery": 2, "attempt": 2, "deliveryrequest": 2, "signingsecret": 1, "endpoint": 1}


async def test_of_a_deleted_endpoint_nothing_is_left(partners: Partners, settings: PurgeSettings) -> None:
    deleted, kept = partners.endpoint("https://a.example/"), partners.endpoint("https://b.example/")
    partners.secret(kept)  # the one before is good for an hour yet
    deliver(partners, deleted, days=45)
    partners.sql(
        "INSERT INTO webhooks_deliveryrequest (endpoint_id, requested_by, created_at)"
        " VALUES (%s, 'ada', now() - interval '45 days')",
        deleted,
    )
    partners.sql("UPDATE webhooks_endpoint SET deleted_at = now() - interval '31 days' WHERE id = %s", deleted)
    partners.sql(
        "UPDATE webhooks_signingsecret SET expires_at = now() - interval '31 days' WHERE endpoint_id = %s", deleted
    )

    assert await Purge(settings).run(asyncio.Event())

    assert counts(partners) == {"delivery": 0, "attempt": 0, "deliveryrequest": 0, "signingsecret": 2, "endpoint": 1}
