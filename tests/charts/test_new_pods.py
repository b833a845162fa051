"""New settings make new pods, and nothing else does."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from charts.rendering import rendered

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")


def template(packed: Path, change: str = "") -> Any:
    """The pods of the API's deployment."""
    (deployment,) = (
        found
        for found in rendered(packed, "shop", "api", values="minimal.yaml", change=change)
        if found["kind"] == "Deployment"
    )
    return deployment["spec"]["template"]


@pytest.mark.parametrize(
    "change",
    [
        "settings.TANDEM_GRACEFUL_SECONDS=19",
        "settings.TANDEM_RATE_LIMIT_READS=100/s",
        "adminUrl=https://other.example.com",
        "existingSecret=other",
        "secrets.TANDEM_DATABASE_URL=other",
        "kafka.caSecret=authority",
    ],
)
def test_what_a_process_is_told_is_in_the_checksum_of_its_pods(packed: Path, change: str) -> None:
    before, after = (found["metadata"]["annotations"]["checksum/settings"] for found in both(packed, change))
    assert before != after


@pytest.mark.parametrize("change", ["service.annotations.a=b", "image.repository=tandem-api", "global.image.registry="])
def test_what_a_process_is_not_told_leaves_its_pods_alone(packed: Path, change: str) -> None:
    before, after = both(packed, change)
    assert before == after


def both(packed: Path, change: str) -> tuple[Any, Any]:
    return template(packed), template(packed, change)
