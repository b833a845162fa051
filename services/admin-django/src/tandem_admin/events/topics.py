"""Making the broker's topics what tandem_contracts declares, with kafka-python: first a plan, then its execution.

Nothing by which events or their order could be lost happens in passing: the plan names it, and a person has to ask.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from tandem_contracts.topics import PREFIX, Topic

UNBOUNDED = "-1"
APPLIED_WITHIN_SECONDS = 60
SHRINKING = (
    "the broker could remove events sooner than now, or refuse some that it takes now; --shrink does it all the same"
)

Changes = dict[str, tuple[str, str]]
"""Old and new value by setting."""


class TopicConflictError(Exception):
    """The broker's topics must not be changed as the plan says, or the broker refuses it; a line for each reason."""


@dataclass(slots=True)
class Plan:
    """What there is to do. `losses` need a person's consent, `conflicts` are never solved here; a line for each."""

    replication_factor: int
    missing: list[Topic] = field(default_factory=list)
    changes: dict[str, Changes] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The plan for a person."""
        return [
            *(f"{topic.name}: new, with {topic.partitions} partitions" for topic in self.missing),
            *(
                f"{name}: " + ", ".join(f"{setting} {old} → {new}" for setting, (old, new) in changes.items())
                for name, changes in self.changes.items()
            ),
            *(f"{name}: up to date" for name in self.unchanged),
            *self.remarks,
        ]


def plan_topics(client: KafkaAdminClient, topics: Collection[Topic], *, replication_factor: int) -> Plan:
    """Compare the broker with the declaration."""
    names = set(client.list_topics())
    wanted = {topic.name: topic for topic in topics}
    plan = Plan(replication_factor, missing=[topic for name, topic in sorted(wanted.items()) if name not in names])
    found = sorted(wanted.keys() & names)
    if found:
        current = settings_of(client, found)
        for description in sorted(client.describe_topics(found), key=lambda description: str(description["name"])):
            name = description["name"]
            replicas = [len(partition["replica_nodes"]) for partition in description["partitions"]]
            _compare(plan, wanted[name], current[name], replicas)
    for name in sorted(names - wanted.keys()):
        if name.startswith(PREFIX):
            plan.remarks.append(f"{name}: not declared; left alone, since only a person knows who still reads it")
    return plan


def settings_of(client: KafkaAdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    """The values that the broker goes by, defaults too, by topic and setting."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = client.describe_configs(resources, config_filter="all")["topic"]
    return {name: {setting: entry["value"] for setting, entry in described[name].items()} for name in names}


def carry_out(client: KafkaAdminClient, plan: Plan, *, shrink: bool) -> None:
    """Create and change what the plan says. TopicConflictError, and nothing done, for a plan that must not be."""
    refusals = plan.conflicts + ([] if shrink else plan.losses)
    if refusals:
        raise TopicConflictError("\n".join([*refusals, "Nothing was changed."]))
    if plan.missing:
        client.create_topics(
            {
                topic.name: {
                    "num_partitions": topic.partitions,
                    "replication_factor": plan.replication_factor,
                    "configs": topic.config(replication_factor=plan.replication_factor),
                }
                for topic in plan.missing
            },
            wait_for_metadata=True,
        )
    for name, changes in plan.changes.items():
        values = {setting: new for setting, (_, new) in changes.items()}
        answer = client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, values)])["topic"][name]
        if answer != "OK":  # the client does not raise
            raise TopicConflictError(f"{name}: the broker refuses {values}: {answer}")
        _wait_until_set(client, name, values)


def _wait_until_set(client: KafkaAdminClient, name: str, values: dict[str, str]) -> None:
    """Wait until the broker goes by what its controller has written down: it answers some time before."""
    deadline = time.monotonic() + APPLIED_WITHIN_SECONDS
    while not settings_of(client, [name])[name].items() >= values.items():
        if time.monotonic() > deadline:
            raise TopicConflictError(f"{name}: the broker took {values}, and does not go by it")
        time.sleep(0.05)


def _compare(plan: Plan, topic: Topic, current: dict[str, str], replicas: list[int]) -> None:
    """Note what is to be done about one topic; `replicas` are those of each of its partitions."""
    if len(replicas) != topic.partitions:
        plan.conflicts.append(
            f"{topic.name}: has {len(replicas)} partitions, declared are {topic.partitions}; with another number keys"
            " move to other partitions, and the events of an aggregate lose their order"
        )
    fewest = min(replicas)
    if fewest != plan.replication_factor:
        plan.remarks.append(
            f"{topic.name}: has {fewest} replicas, not {plan.replication_factor}; moving them is for the broker's tools"
        )
    # As long as there are fewer replicas, nobody may wait for more of them than there are.
    target = topic.config(replication_factor=min(fewest, plan.replication_factor))
    changes = {setting: (current[setting], new) for setting, new in target.items() if current[setting] != new}
    if changes:
        plan.changes[topic.name] = changes
    else:
        plan.unchanged.append(topic.name)
    for setting, (old, new) in changes.items():
        told = f"{topic.name}: {setting} is {old} and would become {new}"
        if setting == "min.insync.replicas" and int(new) < int(old):
            plan.conflicts.append(f"{told}; then one broker's end can lose events (forgotten --replication-factor?)")
        elif _gives_up(setting, old, new):
            plan.losses.append(f"{told}; {SHRINKING}")


def _gives_up(setting: str, old: str, new: str) -> bool:
    """Whether the broker could remove events sooner, or refuse events that it took."""
    match setting:
        case "cleanup.policy":
            return True  # whichever way: what the one policy keeps, the other removes
        case "retention.ms" | "max.message.bytes":
            return new != UNBOUNDED and (old == UNBOUNDED or int(new) < int(old))
        case _:
            return False
