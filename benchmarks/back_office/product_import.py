"""A file of products on the back office's page: its preview, and what is confirmed until all of it is in Kafka."""

import csv
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from kafka import KafkaConsumer, TopicPartition
from tandem_contracts.topics import CATALOG
from tandem_local.databases import Database
from tandem_local.scenario.browser import Browser

from benchmarks.back_office.staff import back_office
from benchmarks.events.relay import relaying
from benchmarks.measuring.options import Options
from benchmarks.measuring.results import Result, at_most, of_rounds
from benchmarks.measuring.surroundings import Surroundings, empty_topic

ROWS = 10_000
ONE_IN_SO_MANY_IS_BAD = 100
PATIENCE_SECONDS = 300
AIM_SECONDS = 60
COLUMNS = ("sku", "name", "description", "category", "price", "currency", "status")
PUBLISHED = b"product.published.v1"


def measure(around: Surroundings, options: Options) -> Result:
    rows = options.events(ROWS)
    previews, imports, arrivals = [], [], []
    for _ in range(options.rounds):
        with (
            around.database() as database,
            back_office(around, database, patience_seconds=PATIENCE_SECONDS) as staff,
            relaying(around, database),
        ):
            preview, answered, arrived = _round(around, database, staff, rows)
        previews.append(preview)
        imports.append(answered)
        arrivals.append(arrived)
    case = f"{rows:,} rows"
    whole = max(preview + arrived for preview, arrived in zip(previews, arrivals, strict=True))
    return Result(
        title="Products imported from a file",
        series=[
            of_rounds("preview", case, "s", previews),
            of_rounds("confirmed to answered", case, "s", imports),
            of_rounds("confirmed to the last event at a consumer", case, "s", arrivals),
        ],
        aims=[at_most("preview, import and every event: ≤ 60 s in the slowest round", whole, AIM_SECONDS, unit=" s")],
        notes=[
            f"{rows // ONE_IN_SO_MANY_IS_BAD:,} rows have a mistake: each is told and left out. Each of the others is a"
            " product with its stock, its price's history, an entry in the audit trail and an event.",
        ],
    )


def _round(around: Surroundings, database: Database, staff: Browser, rows: int) -> tuple[float, float, float]:
    """Seconds of the preview, from the confirmation to the answer, and from it to the last event."""
    good = rows - rows // ONE_IN_SO_MANY_IS_BAD
    file = _file(around, rows)
    staff.open("/admin/catalog/product/import/")
    began = time.monotonic()
    staff.submit({"import_file": file}, format="csv")
    preview = time.monotonic() - began
    with _catalogue_events(around) as consumer:
        began = time.monotonic()
        staff.submit(import_file_name=_hidden(staff, "import_file_name"))
        answered = time.monotonic() - began
        _read(consumer, good)
        arrived = time.monotonic() - began
    _verify(database, staff, good)
    return preview, answered, arrived


def _file(around: Surroundings, rows: int) -> Path:
    file = around.home / "products.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for number in range(rows):
            price = "cheap" if number % ONE_IN_SO_MANY_IS_BAD == 0 else "19.99"
            writer.writerow((f"LAMP-{number}", f"Lamp {number}", "Bright.", "desk", price, "EUR", "published"))
    return file


def _hidden(staff: Browser, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', staff.page)
    if found is None:
        raise RuntimeError("the preview offers no confirmation")
    return found.group(1)


def _read(consumer: KafkaConsumer, good: int) -> None:
    """Wait until so many products were published; each is counted once."""
    seen: set[bytes] = set()
    end = time.monotonic() + PATIENCE_SECONDS
    while len(seen) < good:
        if time.monotonic() > end:
            raise RuntimeError(f"{len(seen)} of {good} events arrived in {PATIENCE_SECONDS} s")
        for records in consumer.poll(timeout_ms=100).values():
            seen |= {record.key for record in records if ("ce_type", PUBLISHED) in record.headers}


def _verify(database: Database, staff: Browser, good: int) -> None:
    if f"Imported: {good:,} new" not in staff.page:
        raise RuntimeError("the back office did not say what it imported")
    with psycopg.connect(database.url()) as superuser:
        row = superuser.execute(
            "SELECT (SELECT count(*) FROM catalog_product WHERE sku LIKE 'LAMP-%'),"
            " (SELECT count(*) FROM inventory_stock WHERE sku LIKE 'LAMP-%'),"
            " (SELECT count(*) FROM audit_auditentry WHERE message LIKE 'Imported%')"
        ).fetchone()
    if row != (good, good, good):
        raise RuntimeError(f"{good} products, their stock and audit entries were to be there, and are {row}")


@contextmanager
def _catalogue_events(around: Surroundings) -> Iterator[KafkaConsumer]:
    empty_topic(around.kafka, CATALOG.name, partitions=CATALOG.partitions)
    consumer = KafkaConsumer(bootstrap_servers=around.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(CATALOG.name, number) for number in range(CATALOG.partitions)])
        yield consumer
    finally:
        consumer.close()
