"""What is around a dashboard's panels: links, alerts as marks on the graphs, and what can be chosen."""

import json
from typing import Any
from urllib.parse import quote

from observability import addresses
from observability.dashboards.model import BAD, Dashboard

# Dashboards know them as hidden variables.
ADDRESSES = {
    "runbooks": addresses.RUNBOOKS,
    "back_office": addresses.BACK_OFFICE,
    "logs": addresses.LOGS,
    "traces": addresses.TRACES,
}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "tandem"


def frame(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "tags": [TAG],
        "links": [_other_dashboards(), *_explore_links()],
        "annotations": {"list": [_firing_alerts()]},
        "templating": {"list": [_datasource(), *_scope(dashboard), *_addresses()]},
    }


def _other_dashboards() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "Tandem",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }


def _explore_links() -> list[dict[str, Any]]:
    logs = _explore("${logs}", {"expr": '{service_namespace="tandem"} | json | level=~"warning|error|critical"'})
    traces = _explore("${traces}", {"queryType": "traceql", "query": "{status=error}"})
    return [
        {"type": "link", "icon": "external link", "tags": [], "keepTime": False, "title": title, "url": url}
        | {"targetBlank": True, "tooltip": tooltip, "asDropdown": False, "includeVars": False}
        for title, url, tooltip in (
            ("Logs", logs, "Warnings and errors of all services"),
            ("Traces", traces, "Traces in which something failed"),
        )
    ]


def _explore(datasource: str, query: dict[str, str]) -> str:
    pane = {"datasource": datasource, "queries": [{"refId": "A", **query}], "range": {"from": "now-1h", "to": "now"}}
    # Braces and the variable as they are: Grafana puts the data source in when somebody follows the link.
    return f"/explore?schemaVersion=1&panes={quote(json.dumps({'a': pane}, separators=(',', ':')), safe='${}')}"


def _firing_alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": BAD,
        "expr": 'ALERTS{alertstate="firing", alertname=~"Tandem.+"}',
        "titleFormat": "{{alertname}}",
        "step": "60s",
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "hide": 0,
    }


def _scope(dashboard: Dashboard) -> list[dict[str, Any]]:
    """The choice of job and instance: all of those that emit what the dashboard shows, at first."""
    if not dashboard.services:
        return []
    processes = f'tandem_build_info{{service=~"{dashboard.services}"'
    queries = {
        "job": f"label_values({processes}}}, job)",
        "instance": f'label_values({processes}, job=~"$job"}}, instance)',
    }
    return [
        {
            "name": name,
            "label": name.title(),
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": query, "refId": name},
            "definition": query,
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "current": {"text": ["All"], "value": ["$__all"]},
            "refresh": 2,
            "sort": 1,
            "hide": 0,
        }
        for name, query in queries.items()
    ]


def _addresses() -> list[dict[str, Any]]:
    return [
        {"name": name, "type": "constant", "query": value, "hide": 2, "skipUrlSync": True}
        for name, value in ADDRESSES.items()
    ]
