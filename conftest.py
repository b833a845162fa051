"""Every test of the repository may ask for the real Postgres and Kafka that tandem_local starts."""

import os

import pytest

pytest_plugins = ["tandem_local.testing"]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half as many workers again as processors: tests that start servers often wait for them."""
    return min(8, -(-3 * (os.cpu_count() or 1) // 2))
