"""The topics, declared once; `manage.py provision_topics` makes the broker agree."""

from dataclasses import dataclass

# Of the names of all topics that are ours.
PREFIX = "tandem."
DAY_MS = 24 * 60 * 60 * 1000
# The largest record that is sent, and what topics take: the broker counts some bytes more for the batch around it.
MAX_RECORD_BYTES = 1_000_000
MAX_BATCH_BYTES = MAX_RECORD_BYTES + 48_576


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic for the events of one kind of aggregate; the key is the aggregate's id.

    `partitions` is fixed from the first day on: adding some would move keys and break the order per aggregate.
    `retention_ms` is in milliseconds, -1 keeps events for ever.
    """

    name: str
    partitions: int
    retention_ms: int

    def config(self, *, replication_factor: int) -> dict[str, str]:
        """The broker's topic settings. With three replicas a write needs two, so that one broker may be away."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_BATCH_BYTES),
            "min.insync.replicas": str(max(1, replication_factor - 1)),
            "message.timestamp.type": "CreateTime",
        }


ORDERS = Topic("tandem.orders", partitions=12, retention_ms=30 * DAY_MS)
CATALOG = Topic("tandem.catalog", partitions=3, retention_ms=30 * DAY_MS)
INVENTORY = Topic("tandem.inventory", partitions=6, retention_ms=30 * DAY_MS)
CUSTOMERS = Topic("tandem.customers", partitions=3, retention_ms=30 * DAY_MS)
CONTENT = Topic("tandem.content", partitions=3, retention_ms=30 * DAY_MS)

TOPICS = (ORDERS, CATALOG, INVENTORY, CUSTOMERS, CONTENT)
