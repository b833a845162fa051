"""The commands that look at streams, against a real broker and database."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata
from kafka_records import provision, write
from letters import TRACEPARENT, event
from tandem_contracts.envelope import to_kafka
from tandem_contracts.topics import Topic
from tandem_local.databases import Database
from tandem_local.kafka import running_kafka
from tandem_local.ports import free_port
from tandem_worker.main import app
from tandem_worker.streams import stream
from typer.testing import CliRunner, Result

TRACE = TRACEPARENT.split("-")[1]
WORKER = str(Path(sys.executable).with_name("tandem-worker"))
Topics = Callable[..., str]


class Shell:
    """`tandem-worker` as a person runs it."""

    def __init__(self, database_url: str, kafka: str) -> None:
        self.env = {
            "TANDEM_ENVIRONMENT": "test",
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "COLUMNS": "200",
        }

    async def __call__(self, *arguments: object) -> Result:
        return await asyncio.to_thread(CliRunner(env=self.env).invoke, app, [str(one) for one in arguments])

    async def lines(self, *arguments: object) -> list[str]:
        result = await self(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()


@pytest.fixture
def shell(database: Database, kafka_server: str) -> Shell:
    return Shell(database.url("tandem_worker"), kafka_server)


async def write_raw(kafka: str, topic: str, value: bytes, *, key: bytes = b"?", partition: int = 0) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topic, value, key=key, partition=partition)


async def commit(kafka: str, group: str, offsets: dict[TopicPartition, int]) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit({partition: OffsetAndMetadata(offset, "") for partition, offset in offsets.items()})
    finally:
        await consumer.stop()


# events tail


async def test_tail_shows_a_line_for_each_event(shell: Shell, topics: Topics, kafka_server: str) -> None:
    topic, order = topics("orders"), uuid4()
    await write(kafka_server, topic, [event(order, 1), event(order, 2, type="order.paid.v1")])

    first, second = await shell.lines("events", "tail", "--topic", topic, "--from-beginning", "--limit", 2)

    assert re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}}Z  {topic}/0@0 ", first)
    for part in ("order.placed.v1", f"order/{order} v1", "age ", f"trace {TRACE}"):
        assert part in first
    assert "order.paid.v1" in second
    assert "number" not in first + second


async def test_tail_shows_payloads_only_when_asked(shell: Shell, topics: Topics, kafka_server: str) -> None:
    topic = topics("orders")
    await write(kafka_server, topic, [event(uuid4(), 1)])

    lines = await shell.lines("events", "tail", "--topic", topic, "--from-beginning", "--limit", 1, "--payload")

    assert lines[1] == '    {"number": 1}'


async def test_tail_keeps_to_types_and_hides_nothing_malformed(shell: Shell, topics: Topics, kafka_server: str) -> None:
    topic, order = topics("orders"), uuid4()
    await write(kafka_server, topic, [event(order, 1), event(order, 2, type="product.changed.v1")])
    await write_raw(kafka_server, topic, b"\x1b[2Jnothing of ours")
    await write(kafka_server, topic, [event(order, 3, type="order.pa\x1b[2J"), event(order, 4, type="order.paid.v1")])

    lines = await shell.lines(
        "events", "tail", "--topic", topic, "--from-beginning", "--limit", 3, "--type", "order.pa*", "--type", "x.*"
    )

    assert "MALFORMED: not a Tandem event: KeyError('ce_subject')" in lines[0]
    assert "order.pa\N{REPLACEMENT CHARACTER}[2J" in lines[1]
    assert "order.paid.v1" in lines[2]


async def test_tail_writes_json_lines(shell: Shell, topics: Topics, kafka_server: str) -> None:
    topic, order = topics("orders"), uuid4()
    await write_raw(kafka_server, topic, b"nothing of ours")
    written = event(order, 7)
    await write(kafka_server, topic, [written])

    arguments = ("events", "tail", "--topic", topic, "--from-beginning", "--limit", 2, "--json")
    malformed, told = map(json.loads, await shell.lines(*arguments))
    _, with_payload = map(json.loads, await shell.lines(*arguments, "--payload"))

    assert malformed["malformed"].startswith("not a Tandem event")
    assert told.pop("age_seconds") >= 0
    assert told == {
        "time": written.time.isoformat(),
        "topic": topic,
        "partition": 0,
        "offset": 1,
        "id": str(written.id),
        "type": "order.placed.v1",
        "source": "/tandem/test",
        "aggregate_type": "order",
        "aggregate_id": str(order),
        "version": 7,
        "trace_id": TRACE,
    }
    assert with_payload["payload"] == {"number": 1}


async def test_tail_follows_what_comes_and_ends_at_ctrl_c(shell: Shell, topics: Topics, kafka_server: str) -> None:
    topic, order = topics("orders", partitions=3), uuid4()
    await write(kafka_server, topic, [event(order, 1)])  # before: not shown
    process = await asyncio.create_subprocess_exec(
        WORKER,
        *("events", "tail", "--topic", topic),
        env=os.environ | shell.env | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A shell lets what it starts in the background ignore SIGINT, the tests too, and that is inherited.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout
    try:
        async with asyncio.timeout(120), AIOKafkaProducer(bootstrap_servers=kafka_server) as producer:
            reading = asyncio.ensure_future(process.stdout.readline())
            version = 1
            while not reading.done():  # it does not say when it has begun to follow
                version += 1
                key, value, headers = to_kafka(event(order, version))
                await producer.send_and_wait(topic, value, key=key, headers=headers)
                await asyncio.wait({reading}, timeout=0.5)
            process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert f"order/{order} v" in reading.result().decode()
    assert f"order/{order} v1 " not in reading.result().decode()
    assert process.returncode == 0
    assert errors.decode().strip() == ""


async def test_tail_ends_with_a_line_when_the_broker_goes_away(tmp_path: Path) -> None:
    with running_kafka(tmp_path) as server:
        provision(server.bootstrap_servers)
        await write(server.bootstrap_servers, "tandem.orders", [event(uuid4(), 1)])
        process = await asyncio.create_subprocess_exec(
            WORKER,
            *("events", "tail", "--from-beginning"),
            env=os.environ | Shell("", server.bootstrap_servers).env | {"PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        try:
            assert b"order.placed.v1" in await asyncio.wait_for(process.stdout.readline(), timeout=120)
            await asyncio.to_thread(server.running.stop)
            _, errors = await asyncio.wait_for(process.communicate(), timeout=120)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 1
    assert re.fullmatch(f"the broker at {server.bootstrap_servers} could not be asked: .*\n", errors.decode())


async def test_a_topic_that_is_not_there_is_told(shell: Shell) -> None:
    result = await shell("events", "tail", "--topic", "tandem.nothing")

    assert result.exit_code == 1
    broker = shell.env["TANDEM_KAFKA_BOOTSTRAP_SERVERS"]
    assert result.stderr == f"the broker at {broker} could not be asked: it has no topic tandem.nothing\n"


@pytest.mark.parametrize("arguments", [("events", "tail"), ("lag",), ("events", "of", f"order/{uuid4()}")])
async def test_an_absent_broker_is_told_in_one_line(database: Database, arguments: tuple[str, ...]) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    shell = Shell(database.url("tandem_worker"), nowhere)
    process = await asyncio.create_subprocess_exec(
        WORKER, *arguments, env=os.environ | shell.env, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), timeout=120)

    assert process.returncode == 1
    (line,) = errors.decode().strip().splitlines()
    assert line.startswith(f"the broker at {nowhere} could not be asked: ")


# events of


@pytest.fixture
def order(database: Database, kafka_server: str) -> UUID:
    """An order's id, made as the API makes them."""
    provision(kafka_server)
    with psycopg.connect(database.url("tandem_api")) as connection:
        row = connection.execute("SELECT uuidv7()").fetchone()
    assert row
    return UUID(str(row[0]))


def state(database: Database, order: UUID, versions: int, *, published: int = 0) -> None:
    """State events of the order; the first `published` of them are no longer in the outbox."""
    with psycopg.connect(database.url("tandem_api")) as connection:
        for _ in range(versions):
            connection.execute(
                "SELECT append_event('order', %s, 'order.paid.v1', %s, %s)",
                [order, '{"waits": true}', json.dumps({"traceparent": TRACEPARENT})],
            )
    with psycopg.connect(database.url("tandem_relay")) as connection:
        connection.execute("DELETE FROM events_outboxevent WHERE version <= %s", [published])


def rows(lines: list[str]) -> list[str]:
    """The table of events."""
    first = next(number for number, line in enumerate(lines) if line.startswith("VERSION"))
    return lines[first + 1 : lines.index("", first)]


async def test_a_stream_is_shown_from_kafka_and_the_outbox_with_who_is_where(
    shell: Shell, database: Database, kafka_server: str, order: UUID
) -> None:
    state(database, order, 4, published=2)
    other = uuid4()
    await write(kafka_server, "tandem.orders", [event(order, 1), event(other, 1), event(order, 2)])
    with psycopg.connect(database.url("tandem_worker")) as connection:
        connection.execute("INSERT INTO events_consumerposition VALUES ('tandem-orders', 'order', %s, 1)", [order])
        connection.execute(
            "INSERT INTO events_deadletter (consumer, event_id, aggregate_type, aggregate_id, version, type, body,"
            " headers, state, error) VALUES ('tandem-orders', uuidv7(), 'order', %s, 2, 'order.paid.v1', '{}', '{}',"
            " 'dead', 'PoisonError: no stock row')",
            [order],
        )

    lines = await shell.lines("events", "of", f"order/{order}")

    assert lines[0] == f"order/{order}: 4 events"
    told = rows(lines)
    assert [line.split()[0] for line in told] == ["1", "2", "3", "4"]
    assert all(TRACE in line for line in told)
    assert re.search(r"order\.placed\.v1 +tandem\.orders/\d+@\d+ ", told[0])
    assert re.search(r"order\.paid\.v1 +outbox ", told[3])
    assert "  tandem-orders: at version 1, 3 to go" in lines
    assert "PoisonError: no stock row" in lines[-1]
    assert str(other) not in "\n".join(lines)
    assert '{"waits": true}' not in "\n".join(lines)

    with_payload = await shell.lines("events", "of", f"order/{order}", "--payload")
    assert with_payload.count('    {"waits": true}') == 2
    assert with_payload.count('    {"number": 1}') == 2


async def test_gaps_duplicates_and_strangers_are_marked(
    shell: Shell, database: Database, kafka_server: str, order: UUID
) -> None:
    state(database, order, 9, published=9)
    first, second = event(order, 2), event(order, 4)
    key, _, headers = to_kafka(second)
    stranger = replace(event(order, 5), version=4)
    await write(kafka_server, "tandem.orders", [first, second, first, stranger, event(order, 3), event(order, 7)])
    async with AIOKafkaProducer(bootstrap_servers=kafka_server) as producer:
        await producer.send_and_wait("tandem.orders", b"", key=key, headers=headers[1:4])

    told = rows(await shell.lines("events", "of", f"order/{order}"))

    assert len(told) == 11
    for line, remark in zip(
        told,
        [
            "MISSING: version 1",
            "",
            "MISSING: version 3",
            "",
            "duplicate",
            "CONFLICT: another event has this version",
            "LATE: behind later versions",
            "MISSING: versions 5-6",
            "",
            "MALFORMED: not a Tandem event",
            "MISSING: versions 8-9",
        ],
        strict=True,
    ):
        assert (remark in line) if remark else line.endswith(TRACE)


async def test_what_nobody_knows_is_told(shell: Shell, order: UUID) -> None:
    result = await shell("events", "of", f"order/{order}")

    assert (result.exit_code, result.stderr) == (1, f"order/{order}: nothing is known of it\n")
    assert (await shell("events", "of", "cart/1")).exit_code == 2
    assert (await shell("events", "of", f"cart/{order}")).exit_code == 2


async def test_without_a_broker_the_database_tells_what_it_knows(database: Database, order: UUID) -> None:
    state(database, order, 3, published=2)
    shell = Shell(database.url("tandem_worker"), f"127.0.0.1:{free_port()}")

    result = await shell("events", "of", f"order/{order}")

    missing, waiting = rows(result.stdout.splitlines())
    assert "versions 1-2 may be in Kafka" in missing
    assert "outbox" in waiting
    assert result.exit_code == 1
    assert "the broker at" in result.stderr


async def test_without_a_database_kafka_tells_what_it_knows(kafka_server: str, order: UUID) -> None:
    await write(kafka_server, "tandem.orders", [event(order, 1)])
    shell = Shell(f"postgresql://nobody@127.0.0.1:{free_port()}/none", kafka_server)

    result = await shell("events", "of", f"order/{order}")

    assert "order.placed.v1" in result.stdout
    assert "consumers" not in result.stdout
    assert result.exit_code == 1
    assert result.stderr.strip().startswith("the database could not be asked: ")


# lag


async def test_lag_tells_each_group_and_partition_and_the_age_of_what_is_next(
    shell: Shell, database: Database, topics: Topics, kafka_server: str, order: UUID
) -> None:
    topic, group = topics("orders", partitions=2), f"tandem-test-{uuid4().hex[:8]}"
    hour_ago = replace(event(order, 2), time=datetime.now(UTC) - timedelta(hours=1))
    async with AIOKafkaProducer(bootstrap_servers=kafka_server) as producer:
        for one in (event(order, 1), hour_ago, event(order, 3)):
            key, value, headers = to_kafka(one)
            await producer.send_and_wait(topic, value, key=key, headers=headers, partition=0)
    await commit(kafka_server, group, {TopicPartition(topic, 0): 1})
    state(database, order, 2)

    result = await shell("lag", "--topic", topic, "--json")
    told = json.loads(result.stdout)
    table = "\n".join(await shell.lines("lag", "--topic", topic))

    assert result.exit_code == 0
    behind, untouched = told["partitions"]
    assert 3600 <= behind.pop("oldest_age_seconds") < 3700
    assert behind == {"group": group, "topic": topic, "partition": 0, "committed": 1, "end": 3, "lag": 2, "lost": 0}
    assert (untouched["committed"], untouched["lag"], untouched["oldest_age_seconds"]) == (None, 0, None)
    assert (told["outbox_events"], told["dead_letters"], told["unreachable"]) == (2, {}, [])
    assert 0 < told["outbox_oldest_age_seconds"] < 600
    assert re.search(rf"{group} +{re.escape(topic)} +0 +1 +3 +2 +1\.0 h", table)
    assert f"{group}: 2 waiting, the oldest for 1.0 h" in table
    assert "outbox: 2 waiting" in table
    assert "dead letters waiting: none" in table


async def test_events_removed_before_they_were_read_are_told(shell: Shell, topics: Topics, kafka_server: str) -> None:
    topic, group = topics("orders"), f"tandem-test-{uuid4().hex[:8]}"
    await write(kafka_server, topic, [event(uuid4(), 1) for _ in range(5)])
    await commit(kafka_server, group, {TopicPartition(topic, 0): 1})
    await remove_records(kafka_server, TopicPartition(topic, 0), before=4)

    output = "\n".join(await shell.lines("lag", "--topic", topic))

    assert "LOST 3: removed before they were read" in output
    assert f"{group}: 1 waiting" in output


async def remove_records(kafka: str, partition: TopicPartition, *, before: int) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({partition: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def test_versions_that_retention_removed_are_not_missing(
    shell: Shell, database: Database, topics: Topics, kafka_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, order = topics("orders"), uuid4()
    monkeypatch.setattr(stream, "TOPIC_OF", {"order": Topic(topic, partitions=1, retention_ms=-1)})
    state(database, order, 3, published=3)
    await write(kafka_server, topic, [event(order, 1), event(order, 2), event(order, 3)])
    await remove_records(kafka_server, TopicPartition(topic, 0), before=2)

    told = rows(await shell.lines("events", "of", f"order/{order}"))

    assert len(told) == 2
    assert told[0].endswith("versions 1-2 no longer in Kafka")
    assert told[1].endswith(TRACE)


async def test_lag_without_a_database_tells_the_groups(topics: Topics, kafka_server: str) -> None:
    topic, group = topics("orders"), f"tandem-test-{uuid4().hex[:8]}"
    await commit(kafka_server, group, {TopicPartition(topic, 0): 0})

    result = await Shell(f"postgresql://nobody@127.0.0.1:{free_port()}/none", kafka_server)("lag", "--topic", topic)

    assert f"{group}: 0 waiting" in result.stdout
    assert result.exit_code == 1
    assert result.stderr.startswith("the database could not be asked: ")
