"""Who the nodes of a Kafka are: numbers, ports, and what they must know of each other before the first one starts."""

import base64
import uuid
from dataclasses import dataclass

from tandem_local.ports import free_port


@dataclass(frozen=True)
class Member:
    """A node of a cluster of `size`: its number from 1, its ports, and all controllers (`1@127.0.0.1:9093,…`)."""

    number: int
    broker: int
    controller: int
    voters: str
    cluster_id: str
    size: int

    @property
    def name(self) -> str:
        return f"kafka-{self.number}" if self.size > 1 else "kafka"


def members(size: int) -> list[Member]:
    """The nodes of a new cluster, on ports of their own: they know each other before the first one starts."""
    ports = [(free_port(), free_port()) for _ in range(size)]
    voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in enumerate(ports, 1))
    cluster_id = new_id()
    return [
        Member(number, broker, controller, voters, cluster_id, size)
        for number, (broker, controller) in enumerate(ports, 1)
    ]


def alone(broker: int, controller: int) -> Member:
    """The only node of a cluster; it has its id when its data is formatted."""
    return Member(1, broker, controller, f"1@127.0.0.1:{controller}", cluster_id="", size=1)


def new_id() -> str:
    """An id as Kafka writes them: 128 bits in 22 characters; those that begin with a dash confuse its tools."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
