"""`make skaffold-check`: `skaffold dev` on a cluster made by `make kind-up`, as a developer uses it.

Whether each profile can be rendered; how long until everything runs; how long until a changed Python file of each
service is live; whether `skaffold verify` places its order. Skaffold works in a copy of what git has, whose files are
changed.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Annotated

import httpx
import typer
import yaml
from rich.console import Console
from rich.table import Table
from tandem_local.processes import Command, ProcessFailed, Running, running_process
from tandem_local.progress import Progress
from tandem_local.stopping import StopRequested, stopping_on_signals

from cluster.kubernetes import KubernetesError, run, wait_until
from cluster.profiles import accepted, profiles, rendered

ROOT = Path(__file__).parents[2]
# As deploy/kind/cluster.yaml leads them to the cluster.
ADMIN, API = "http://127.0.0.1:8000", "http://127.0.0.1:8001"
FIRST_SECONDS, CHANGE_SECONDS, VERIFY_SECONDS, CLEAN_UP_SECONDS = 900, 60, 300, 120
WATCHING = "Watching for changes"
console = Console()


@dataclass(frozen=True)
class Change:
    """Lines that a developer adds to a file of a service, and how it is seen that the service runs with them.

    `{mark}` in the lines is another text each time.
    """

    service: str
    file: str
    lines: str
    live: Callable[[str], bool]


def main(
    namespace: Annotated[
        str, typer.Option(help="Of the cluster; skaffold removes what it installed there.")
    ] = "default",
    rounds: Annotated[int, typer.Option(help="Changes of each service.")] = 3,
    build_network: Annotated[str, typer.Option(help="Of docker build, where its own reaches no registry.")] = "",
    python_image: Annotated[str, typer.Option(help="In place of the base that the Dockerfiles name.")] = "",
) -> None:
    """Measure, and end with status 1 when something does not come about."""
    progress = Progress(console)
    table = Table("service", "seconds until a changed file is live")
    try:
        with stopping_on_signals(), copied() as folder:
            with_build_options(folder / "skaffold.yaml", build_network, python_image)
            run(str(folder / "deploy" / "helm" / "dependencies"))
            for profile in profiles(folder / "skaffold.yaml"):
                objects = rendered(folder, profile, namespace)
                known = accepted(objects, namespace)
                progress.say(f"profile {profile}: {len(objects)} objects, {known} of them taken by the API server")
            with developing(folder, namespace) as skaffold:
                with progress.step("skaffold dev", "everything runs"):
                    skaffold.wait_until(lambda: watching(skaffold), seconds=FIRST_SECONDS, pause=0.2)
                for change in changes(namespace):
                    seconds = [seen_after(folder, change, f"change{number}") for number in range(rounds)]
                    table.add_row(change.service, ", ".join(f"{one:.1f}" for one in seconds))
                    progress.say(f"{change.service}: {seconds}")
                with progress.step("skaffold verify", "an order is paid and shipped"):
                    verify(folder, namespace)
    except StopRequested as request:
        raise typer.Exit(request.status) from None
    except (ProcessFailed, KubernetesError, ValueError) as failure:
        console.print(str(failure), style="red", highlight=False, markup=False)
        raise typer.Exit(1) from None
    console.print(table)


@contextmanager
def copied() -> Iterator[Path]:
    """A folder with the files that git has, as they are now."""
    names = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="tandem-skaffold-") as temporary:
        folder = Path(temporary)
        for name in filter(None, names.split("\0")):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        yield folder


def with_build_options(file: Path, network: str, python_image: str) -> None:
    settings = yaml.safe_load(file.read_text())
    for artifact in settings["build"]["artifacts"]:
        if network:
            artifact["docker"]["network"] = network
        if python_image:
            artifact["docker"]["buildArgs"] = {"PYTHON_IMAGE": python_image}
    file.write_text(yaml.safe_dump(settings, sort_keys=False))


@contextmanager
def developing(folder: Path, namespace: str) -> Iterator[Running]:
    command = Command(
        name="skaffold dev",
        argv=("skaffold", "dev", f"--namespace={namespace}", "--cleanup=true", "--tail=false", "--port-forward=user"),
        log=folder / "skaffold.log",
        cwd=folder,
        stop=SIGINT,
        grace=CLEAN_UP_SECONDS,
    )
    try:
        with running_process(command) as running:
            yield running
    finally:
        # Volumes outlive their release, and would know the passwords of this copy's Secrets.
        run("kubectl", f"--namespace={namespace}", "delete", "pvc", "--selector=app.kubernetes.io/instance=infra")


def watching(skaffold: Running) -> bool:
    return WATCHING in skaffold.command.log.read_text()


def changes(namespace: str) -> list[Change]:
    return [
        Change(
            "back office",
            "services/admin-django/src/tandem_admin/urls.py",
            'urlpatterns.append(path("{mark}/", lambda _request: HttpResponse("live")))',
            lambda mark: answers(f"{ADMIN}/{mark}/"),
        ),
        Change(
            "API",
            "services/api-fastapi/src/tandem_api/main.py",
            "create_before_{mark} = create_app\ndef create_app(*given, **named):\n"
            "    app = create_before_{mark}(*given, **named)\n"
            '    app.get("/{mark}")(lambda: "live")\n    return app',
            lambda mark: answers(f"{API}/{mark}"),
        ),
        Change(
            "worker",
            "services/worker/src/tandem_worker/main.py",
            'from prometheus_client import Gauge\nGauge("tandem_{mark}", "A developer\'s change.").set(1)',
            lambda mark: f"tandem_{mark} 1.0" in metrics_of(namespace, "orders"),
        ),
    ]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def metrics_of(namespace: str, component: str) -> str:
    """What a pod of the component says, through the cluster's API server; nothing while it begins."""
    selector = f"--selector=app.kubernetes.io/component={component}"
    pods = json.loads(run("kubectl", f"--namespace={namespace}", "get", "pods", selector, "--output=json"))["items"]
    name = pods[0]["metadata"]["name"]
    try:
        return run("kubectl", "get", "--raw", f"/api/v1/namespaces/{namespace}/pods/{name}:9000/proxy/metrics")
    except KubernetesError:
        return ""


def seen_after(folder: Path, change: Change, mark: str) -> float:
    """Change the file; the seconds until the service runs with the change."""
    file = folder / change.file
    with file.open("a") as source:
        source.write("\n" + change.lines.replace("{mark}", mark) + "\n")
    began = time.monotonic()
    wait_until(lambda: change.live(mark), f"{change.service} with its change", CHANGE_SECONDS, pause=0.05)
    return time.monotonic() - began


def verify(folder: Path, namespace: str) -> None:
    built = folder / "built.json"
    for argv in (
        ("skaffold", "build", f"--file-output={built}"),
        ("skaffold", "verify", f"--build-artifacts={built}", f"--namespace={namespace}"),
    ):
        command = Command(name=" ".join(argv[:2]), argv=argv, log=folder / f"{argv[1]}.log", cwd=folder)
        with running_process(command) as running:
            running.wait(seconds=VERIFY_SECONDS)


if __name__ == "__main__":
    typer.run(main)
