"""The system in a cluster, as the tools of `chaos` look at it."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from chaos import collect
from chaos.evidence import Row
from chaos.stage import set_up_store
from tandem_local.services import Ports, Wiring

from cluster.installation import RELEASE, Installation, Outside
from cluster.kubernetes import KubernetesError

# Runs in the provider's pod: a copy that is whole, though the provider goes on.
COPY = """
import base64, os, sqlite3, sys, tempfile
with tempfile.TemporaryDirectory() as folder:
    with sqlite3.connect(os.environ["TANDEM_PAYMENT_DATABASE"]) as books:
        with sqlite3.connect(folder + "/copy") as copy:
            books.backup(copy)
    sys.stdout.write(base64.b64encode(open(folder + "/copy", "rb").read()).decode())
"""


@dataclass(frozen=True)
class ClusterStage:
    """chaos.quiet.Observed."""

    installation: Installation
    outside: Outside
    stop: Event

    def superuser_url(self) -> str:
        return self.outside.superuser_url()

    def bootstrap_servers(self) -> str:
        return self.outside.bootstrap_servers

    @contextmanager
    def without_orders(self) -> Iterator[None]:
        namespace, name = self.installation.namespace, f"deployment/{RELEASE}-worker-orders"
        replicas = json.loads(namespace.kubectl("get", name, "--output=json"))["spec"]["replicas"]
        namespace.kubectl("scale", name, "--replicas=0")
        try:
            yield
        finally:
            namespace.kubectl("scale", name, f"--replicas={replicas}")
            self.installation.wait_until_rolled_out()

    def fill_store(self, folder: Path) -> None:
        """Put in what the load sells, and to whom."""
        wiring = Wiring(
            folder, Ports({"admin": 0, "api": 0}, {}), self.installation.credentials, "", self.superuser_url()
        )
        settings = wiring.admin_settings() | wiring.demo_settings()
        settings |= {"TANDEM_ADMIN_URL": self.installation.admin_url, "TANDEM_API_URL": self.installation.api_url}
        set_up_store(settings, folder / "set-up-store.log", self.stop)

    def keys(self) -> set[str]:
        """Of the requests that the API has answered."""
        return {str(row["key"]) for row in collect.all_tables(self.superuser_url())["orders_idempotencykey"]}

    def provider_books(self, folder: Path) -> tuple[list[Row], list[Row]]:
        namespace = self.installation.namespace
        copy = namespace.kubectl("exec", f"deployment/{RELEASE}-payment-sandbox", "--", "python", "-c", COPY)
        file = folder / "payments.sqlite"
        file.write_bytes(base64.b64decode(copy))
        return collect.provider_books(file)


def memory(installation: Installation, seconds: float = 90) -> dict[str, int]:
    """MiB of each pod, as the cluster's metrics server says it; nothing where there is none.

    It looks at the pods now and then: one that has begun a moment ago is waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        running = set(installation.namespace.pods(""))
        found: dict[str, int] = {}
        try:
            lines = installation.namespace.kubectl("top", "pods", "--no-headers").splitlines()
        except KubernetesError as error:
            if "Metrics API not available" in str(error):
                return {}
        else:
            found = {name: int(size.removesuffix("Mi")) for name, _, size in map(str.split, lines)}
        if running <= found.keys() or time.monotonic() > deadline:
            return found
        time.sleep(5)
