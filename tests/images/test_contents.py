"""What the images consist of."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from images.docker import docker, run_once

INSIDE = (Path(__file__).parent / "inside.py").read_text()
ROOT = Path(__file__).parents[2]
# Of each image: its own packages, and the megabytes that it may add to its base (docs/images.md).
IMAGES = {
    "tandem-admin": (["tandem_admin", "tandem_contracts", "tandem_runtime"], 190),
    "tandem-api": (["tandem_api", "tandem_contracts", "tandem_runtime", "tandem_tables"], 130),
    "tandem-worker": (["tandem_contracts", "tandem_runtime", "tandem_tables", "tandem_worker"], 120),
    "tandem-payment-sandbox": (["payment_sandbox", "tandem_runtime"], 65),
}
# In a Dockerfile: its folder, what is installed, its name, where it listens, how it starts; the admin's static files.
OF_ONE_SERVICE = re.compile(
    r"^# .*docs/images\.md.*|services/\S+|--(extra|package) \S+|^.*image\.(title|description)=.*|^EXPOSE .*|^CMD .*"
    r"|^.*TANDEM_STATIC_ROOT.*|static(?= /image)",
    re.MULTILINE,
)
image_names = pytest.mark.parametrize("name", IMAGES)


@image_names
def test_it_holds_what_it_runs_and_nothing_else(name: str, tag: str) -> None:
    found = json.loads(run_once(f"{name}:{tag}", "python", "-c", INSIDE))
    megabytes, top = found.pop("megabytes"), found.pop("top")
    packages, limit = IMAGES[name]
    nothing: list[str] = []
    assert found == {
        "user": [10001, 10001],
        "own": packages,
        **dict.fromkeys(("programs", "modules", "git", "secrets", "writable", "uncompiled"), nothing),
    }
    assert top == ([".venv", "static"] if name == "tandem-admin" else [".venv"])
    assert megabytes < limit


@image_names
def test_it_says_who_it_is_and_carries_no_secret(name: str, tag: str) -> None:
    (image,) = json.loads(docker("image", "inspect", f"{name}:{tag}"))
    config: dict[str, Any] = image["Config"]
    assert config["User"] == "10001:10001"
    assert not config["Entrypoint"]
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    assert labels["title"] == name
    assert labels["version"] == tag
    assert labels["licenses"] == "Apache-2.0"
    assert len(labels["revision"]) == 40
    variables = dict(line.split("=", 1) for line in config["Env"])
    assert variables["PATH"].startswith("/app/.venv/bin:")
    assert not [
        name for name in variables if any(word in name for word in ("SECRET", "PASSWORD", "KEY", "TOKEN", "PROXY"))
    ]


def test_all_dockerfiles_take_the_base_that_is_pinned_in_one_place() -> None:
    (line,) = [line for line in (ROOT / "deploy/images/bases.env").read_text().splitlines() if not line.startswith("#")]
    tag, _, digest = line.removeprefix("PYTHON_IMAGE=").partition("@")
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    files = sorted(ROOT.glob("services/*/Dockerfile"))
    assert len(files) == len(IMAGES)
    for file in files:
        lines = file.read_text().splitlines()
        assert f"ARG PYTHON_IMAGE={tag}" in lines
        bases = [line.split()[1] for line in lines if line.startswith("FROM")]
        assert set(bases) == {"${PYTHON_IMAGE}", "build"}


def test_dockerfiles_differ_in_what_is_of_one_service_only() -> None:
    files = [OF_ONE_SERVICE.sub("", file.read_text()) for file in ROOT.glob("services/*/Dockerfile")]
    first, *others = ([" ".join(line.split()) for line in file.splitlines() if line.strip()] for file in files)
    assert others == [first] * (len(IMAGES) - 1)


def test_builders_get_every_package_by_its_name() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    packages = [file.parent.relative_to(ROOT) for file in ROOT.glob("*/*/pyproject.toml")]
    assert {f"!{package}/src" for package in packages} <= set(lines)
    assert [line for line in lines if line.startswith("!") and "*" in line] == []
