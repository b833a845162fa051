"""The committed dashboards: as generated, as Grafana's linter wants them, and asking only for what there is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import resolve

from observability import promql, queries
from observability.__main__ import DASHBOARD_FILES, differences

FILES = sorted(DASHBOARD_FILES.glob("*.json"))
DASHBOARDS = [json.loads(path.read_text()) for path in FILES]
EXCLUSIONS = yaml.safe_load((DASHBOARD_FILES / ".lint").read_text())["exclusions"]
# The linter's list, as far as we use it: https://github.com/grafana/dashboard-linter, rule_panel_units.go.
UNITS = {"none", "short", "percentunit", "bytes", "s", "reqps", "ops", "opm"}
GRAPHS = {"stat", "timeseries"}
TARGETS = [
    pytest.param(dashboard, panel, target, id=f"{dashboard['uid']}: {panel['title']} {target['refId']}")
    for dashboard in DASHBOARDS
    for panel in dashboard["panels"]
    for target in panel.get("targets", ())
]
PANELS = [
    pytest.param(dashboard, panel, id=f"{dashboard['uid']}: {panel['title']}")
    for dashboard in DASHBOARDS
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=[path.stem for path in FILES])
each_panel = pytest.mark.parametrize(("dashboard", "panel"), PANELS)
each_target = pytest.mark.parametrize(("dashboard", "panel", "target"), TARGETS)


def excluded(rule: str, dashboard: dict[str, Any]) -> bool:
    return any(entry["dashboard"] == dashboard["title"] for entry in EXCLUSIONS.get(rule, {}).get("entries", ()))


def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def test_the_committed_files_are_as_generated() -> None:
    assert differences() == []


def test_there_is_a_dashboard_for_each_part_of_the_system() -> None:
    assert {path.stem for path in FILES} == {
        "overview",
        "api",
        "admin",
        "worker",
        "outbox",
        "postgres",
        "kafka",
        "telemetry",
    }


@each_dashboard
def test_the_template_rules_of_the_linter(dashboard: dict[str, Any]) -> None:
    known = variables(dashboard)
    assert (known["datasource"]["type"], known["datasource"]["query"]) == ("datasource", "prometheus")
    assert known["datasource"]["label"] == "Data source"
    assert dashboard["editable"] is False
    for name, label in (("job", "Job"), ("instance", "Instance")):
        if excluded(f"template-{name}-rule", dashboard):
            continue
        variable = known[name]
        assert variable["datasource"]["uid"] == "${datasource}"
        assert (variable["type"], variable["label"]) == ("query", label)
        assert (variable["multi"], variable["allValue"]) == (True, ".+")
        assert variable["refresh"] == 2
        selector = re.fullmatch(r"label_values\((.*), (job|instance)\)", variable["definition"])
        assert selector is not None
        assert selector[2] == name
        assert queries.objections(promql.filled_in(selector[1], {"job": ".+"}), queries.known_series()) == []


@each_panel
def test_the_panel_rules_of_the_linter(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["type"] in GRAPHS
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["targets"]


@each_target
def test_the_target_rules_of_the_linter(
    dashboard: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]
) -> None:
    # A range that nobody writes, to tell the variable from a range that somebody wrote.
    expression = promql.filled_in(target["expr"], {"job": "$job", "instance": "$instance", "__rate_interval": "4242s"})
    for selection in promql.selections(expression):
        for label in ("job", "instance"):
            if not excluded(f"target-{label}-rule", dashboard):
                assert (label, f"${label}") in selection.matchers, f"{selection.name} has no {label} matcher"
        if set(selection.around[:1]) & {"rate", "irate"}:
            assert selection.range == 4242, f"{selection.name}: a rate over another range than $__rate_interval"
        if selection.name.endswith("_total"):
            assert selection.around[0] in {"rate", "irate", "increase"}


@each_target
def test_a_panel_asks_for_what_is_emitted(
    dashboard: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]
) -> None:
    expression = promql.filled_in(target["expr"], {"job": ".+", "instance": ".+"})
    assert queries.objections(expression, queries.known_series()) == []


@each_target
def test_a_legend_names_labels_that_the_answer_has(
    dashboard: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]
) -> None:
    expression = promql.filled_in(target["expr"], {"job": ".+", "instance": ".+"})
    there = promql.grouping_labels(expression) | promql.made_labels(expression)
    recorded = [one for one in promql.selections(expression) if ":" in one.name]
    there |= {label for one in recorded for label in queries.known_series()[one.name]}
    assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= there


@each_dashboard
def test_panels_neither_overlap_nor_leave_the_screen(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@each_panel
def test_thresholds_rise_and_begin_at_the_bottom(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    first, *others = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert first is None
    assert others == sorted(others)


@each_panel
def test_links_lead_to_a_runbook_that_is_there_and_to_a_page_of_the_back_office(
    dashboard: dict[str, Any], panel: dict[str, Any]
) -> None:
    runbooks = Path(queries.__file__).with_name("runbooks")
    for link in panel["links"]:
        where, _, path = link["url"].partition("/")
        if where == "${runbooks}":
            assert (runbooks / path).is_file()
        else:
            assert where == "${back_office}"
            assert resolve("/" + path.partition("?")[0]).app_name == "admin"
