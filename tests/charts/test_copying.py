"""docs/copy-the-charts.md, followed: its blocks are run in order, in a folder that knows nothing of Tandem."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from charts import conformity, suites
from charts.rendering import CHARTS, KUBERNETES

pytestmark = pytest.mark.skipif(shutil.which("helm-unittest") is None, reason="needs helm-unittest: `make charts`")

CHECKOUT = CHARTS.parents[1]
BLOCKS = re.findall(r"```sh\n(.*?)```", (CHECKOUT / "docs" / "copy-the-charts.md").read_text(), re.DOTALL)
# helm as it is when somebody installs it: it knows a version of Kubernetes, and the plugin.
HELM = f"""
helm() {{
  case $1 in
    unittest) shift; helm-unittest "$@" ;;
    lint|template) command helm "$@" --kube-version={KUBERNETES} ;;
    *) command helm "$@" ;;
  esac
}}
"""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the foreign repository, after the whole page."""
    root = tmp_path_factory.mktemp("greetings")
    script = "\n".join(["set -eu", f"TANDEM={CHECKOUT}", HELM, *BLOCKS])
    done = subprocess.run(["bash", "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_copy_is_a_service_of_its_own(followed: Path) -> None:
    objects = [found for found in yaml.safe_load_all((followed / "rendered.yaml").read_text()) if found]

    (deployment,) = (found for found in objects if found["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "greeter:0.1.0"
    assert container["env"] == [{"name": "GREETINGS_ENVIRONMENT", "value": "production"}]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert {found["kind"] for found in objects} >= {"Service", "HorizontalPodAutoscaler", "NetworkPolicy", "Pod"}


def test_nothing_of_tandem_is_left(followed: Path) -> None:
    left = [file for file in followed.rglob("*") if file.is_file() and b"tandem" in file.read_bytes().lower()]
    assert left == []


def test_what_the_copy_makes_is_of_kubernetes(followed: Path, schemas: tuple[str, ...]) -> None:
    files = [followed / "rendered.yaml", followed / "migration.yaml"]

    found = conformity.complaints(files, KUBERNETES, schemas)

    assert {file: list(lines) for file, lines in found.items() if lines} == {}


def test_the_tests_came_along(followed: Path) -> None:
    ran = suites.run_at(followed / "deploy" / "helm" / "greeter")
    assert ran.complaint == ""
    assert ran.passed > 50


def test_a_key_that_was_removed_is_refused(followed: Path) -> None:
    chart = str(followed / "deploy" / "helm" / "greeter")
    command = ["helm", "template", "greeter", chart, f"--kube-version={KUBERNETES}", "--set=kafka.bootstrapServers=x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "additional properties 'kafka' not allowed" in done.stderr
