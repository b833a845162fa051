"""`make skaffold-check`: `skaffold dev` on a cluster made by `make kind-up`, as a developer uses it.

Whether each profile can be rendered; how long until everything runs; how long until a changed Python file of each
service is live; whether `skaffold verify` places its order. Skaffold works in a copy of what git has, whose files are
changed.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from statistics import median
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table
from tandem_local.processes import Command, ProcessFailed, Running, running_process
from tandem_local.progress import Progress
from tandem_local.stopping import StopRequested, stopping_on_signals

from cluster.changes import changes, seen_after
from cluster.kubernetes import KubernetesError, Namespace, run
from cluster.profiles import accepted, profiles, rendered

ROOT = Path(__file__).parents[2]
FIRST_SECONDS, VERIFY_SECONDS, CLEAN_UP_SECONDS = 900, 300, 120
# A developer has yet to write something.
QUIET_SECONDS = 20
WATCHING = "Watching for changes"
# Milliseconds without a further change after which skaffold acts, in place of 1000.
QUICK = "--watch-poll-interval=200"
console = Console()


def main(
    namespace: Annotated[
        str, typer.Option(help="Of the cluster; skaffold removes what it installed there.")
    ] = "default",
    rounds: Annotated[int, typer.Option(help="Changes of each service.")] = 5,
    build_network: Annotated[str, typer.Option(help="Of docker build, where its own reaches no registry.")] = "",
    python_image: Annotated[str, typer.Option(help="In place of the base that the Dockerfiles name.")] = "",
) -> None:
    """Measure, and end with status 1 when something does not come about."""
    progress = Progress(console)
    table = Table("seconds until a changed file is live", "lowest", "median", "highest", "each")
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
                progress.say(f"{QUIET_SECONDS} s in which the pods prepare their next start")
                time.sleep(QUIET_SECONDS)
                with changes(Namespace(namespace)) as all_changes:
                    for change in all_changes:
                        seconds = [seen_after(folder, change, f"change{number}") for number in range(rounds)]
                        figures = [f"{one:.1f}" for one in (min(seconds), median(seconds), max(seconds))]
                        each = ", ".join(f"{one:.1f}" for one in seconds)
                        table.add_row(change.service, *figures, each)
                        progress.say(f"{change.service}: {each}")
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
        argv=(
            "skaffold",
            "dev",
            f"--namespace={namespace}",
            "--cleanup=true",
            "--tail=false",
            "--port-forward=user",
            QUICK,
        ),
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
