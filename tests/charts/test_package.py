"""What a release publishes."""

import shutil
from pathlib import Path

import pytest

from charts.rendering import NAMES, rendered

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")


def test_a_packed_chart_runs_the_images_of_its_version(packed: Path) -> None:
    assert {file.name for file in packed.iterdir()} == {f"{name}-1.2.3.tgz" for name in NAMES}

    objects = rendered(packed, "tandem", "tandem", values="production.yaml")

    deployments = [found for found in objects if found["kind"] == "Deployment"]
    tags = {
        container["image"].partition("@")[0].rpartition(":")[2]
        for deployment in deployments
        for container in deployment["spec"]["template"]["spec"]["containers"]
    }
    assert tags == {"1.2.3"}
    assert {one["metadata"]["labels"]["app.kubernetes.io/version"] for one in deployments} == {"1.2.3"}
