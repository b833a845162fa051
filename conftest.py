"""Every test of the repository may ask for the real Postgres and Kafka that tandem_local starts."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> "Iterator[InMemorySpanExporter]":
    """Tracing is on in this process, for the test; the spans that have ended."""
    from opentelemetry import trace  # noqa: PLC0415 - only those who use it pay for it
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415
    from tandem_runtime.recording import Recorder  # noqa: PLC0415

    exporter, provider = InMemorySpanExporter(), Recorder(Resource({}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()
