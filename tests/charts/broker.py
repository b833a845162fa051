"""A real broker with the topics and the logins that the chart operators declares, as Strimzi would have made them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)
from tandem_local.kafka import Listener, running_kafka
from tandem_local.ports import free_port
from tandem_runtime.kafka import KafkaSettings

PASSWORD = "correct horse battery staple"
# Strimzi's `type: simple`, and an operator who may do everything.
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
LOGIN = {
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
}


@dataclass(frozen=True)
class Broker:
    address: str

    def settings(self, user: str) -> KafkaSettings:
        return KafkaSettings.model_validate(
            {
                "environment": "test",
                "kafka_bootstrap_servers": self.address,
                "kafka_security_protocol": "SASL_PLAINTEXT",
                "kafka_username": user,
                "kafka_password": PASSWORD,
            }
        )


@contextmanager
def running_broker(folder: Path, made: list[Any]) -> Iterator[Broker]:
    """With the KafkaTopics and KafkaUsers among `made`."""
    port = free_port()
    listener = Listener(port, port, "SASL_PLAINTEXT", LOGIN)
    with running_kafka(folder, listeners=[listener], settings=AUTHORIZER) as server:
        operator = KafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
        operate(operator, made)
        operator.close()
        yield Broker(f"127.0.0.1:{port}")


def operate(operator: KafkaAdminClient, made: list[Any]) -> None:
    """Do as Strimzi's entity operator does with topics and users."""
    topics = {one["metadata"]["name"]: one["spec"] for one in made if one["kind"] == "KafkaTopic"}
    operator.create_topics(
        {
            name: {
                "num_partitions": spec["partitions"],
                "replication_factor": spec["replicas"],
                "configs": spec["config"],
            }
            for name, spec in topics.items()
        },
        wait_for_metadata=True,
    )
    for user in (one for one in made if one["kind"] == "KafkaUser"):
        name, spec = user["metadata"]["name"], user["spec"]
        mechanism = spec["authentication"]["type"].upper()
        operator.alter_user_scram_credentials([UserScramCredentialUpsertion(name, mechanism, password=PASSWORD)])
        operator.create_acls(
            [
                ACL(
                    f"User:{name}",
                    "*",
                    ACLOperation[operation.upper()],
                    ACLPermissionType.ALLOW,
                    ResourcePattern(
                        ResourceType[rule["resource"]["type"].upper()],
                        rule["resource"]["name"],
                        ACLResourcePatternType[
                            {"literal": "LITERAL", "prefix": "PREFIXED"}[rule["resource"]["patternType"]]
                        ],
                    ),
                )
                for rule in spec["authorization"]["acls"]
                for operation in rule["operations"]
            ]
        )
