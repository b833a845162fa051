import subprocess
from pathlib import Path

import pytest

from charts import conformity
from charts.rendering import CHARTS, VERSION


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All charts as a release packs them, apart from the checkout, whose own may not be packed."""
    folder = tmp_path_factory.mktemp("packed")
    done = subprocess.run([CHARTS / "package", VERSION, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Where all schemas are, in templates of kubeconform."""
    return conformity.write_schemas(tmp_path_factory.mktemp("schemas"))
