"""What Kafka and the streams hold that no service of ours put there."""

import os
from contextlib import closing

import psycopg
from kafka import KafkaProducer
from psycopg.types.json import Jsonb

from chaos.collect import TOPIC, whole_log
from chaos.evidence import MALFORMED_HEADER, POISON

# Postgres is away, or was when the answer was due.
NOT_NOW = psycopg.OperationalError
MALFORMED = ((MALFORMED_HEADER, b"malformed"),)
NEARLY = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0190a000-0000-7000-8000-000000000000"),
    ("ce_type", b"order.placed.v1"),
    ("ce_subject", b"order/0190a000-0000-7000-8000-000000000001"),
    ("ce_time", b"2026-01-01T00:00:00+00:00"),
    ("ce_aggregateversion", b"first"),
)


def copy_records(bootstrap_servers: str) -> None:
    """Deliver the topic again: each event once more, in order, with its headers."""
    seen: set[str] = set()
    with closing(KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", linger_ms=5)) as producer:
        for record in whole_log(bootstrap_servers, [TOPIC]):
            if record.malformed or record.headers["ce_id"] in seen:
                continue
            seen.add(record.headers["ce_id"])
            producer.send(
                TOPIC,
                key=record.aggregate[1].encode(),
                value=record.value.encode(),
                headers=[(name, value.encode()) for name, value in record.headers.items()],
                partition=record.partition,
            )
        producer.flush()


def send_malformed(bootstrap_servers: str) -> None:
    """Records that are no events: nothing, noise, JSON without attributes, attributes that cannot be."""
    with closing(KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")) as producer:
        for value, headers in (
            (b"", ()),
            (os.urandom(200), ()),
            (b'{"order_id": 1}', ()),
            (b"{}", NEARLY),
        ):
            producer.send(TOPIC, key=os.urandom(8), value=value, headers=[*headers, *MALFORMED])
        producer.flush()


def poison(url: str, order_id: str) -> None:
    """State an event in the order's stream, in all form, that no release could apply."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute(
            "SELECT append_event('order', %s, 'order.shipment_registered.v1', %s, '{}')", [order_id, Jsonb(POISON)]
        )
