"""What the chart of operators declares is what the code needs: topics, database roles, and a login for each process."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tandem_admin.database.grants import MEMBERSHIPS, OWNER, ROLES
from tandem_contracts.topics import TOPICS
from tandem_local.cluster_secrets import secrets_manifest
from tandem_local.credentials import kept_credentials

from charts.network import Host, Rendered
from charts.rendering import CHARTS, refusal, rendered

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")

OLD_AND_NEW = ("tandem-postgres", "tandem-postgres-2")
BACKUP = "postgres.backup.destination=s3://backups"


@pytest.fixture(scope="module")
def made(packed: Path) -> list[Any]:
    return rendered(packed, "data", "operators", values="minimal.yaml")


OVER = {
    "operators.yaml alone": (),
    # As skaffold.yaml's profile `operators` has them.
    "skaffold": (CHARTS / "tandem" / "ci" / "dev.yaml", CHARTS.parent / "kind" / "operators.yaml"),
}


@pytest.fixture(scope="module", params=OVER)
def beside(packed: Path, request: pytest.FixtureRequest) -> list[Any]:
    """What the umbrella makes with the values for them."""
    return rendered(packed, "tandem", "tandem", values="operators.yaml", over=OVER[request.param])


def of_kind(objects: Iterable[Any], kind: str) -> list[Any]:
    return [one for one in objects if one["kind"] == kind]


@pytest.mark.parametrize(("values", "replicas"), [("minimal.yaml", 3), ("dev.yaml", 1)])
def test_topics_are_what_the_contracts_declare(packed: Path, values: str, replicas: int) -> None:
    topics = of_kind(rendered(packed, "data", "operators", values=values), "KafkaTopic")
    assert {topic["metadata"]["name"]: topic["spec"] for topic in topics} == {
        topic.name: {
            "partitions": topic.partitions,
            "replicas": replicas,
            "config": topic.config(replication_factor=replicas),
        }
        for topic in TOPICS
    }


def test_a_laptops_logins_are_as_the_operator_notices_them(made: list[Any], tmp_path: Path) -> None:
    (cluster,) = of_kind(made, "Cluster")
    named = {role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]}
    secrets = json.loads(secrets_manifest(kept_credentials(tmp_path / "secrets.json")))["items"]
    logins = {one["metadata"]["name"]: one for one in secrets if one["type"] == "kubernetes.io/basic-auth"}
    assert logins.keys() == named | {cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"]}
    assert all(one["metadata"]["labels"] == {"cnpg.io/reload": "true"} for one in logins.values())


def test_topics_have_one_owner(beside: list[Any]) -> None:
    assert not [one for one in of_kind(beside, "Job") if "topics" in one["metadata"]["name"]]


def test_database_roles_are_those_that_rights_are_given_to(made: list[Any]) -> None:
    (cluster,) = of_kind(made, "Cluster")
    roles = cluster["spec"]["managed"]["roles"]
    assert {role["name"]: tuple(role.get("inRoles", ())) for role in roles} == {
        role: MEMBERSHIPS.get(role, ()) for role in ROLES
    }
    assert cluster["spec"]["bootstrap"]["initdb"]["owner"] == OWNER


def test_the_umbrella_knows_the_operators_objects_by_their_names(made: list[Any], beside: list[Any]) -> None:
    (cluster,), (kafka,) = of_kind(made, "Cluster"), of_kind(made, "Kafka")
    passwords = {role["name"]: role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]}
    passwords[OWNER] = cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"]
    users = {user["metadata"]["name"] for user in of_kind(made, "KafkaUser")}
    prefix = kafka["spec"]["entityOperator"]["userOperator"]["secretPrefix"]
    port = kafka["spec"]["kafka"]["listeners"][0]["port"]
    kafka_name, postgres_name = kafka["metadata"]["name"], cluster["metadata"]["name"]
    logged_in = set()
    for template in templates(beside):
        plain, secret = environment(template)
        if "TANDEM_DATABASE_URL" not in plain:  # a test of helm's
            continue
        role, _, server = plain["TANDEM_DATABASE_URL"].removeprefix("postgresql://").partition("@")
        assert server == f"{postgres_name}-rw/tandem"
        assert secret["PGPASSWORD"] == (passwords[role], "password")
        assert plain["TANDEM_KAFKA_BOOTSTRAP_SERVERS"] == f"{kafka_name}-kafka-bootstrap:{port}"
        if user := plain.get("TANDEM_KAFKA_USERNAME"):
            assert secret["TANDEM_KAFKA_PASSWORD"] == (f"{prefix}{user}", "password")
            logged_in.add(user)
        authorities = {one["secret"]["secretName"] for one in template["volumes"] if "secret" in one}
        assert authorities == {f"{postgres_name}-ca", f"{kafka_name}-cluster-ca-cert"}
    assert logged_in == users


PROBE = """
global: {networkPeers: {api: {to: [{ipBlock: {cidr: 203.0.113.200/32}}], ports: [443]}}}
worker: {roles: {probe: {enabled: true, existingSecret: tandem-probe}}}
"""


@pytest.mark.parametrize("values", ["operators.yaml", "production.yaml"])
def test_the_probe_asks_its_secret_for_nothing_but_what_a_customer_has(
    packed: Path, tmp_path: Path, values: str
) -> None:
    over = tmp_path / "probe.yaml"
    over.write_text(PROBE)
    whole = rendered(packed, "tandem", "tandem", values=values, over=[over])
    (probe,) = [one for one in of_kind(whole, "Deployment") if one["metadata"]["name"] == "tandem-worker-probe"]
    _, secret = environment(probe["spec"]["template"]["spec"])
    assert secret == {
        "TANDEM_PROBE_CLIENT_SECRET": ("tandem-probe", "client-secret"),
        "TANDEM_PROBE_PAYMENT_TOKEN": ("tandem-probe", "payment-token"),
    }


def templates(objects: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    for one in objects:
        match one["kind"]:
            case "Pod":
                yield one["spec"]
            case "Deployment" | "Job":
                yield one["spec"]["template"]["spec"]
            case "CronJob":
                yield one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def environment(template: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """What the container is told, and from which key of which Secret it has the rest."""
    variables = template["containers"][0].get("env", [])
    keys = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in variables if "valueFrom" in one}
    plain = {one["name"]: one["value"] for one in variables if "value" in one}
    return plain, {name: (key["name"], key["key"]) for name, key in keys.items()}


def test_only_tandem_and_the_operator_come_in(made: list[Any], beside: list[Any]) -> None:
    (kafka,) = of_kind(made, "Kafka")
    listener = kafka["spec"]["kafka"]["listeners"][0]
    # As Strimzi makes it of the listener.
    strimzis = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "tandem-network-policy-kafka", "namespace": "tandem"},
        "spec": {
            "podSelector": {"matchLabels": {"strimzi.io/cluster": "tandem", "strimzi.io/name": "tandem-kafka"}},
            "ingress": [{"from": listener["networkPolicyPeers"], "ports": [{"port": listener["port"]}]}],
        },
    }
    system = Rendered([*made, *beside, strimzis])
    network = system.network
    postgres = Host("postgres", "10.244.8.1", "tandem", {"cnpg.io/cluster": "tandem-postgres"})
    broker = Host("broker", "10.244.8.2", "tandem", {"strimzi.io/cluster": "tandem", "strimzi.io/name": "tandem-kafka"})
    operator = Host("operator", "10.244.8.3", "cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"})
    neighbour = Host("neighbour", "10.244.8.4", "tandem", {"app": "neighbour"})
    relay, admin = system.hosts["tandem-worker-relay"], system.hosts["tandem-admin"]
    bucket, elsewhere = Host("bucket", "198.51.100.7"), Host("elsewhere", "198.51.100.8")

    assert network.allows(relay, postgres, 5432)
    assert network.allows(relay, broker, 9093)
    assert network.allows(admin, postgres, 5432)
    assert not network.allows(admin, broker, 9093)
    assert network.allows(operator, postgres, 8000)
    assert not network.allows(relay, postgres, 8000)
    assert network.allows(postgres, bucket, 443)
    assert not network.allows(postgres, elsewhere, 80)
    assert not network.allows(neighbour, postgres, 5432)
    assert not network.allows(neighbour, broker, 9093)
    assert not network.allows(postgres, broker, 9093)
    assert not network.allows(broker, postgres, 5432)


def test_after_a_restore_everybody_finds_the_other_postgres(packed: Path, tmp_path: Path) -> None:
    """With what docs/backup-and-restore.md changes of the values."""
    own = (CHARTS / "tandem" / "ci" / "operators.yaml").read_text()
    changed = tmp_path / "operators.yaml"
    changed.write_text(own.replace("tandem-postgres", "tandem-postgres-2"))
    data = rendered(packed, "data", "operators", values="restored.yaml")
    processes = rendered(packed, "tandem", "tandem", over=[changed])
    restoring = yaml.safe_load((CHARTS.parent / "examples" / "restore.yaml").read_text())
    system = Rendered([*data, *processes, restoring])
    was, now = (Host(name, "10.244.8.1", "tandem", {"cnpg.io/cluster": name}) for name in OLD_AND_NEW)
    asking = set()
    for one in [*processes, restoring]:
        for template in templates([one]):
            if url := environment(template)[0].get("TANDEM_DATABASE_URL"):
                name = one["metadata"]["name"]
                asking.add(name)
                assert url.partition("@")[2] == "tandem-postgres-2-rw/tandem"
                assert "tandem-postgres-2-ca" in str(template["volumes"])
                assert system.network.allows(system.hosts[name], now, 5432), name
                # No policy binds the pod of the restore: it has no other process' name.
                assert system.network.allows(system.hosts[name], was, 5432) == (name == "restore"), name
    assert {"restore", "tandem-admin-migration", *(f"tandem-worker-{role}" for role in ("relay", "purge"))} < asking


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), "postgres.backup.destination must say where"),
        ((BACKUP, "kafka.pools.brokers.replicas=2"), "kafka.replicationFactor is 3, and there are 2 brokers"),
        ((BACKUP, "kafka.pools.brokers=null"), "there are 0 brokers"),
        ((BACKUP, "postgres.recovery.enabled=true"), "postgres.recovery.folder must name"),
        (
            (BACKUP, "postgres.recovery.enabled=true", "postgres.recovery.folder=tandem-postgres"),
            "two clusters' logs would mix",
        ),
        ((BACKUP, "postgres.roles.tandem_api.existingSecret="), "postgres.roles.tandem_api.existingSecret must name"),
        ((BACKUP, "kafka.users.api.writez={tandem.orders}"), "writez"),
    ],
)
def test_what_cannot_work_is_refused(packed: Path, changes: tuple[str, ...], said: str) -> None:
    assert said in refusal(packed, "operators", changes)
