"""Taking the evidence, past the system: from Postgres, from Kafka, from the provider's own database."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from psycopg import sql
from tandem_contracts.topics import TOPICS

from chaos.evidence import Record, Row

GROUP = "tandem-orders"
TOPIC = "tandem.orders"
ALL_TOPICS = tuple(topic.name for topic in TOPICS)


def all_tables(url: str) -> dict[str, list[Row]]:
    """Every row of every table, in an order of its own."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {name: _rows(connection, name) for name in sorted(names)}


def _rows(connection: psycopg.Connection, name: str) -> list[Row]:
    query = sql.SQL("SELECT content FROM (SELECT to_jsonb(t) AS content FROM {} AS t) AS s ORDER BY content::text")
    return [row[0] for row in connection.execute(query.format(sql.Identifier(name)))]


def whole_log(bootstrap_servers: str, topics: Sequence[str] = ALL_TOPICS) -> list[Record]:
    """Every record of the topics, those of a partition in their order."""
    with closing(KafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)) as consumer:
        partitions = [
            TopicPartition(name, number) for name in topics for number in sorted(consumer.partitions_for_topic(name))
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        records: list[Record] = []
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for batch in consumer.poll(timeout_ms=500).values():
                records += [_record(record) for record in batch]
    return sorted(records, key=lambda record: (record.topic, record.partition, record.offset))


def _record(record: Any) -> Record:
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    return Record(
        record.topic, record.partition, record.offset, headers, (record.value or b"").decode(errors="replace")
    )


def provider_books(database: Path) -> tuple[list[Row], list[Row]]:
    """The provider's payments and its ledger."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        payments = [dict(row) for row in connection.execute("SELECT * FROM payment ORDER BY created_at, id")]
        ledger = [dict(row) for row in connection.execute("SELECT * FROM ledger ORDER BY id")]
    return json.loads(json.dumps(payments)), json.loads(json.dumps(ledger))


@contextmanager
def kafka_admin(bootstrap_servers: str) -> Iterator[Any]:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        yield admin


def lag(bootstrap_servers: str) -> int:
    """How many records the order process has not committed."""
    with kafka_admin(bootstrap_servers) as admin:
        partitions = _partitions()
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        committed = admin.list_group_offsets({GROUP: None})[GROUP]
        return sum(
            ends[partition].offset - (committed[partition].offset if partition in committed else 0)
            for partition in partitions
        )


def consume_from_the_beginning(bootstrap_servers: str) -> None:
    """Have the order process read everything again; KafkaError while it has members still."""
    with kafka_admin(bootstrap_servers) as admin:
        admin.reset_group_offsets(GROUP, dict.fromkeys(_partitions(), OffsetSpec.EARLIEST))


def _partitions() -> list[TopicPartition]:
    (topic,) = [topic for topic in TOPICS if topic.name == TOPIC]
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]
