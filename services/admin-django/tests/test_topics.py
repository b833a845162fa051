"""`provision_topics` at a real broker: what it makes, what it changes, and what it leaves to a person."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from tandem_admin.events.management.commands import provision_topics
from tandem_admin.events.topics import Plan, TopicConflictError, _compare, carry_out, plan_topics, settings_of
from tandem_contracts.topics import DAY_MS, Topic
from tandem_local.ports import free_port
from tandem_local.programs import program


@pytest.fixture(scope="module")
def client(kafka_server: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=kafka_server)
    yield client
    client.close()


@pytest.fixture
def topic(client: KafkaAdminClient) -> Iterator[Topic]:
    """A declared topic that the broker does not have yet."""
    topic = Topic(f"tandem.test-{uuid4().hex[:12]}", partitions=2, retention_ms=7 * DAY_MS)
    yield topic
    if topic.name in client.list_topics():
        client.delete_topics([topic.name])


def alter(client: KafkaAdminClient, topic: Topic, **settings: str) -> None:
    values = {name.replace("_", "."): value for name, value in settings.items()}
    answer = client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, values)])
    assert answer["topic"][topic.name] == "OK"
    while not settings_of(client, [topic.name])[topic.name].items() >= values.items():  # it answers before
        time.sleep(0.05)


def provision(client: KafkaAdminClient, topic: Topic, *, shrink: bool = False) -> list[str]:
    """The lines about the topic; others' topics are on the broker too."""
    plan = plan_topics(client, [topic], replication_factor=1)
    carry_out(client, plan, shrink=shrink)
    return [line for line in plan.lines() if line.startswith(topic.name)]


def test_a_missing_topic_is_made_as_declared_and_then_up_to_date(client: KafkaAdminClient, topic: Topic) -> None:
    assert provision(client, topic) == [f"{topic.name}: new, with 2 partitions"]

    (description,) = client.describe_topics([topic.name])
    assert len(description["partitions"]) == 2
    assert settings_of(client, [topic.name])[topic.name].items() >= topic.config(replication_factor=1).items()
    assert provision(client, topic) == [f"{topic.name}: up to date"]


def test_a_longer_retention_is_set(client: KafkaAdminClient, topic: Topic) -> None:
    provision(client, topic)
    longer = replace(topic, retention_ms=8 * DAY_MS)

    assert provision(client, longer) == [f"{topic.name}: retention.ms {7 * DAY_MS} → {8 * DAY_MS}"]
    assert settings_of(client, [topic.name])[topic.name]["retention.ms"] == str(8 * DAY_MS)
    assert provision(client, replace(topic, retention_ms=-1)) == [f"{topic.name}: retention.ms {8 * DAY_MS} → -1"]


@pytest.mark.parametrize(
    ("setting", "larger"),
    [("retention_ms", str(9 * DAY_MS)), ("retention_ms", "-1"), ("max_message_bytes", "2000000")],
)
def test_what_shrinks_needs_to_be_said(client: KafkaAdminClient, topic: Topic, setting: str, larger: str) -> None:
    provision(client, topic)
    alter(client, topic, **{setting: larger})
    name = setting.replace("_", ".")
    declared = topic.config(replication_factor=1)[name]

    with pytest.raises(TopicConflictError, match=f"{name} is {larger} and would become {declared}.*--shrink"):
        provision(client, topic)
    assert settings_of(client, [topic.name])[topic.name][name] == larger

    assert provision(client, topic, shrink=True) == [f"{topic.name}: {name} {larger} → {declared}"]
    assert settings_of(client, [topic.name])[topic.name][name] == declared


def test_another_cleanup_policy_counts_as_shrinking(client: KafkaAdminClient, topic: Topic) -> None:
    provision(client, topic)
    alter(client, topic, cleanup_policy="compact")

    with pytest.raises(TopicConflictError, match=r"cleanup\.policy is compact"):
        provision(client, topic)


@pytest.mark.parametrize("partitions", [1, 3])
def test_partitions_never_change(client: KafkaAdminClient, topic: Topic, partitions: int) -> None:
    provision(client, topic)

    with pytest.raises(TopicConflictError, match=f"has 2 partitions, declared are {partitions}"):
        provision(client, replace(topic, partitions=partitions, retention_ms=-1), shrink=True)
    assert settings_of(client, [topic.name])[topic.name]["retention.ms"] == str(topic.retention_ms)


def test_fewer_acknowledging_replicas_are_refused_even_when_shrinking(client: KafkaAdminClient, topic: Topic) -> None:
    provision(client, topic)
    alter(client, topic, min_insync_replicas="2")

    with pytest.raises(
        TopicConflictError, match=r"min\.insync\.replicas is 2 and would become 1.*--replication-factor"
    ):
        provision(client, topic, shrink=True)


def test_missing_replicas_are_told_and_nobody_waits_for_them(client: KafkaAdminClient, topic: Topic) -> None:
    provision(client, topic)

    plan = plan_topics(client, [topic], replication_factor=3)
    carry_out(client, plan, shrink=False)

    assert f"{topic.name}: has 1 replicas, not 3; moving them is for the broker's tools" in plan.remarks
    assert settings_of(client, [topic.name])[topic.name]["min.insync.replicas"] == "1"


def test_replicas_that_were_added_are_waited_for() -> None:
    topic = Topic("tandem.orders", partitions=2, retention_ms=DAY_MS)
    plan = Plan(replication_factor=3)
    _compare(plan, topic, topic.config(replication_factor=1), [3, 3])

    assert plan.changes == {"tandem.orders": {"min.insync.replicas": ("1", "2")}}
    assert plan.conflicts == plan.losses == plan.remarks == []


def test_a_topic_that_is_declared_no_longer_is_told_and_left_alone(client: KafkaAdminClient, topic: Topic) -> None:
    provision(client, topic)

    plan = plan_topics(client, [], replication_factor=1)
    carry_out(client, plan, shrink=True)

    assert any(line.startswith(f"{topic.name}: not declared") for line in plan.remarks)
    assert topic.name in client.list_topics()


def test_what_the_broker_refuses_is_told(client: KafkaAdminClient, topic: Topic) -> None:
    provision(client, topic)

    with pytest.raises(TopicConflictError, match="the broker refuses"):
        provision(client, replace(topic, retention_ms=-2), shrink=True)


def test_the_command_tells_what_it_would_do_and_does_it_when_asked(
    client: KafkaAdminClient, topic: Topic, kafka_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_ENVIRONMENT", "test")
    monkeypatch.setenv("TANDEM_KAFKA_BOOTSTRAP_SERVERS", kafka_server)
    monkeypatch.setattr(provision_topics, "TOPICS", (topic,))

    def told(*arguments: str) -> list[str]:
        output = StringIO()
        call_command("provision_topics", *arguments, stdout=output)
        lines = output.getvalue().splitlines()
        return [line for line in lines if topic.name in line or not line.startswith("tandem.")]

    assert told("--dry-run") == [f"{topic.name}: new, with 2 partitions", "Nothing was changed."]
    assert topic.name not in client.list_topics()
    assert told() == [f"{topic.name}: new, with 2 partitions"]

    alter(client, topic, retention_ms="-1")
    change = f"{topic.name}: retention.ms -1 → {topic.retention_ms}"
    assert told("--dry-run", "--shrink") == [change, "Nothing was changed."]
    first, refusal, last = told("--dry-run")
    assert (first, last) == (change, "Nothing was changed.")
    assert refusal.startswith(f"refused: {topic.name}: retention.ms is -1")
    with pytest.raises(CommandError, match="Nothing was changed"):
        told()
    assert told("--shrink") == [change]


def test_an_absent_broker_is_told_in_one_line() -> None:
    nowhere = {"TANDEM_ENVIRONMENT": "test", "TANDEM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    ended = subprocess.run(
        [program("tandem-manage"), "provision_topics"],
        env=os.environ | nowhere | {"PYTHONWARNINGS": "ignore"},  # kafka-python's, on Python 3.11
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"CommandError: No broker answers at {nowhere['TANDEM_KAFKA_BOOTSTRAP_SERVERS']}")
