"""The worker's relay as it is, which also notes when it was told that an event is in Kafka.

A line an event in the file of the first argument: the aggregate's id, and the time in seconds since the epoch.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer
from tandem_worker.main import app
from tandem_worker.relay import lanes
from tandem_worker.relay.broker import deliver
from tandem_worker.relay.records import OutgoingRecord
from tandem_worker.relay.rounds import Delivery, Partition


def note_acknowledgements(file: Path) -> None:
    """Have every round of the relay's lanes tell, when all that it sent is acknowledged."""
    notes = file.open("w")

    async def noting(
        producer: AIOKafkaProducer, batches: Mapping[Partition, Sequence[Sequence[OutgoingRecord]]]
    ) -> dict[Partition, Delivery]:
        deliveries = await deliver(producer, batches)
        now = time.time()
        for partition, delivery in deliveries.items():
            for batch in batches[partition][: delivery.acknowledged]:
                notes.writelines(f"{record.aggregate[1]} {now}\n" for record in batch)
        return deliveries

    lanes.deliver = noting  # type: ignore[attr-defined]  # it is imported there


if __name__ == "__main__":
    note_acknowledgements(Path(sys.argv[1]))
    app(["relay"])
