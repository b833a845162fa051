"""Dashboards as Grafana's JSON (schema 39, which every Grafana since 10.4 reads)."""

from typing import Any

from observability.dashboards.frame import DATASOURCE, frame
from observability.dashboards.model import BAD, CALM, GOOD, GRID, WARN, Dashboard, Panel, Query


def dashboard_json(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": f"Tandem / {dashboard.title}",
        "description": dashboard.description,
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        **frame(dashboard),
        "panels": _panels(dashboard),
    }


def _panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Rows of panels from left to right; a panel that does not fit any more begins a new line."""
    placed: list[dict[str, Any]] = []
    y = 0
    for row in dashboard.rows:
        placed.append(
            {"type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": _at(0, y, 24, 1)}
        )
        y, x, tallest = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > GRID:
                y, x, tallest = y + tallest, 0, 0
            placed.append(_panel(panel) | {"gridPos": _at(x, y, panel.width, panel.height)})
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return [{"id": number, **panel} for number, panel in enumerate(placed, start=1)]


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [_target(query, index, panel) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _stat_options(panel) if panel.kind == "stat" else _graph_options(panel),
        "links": _links(panel),
    }


def _target(query: Query, index: int, panel: Panel) -> dict[str, Any]:
    now = panel.kind == "stat"
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.promql(),
        "legendFormat": query.legend or "__auto",
        "instant": now,
        "range": not now,
        # The dots on a graph of latencies: each is a request, and leads to its trace.
        "exemplar": not now and "_bucket" in query.expression,
    }


def _at(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": "no data", "min": 0, "thresholds": _thresholds(panel)}
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.kind == "stat":
        return defaults | {"color": {"mode": "thresholds"}}
    has_limit = panel.warn is not None or panel.bad is not None
    return defaults | {
        "color": {"mode": "palette-classic"},
        "custom": {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 5,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if has_limit else "off"},
        },
    }


def _thresholds(panel: Panel) -> dict[str, Any]:
    limits = [(limit, colour) for limit, colour in ((panel.warn, WARN), (panel.bad, BAD)) if limit is not None]
    if panel.low_is_bad:  # from the worst up: each colour holds from the limit before it
        limits.sort()
        values = [None, *(limit for limit, _ in limits)]
        colours = [*(colour for _, colour in limits), GOOD]
        steps = list(zip(values, colours, strict=True))
    else:
        steps = [(None, GOOD if limits else CALM), *limits]
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]}


def _overrides(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "matcher": {"id": "byName", "options": legend},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for legend, colour in panel.colours.items()
    ]


def _stat_options(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background" if panel.bad is not None else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto" if len(panel.queries) == 1 else "value_and_name",
        "wideLayout": True,
    }


def _graph_options(panel: Panel) -> dict[str, Any]:
    one = len(panel.queries) == 1 and not panel.queries[0].legend
    return {
        "legend": {
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": not one,
            "calcs": [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _links(panel: Panel) -> list[dict[str, Any]]:
    links = []
    if panel.runbook:
        links.append(_link(f"What to do: {panel.runbook}", f"${{runbooks}}/{panel.runbook}.md"))
    if panel.page:
        links.append(_link("In the back office", f"${{back_office}}{panel.page}"))
    return links


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "targetBlank": True}
