"""Making the broker's topics what tandem_contracts declares, with kafka-python."""

from collections.abc import Iterable

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from tandem_contracts.topics import Topic


class TopicConflictError(Exception):
    """The broker has the topic in a shape that cannot be changed without breaking the order of its keys."""


def provision_topics(client: KafkaAdminClient, topics: Iterable[Topic], *, replication_factor: int) -> list[str]:
    """Create the topics that are missing and bring the settings of the others up to date; one line each for a person.

    Raises TopicConflictError where the number of partitions differs: a changed number moves keys.
    """
    wanted = {topic.name: topic for topic in topics}
    found = {
        topic["name"]: len(topic["partitions"])
        for topic in client.describe_topics(sorted(set(client.list_topics()) & wanted.keys()))
    }
    for name, partitions in found.items():
        if partitions != wanted[name].partitions:
            raise TopicConflictError(f"{name} has {partitions} partitions, declared are {wanted[name].partitions}")
    missing = wanted.keys() - found.keys()
    if missing:
        client.create_topics(
            {
                name: {
                    "num_partitions": wanted[name].partitions,
                    "replication_factor": replication_factor,
                    "configs": wanted[name].config(replication_factor=replication_factor),
                }
                for name in missing
            },
            wait_for_metadata=True,
        )
    changed = _update_settings(client, [wanted[name] for name in sorted(found)], replication_factor)
    return [
        *(f"{name}: created with {wanted[name].partitions} partitions" for name in sorted(missing)),
        *changed,
        *(f"{name}: up to date" for name in sorted(found) if not any(line.startswith(f"{name}:") for line in changed)),
    ]


def _update_settings(client: KafkaAdminClient, topics: list[Topic], replication_factor: int) -> list[str]:
    if not topics:
        return []
    current = client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics], config_filter="all"
    )["topic"]
    lines = []
    for topic in topics:
        difference = {
            key: value
            for key, value in topic.config(replication_factor=replication_factor).items()
            if current[topic.name][key]["value"] != value
        }
        if difference:
            client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, difference)])
            lines.append(f"{topic.name}: {', '.join(f'{key} is now {value}' for key, value in difference.items())}")
    return lines
