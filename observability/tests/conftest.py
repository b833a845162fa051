from pathlib import Path

import pytest

from observability.live.collectors import PROGRAM


@pytest.fixture(scope="session")
def collector() -> Path:
    """The program, where `make collector-check` has built it."""
    if not PROGRAM.exists():
        pytest.skip("there is no collector: `make collector-check` builds it")
    return PROGRAM
