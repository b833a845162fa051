"""How Grafana is provisioned: one data source leads to the other."""

import re
import subprocess
import sys
from typing import Any

import yaml

from observability import addresses
from observability.documents import ROOT

FILE = ROOT / "observability" / "grafana" / "datasources.yaml"
PROVISIONED: dict[str, dict[str, Any]] = {one["uid"]: one for one in yaml.safe_load(FILE.read_text())["datasources"]}


def test_dashboards_links_lead_to_data_sources_that_are_provisioned() -> None:
    assert {addresses.LOGS, addresses.TRACES} <= PROVISIONED.keys()
    assert PROVISIONED[addresses.LOGS]["type"] == "loki"
    assert PROVISIONED[addresses.TRACES]["type"] == "tempo"


def test_what_leads_to_a_trace_leads_to_the_provisioned_one() -> None:
    (exemplars,) = PROVISIONED["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    (field,) = PROVISIONED["loki"]["jsonData"]["derivedFields"]

    assert exemplars == {"name": "trace_id", "datasourceUid": addresses.TRACES}
    assert field["datasourceUid"] == addresses.TRACES
    assert PROVISIONED["tempo"]["jsonData"]["tracesToLogsV2"]["datasourceUid"] == addresses.LOGS


LOG_ONE_LINE = """
import structlog
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from tandem_runtime.logs import configure_logging
from tandem_runtime.settings import RuntimeSettings
configure_logging("api", RuntimeSettings(environment="test"))
context = SpanContext(trace_id=0xABC, span_id=1, is_remote=False, trace_flags=TraceFlags(1))
with trace.use_span(NonRecordingSpan(context)):
    structlog.get_logger().info("request")
"""


def test_a_line_of_our_logs_leads_to_its_trace() -> None:
    (field,) = PROVISIONED["loki"]["jsonData"]["derivedFields"]

    line = subprocess.run([sys.executable, "-c", LOG_ONE_LINE], capture_output=True, text=True, check=True).stdout

    found = re.search(field["matcherRegex"], line)
    assert found
    assert found[1] == f"{0xABC:032x}"
