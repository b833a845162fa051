"""What a release publishes."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from charts.rendering import CHARTS

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")


def test_a_packed_chart_runs_the_images_of_its_version(tmp_path: Path) -> None:
    packed = subprocess.run([CHARTS / "package", "1.2.3", tmp_path], capture_output=True, text=True, check=False)
    assert packed.returncode == 0, packed.stderr
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {
        f"{name}-1.2.3.tgz" for name in ("admin", "api", "worker", "payment-sandbox", "tandem", "dev-infra")
    }

    values = CHARTS / "tandem" / "ci" / "production.yaml"
    command = ["helm", "template", "tandem", str(tmp_path / "tandem-1.2.3.tgz"), "--kube-version=1.34.0"]
    text = subprocess.run([*command, f"--values={values}"], capture_output=True, text=True, check=True).stdout

    deployments = [found for found in yaml.safe_load_all(text) if found and found["kind"] == "Deployment"]
    tags = {
        container["image"].partition("@")[0].rpartition(":")[2]
        for deployment in deployments
        for container in deployment["spec"]["template"]["spec"]["containers"]
    }
    assert tags == {"1.2.3"}
    assert {one["metadata"]["labels"]["app.kubernetes.io/version"] for one in deployments} == {"1.2.3"}
