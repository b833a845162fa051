"""What each profile of skaffold.yaml would put into the cluster."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from tandem_local.processes import Command, running_process

from cluster.kubernetes import run

# As long as skaffold's own.
TAG = "0123456789abcdef" * 4
RENDER_SECONDS = 120


def profiles(file: Path) -> list[str]:
    return [profile["name"] for profile in yaml.safe_load(file.read_text())["profiles"]]


def rendered(folder: Path, profile: str, namespace: str) -> list[dict[str, Any]]:
    """The objects of the profile, with images as if they had been built.

    ProcessFailed when it cannot be rendered; ValueError when it has one of our images that would not be built.
    """
    images = [one["image"] for one in yaml.safe_load((folder / "skaffold.yaml").read_text())["build"]["artifacts"]]
    built, output = folder / "as-if-built.json", folder / f"{profile}.yaml"
    built.write_text(json.dumps({"builds": [{"imageName": image, "tag": f"{image}:{TAG}"} for image in images]}))
    options = (
        f"--profile={profile}",
        f"--namespace={namespace}",
        f"--build-artifacts={built}",
        "--digest-source=none",
        f"--output={output}",
    )
    command = Command(
        name=f"skaffold render {profile}",
        argv=("skaffold", "render", *options),
        log=folder / f"render-{profile}.log",
        cwd=folder,
    )
    with running_process(command) as running:
        running.wait(seconds=RENDER_SECONDS)
    text = output.read_text()
    if strangers := [name for name in re.findall(r"image: \"?(tandem-\S+)", text) if f":{TAG}" not in name]:
        raise ValueError(f"{profile}: nothing builds {', '.join(strangers)}")
    return [one for one in yaml.safe_load_all(text) if one]


def accepted(objects: list[dict[str, Any]], namespace: str) -> int:
    """How many of the objects the API server would take; KubernetesError for one that it would not.

    The others are of kinds that this cluster does not know, an operator's, or pods of `helm test`, which are taken only
    where their account is there.
    """
    known = {line.split()[-1] for line in run("kubectl", "api-resources", "--no-headers").splitlines()} - {"Pod"}
    mine = [one for one in objects if one["kind"] in known]
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": mine})
    run("kubectl", "create", f"--namespace={namespace}", "--dry-run=server", "--filename=-", given=bundle)
    return len(mine)
