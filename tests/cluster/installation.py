"""Bringing the charts up in a namespace, and reaching what runs there from this machine."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tandem_local.cluster_secrets import secrets_manifest
from tandem_local.credentials import SUPERUSER, Credentials
from tandem_local.ports import free_port
from tandem_local.programs import database_url

from cluster.kubernetes import KubernetesError, Namespace, nodes, objects

CHARTS = Path(__file__).parents[2] / "deploy" / "helm"
VALUES = (CHARTS / "tandem" / "ci" / "dev.yaml", Path(__file__).with_name("values.yaml"))
INFRA, RELEASE = "infra", "tandem"
NODE_PORTS = range(30000, 32768)
OF_TANDEM = "app.kubernetes.io/part-of=tandem"
POSTGRES_PORT, KAFKA_FORWARDED_PORT = 5432, 9094


@dataclass(frozen=True)
class Outside:
    """Where this machine finds the servers, while `Installation.reached` lasts."""

    postgres_port: int
    bootstrap_servers: str
    credentials: Credentials

    def superuser_url(self, database: str = "tandem") -> str:
        password = self.credentials.role_passwords[SUPERUSER]
        return database_url(f"postgresql://127.0.0.1:{self.postgres_port}", SUPERUSER, password, database)


@dataclass(frozen=True)
class Installation:
    """Both charts in a namespace: what keeps data on the node `home`, which stays, Tandem wherever there is room."""

    namespace: Namespace
    credentials: Credentials
    home: str
    address: str
    """Of the node `home`, on which every node port is found."""
    admin_port: int
    api_port: int
    kafka_port: int
    """Of this machine: what Kafka says its clients outside shall connect to."""

    @property
    def admin_url(self) -> str:
        return f"http://{self.address}:{self.admin_port}"

    @property
    def api_url(self) -> str:
        return f"http://{self.address}:{self.api_port}"

    def make_secrets(self) -> None:
        self.namespace.kubectl("apply", "--filename=-", given=secrets_manifest(self.credentials))

    def install_infrastructure(self) -> None:
        settings = {
            "kafka.forwarded": f"localhost:{self.kafka_port}",
            "nodeSelector.kubernetes\\.io/hostname": self.home,
            "postgres.resources.requests.cpu": "400m",
        }
        self._upgrade(INFRA, "dev-infra", settings)
        self.namespace.wait_until_rolled_out("statefulsets", f"app.kubernetes.io/instance={INFRA}")

    def install(self, tag: str) -> None:
        """Install Tandem, or upgrade it; returns when every pod is the new one and ready."""
        settings = {
            "global.image.tag": tag,
            "global.adminUrl": self.admin_url,
            "global.apiUrl": self.api_url,
            "admin.service.nodePort": str(self.admin_port),
            "api.service.nodePort": str(self.api_port),
            # The provider is not ours: its books, on a volume of its node, would keep it from going anywhere else.
            "payment-sandbox.nodeSelector.kubernetes\\.io/hostname": self.home,
        }
        self._upgrade(RELEASE, "tandem", settings, *(f"--values={file}" for file in VALUES))
        self.wait_until_rolled_out()

    def roll_back(self) -> None:
        self.namespace.helm("rollback", RELEASE, "--wait", "--timeout=10m")
        self.wait_until_rolled_out()

    def wait_until_rolled_out(self) -> None:
        self.namespace.wait_until_rolled_out("deployments", OF_TANDEM)

    def deployments(self) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.namespace.objects("deployments", OF_TANDEM))

    def _upgrade(self, release: str, chart: str, settings: dict[str, str], *options: str) -> None:
        told = [f"--set-string={name}={value}" for name, value in settings.items() if not name.endswith("nodePort")]
        told += [f"--set={name}={value}" for name, value in settings.items() if name.endswith("nodePort")]
        waiting = ("--wait", "--wait-for-jobs", "--timeout=10m")
        self.namespace.helm("upgrade", "--install", release, str(CHARTS / chart), *options, *told, *waiting)

    @contextmanager
    def reached(self) -> Iterator[Outside]:
        """Lead ports of this machine to Postgres and Kafka while the block runs."""
        postgres = free_port()
        with ExitStack() as parts:
            for pod, port, local in (
                ("postgres-0", POSTGRES_PORT, postgres),
                ("kafka-0", KAFKA_FORWARDED_PORT, self.kafka_port),
            ):
                parts.enter_context(self.namespace.forwarded(pod, port, local))
            yield Outside(postgres, f"localhost:{self.kafka_port}", self.credentials)


def planned(namespace: Namespace, credentials: Credentials) -> Installation:
    """An installation yet to be made, on node ports that nobody has."""
    home = nodes()[0]
    services = objects("services", "--all-namespaces")
    taken = {port.get("nodePort") for service in services for port in service["spec"].get("ports", [])}
    admin_port, api_port = Random().sample([port for port in NODE_PORTS if port not in taken], 2)
    addresses = {one["type"]: one["address"] for one in home["status"]["addresses"]}
    if "InternalIP" not in addresses:
        raise KubernetesError(f"the node {home['metadata']['name']} has no address")
    return Installation(
        namespace=namespace,
        credentials=credentials,
        home=home["metadata"]["labels"]["kubernetes.io/hostname"],
        address=addresses["InternalIP"],
        admin_port=admin_port,
        api_port=api_port,
        kafka_port=free_port(),
    )
