"""What metrics of several services have in common; their names are declared in observability/metrics.yaml."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from itertools import product

from opentelemetry import trace
from opentelemetry.context import Context
from prometheus_client import Counter, Gauge, Histogram

# Seconds: from a cached read to a client's patience.
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

BUILD_INFO = Gauge(
    "tandem_build_info", "Which version of which service this process runs; always 1.", ["service", "version"]
)


def announce_build(service: str) -> None:
    """Set `tandem_build_info`; the workspace has one version, so the runtime's own is everyone's."""
    BUILD_INFO.clear()
    BUILD_INFO.labels(service=service, version=metadata.version("tandem-runtime")).set(1)


def from_zero(metric: Counter | Gauge | Histogram, values: Mapping[str, Sequence[str]]) -> None:
    """Give the metric a series for each combination of these values, all that its labels may have.

    A series that begins with its first increase shows none: Prometheus has nothing to compare it with.
    """
    for combination in product(*values.values()):
        metric.labels(**dict(zip(values, combination, strict=True)))


def exemplar(of: Context | None = None) -> dict[str, str] | None:
    """Return the ids of the span in `of`, else of the current one, for `observe(..., exemplar=...)`.

    None when no trace will show them.
    """
    context = trace.get_current_span(of).get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
