"""Every test of the repository may ask for the real Postgres and Kafka that tandem_local starts."""

import os

import hypothesis
import pytest
import structlog

pytest_plugins = ["tandem_local.testing"]

# No example fails for being slow, and the same ones are tried each time: a run says something about the code, not about
# the machine or the dice.
hypothesis.settings.register_profile(
    "tandem", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tandem")

# As in the services; rich's traceback, with every local variable, can take longer than the transaction it is about.
_console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _console])


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half as many workers again as processors: tests that start servers often wait for them."""
    return min(8, -(-3 * (os.cpu_count() or 1) // 2))
