"""The backbone: streams, Kafka's log, consumers' positions, dead letters."""

import uuid
from collections import defaultdict
from collections.abc import Iterator

from chaos.collect import GROUP, TOPIC
from chaos.evidence import Aggregate, Evidence, Record


def every_event_is_in_kafka_in_order(evidence: Evidence) -> Iterator[str]:
    """Of each aggregate the versions appear as 1, 2, 3 … to the stream's head, in one partition, without duplicates."""
    appeared: dict[Aggregate, list[int]] = defaultdict(list)
    first: dict[tuple[Aggregate, int], Record] = {}
    for record in evidence.events():
        original = first.setdefault((record.aggregate, record.version), record)
        if original is record:
            appeared[record.aggregate].append(record.version)
        elif (original.value, original.headers["ce_id"]) != (record.value, record.headers["ce_id"]):
            yield f"version {record.version} of {'/'.join(record.aggregate)} is two different events"
        if original.partition != record.partition:
            yield f"{'/'.join(record.aggregate)} is in the partitions {original.partition} and {record.partition}"
    heads = {(row["aggregate_type"], row["aggregate_id"]): row["version"] for row in evidence.rows("events_stream")}
    for aggregate in heads.keys() | appeared.keys():
        expected = list(range(1, heads.get(aggregate, 0) + 1))
        if appeared[aggregate] != expected:
            yield f"{'/'.join(aggregate)}: the stream ends at {len(expected)}, in Kafka are {appeared[aggregate]}"


def the_outbox_is_empty(evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows("events_outboxevent"):
        yield f"{row['type']} of {row['aggregate_id']}, version {row['version']}, was not published"


def timelines_agree_with_kafka(evidence: Evidence) -> Iterator[str]:
    """What an order's timeline keeps was published as it is, and nothing else was, but our poison."""
    published = {
        (record.aggregate[1], record.version): record.headers["ce_type"]
        for record in evidence.events()
        if record.topic == TOPIC and not record.poison
    }
    kept = {(row["order_id"], row["version"]): row["event_type"] for row in evidence.rows("orders_timelineentry")}
    for entry in kept.keys() | published.keys():
        if kept.get(entry) != published.get(entry):
            yield f"order {entry[0]}, version {entry[1]}: kept {kept.get(entry)}, published {published.get(entry)}"


def every_consumer_is_at_the_end(evidence: Evidence) -> Iterator[str]:
    """The order process has applied every order's stream to its head, or to just before the poison in it."""
    positions = {
        row["aggregate_id"]: row["version"]
        for row in evidence.rows("events_consumerposition")
        if row["consumer"] == GROUP and row["aggregate_type"] == "order"
    }
    for row in evidence.rows("events_stream"):
        if row["aggregate_type"] != "order":
            continue
        order_id = row["aggregate_id"]
        poison = evidence.poisoned.get(("order", order_id))
        expected = row["version"] if poison is None else poison - 1
        if positions.get(order_id, 0) != expected:
            yield f"order {order_id}: {GROUP} is at {positions.get(order_id)}, should be at {expected}"


def dead_letters_are_what_we_poisoned(evidence: Evidence) -> Iterator[str]:
    """Dead is each poison and each malformed record; queued is what came behind poison; nothing else."""
    expected: dict[tuple[str, str, int], str] = {}
    for record in evidence.records:
        if record.topic != TOPIC:
            continue
        if record.malformed:
            place = uuid.uuid5(uuid.NAMESPACE_URL, f"{record.topic}/{record.partition}")
            expected["record", str(place), record.offset + 1] = "dead"
        elif (poison := evidence.poisoned.get(record.aggregate)) is not None and record.version >= poison:
            expected[*record.aggregate, record.version] = "dead" if record.version == poison else "queued"
    letters = {
        (row["aggregate_type"], row["aggregate_id"], row["version"]): (row["state"], row["error"])
        for row in evidence.rows("events_deadletter")
        if row["consumer"] == GROUP
    }
    for letter in expected.keys() | letters.keys():
        state, error = letters.get(letter, (None, ""))
        if state != expected.get(letter):
            kind, identity, version = letter
            yield f"{kind} {identity} version {version}: {state} {error[:200]!r}, should be {expected.get(letter)}"


def consuming_all_again_changes_nothing(evidence: Evidence) -> Iterator[str]:
    """Every table is as it was before the whole log was consumed once more."""
    for name in sorted(evidence.tables.keys() | evidence.replayed.keys()):
        before = [str(row) for row in evidence.tables.get(name, ())]
        after = [str(row) for row in evidence.replayed.get(name, ())]
        if before != after:
            gone, new = set(before) - set(after), set(after) - set(before)
            yield f"the replay changed {name}: {len(gone)} rows gone, {len(new)} new, such as {[*gone, *new][:2]}"
