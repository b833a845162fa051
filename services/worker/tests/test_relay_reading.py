"""Reading the outbox: what comes late, what it costs, and that nothing is lost or overtaken."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from kafka_records import provision
from relaying import aggregate, append, published, waiting
from tandem_local.databases import Database
from tandem_worker.relay import outbox
from tandem_worker.relay.broker import running_producer
from tandem_worker.relay.lanes import Lane, Rounds
from tandem_worker.relay.rounds import Suspects
from tandem_worker.relay.watch import watch
from tandem_worker.settings import RelaySettings

ALL = set(outbox.SHARDS)


@pytest.fixture
def settings(database: Database, kafka_server: str) -> RelaySettings:
    provision(kafka_server)
    return RelaySettings(
        environment="test", database_url=database.url("tandem_relay"), kafka_bootstrap_servers=kafka_server
    )


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await outbox.open_outbox(database.url("tandem_relay"), application="test") as opened:
        yield opened


@pytest.fixture
async def rounds(settings: RelaySettings, connection: psycopg.AsyncConnection) -> AsyncIterator[Rounds]:
    async with running_producer(settings) as producer:
        yield Rounds(connection, producer, Suspects(), limit=100, tracing=False)


def lane_behind(last: int) -> Lane:
    """A lane over everything that has come as far as the id `last`, and has nothing more to do with what is below."""
    lane = Lane(shards=set(ALL))
    lane.floor.value = lane.floor.behind = last
    return lane


def last_id(database: Database) -> int:
    with psycopg.connect(database.url()) as superuser:
        row = superuser.execute("SELECT max(id) FROM events_outboxevent").fetchone()
    assert row
    return int(row[0])


async def test_an_event_that_became_visible_below_the_floor_is_found_by_a_sweep(
    rounds: Rounds, settings: RelaySettings, database: Database
) -> None:
    one = aggregate(database)
    append(database, one, 3)
    lane = lane_behind(last_id(database))
    assert await rounds.publish(lane) == (0, False)

    stop = asyncio.Event()
    async with await outbox.open_outbox(database.url("tandem_relay"), application="test") as beside:
        watching = asyncio.create_task(watch(beside, [lane], rounds.suspects, stop))
        async with asyncio.timeout(30):
            while not lane.late:
                await asyncio.sleep(0.01)
        stop.set()
        await watching

    assert lane.bell.is_set()
    assert await rounds.publish(lane) == (3, False)
    assert [event.version for event in await published(settings, one)] == [1, 2, 3]


async def test_no_event_overtakes_an_earlier_one_that_became_visible_below_the_floor(
    rounds: Rounds, settings: RelaySettings, database: Database
) -> None:
    late, other = aggregate(database), aggregate(database)
    append(database, late, 2)
    floor = last_id(database)
    append(database, other)
    append(database, late, 2)

    assert await rounds.publish(lane_behind(floor)) == (5, False)

    events = await published(settings, late, other)
    assert [event.version for event in events if event.aggregate_id == late] == [1, 2, 3, 4]
    assert waiting(database) == 0


async def test_what_is_parked_is_neither_late_nor_overtaken(
    rounds: Rounds, connection: psycopg.AsyncConnection, database: Database
) -> None:
    parked = aggregate(database)
    append(database, parked, payload={"much": "x" * 2_000_000})
    lane = Lane(shards=set(ALL))
    assert await rounds.publish(lane) == (0, False)
    append(database, parked)

    assert await rounds.publish(lane) == (0, False)
    late = await outbox.find_late(connection, ALL, up_to=last_id(database), parked=rounds.suspects.parked, limit=10)

    assert rounds.suspects.parked == {("order", parked)}
    assert late == []
    assert waiting(database) == 2


async def test_a_lane_leaves_the_rows_of_other_shards_and_comes_past_them(
    rounds: Rounds, connection: psycopg.AsyncConnection, database: Database
) -> None:
    foreign, own = aggregate(database), aggregate(database)
    append(database, foreign, 250)
    append(database, own)
    reading = await outbox.read_on(connection, ALL, behind=0, limit=1000)
    assert (len(reading.rows), reading.looked_at) == (251, 251)
    with psycopg.connect(database.url()) as superuser:
        superuser.execute("UPDATE events_outboxevent SET shard = (aggregate_id = %s)::int", [own])

    lane = Lane(shards={1})
    assert [await rounds.publish(lane) for _ in range(4)] == [(0, True), (0, True), (1, False), (0, True)]


async def test_reading_costs_what_is_read_whatever_the_statistics_say(
    connection: psycopg.AsyncConnection, database: Database
) -> None:
    with psycopg.connect(database.url(), autocommit=True) as superuser:
        superuser.execute("VACUUM ANALYZE events_outboxevent")  # of an empty table
        superuser.execute(
            "SELECT append_event('order', md5((n % 500)::text)::uuid, 'order.placed.v1', '{}', '{}')"
            " FROM generate_series(1, 5000) AS n"
        )
    before = index_entries_read(database)

    for behind in range(1000, 2000, 100):
        reading = await outbox.read_on(connection, ALL, behind=behind, limit=100)
        rows = await outbox.read_aggregates(connection, ALL, [row.aggregate for row in reading.rows[:2]], limit=3)
        assert (len(reading.rows), len(rows)) == (100, 6)
    assert await outbox.find_late(connection, ALL, up_to=50, parked=[("order", rows[0].aggregate_id)], limit=100)
    await outbox.delete(connection, [row.id for row in rows])
    await connection.execute("SELECT pg_stat_force_next_flush()")

    after = index_entries_read(database)
    assert after["seq_scan"] == before["seq_scan"]
    # Ten times 100 rows, for nearly all of them the version before, and some dozens.
    assert after["idx_tup_read"] - before["idx_tup_read"] < 2500


def index_entries_read(database: Database) -> dict[str, int]:
    with psycopg.connect(database.url()) as superuser:
        row = superuser.execute(
            "SELECT seq_scan, (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes AS i WHERE i.relid = t.relid)"
            " FROM pg_stat_user_tables AS t WHERE relname = 'events_outboxevent'"
        ).fetchone()
    assert row
    return {"seq_scan": row[0], "idx_tup_read": row[1]}
